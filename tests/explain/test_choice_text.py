"""What is typed for --method and --target."""

import pytest

from posescope.errors import InputError
from posescope.explain.choice_text import read_choice, read_choices


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('hirescam', [('hirescam', {})]),
        (' hirescam , saliency,', [('hirescam', {}), ('saliency', {})]),
        ('integrated_gradients:baseline=blur', [('integrated_gradients', {'baseline': 'blur'})]),
        (
            'rise,integrated_gradients:baseline=blur,steps=100,saliency:absolute=true',
            [
                ('rise', {}),
                ('integrated_gradients', {'baseline': 'blur', 'steps': 100}),
                ('saliency', {'absolute': True}),
            ],
        ),
        ('smoothgrad: noise = 0.2, saliency', [('smoothgrad', {'noise': 0.2}), ('saliency', {})]),
        ('occlusion:stride=none', [('occlusion', {'stride': None})]),
        ('hirescam:layer=backbone[3]', [('hirescam', {'layer': 'backbone[3]'})]),
        ('displacement:direction=0,-1.5', [('displacement', {'direction': (0, -1.5)})]),
        (
            'occlusion:window=8,occlusion:window=16',
            [('occlusion', {'window': 8}), ('occlusion', {'window': 16})],
        ),
    ],
)
def test_names_and_options(text: str, expected: list) -> None:
    found = [(choice.name, dict(choice.options)) for choice in read_choices(text, 'method')]
    assert found == expected
    for (_, options), (_, wanted) in zip(found, expected, strict=True):
        assert [type(value) for value in options.values()] == [type(value) for value in wanted.values()]


@pytest.mark.parametrize('text', ['steps=100', 'rise,masks=5', 'rise:', 'rise:masks', 'rise:masks=', ':masks=5'])
def test_options_without_a_name_or_a_value_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^method '.*' has to be NAME or NAME:OPTION=VALUE,OPTION=VALUE$"):
        read_choices(text, 'method')


def test_one_target_at_a_time() -> None:
    assert read_choice('displacement:direction=0,1', 'target').options == {'direction': (0, 1)}
    with pytest.raises(InputError, match="one target is explained at a time, and 'value,likelihood' names value, like"):
        read_choice('value,likelihood', 'target')
    with pytest.raises(InputError, match="and '' names none"):
        read_choice('', 'target')
