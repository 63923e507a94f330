"""Fixtures that several test modules share."""

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from mmengine.registry import DefaultScope

import posescope  # noqa: F401  registers with MMPose before any test imports it
from tests.drawn_people import write_drawn_coco

ROOT = Path(__file__).resolve().parent.parent
# Without effect on a CPU. With it a GPU computes what is compared bit for bit, or to a few digits.
os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
torch.backends.cudnn.allow_tf32 = False
torch.backends.cudnn.deterministic = True
# A shell starts what it puts into the background with interrupts ignored, and programs inherit that: those that tests
# interrupt would run to their end.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def default_scope() -> Iterator[None]:
    """Build from MMPose's registries, whatever scope a runner of an earlier test left behind."""
    with DefaultScope.overwrite_default_scope('mmpose'):
        yield


@pytest.fixture(autouse=True)
def nothing_but_what_is_asked() -> Iterator[None]:
    """Forget that a training asked for deterministic algorithms, and that a benchmark asked for silence."""
    deterministic, silenced = torch.are_deterministic_algorithms_enabled(), logging.root.manager.disable
    yield
    torch.use_deterministic_algorithms(deterministic)
    logging.disable(silenced)


@pytest.fixture(scope='session')
def drawn_coco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The annotation file of four drawn pictures with two people each; pictures and detections.json lie beside it."""
    return write_drawn_coco(tmp_path_factory.mktemp('drawn'))


@pytest.fixture(scope='session')
def real_coco() -> Path:
    """The folder of real COCO pictures that POSESCOPE_REAL_COCO names."""
    folder = os.environ.get('POSESCOPE_REAL_COCO')
    if not folder:
        pytest.skip('POSESCOPE_REAL_COCO does not name a folder with real COCO pictures')
    return Path(folder).resolve()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that have the most time: the last one to be begun keeps all other workers waiting."""
    items.sort(key=lambda item: -max((mark.args[0] for mark in item.iter_markers('timeout') if mark.args), default=0))
