"""Methods that are asked for together."""

import re
from typing import Any

import pytest

from posescope.errors import InputError
from posescope.explain.attribution import build_method
from posescope.explain.method_set import build_methods, named_methods
from posescope.explain.named_choice import NamedChoice


def test_methods_get_layer_and_batch_size() -> None:
    cam, occlusion = build_methods(['gradcam', 'occlusion'], 'backbone.layer1', 3)
    assert vars(cam) == {'batch_size': 3, 'layer': 'backbone.layer1'}
    assert occlusion.batch_size == 3
    with pytest.raises(InputError, match=re.escape('methods=[]')):
        build_methods([])
    with pytest.raises(InputError, match=r"layer 'backbone' is of no use to saliency; .*: hirescam"):
        build_methods('saliency', 'backbone')


def test_what_a_method_says_itself_counts_more() -> None:
    asked: list[Any] = [{'type': 'hirescam', 'layer': 'a', 'batch_size': 2}, 'hirescam', build_method('rise', masks=3)]
    first, second, rise = build_methods(asked, 'b', 5)
    assert [vars(first), vars(second)] == [{'batch_size': 2, 'layer': 'a'}, {'batch_size': 5, 'layer': 'b'}]
    assert rise is asked[2]
    (blur,) = build_methods({'type': 'integrated_gradients', 'baseline': 'blur', 'steps': 7})
    assert (vars(blur)['baseline'], vars(blur)['steps']) == ('blur', 7)


def names(*asked: Any) -> list[str]:
    return list(named_methods(build_methods(list(asked))))


def test_names_tell_what_methods_differ_in() -> None:
    assert names('rise', NamedChoice('occlusion', {'window': 8})) == ['rise', 'occlusion']
    blur = {'type': 'integrated_gradients', 'baseline': 'blur'}
    assert names('integrated_gradients', 'rise', blur, {**blur, 'steps': 9}) == [
        'integrated_gradients-steps-50-baseline-mean',
        'rise',
        'integrated_gradients-steps-50-baseline-blur',
        'integrated_gradients-steps-9-baseline-blur',
    ]
    layers = [{'type': 'hirescam', 'layer': layer} for layer in ('backbone.layer3', 'backbone[1]/x', None)]
    found = names(*layers)
    assert found == ['hirescam-layer-backbone.layer3', 'hirescam-layer-backbone_1_x', 'hirescam-layer-None']
    captum = [{'type': 'captum', 'n_samples': count} for count in (3, 4)]
    assert names(*captum) == ['captum-options-n_samples-3', 'captum-options-n_samples-4']


@pytest.mark.parametrize(
    'asked',
    [
        ['saliency', 'saliency'],
        ['integrated_gradients', {'type': 'integrated_gradients', 'steps': 50}],
        ['saliency', {'type': 'saliency', 'batch_size': 3}],
        [{'type': 'hirescam', 'layer': 'a'}, {'type': 'hirescam', 'layer': 'b'}, {'type': 'hirescam', 'layer': 'a'}],
    ],
)
def test_the_same_method_twice_is_refused(asked: list[Any]) -> None:
    with pytest.raises(InputError, match='is there twice'):
        build_methods(asked)


@pytest.mark.parametrize(
    ('asked', 'complaint'),
    [
        ({'type': 'integrated_gradients', 'baseline': 'blurr'}, r"baseline 'blurr' does not exist \(nearest: blur"),
        (
            {'type': 'integrated_gradient'},
            r"method 'integrated_gradient' does not exist \(nearest: integrated_gradients",
        ),
        ({'type': 'rise', 'steps': 3}, "method 'rise' has no option 'steps'"),
        ([3], 'method=3 has to be a name'),
    ],
)
def test_bad_input(asked: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build_methods(asked)
