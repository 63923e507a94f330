"""Methods by name."""

from typing import Any

from posescope.errors import InputError, nearest
from posescope.explain.attribution.attention_relevance import AttentionRelevance
from posescope.explain.attribution.attention_rollout import AttentionRollout
from posescope.explain.attribution.blur_integrated_gradients import BlurIntegratedGradients
from posescope.explain.attribution.cam import GradCAM, HiResCAM, LayerCAM
from posescope.explain.attribution.captum_method import CaptumMethod
from posescope.explain.attribution.input_x_gradient import InputXGradient
from posescope.explain.attribution.integrated_gradients import IntegratedGradients
from posescope.explain.attribution.method import Method
from posescope.explain.attribution.occlusion import Occlusion
from posescope.explain.attribution.rise import RISE
from posescope.explain.attribution.saliency import Saliency
from posescope.explain.attribution.smoothgrad import SmoothGrad

__all__ = ['METHODS', 'build_method']

METHODS: dict[str, type[Method]] = {
    kind.name: kind
    for kind in (
        Saliency,
        InputXGradient,
        SmoothGrad,
        IntegratedGradients,
        BlurIntegratedGradients,
        HiResCAM,
        LayerCAM,
        GradCAM,
        Occlusion,
        RISE,
        AttentionRollout,
        AttentionRelevance,
        CaptumMethod,
    )
}
"""All methods by name."""


def check_valid(name: str, method: Method, kind: str, target: str) -> None:
    """Refuse a method that means nothing for a kind of head and a target.

    Args:
        name: What the method is called.
        method: It.
        kind: Of the head.
        target: Its name.

    Raises:
        InputError: With those that do mean something.
    """
    if not method.valid_for(kind, target, getattr(method, 'layer', None)):
        valid = [other for other, made in METHODS.items() if made.valid_for(kind, target)]
        raise InputError(
            f"method '{name}' means nothing for target '{target}' of a {kind} head; for it there are {', '.join(valid)}"
        )


def build_method(name: str, **options: Any) -> Method:
    """Make a method.

    Args:
        name: One of :data:`METHODS`.
        **options: Those of its class.

    Raises:
        InputError: There is no such method, or it has no such option; the message offers the nearest.
    """
    if name not in METHODS:
        raise InputError(f"method '{name}' does not exist (nearest: {nearest(name, METHODS)})")
    try:
        return METHODS[name](**options)
    except TypeError as error:
        raise InputError(f"method '{name}': {error}") from None
