"""Whether the attention of a person's joints points at what moves them, to stand beside maps of attention."""

from typing import Any

from posescope.errors import InputError
from posescope.explain.attention_trial import try_attention
from posescope.explain.crops import Crops
from posescope.explain.dependency.people import LabelledPeople
from posescope.explain.explanation import Explainer
from posescope.explain.explanation_content import ATTENTION

__all__ = ['attention_agreement']

_DRAWS = 100
"""Of the bootstrap and of permutations, which a single person has no use for."""


def attention_agreement(explainer: Explainer, crops: Crops, person: int) -> dict[str, dict[str, Any]]:
    """Mask the keys that the rows of a person's joints point at, in all layers, and measure how far joints move.

    Args:
        explainer: What is asked: its joints are tested.
        crops: Labelled people.
        person: Which of them.

    Returns:
        By method that shows attention, nothing where none does: ``agreement``, the mean over joints, see
        :meth:`posescope.explain.attention_trial.AttentionTrial.agreement`; ``joints``, the same of each; and a
        ``note`` in words. None where it is not defined, or cannot be tested.
    """
    shown = [name for name, method in explainer.methods.items() if method.name in ATTENTION]
    return dict.fromkeys(shown, _trial(explainer, crops.alone(person))) if shown else {}


def _trial(explainer: Explainer, crops: Crops) -> dict[str, Any]:
    names = [explainer.function.joints[joint] for joint in explainer.joints]
    try:
        trial = try_attention(
            explainer.function,
            LabelledPeople.of_crops(crops),
            joints=names,
            target=explainer.target,
            batch_size=explainer.batch_size,
            resamples=_DRAWS,
            permutations=_DRAWS,
        )
    except InputError as error:
        return {'agreement': None, 'note': f'not tested: {error}'}
    overall = trial.agreement()
    return {
        'agreement': overall.value,
        'joints': {name: trial.agreement(name).value for name in names},
        'note': f'tested: {overall}',
    }
