"""Fixtures of the tests of rendering."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from posescope.data.rendering.body import BodyModel


@pytest.fixture(scope='session')
def body_model() -> 'BodyModel':
    """The body model; building it takes seconds."""
    pytest.importorskip('anny', reason='rendering needs anny: pip install "posescope[render]"')
    from posescope.data.rendering.body import BodyModel

    return BodyModel()
