import json
from pathlib import Path

from posescope.study.learning_curves import LearningCurve, gpu_memory_mb, read_curve


def write_log(folder: Path, rows: list[dict], tail: str = '') -> None:
    path = folder / 'vis_data/scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text(''.join(json.dumps(row) + '\n' for row in rows) + tail)


def test_a_resumed_training_repeats_steps(tmp_path: Path) -> None:
    first = [
        {'loss': 4.0, 'step': 10},
        {'loss': 3.0, 'step': 20},
        {'coco/AP': 0.1, 'step': 1},
        {'loss': 2.5, 'step': 30},
    ]
    write_log(tmp_path / '20260101_000000', first, tail='{"loss": 2.4, "st')
    second = [{'loss': 2.0, 'step': 30}, {'coco/AP': 0.4, 'step': 2}, {'lr': 0.1, 'step': 40}]
    write_log(tmp_path / '20260101_000100', second)
    assert read_curve(tmp_path, 'coco/AP') == LearningCurve((10, 20, 30), (4.0, 3.0, 2.0), (1, 2), (0.1, 0.4))


def test_no_log(tmp_path: Path) -> None:
    assert read_curve(tmp_path / 'gone', 'coco/AP') == LearningCurve((), (), (), ())


def test_the_most_that_a_gpu_held(tmp_path: Path) -> None:
    """MMEngine logs the peak since the last line, over all starts of the training."""
    assert gpu_memory_mb(tmp_path) is None
    write_log(tmp_path / '20260101_000000', [{'loss': 4.0, 'step': 10}, {'coco/AP': 0.1, 'step': 1}])
    assert gpu_memory_mb(tmp_path) is None
    write_log(tmp_path / '20260101_000100', [{'memory': 153, 'step': 20}, {'memory': 140, 'step': 30}])
    assert gpu_memory_mb(tmp_path) == 153
