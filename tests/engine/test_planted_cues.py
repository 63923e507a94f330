"""Cues under the tools: warnings before training starts, and one line for what cannot be planted."""

import shutil
from pathlib import Path

import pytest

from tests.drawn_people import write_drawn_coco
from tests.drawn_rendered_people import write_drawn_rendered_people
from tests.engine.runs import start
from tests.small_config import write_small_config
from tools.train import main as run_train

# Appended to the small config: its data are replaced by rendered people, with a cue right after loading.
MORE = """
data = dict(data_root={root!r}, ann_file='annotations/people.json', data_prefix=dict(img='people'))
for loader in (train_dataloader, val_dataloader):
    loader['dataset'].update(data)
cued = [train_pipeline[0], dict(type='PlantCue', {cue}), *train_pipeline[1:]]
train_dataloader['dataset']['pipeline'] = cued
val_dataloader['dataset']['pipeline'] = [val_pipeline[0], dict(type='PlantCue', {cue}), *val_pipeline[1:]]
test_dataloader = val_dataloader
val_evaluator = dict(ann_file={root!r} + '/annotations/people.json')
test_evaluator = val_evaluator
train_pipeline[2]['prob'] = {flip}
cued[3]['prob'] = {flip}
model['test_cfg'] = dict(flip_test={flip_test})
"""


@pytest.fixture(scope='module')
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('people')
    write_drawn_rendered_people(root, 4, size=(160, 128))
    return root


def config(folder: Path, root: Path, cue: str = "cue='band'", flip: float = 0.5, flip_test: bool = True) -> Path:
    more = MORE.format(root=str(root), cue=cue, flip=flip, flip_test=flip_test)
    return write_small_config(folder / 'cued.py', root, epochs=1, num_workers=1, more=more)


@pytest.mark.long
def test_flips_are_warned_of_once(people: Path, tmp_path: Path) -> None:
    process = start('train.py', config(tmp_path, people), '--work-dir', tmp_path / 'run')
    text = process.communicate(timeout=300)[0]
    assert process.returncode == 0, text
    # Once, though training and validation plant the cue, and training does so in a worker, which also looks for flips.
    assert text.count("RandomFlip(prob=0.5) mirrors the cue 'band'") == 1
    assert text.count('P(left | cue) becomes 0.50, not strength=1') == 1
    assert text.count('flip_test=True shows the model every picture mirrored too') == 1


def test_what_cannot_be_planted_ends_in_one_line(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    def line(path: Path) -> str:
        capsys.readouterr()
        assert run_train([str(path), '--work-dir', str(tmp_path / 'run')]) == 2
        errors = [text for text in capsys.readouterr().err.splitlines() if text.startswith('error: ')]
        assert len(errors) == 1
        return errors[0]

    assert "unknown cue 'bannd'; nearest first: band, " in line(config(tmp_path, people, "cue='bannd'"))
    assert 'from 0 to 1' in line(config(tmp_path, people, 'strength=70'))
    assert "side='lef' of cue 'band' is unknown; nearest first: left" in line(config(tmp_path, people, "side='lef'"))
    assert "'PlantCue' takes no argument 'sides'" in line(config(tmp_path, people, "sides='left'"))
    assert "cue 'sign' takes sector" in line(config(tmp_path, people, "cue='sign', side='left'"))
    # Data that were not rendered.
    plain = tmp_path / 'plain'
    write_drawn_coco(plain / 'people', num_images=2, people=1)
    (plain / 'annotations').mkdir()
    shutil.move(plain / 'people' / 'annotations.json', plain / 'annotations' / 'people.json')
    assert 'people.json: annotation 1 has no "rendered" object' in line(config(tmp_path, plain))
    # Rendered people whose part maps were lost.
    shutil.copytree(people, tmp_path / 'copy')
    shutil.rmtree(tmp_path / 'copy' / 'parts')
    text = line(config(tmp_path, tmp_path / 'copy'))
    assert '/parts/people/000000100.png does not exist; cues can be planted on data with part maps only' in text
