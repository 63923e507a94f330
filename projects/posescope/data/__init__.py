"""Data: annotation files, their checks, and transforms."""

from mmpose.registry import TRANSFORMS

from posescope.compat.lazy_registry import import_on_first_use

import_on_first_use(TRANSFORMS, 'posescope.data.transforms')
