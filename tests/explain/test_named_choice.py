"""What configs ask for, and what is answered where it cannot be."""

from typing import Any

import pytest
from mmengine.config import Config

from posescope.errors import InputError
from posescope.explain.attribution import METHODS
from posescope.explain.named_choice import NamedChoice, choice_of, choices_of


def test_a_name_a_dict_and_a_list_of_both() -> None:
    blur = NamedChoice('integrated_gradients', {'baseline': 'blur'})
    assert choice_of('rise', 'method') == NamedChoice('rise', {})
    assert choices_of('rise', 'method') == [NamedChoice('rise')]
    written = Config({'method': ['rise', {'type': 'integrated_gradients', 'baseline': 'blur'}]}).method
    assert choices_of(written, 'method') == [NamedChoice('rise'), blur]
    assert choices_of(written[1], 'method') == [blur]


@pytest.mark.parametrize(
    ('value', 'complaint'),
    [
        (3, r"^method=3 has to be a name or dict\(type='NAME', OPTION=VALUE\)$"),
        (['rise', 3], '^method=3 has to be a name'),
        ([], r'^method=\[\] is empty'),
        ({'steps': 3}, r"^method={'steps': 3} needs its name as type"),
        ({'type': ['rise']}, 'needs its name as type'),
        ([['rise']], r"^method=\['rise'\] has to be a name"),
    ],
)
def test_other_types_are_refused(value: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        choices_of(value, 'method')


@pytest.mark.parametrize(
    ('name', 'options', 'complaint'),
    [
        ('hirescan', {}, r"^method 'hirescan' does not exist \(nearest: hirescam, "),
        ('rise', {'mask': 3}, r"^method 'rise' has no option 'mask' \(nearest: masks, "),
        ('rise', {'masks': 'many'}, "^method 'rise': masks='many' has to be a whole number$"),
        ('rise', {'masks': True}, 'masks=True has to be a whole number'),
        ('rise', {'seen': float('nan')}, 'seen=nan has to be a number'),
        ('occlusion', {'window': 1.5}, 'window=1.5 has to be a whole number or None'),
        ('saliency', {'absolute': 1}, 'absolute=1 has to be true or false'),
        ('hirescam', {'layer': 3}, 'layer=3 has to be a name or None'),
        ('captum', {'algorithm': 3}, 'algorithm=3 has to be a name'),
    ],
)
def test_options_are_those_of_the_class(name: str, options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        NamedChoice(name, options).check('method', METHODS)


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('rise', {'seen': 1, 'masks': 5}),  # a whole number is a number
        ('hirescam', {'layer': None, 'batch_size': 2}),
        ('captum', {'algorithm': 'Lime', 'n_samples': 5}),  # Captum's own
    ],
)
def test_what_fits_is_let_through(name: str, options: dict[str, Any]) -> None:
    NamedChoice(name, options).check('method', METHODS)
