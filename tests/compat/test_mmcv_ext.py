"""The stand-in for mmcv._ext as a whole: what it answers, and what it says about functions that it lacks."""

import importlib
import inspect
import subprocess
import sys

import mmcv.ops
import pytest
import torch
from mmcv.utils import collect_env
from mmcv.utils.ext_loader import load_ext

from posescope.compat import mmcv_ext


def test_it_is_what_mmcv_imports():
    assert importlib.import_module('mmcv._ext') is mmcv_ext
    assert load_ext('_ext', ['nms', 'roi_align_forward', 'something_new']) is mmcv_ext


WITH_COMPILED_MMCV = """
import mmcv
mmcv.__path__.append({folder!r})
import posescope
from mmcv import _ext
print(_ext.__file__, _ext.nms())
"""


def test_it_stands_aside_where_mmcv_was_compiled(tmp_path):
    compiled = tmp_path / '_ext.py'
    compiled.write_text('def nms():\n    return "compiled"\n')
    code = WITH_COMPILED_MMCV.format(folder=str(tmp_path))
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == [str(compiled), 'compiled'], done.stderr


def test_every_name_it_exports_is_a_function_of_its_own():
    for name in mmcv_ext.__all__:
        assert inspect.isfunction(getattr(mmcv_ext, name))
        assert getattr(mmcv_ext, name).__module__.startswith('posescope.compat.mmcv_ext.')


def rotated_nms():
    return mmcv.ops.nms_rotated(torch.rand(3, 5), torch.rand(3), 0.5)


def rotated_overlap():
    return mmcv.ops.box_iou_rotated(torch.rand(3, 5), torch.rand(3, 5))


def border():
    return mmcv.ops.border_align(torch.rand(1, 4, 5, 5), torch.rand(1, 25, 4), 10)


def nearest_points():
    return mmcv.ops.three_nn(torch.rand(1, 5, 3), torch.rand(1, 5, 3))


def synchronised_mean():
    # What mmcv.ops.SyncBatchNorm calls first; the layer itself wants a process group before it can be built.
    return mmcv_ext.sync_bn_forward_mean(torch.rand(2, 3, 16), torch.zeros(3))


@pytest.mark.parametrize(
    ('call', 'name'),
    [
        (rotated_nms, 'nms_rotated'),
        (rotated_overlap, 'box_iou_rotated'),
        (border, 'border_align_forward'),
        (nearest_points, 'three_nn_forward'),
        (synchronised_mean, 'sync_bn_forward_mean'),
    ],
)
def test_a_function_without_a_counterpart_names_itself_and_the_way_out(call, name):
    with pytest.raises(NotImplementedError, match=f"'{name}', which posescope does not supply; build full mmcv 2.1.0"):
        call()


@pytest.mark.parametrize('name', ['__path_hooks__', '__wrapped__', '_private'])
def test_names_that_only_python_asks_for_do_not_exist(name):
    with pytest.raises(AttributeError, match=name):
        getattr(mmcv_ext, name)


def test_environment_table_says_that_nothing_was_compiled():
    assert 'posescope stand-in' in mmcv.ops.get_compiler_version()
    assert 'posescope stand-in' in collect_env()['MMCV CUDA Compiler']


def test_corner_pooling_is_mmcvs_own():
    pooled = mmcv.ops.CornerPool('left')(torch.tensor([[[[1.0, 3, 2, 0]]]]))
    assert pooled.tolist() == [[[[3, 3, 2, 0]]]]
