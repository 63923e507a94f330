"""Fixtures that several test modules share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from mmengine.registry import DefaultScope

import posescope  # noqa: F401  registers with MMPose before any test imports it
from tests.drawn_people import write_drawn_coco

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def default_scope() -> Iterator[None]:
    """Build from MMPose's registries, whatever scope a runner of an earlier test left behind."""
    with DefaultScope.overwrite_default_scope('mmpose'):
        yield


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
