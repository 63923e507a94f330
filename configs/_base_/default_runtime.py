# MMPose's runtime (hooks, visualiser, logging, default_scope) with everything of posescope registered.
_base_ = 'mmpose::_base_/default_runtime.py'

custom_imports = dict(imports=['posescope'], allow_failed_imports=False)
