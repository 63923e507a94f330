import gc
import json
from pathlib import Path

import numpy as np
import pytest

from posescope.errors import InputError
from posescope.evaluation.bootstrap import resample
from posescope.evaluation.matches_file import save_matches
from posescope.evaluation.matching import Matches
from posescope.evaluation.seeds import compare_resampled, compare_runs
from posescope.study import resampled_tests
from posescope.study.plan import Split
from posescope.study.resampled_tests import ResampledTests
from tests.evaluation.simulated_matches import simulate
from tests.study.small_study import SmallStudy

IMAGES, RESAMPLES = 120, 40
PLAIN = Split('test')


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[Matches]:
    """Every model that was resampled, in order."""
    found: list[Matches] = []

    def counted(models: list[Matches], *settings: object) -> object:
        found.extend(models)
        return resample(models, *settings)

    monkeypatch.setattr(resampled_tests, 'resample', counted)
    return found


def written(folder: Path, count: int = 4) -> tuple[list[Matches], dict[str, Path]]:
    """Matches of different models on the same people, and their files by name."""
    models = simulate(np.random.default_rng(0), IMAGES, np.linspace(1.0, 1.6, count), runs=np.random.default_rng(1))
    files = {f'model {i}': folder / f'{i}.npz' for i in range(count)}
    for path, matches in zip(files.values(), models, strict=True):
        save_matches(path, matches, {})
    return models, files


def with_scenes(folder: Path) -> tuple[Split, np.ndarray]:
    """A split on which two images show one scene each, and the scenes in the order of the images."""
    labels = np.array([f'scene {image // 2}' for image in range(IMAGES)])
    path = folder / 'scenes.json'
    path.write_text(json.dumps({str(image): label for image, label in enumerate(labels)}))
    return Split('test', units=str(path)), labels


@pytest.mark.parametrize('paired', [False, True])
def test_comparisons_are_those_of_models_that_are_resampled_together(tmp_path: Path, paired: bool) -> None:
    models, files = written(tmp_path)
    split, labels = with_scenes(tmp_path)
    tests = ResampledTests(RESAMPLES, tmp_path / 'kept')
    for where, units in ((PLAIN, None), (split, labels)):
        for order in ([0, 1, 2, 3], [3, 0, 1, 2]):
            found = tests.together({f'model {i}': files[f'model {i}'] for i in order}, where)
            chosen = [models[i] for i in order]
            expected = compare_runs(chosen[:2], chosen[2:], 'x', 0.01, RESAMPLES, 0, units, paired=paired)
            assert compare_resampled(found, 2, 'x', 0.01, paired=paired) == expected
            assert expected[0].error is not None


def test_each_is_resampled_once(tmp_path: Path, passes: list[Matches]) -> None:
    models, files = written(tmp_path)
    split, _ = with_scenes(tmp_path)
    shown: list[str] = []
    tests = ResampledTests(RESAMPLES, tmp_path / 'kept', lambda name: lambda loop: shown.append(name) or loop)
    for _ in range(2):
        for one, other in ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)):
            tests.together({name: files[name] for name in (f'model {one}', f'model {other}')}, PLAIN)
    assert shown == list(files)
    assert len(passes) == len(models)
    # Whoever comes later finds them, unless they belong to other scenes, another number, or a file that was cut off.
    later = ResampledTests(RESAMPLES, tmp_path / 'kept')
    first = later.together(files, PLAIN)
    assert len(passes) == 4
    later.together(files, split)
    ResampledTests(RESAMPLES + 1, tmp_path / 'kept').together(files, PLAIN)
    assert len(passes) == 12
    for path in (tmp_path / 'kept').iterdir():
        path.write_bytes(path.read_bytes()[:500])
    again = ResampledTests(RESAMPLES, tmp_path / 'kept').together(files, PLAIN)
    assert len(passes) == 16
    for name in ('values', 'drawn', 'units'):
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name))


def test_matches_are_not_kept_in_memory(tmp_path: Path) -> None:
    def alive() -> int:
        gc.collect()
        return sum(type(one) is Matches for one in gc.get_objects())

    _, files = written(tmp_path)
    before = alive()
    tests = ResampledTests(RESAMPLES)
    found = tests.together(files, PLAIN)
    assert alive() <= before
    assert found.drawn.nbytes == 4 * RESAMPLES * 10 * 8


def test_other_people_are_refused_by_name(tmp_path: Path) -> None:
    _, files = written(tmp_path, 2)
    (other,) = simulate(np.random.default_rng(9), IMAGES)
    save_matches(tmp_path / 'other.npz', other, {})
    tests = ResampledTests(RESAMPLES)
    with pytest.raises(InputError, match='model 0 and b seed 3 cannot be compared: image '):
        tests.together({**files, 'b seed 3': tmp_path / 'other.npz'}, PLAIN)
    (tmp_path / 'few.json').write_text('{"0": 0}')
    with pytest.raises(InputError, match=r'few\.json says no scene of image 1 '):
        tests.together(files, Split('test', units=str(tmp_path / 'few.json')))


def test_a_study_resamples_every_seed_once(small: SmallStudy, passes: list[Matches]) -> None:
    """Three runs of two seeds, all against all by three statistics: nine comparisons of four tests each."""
    skills = {'a': 1.0, 'b': 1.2, 'c': 1.6}
    small.save_matches(dict.fromkeys(skills.values(), 2))
    pairs = [('b', 'a'), ('c', 'a'), ('c', 'b')]
    content = small.content(
        [{'name': name, 'config': small.config(name, skill)} for name, skill in skills.items()],
        seeds=[0, 1],
        comparisons=[
            {'name': f'{one} {other} {of}', 'run': one, 'control': other, 'criterion': f'coco/{of}'}
            for one, other in pairs
            for of in ('AP', 'AP .5', 'AR')
        ],
    )
    found = small.run(content)['comparisons']
    assert len(found) == 9
    assert all(one['low'] < one['delta_ap'] < one['high'] for one in found)
    assert len(passes) == 6
    # A third seed of all: what has been resampled before is not resampled again.
    small.save_matches(dict.fromkeys(skills.values(), 3))
    small.run({**content, 'seeds': [0, 1, 2]})
    assert len(passes) == 9


def test_other_measures_are_refused_also_by_what_was_kept(tmp_path: Path) -> None:
    models, files = written(tmp_path, 3)
    said = {'iou_type': 'keypoints', 'use_area': True, 'sigmas': [0.1, 0.1]}
    for path, matches, meta in zip(files.values(), models, (said, {}, {**said, 'use_area': False}), strict=True):
        save_matches(path, matches, {}, meta)
    for _ in range(2):
        tests = ResampledTests(RESAMPLES, tmp_path / 'kept')
        tests.together({name: files[name] for name in ('model 0', 'model 1')}, PLAIN)
        with pytest.raises(InputError, match='model 0 and model 2 cannot be compared: use_area=True and'):
            tests.together(files, PLAIN)
