import pytest
import torch
from captum.attr import Occlusion as CaptumOcclusion

from posescope.errors import InputError
from posescope.explain.attribution.occlusion import Occlusion, windows
from tests.explain.attribution.explained import JOINTS, THREE_KINDS, assert_close, by_captum, explained


@pytest.mark.parametrize(('window', 'stride'), [(32, 32), (40, 24)])
@pytest.mark.parametrize('name', THREE_KINDS)
def test_equals_captum(name: str, window: int, stride: int) -> None:
    case = explained(name)
    expected = by_captum(
        CaptumOcclusion,
        case,
        sliding_window_shapes=(3, window, window),
        strides=(3, stride, stride),
        perturbations_per_eval=4,
    )
    found = Occlusion(batch_size=5, window=window, stride=stride).attribute(*case, JOINTS)
    assert_close(found, expected[:, :, 0])


def test_windows_reach_the_border_and_leave_no_gap() -> None:
    places = list(windows((10, 7), 4, 3))
    assert {(rows.start, rows.stop) for rows, _ in places} == {(0, 4), (3, 7), (6, 10)}
    assert {(columns.start, columns.stop) for _, columns in places} == {(0, 4), (3, 7)}
    assert [(rows, columns) for rows, columns in windows((3, 3), 8, 8)] == [(slice(0, 3), slice(0, 3))]


def test_the_input_is_left_alone() -> None:
    made, inputs, bound = explained('resnet')
    before = inputs.clone()
    Occlusion(window=64).attribute(made, inputs, bound, [0])
    assert torch.equal(inputs, before)


def test_gaps_are_refused() -> None:
    with pytest.raises(InputError, match='leaves gaps'):
        Occlusion(window=8, stride=9)
    made, inputs, bound = explained('resnet')
    with pytest.raises(InputError, match='stride=17 of method occlusion leaves gaps between windows of 16 pixels'):
        Occlusion(stride=17).attribute(made, inputs, bound, [0])  # an eighth of 128
