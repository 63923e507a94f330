import subprocess
import sys

from mmengine.registry import Registry

from posescope.compat.lazy_registry import import_on_first_use

SCRIPT = """
import sys
import posescope
slow = {'mmdet', 'mmpose.models', 'captum', 'posescope.explain'}
assert not slow & set(sys.modules), 'import posescope should stay quick'
from mmpose.registry import KEYPOINT_CODECS, MODELS
for registry, name in ((MODELS, 'MoveNetHead'), (MODELS, 'MoveNetBackbone'), (KEYPOINT_CODECS, 'MoveNetCodec')):
    assert registry.get(name).__name__ == name
assert MODELS.get('HeatmapHead').__name__ == 'HeatmapHead'
"""


def test_classes_are_registered_when_first_asked_for() -> None:
    subprocess.run([sys.executable, '-c', SCRIPT], check=True, timeout=120)


def test_registry_that_has_imported_its_modules_gets_ours_at_once() -> None:
    sys.modules.pop('posescope.version', None)
    registry = Registry('things', scope='test', locations=['json'])
    import_on_first_use(registry, 'posescope.version')
    import_on_first_use(registry, 'posescope.version')
    assert 'posescope.version' not in sys.modules
    registry.import_from_location()
    assert 'posescope.version' in sys.modules
    sys.modules.pop('posescope.version')
    import_on_first_use(registry, 'posescope.version')
    assert 'posescope.version' in sys.modules
