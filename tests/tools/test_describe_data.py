"""tools/describe_data.py, and the figures behind it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mmpose.registry import DATASETS

from posescope.errors import InputError
from posescope.report.data_statistics import draw_statistics, visibility_table
from posescope.report.preprocessing import draw_steps, run_steps
from tests.conftest import ROOT
from tests.drawn_people import write_drawn_coco
from tests.small_config import write_small_config
from tools.describe_data import main


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    return write_drawn_coco(tmp_path / 'data', num_images=3, people=2)


def content(*people: list[int], **more: object) -> dict:
    annotations = [
        {'image_id': 1, 'keypoints': [n for v in visible for n in (1.0, 1.0, v)], 'area': 900.0 + index, **more}
        for index, visible in enumerate(people)
    ]
    return {'images': [{'id': 1}, {'id': 2}], 'annotations': annotations}


def test_visibility_is_counted_per_joint() -> None:
    counts = visibility_table(content([2, 1, 0], [2, 2, 0], [1, 2, 0]))
    assert counts.tolist() == [[0, 1, 2], [0, 1, 2], [3, 0, 0]]
    with pytest.raises(InputError, match='same number'):
        visibility_table(content([2, 1], [2, 1, 0]))
    with pytest.raises(InputError, match='need people'):
        visibility_table({'annotations': []})


def test_bars_are_the_shares() -> None:
    figure = draw_statistics(content([2, 1, 0], [2, 2, 0], [1, 2, 0], [2, 0, 0]), ['a', 'b', 'c'])
    widths = np.array([bar.get_width() for bar in figure.axes[0].patches]).reshape(3, 3)
    assert widths.tolist() == [[0.75, 0.5, 0.0], [0.25, 0.25, 0.0], [0.0, 0.25, 1.0]]
    people = figure.axes[3]
    assert [bar.get_height() for bar in people.patches] == [0.5, 0.5]  # one picture of four people, one of none


def test_rendered_people_add_headings_and_poses() -> None:
    more = {'rendered': {'heading': 95.0, 'pose_class': 'lying'}}
    figure = draw_statistics(content([2, 1], [2, 2], **more), ['a', 'b'])
    headings = figure.axes[2]
    assert [bar.get_x() for bar in headings.patches if bar.get_height()] == [90.0]


@pytest.mark.parametrize(
    ('told', 'titles'),
    [({'heading': 95.0}, ['heading']), ({'pose_class': 'lying'}, ['pose class']), ({'sector': 2}, [])],
)
def test_what_the_renderer_did_not_tell_is_not_drawn(told: dict, titles: list[str]) -> None:
    figure = draw_statistics(content([2, 1], [2, 2], rendered=told), ['a', 'b'])
    of_rendered = ('heading', 'pose class')
    assert [panel.get_title() for panel in figure.axes if panel.get_title() in of_rendered] == titles
    assert len(figure.axes) == 4 + len(titles)


def test_steps_lead_from_the_picture_to_the_target(drawn: Path, tmp_path: Path) -> None:
    import mmengine

    cfg = mmengine.Config.fromfile(write_small_config(tmp_path / 'small.py', drawn.parent))
    pipeline = [step for step in cfg.train_pipeline if not step['type'].startswith('Random')]
    dataset = DATASETS.build({**cfg.train_dataloader.dataset, 'pipeline': pipeline[:-1]})
    sample = dataset.get_data_info(0)
    before = json.dumps(np.asarray(sample['keypoints']).tolist())
    steps = run_steps(dataset.pipeline.transforms, sample)
    assert [name for name, _ in steps] == ['LoadImage', 'GetBBoxCenterScale', 'TopdownAffine', 'GenerateTarget']
    assert json.dumps(np.asarray(sample['keypoints']).tolist()) == before
    figure = draw_steps(steps)
    titles = [panel.get_title() for panel in figure.axes]
    assert titles[2:] == ['TopdownAffine\n64 × 96', 'GenerateTarget\n16 × 24 heatmaps']
    centre, scale = steps[2][1]['bbox_center'][0], steps[2][1]['bbox_scale'][0]
    corners = figure.axes[1].patches[0].get_xy()[:4]
    assert corners.mean(0) == pytest.approx(centre, abs=1e-3)
    assert np.ptp(corners, axis=0)[0] <= scale[0] + 1e-3


def test_tool(drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_small_config(tmp_path / 'small.py', drawn.parent)
    out = tmp_path / 'new' / 'out'
    assert main([str(drawn), str(drawn.parent), '--config', str(config), '--out', str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {'statistics.png', 'pipeline.png'}
    summary = next(line for line in capsys.readouterr().out.splitlines() if line.startswith('{'))
    assert json.loads(summary)['people'] == 6


@pytest.mark.long
def test_script_as_it_is_called(drawn: Path, tmp_path: Path) -> None:
    """In a process of its own, where no test and no runner has chosen a scope of registries."""
    config = write_small_config(tmp_path / 'small.py', drawn.parent)
    options = [drawn, drawn.parent, '--config', config, '--out', tmp_path / 'out']
    subprocess.run([sys.executable, ROOT / 'tools/describe_data.py', *options], check=True, capture_output=True)
    assert (tmp_path / 'out/pipeline.png').is_file()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--sample', '6'], 'samples 0 to 5'),
        (['--sample', '-1'], 'samples 0 to 5'),
        (['--config', 'nowhere.py'], 'nowhere.py'),
    ],
)
def test_bad_input(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    config = write_small_config(tmp_path / 'small.py', drawn.parent)
    command = [str(drawn), str(drawn.parent), '--config', str(config), '--out', str(tmp_path / 'o'), *options]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count('\n') == 1
