"""Registered backbones, heads, losses and codecs."""

from mmpose.registry import KEYPOINT_CODECS, MODELS

from posescope.compat.lazy_registry import import_on_first_use

import_on_first_use(MODELS, 'posescope.models.backbones')
import_on_first_use(MODELS, 'posescope.models.heads')
import_on_first_use(MODELS, 'posescope.models.losses')
import_on_first_use(MODELS, 'posescope.models.necks')
import_on_first_use(KEYPOINT_CODECS, 'posescope.models.codecs')
