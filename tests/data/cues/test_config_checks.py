"""What is said about the cues of a config before anything starts; what is refused is tested with the tools."""

from pathlib import Path

import pytest

from posescope.data.cues.config_checks import check_cues
from posescope.errors import InputError
from tests.drawn_rendered_people import write_drawn_rendered_people

CUE = {'type': 'PlantCue', 'cue': 'band', 'side': 'right', 'strength': 0.9}
FLIP = {'type': 'RandomFlip', 'prob': 0.5}


@pytest.fixture(scope='module')
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('people')
    write_drawn_rendered_people(root, 1)
    return root


def config(root: Path, *pipeline: dict, flip_test: bool = False, **more: object) -> dict:
    dataset = {'data_root': str(root), 'ann_file': 'annotations/people.json', 'data_prefix': {'img': 'people'}}
    dataset = {'type': 'CocoDataset', **dataset, 'pipeline': [{'type': 'LoadImage'}, *pipeline]}
    loaders = {f'{phase}_dataloader': {'dataset': dataset} for phase in ('train', 'val')}
    return {**loaders, 'model': {'test_cfg': {'flip_test': flip_test}}, **more}


def test_no_warning_without_flips(people: Path, warnings_logged: list[str]) -> None:
    check_cues(config(people, CUE), ('train', 'val', 'test'))
    check_cues(config(people, FLIP, flip_test=True), ('train', 'val'))
    check_cues(config(people, {**CUE, 'side': 'none'}, FLIP, flip_test=True), ('train', 'val'))
    check_cues({'train_dataloader': None}, ('train',))
    assert warnings_logged == []


@pytest.mark.parametrize('pipeline', [(CUE, FLIP), (FLIP, CUE)])
def test_flips_before_and_after(people: Path, warnings_logged: list[str], pipeline: tuple[dict, dict]) -> None:
    check_cues(config(people, *pipeline), ('train', 'val'))
    assert len(warnings_logged) == 1
    assert 'P(right | cue) becomes 0.50, not strength=0.9' in warnings_logged[0]


def test_flips_of_a_later_pipeline_and_of_a_wrapper(people: Path, warnings_logged: list[str]) -> None:
    hook = {'type': 'PipelineSwitchHook', 'switch_pipeline': [CUE, {**FLIP, 'prob': 0.25}]}
    check_cues(config(people, CUE, custom_hooks=[hook]), ('train',))
    assert 'becomes 0.70' in warnings_logged[0]
    inner = config(people, CUE)['train_dataloader']['dataset']
    wrapper = {'type': 'CombinedDataset', 'datasets': [inner], 'pipeline': [{**FLIP, 'prob': 0.125}]}
    check_cues({'train_dataloader': {'dataset': wrapper}}, ('train',))
    assert 'becomes 0.80' in warnings_logged[1]


def test_heading_cues_and_flip_test(people: Path, warnings_logged: list[str]) -> None:
    check_cues(config(people, {'type': 'PlantCue', 'cue': 'sign'}, FLIP, flip_test=True), ('train', 'val'))
    assert len(warnings_logged) == 2
    assert "mirrors the cue 'sign' with the picture: in mirrored pictures it says something else" in warnings_logged[0]
    assert 'flip_test=True' in warnings_logged[1]


def test_a_wrapped_data_set_that_was_not_rendered(people: Path, tmp_path: Path) -> None:
    write_drawn_rendered_people(tmp_path, 1)
    path = tmp_path / 'annotations' / 'people.json'
    path.write_text(path.read_text().replace('"rendered": {"person_index"', '"rendering": {"person_index"'))
    inner = config(tmp_path, CUE)['train_dataloader']['dataset']
    with pytest.raises(InputError, match=r'people.json: annotation 1000 has no "rendered" object'):
        check_cues({'val_dataloader': {'dataset': {'type': 'RepeatDataset', 'dataset': inner}}}, ('val',))
