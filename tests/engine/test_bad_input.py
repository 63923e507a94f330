"""Whatever is typed wrong ends in one clear line and an exit status other than 0."""

import functools
import json
import pickle
import re
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from posescope.engine.building import building
from posescope.errors import InputError
from tests.drawn_people import write_drawn_coco
from tests.small_config import write_small_config
from tools.test import main as run_test
from tools.train import main as run_train


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A config, its data and a checkpoint of it."""
    folder = tmp_path_factory.mktemp('trained')
    annotations = write_drawn_coco(folder / 'data', num_images=2, people=1)
    config = write_small_config(folder / 'small.py', annotations.parent, epochs=1)
    assert run_train([str(config), '--work-dir', str(folder / 'run')]) == 0
    return {'config': config, 'annotations': annotations, 'checkpoint': folder / 'run' / 'epoch_1.pth'}


@pytest.fixture
def line(capsys: pytest.CaptureFixture):
    """A function that runs a tool, asserts that it failed with one line, and returns the line."""

    def run(main: object, *arguments: object) -> str:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        errors = [text for text in capsys.readouterr().err.splitlines() if text.startswith('error: ')]
        assert status == 2
        assert len(errors) == 1
        return errors[0]

    return run


def changed(path: Path, folder: Path, change: object) -> Path:
    """Copy an annotation file, changed by a function of its content."""
    content = json.loads(path.read_text())
    change(content)
    copy = folder / 'changed.json'
    copy.write_text(json.dumps(content))
    return copy


def test_config(trained: dict, line: object, tmp_path: Path) -> None:
    assert 'nowhere.py does not exist' in line(run_train, 'nowhere.py')
    broken = tmp_path / 'broken.py'
    broken.write_text('model = dict(\n')
    assert re.search(r'broken\.py, line 1', line(run_train, broken))
    broken.write_text("_base_ = 'mmpose::no/such.py'")
    assert 'no/such.py' in line(run_train, broken)
    broken.write_text("custom_imports = dict(imports=['no_such_module'], allow_failed_imports=False)")
    assert 'no_such_module' in line(run_train, broken)
    broken.write_bytes(b'\xff\xfe\x00')
    assert 'broken.py' in line(run_train, broken)
    broken.write_text('x = 1')
    assert 'lacks model' in line(run_train, broken)
    misspelt = tmp_path / 'misspelt.py'
    misspelt.write_text(f"_base_ = {str(trained['config'])!r}\nmodel = dict(backbone=dict(type='ResNett'))")
    text = line(run_train, misspelt, '--work-dir', tmp_path)
    assert "type='ResNett'" in text
    assert 'nearest: ResNet' in text
    assert 'is a folder' in line(run_train, tmp_path)


def test_checkpoint(trained: dict, line: object, tmp_path: Path) -> None:
    def attempt(path: Path) -> str:
        return line(run_test, trained['config'], path, '--work-dir', tmp_path)

    assert 'nowhere.pth does not exist' in attempt(tmp_path / 'nowhere.pth')
    path = tmp_path / 'bad.pth'
    for content in (b'', b'no checkpoint', trained['checkpoint'].read_bytes()[:2000]):
        path.write_bytes(content)
        assert 'bad.pth' in attempt(path)
    path.write_bytes(pickle.dumps(_Hostile()))
    assert 'bad.pth' in attempt(path)
    assert not Path('hostile-was-here').exists()
    other = torch.load(trained['checkpoint'])
    weights = other['state_dict']
    weights['backbone.layer9.weight'] = weights.pop('backbone.layer1.0.conv1.weight')
    torch.save(other, path)
    text = attempt(path)
    assert 'another architecture' in text
    assert '1 missing (backbone.layer1.0.conv1.weight)' in text
    assert '1 not in the model (backbone.layer9.weight)' in text
    assert 'does not exist' in line(
        run_train, trained['config'], '--work-dir', tmp_path, '--resume', tmp_path / 'none.pth'
    )


def test_checkpoint_to_resume_from(trained: dict, line: object, tmp_path: Path) -> None:
    checkpoint = torch.load(trained['checkpoint'])
    torch.save({'state_dict': checkpoint['state_dict']}, tmp_path / 'weights.pth')
    text = line(run_train, trained['config'], '--work-dir', tmp_path / 'w', '--resume', tmp_path / 'weights.pth')
    assert 'holds weights only' in text
    for content in (None, [1], {3: torch.zeros(1)}):
        torch.save({**checkpoint, 'state_dict': content}, tmp_path / 'odd.pth')
        assert 'odd.pth holds' in line(run_test, trained['config'], tmp_path / 'odd.pth', '--work-dir', tmp_path / 'w')


def test_the_best_checkpoint_is_none_to_resume_from(trained: dict, line: object, tmp_path: Path) -> None:
    """It has neither optimiser nor schedules."""
    content = torch.load(trained['checkpoint'])
    best = tmp_path / 'best_coco_AP_epoch_1.pth'
    torch.save({key: content[key] for key in ('meta', 'state_dict', 'message_hub')}, best)
    text = line(run_train, trained['config'], '--work-dir', tmp_path / 'w', '--resume', best)
    assert 'holds no optimizer and no param_schedulers, not where a run stopped: resume from an epoch_*.pth' in text


def test_a_checkpoint_that_is_fetched_is_checked_as_files_are(
    trained: dict, line: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    monkeypatch.chdir(tmp_path)
    torch.save({'state_dict': _Hostile()}, tmp_path / 'hostile.pth')
    torch.save({'state_dict': {'a.weight': torch.ones(2)}}, tmp_path / 'other.pth')
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f'http://127.0.0.1:{server.server_port}'
        options = ['--work-dir', tmp_path / 'w']
        assert 'holds more than weights' in line(run_test, trained['config'], f'{url}/hostile.pth', *options)
        assert not (tmp_path / 'hostile-was-here').exists()
        text = line(run_test, trained['config'], f'{url}/other.pth', *options)
        assert 'other.pth holds weights of another architecture' in text
        server.shutdown()


@pytest.mark.parametrize(
    ('more', 'message'),
    [
        ("default_hooks['checkpoint']['save_best'] = 'coco/AB'", "save_best='coco/AB': the validation reports no such"),
        ("train_dataloader.pop('sampler')\ntrain_dataloader['_delete_'] = True", 'train_dataloader lacks sampler'),
        (
            "train_dataloader['dataset']['metainfo'] = dict(from_file='configs/nowhere.py')",
            'metainfo of CocoDataset: The metainfo config file "configs/nowhere.py" does not exist',
        ),
    ],
)
def test_what_a_training_needs(trained: dict, line: object, tmp_path: Path, more: str, message: str) -> None:
    config = write_small_config(tmp_path / 'small.py', trained['annotations'].parent, epochs=1, more='\n' + more)
    assert message in line(run_train, config, '--work-dir', tmp_path / 'w')


@pytest.mark.parametrize(
    ('option', 'words'),
    [
        ('train_dataloader.batch_size=0', 'train_dataloader or train_cfg of the config cannot be built'),
        ('train_dataloader.num_workers=-1', 'num_workers'),
        ('train_cfg.max_epochs=abc', 'abc'),
        ('train_cfg.max_epochs=0.5', 'max_epochs'),
        ('optim_wrapper.optimizer.lr=-1', 'learning rate'),
        ('optim_wrapper.optimizer.lrr=1', 'lrr'),
        ('optim_wrapper.optimizer.type=Adamm', 'nearest: Adam'),
        ('model.backbone.depth=19', '19'),
        ('model.backbone.depthh=18', 'depthh'),
        ('param_scheduler.0.type=LinearLRR', 'nearest: LinearLR'),
        ('train_dataloader.sampler.type=DefaultSample', 'nearest: DefaultSampler'),
        ('train_dataloader.dataset.type=CocoDatset', 'nearest: CocoDataset'),
        ('train_dataloader.dataset.pipeline.2.type=RandomFlp', 'nearest: RandomFlip'),
        ('default_hooks.logger.type=LogerHook', 'nearest: LoggerHook'),
    ],
)
def test_values_of_the_config(trained: dict, line: object, tmp_path: Path, option: str, words: str) -> None:
    assert words in line(run_train, trained['config'], '--work-dir', tmp_path, '--no-validate', '--cfg-options', option)


@pytest.mark.parametrize(
    ('option', 'words'),
    [('train_cfg.max_epochs', "'train_cfg.max_epochs' is not KEY=VALUE"), ('train_cfg.max_epochs=[1,2', 'rackets')],
)
def test_options_that_are_no_settings(capsys: pytest.CaptureFixture[str], option: str, words: str) -> None:
    for main, arguments in ((run_train, ['c.py']), (run_test, ['c.py', 'w.pth'])):
        with pytest.raises(SystemExit) as ended:
            main([*arguments, '--cfg-options', option])
        assert ended.value.code == 2
        assert words in capsys.readouterr().err.splitlines()[-1]


def test_evaluator_that_is_no_dict(trained: dict, line: object, tmp_path: Path) -> None:
    # A list of dicts on the command line reaches the config as a list of strings.
    option = "val_evaluator=[dict(type='CocoMetric')]"
    message = line(run_train, trained['config'], '--work-dir', tmp_path, '--cfg-options', option)
    assert 'val_evaluator has to be a dict or a list of dicts' in message


def test_errors_of_other_code_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError), building('model'):
        raise ZeroDivisionError
    with pytest.raises(ValueError, match='mine'), building('model'):
        raise ValueError('mine')
    with pytest.raises(InputError, match='model of the config cannot be built: ValueError'), building('model'):
        torch.nn.functional.interpolate(torch.zeros(2), scale_factor=2, size=2)


def test_work_dir(trained: dict, line: object, tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    assert str(tmp_path / 'file') in line(run_train, trained['config'], '--work-dir', tmp_path / 'file')
    assert str(tmp_path / 'file') in line(run_train, trained['config'], '--work-dir', tmp_path / 'file' / 'below')


class _Hostile:
    def __reduce__(self) -> tuple:
        return Path.touch, (Path('hostile-was-here'),)


def test_annotations(trained: dict, line: object, tmp_path: Path) -> None:
    images = trained['annotations'].parent

    def attempt(annotations: Path, folder: Path = images) -> str:
        return line(
            run_test,
            trained['config'],
            trained['checkpoint'],
            '--work-dir',
            tmp_path / 'w',
            '--coco',
            annotations,
            folder,
        )

    assert 'none.json does not exist' in attempt(tmp_path / 'none.json')
    (tmp_path / 'cut.json').write_text(trained['annotations'].read_text()[:-50])
    assert 'not valid JSON' in attempt(tmp_path / 'cut.json')
    (tmp_path / 'list.json').write_text('[1]')
    assert 'COCO' in attempt(tmp_path / 'list.json')
    assert 'image folder' in attempt(trained['annotations'], tmp_path / 'nowhere')
    assert re.search(r'2 of 2 images .* missing, first .*000001\.png', attempt(trained['annotations'], tmp_path))
    empty = changed(trained['annotations'], tmp_path, lambda content: content.update(annotations=[]))
    assert 'no people' in attempt(empty)

    def rename(content: dict) -> None:
        content['categories'][0]['keypoints'][0] = 'snout'

    text = attempt(changed(trained['annotations'], tmp_path, rename))
    assert 'missing: nose' in text
    assert 'snout, left_eye' in text
    assert 'nose, left_eye' in text

    def cut(content: dict) -> None:
        del content['categories'][0]['keypoints']
        for person in content['annotations']:
            person['keypoints'] = person['keypoints'][:42]

    text = attempt(changed(trained['annotations'], tmp_path, cut))
    assert '[14]' in text
    assert '17: nose' in text


def test_annotations_of_the_config(trained: dict, line: object, tmp_path: Path) -> None:
    def attempt(change: object) -> str:
        path = changed(trained['annotations'], tmp_path, change)
        option = f'train_dataloader.dataset.ann_file={path}'
        return line(
            run_train, trained['config'], '--work-dir', tmp_path / 'w', '--no-validate', '--cfg-options', option
        )

    assert 'no people' in attempt(lambda content: content.update(annotations=[]))
    assert 'snout' in attempt(lambda content: content['categories'][0]['keypoints'].__setitem__(0, 'snout'))
    option = 'train_dataloader.dataset.ann_file=none.json'
    assert 'none.json does not exist' in line(run_train, trained['config'], '--cfg-options', option)


@pytest.mark.parametrize('num_workers', [0, 1])
def test_image(line: object, tmp_path: Path, num_workers: int) -> None:
    annotations = write_drawn_coco(tmp_path / 'data', num_images=2, people=1)
    config = write_small_config(tmp_path / 'small.py', annotations.parent, epochs=1, num_workers=num_workers)
    broken = annotations.parent / '000002.png'
    broken.write_bytes(b'no picture')
    assert f'{broken}: the image cannot be read' in line(run_train, config, '--work-dir', tmp_path / 'w')
    broken.unlink()
    assert f'{broken}: the image cannot be read' in line(run_train, config, '--work-dir', tmp_path / 'w')


def test_pretrained_weights(trained: dict, line: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'hub'))
    monkeypatch.setenv('http_proxy', 'http://127.0.0.1:9')
    monkeypatch.setenv('https_proxy', 'http://127.0.0.1:9')
    url = 'https://weights.invalid/resnet18-1234abcd.pth'
    more = f"\nmodel['backbone']['init_cfg'] = dict(type='Pretrained', checkpoint={url!r})"
    config = write_small_config(tmp_path / 'pretrained.py', trained['annotations'].parent, epochs=1, more=more)
    text = line(run_train, config, '--work-dir', tmp_path / 'w')
    assert url in text
    assert str(tmp_path / 'hub' / 'hub' / 'checkpoints' / 'resnet18-1234abcd.pth') in text
    assert '--cfg-options model.backbone.init_cfg=None' in text
    option = 'model.backbone.init_cfg=None'
    assert run_train([str(config), '--work-dir', str(tmp_path / 'w'), '--no-validate', '--cfg-options', option]) == 0


def test_detections(trained: dict, line: object, tmp_path: Path) -> None:
    def attempt(content: object) -> str:
        path = tmp_path / 'boxes.json'
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return line(
            run_test, trained['config'], trained['checkpoint'], '--work-dir', tmp_path / 'w', '--bbox-file', path
        )

    assert 'not valid JSON' in attempt('[{')
    assert 'no list of COCO-format detections' in attempt([{'bbox': [0, 0, 1, 1]}])
    box = {'image_id': 1, 'category_id': 1, 'bbox': [0, 0, 9, 9], 'score': 1}
    assert 'detections[1] has a wrong bbox' in attempt([box, {**box, 'bbox': [0, 1]}])
    assert 'has a wrong score' in attempt([{**box, 'score': 'x'}])
    assert 'category_id 1, a person' in attempt([{**box, 'category_id': 2}])
    assert 'none of the 1 boxes' in attempt([{'image_id': 77, 'category_id': 1, 'bbox': [0, 0, 9, 9], 'score': 1}])


def test_options(trained: dict, line: object, tmp_path: Path) -> None:
    arguments = (trained['config'], trained['checkpoint'], '--work-dir', tmp_path)
    assert '.pkl' in line(run_test, *arguments, '--dump', tmp_path / 'out.json')
    assert '.json, .yaml' in line(run_test, *arguments, '--out', tmp_path / 'out.txt')
