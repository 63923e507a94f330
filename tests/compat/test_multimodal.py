"""Whatever transformers is installed, mmpretrain's backbones can be had."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from posescope.compat import multimodal
from posescope.compat.multimodal import MultimodalGuard

CODE = """
import sys
import posescope
from mmpretrain.models import VisionTransformer
print(VisionTransformer.__name__, 'mmpretrain.models.multimodal.blip' in sys.modules)
"""


@pytest.mark.long
def test_a_vision_transformer_beside_transformers_5(tmp_path: Path) -> None:
    """A package that has only a version, and none of the names: what mmpretrain finds of its own in a later one."""
    package, facts = tmp_path / 'transformers', tmp_path / 'transformers-5.17.0.dist-info'
    package.mkdir()
    facts.mkdir()
    (package / '__init__.py').write_text('')
    (facts / 'METADATA').write_text('Metadata-Version: 2.1\nName: transformers\nVersion: 5.17.0\n')
    environment = {**os.environ, 'PYTHONPATH': f'{tmp_path}{os.pathsep}{os.environ.get("PYTHONPATH", "")}'}
    done = subprocess.run([sys.executable, '-c', CODE], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.strip() == 'VisionTransformer False', done.stderr


@pytest.mark.parametrize(('release', 'guarded'), [('4.57.6', 0), ('5.0.0rc1', 1)])
def test_only_a_release_without_the_names_is_guarded_against(
    monkeypatch: pytest.MonkeyPatch, release: str, guarded: int
) -> None:
    others = [finder for finder in sys.meta_path if not isinstance(finder, MultimodalGuard)]
    monkeypatch.setattr(sys, 'meta_path', others.copy())
    monkeypatch.setattr(multimodal, 'version', lambda name: release)
    MultimodalGuard.install()
    MultimodalGuard.install()
    assert len(sys.meta_path) == len(others) + guarded
