"""Register a module's classes with MMPose when one of them is first asked for, not when posescope is imported."""

from importlib import import_module

from mmengine.registry import Registry

__all__ = ['import_on_first_use']


def import_on_first_use(registry: Registry, module: str) -> None:
    """Have ``registry`` import ``module`` before it looks up its first name.

    Our heads and backbones derive from MMPose's, whose package takes seconds to import and pulls in mmdet. A registry
    imports its own package only when something is built; this adds ``module`` to what it imports then.

    Args:
        registry: A registry of MMPose, as ``mmpose.registry.MODELS``.
        module: Dotted name of a module whose import registers classes.
    """
    if registry._imported:  # it will not look at its locations again
        import_module(module)
    elif module not in registry._locations:
        registry._locations.append(module)
