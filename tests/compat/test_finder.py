"""Stand-ins are found last, once, under every name."""

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from posescope.compat import finder
from posescope.compat.finder import STAND_INS, StandInFinder

HIDE_REAL = """
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder

class Hidden(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        spec = PathFinder.find_spec(name, path, target)
        real = spec is not None and name.startswith('xtcocotools') and 'posescope' not in str(spec.origin)
        return None if real else spec

sys.meta_path[:] = [Hidden if finder is PathFinder else finder for finder in sys.meta_path]
"""
"""Makes Python forget an installed xtcocotools, and nothing else."""


COMPAT = Path(finder.__file__).parent
FINDER_ALONE = f"""
import sys, types
for name, path in (('posescope', {str(COMPAT.parent)!r}), ('posescope.compat', {str(COMPAT)!r})):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [path]
from posescope.compat.finder import StandInFinder
StandInFinder.install()
"""
"""What ``import posescope`` does about stand-ins, without the seconds that PyTorch and MMPose take."""


def run(code: str, path: Path | None = None) -> str:
    """Run code in a fresh interpreter; return what it printed."""
    environment = {**os.environ, 'PYTHONPATH': str(path or ''), 'OMP_NUM_THREADS': '1'}
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


ORDERS = [
    'import xtcocotools.coco, xtcocotools',
    'from xtcocotools import mask',
    'from xtcocotools.cocoeval import COCOeval',
    'import xtcocotools.mask as cocomask',
    'import posescope.compat.xtcocotools.coco',
    'import posescope.compat.xtcocotools; import xtcocotools.cocoeval',
    'StandInFinder.install(); import xtcocotools',
]
CHECK_ONE_OBJECT = """
import importlib, pickle
for name in ('', '.coco', '.cocoeval', '.mask'):
    ours = importlib.import_module('posescope.compat.xtcocotools' + name)
    assert importlib.import_module('xtcocotools' + name) is ours, name
    assert importlib.util.find_spec('xtcocotools' + name) is not None, name
import xtcocotools, xtcocotools.coco
from xtcocotools import mask
assert xtcocotools.coco.COCO is pickle.loads(pickle.dumps(xtcocotools.coco.COCO))
assert xtcocotools.mask is mask is sys.modules['xtcocotools.mask']
assert sys.modules['xtcocotools'].__spec__.name == 'posescope.compat.xtcocotools'  # undisturbed, so reload works
assert importlib.reload(xtcocotools) is xtcocotools
"""


@pytest.mark.parametrize('order', ORDERS)
def test_one_module_object_whatever_is_imported_first(order):
    run(f'{HIDE_REAL}\n{FINDER_ALONE}\n{order}\n{CHECK_ONE_OBJECT}')


def test_can_be_found_without_being_imported():
    found = "importlib.util.find_spec('xtcocotools').name, 'xtcocotools' in sys.modules"
    assert run(f'{HIDE_REAL}\n{FINDER_ALONE}\nimport importlib.util\nprint({found})') == 'xtcocotools False'


def write_package(folder: Path, mask: str) -> Path:
    package = folder / 'xtcocotools'
    package.mkdir()
    for name in ('__init__', 'coco', 'cocoeval'):
        (package / f'{name}.py').write_text('')
    (package / 'mask.py').write_text('from xtcocotools import _mask')
    (package / '_mask.py').write_text(mask)
    return folder


def test_an_installed_module_wins(tmp_path):
    out = run(FINDER_ALONE + 'import xtcocotools.mask; print(xtcocotools.__file__)', write_package(tmp_path, ''))
    assert out == str(tmp_path / 'xtcocotools' / '__init__.py')


@pytest.mark.parametrize('error', ['ImportError', 'ValueError', 'AttributeError', 'RuntimeError'])
def test_one_that_was_compiled_for_another_numpy_is_replaced(tmp_path, error):
    path = write_package(tmp_path, f"raise {error}('numpy.dtype size changed')")
    code = f"""
import warnings
with warnings.catch_warnings(record=True) as caught:
    {FINDER_ALONE.strip().replace(chr(10), chr(10) + '    ')}
print(*[warning.message for warning in caught], sep='|')
"""
    out = run(code + CHECK_ONE_OBJECT, path)
    assert (
        out == 'xtcocotools is installed but does not run here (numpy.dtype size changed): posescope stands in for it'
    )


def test_installing_again_adds_nothing():
    StandInFinder.install()
    StandInFinder.install()
    assert sum(isinstance(finder, StandInFinder) for finder in sys.meta_path) == 1


def test_claims_only_its_names():
    assert StandInFinder().find_spec('xtcocotools.coco') is not None
    assert StandInFinder().find_spec('xtcocotools.demo') is None
    assert StandInFinder().find_spec('numpy') is None


@pytest.mark.parametrize('name', sorted(set(STAND_INS.values())))
def test_every_stand_in_exists(name):
    assert importlib.import_module(name).__name__ == name


METRIC = """
import contextlib, io, json, sys
import numpy as np
import posescope
import mmpose.datasets, mmpose.evaluation
from mmengine.structures import InstanceData
from mmpose.datasets import CocoDataset
from mmpose.evaluation import CocoMetric

ann_file = sys.argv[1]
with contextlib.redirect_stdout(io.StringIO()):
    dataset = CocoDataset(ann_file=ann_file, data_mode='topdown', test_mode=True, pipeline=[])
    metric = CocoMetric(ann_file=ann_file)
    metric.dataset_meta = dataset.metainfo
    generator = np.random.default_rng(0)
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        keypoints = info['keypoints'] + generator.normal(0, 3, info['keypoints'].shape)
        scores = generator.random((1, 17))
        sample = {
            'id': info['id'], 'img_id': info['img_id'], 'category_id': 1,
            'pred_instances': {'keypoints': keypoints, 'keypoint_scores': scores},
            'gt_instances': {'bbox_scores': np.ones(1), 'bbox_scales': np.full((1, 2), 60.0)},
        }
        metric.process([], [sample])
    metrics = metric.evaluate(len(dataset))
import xtcocotools
print(json.dumps({**metrics, 'package': xtcocotools.__name__}))
"""


@pytest.mark.long
def test_mmpose_metric_gives_the_same_numbers_with_the_stand_in(drawn_coco):
    def measure(prelude: str) -> dict:
        code = f'import sys\nsys.argv = ["", {str(drawn_coco)!r}]\n{prelude}\n{METRIC}'
        return json.loads(run(code).splitlines()[-1])

    ours = measure(HIDE_REAL)
    assert ours.pop('package') == 'posescope.compat.xtcocotools'
    assert 0 < ours['coco/AP'] < 1
    if importlib.import_module('xtcocotools').__name__ != 'xtcocotools':
        pytest.skip('the real xtcocotools is not there: it has wheels for Python 3.10 and 3.11 with numpy 1 only')
    theirs = measure('')
    assert theirs.pop('package') == 'xtcocotools'
    assert ours == theirs
