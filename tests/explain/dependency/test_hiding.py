"""Exactly the pixels of a disc change."""

import numpy as np
import pytest
import torch

from posescope.errors import InputError
from posescope.explain.dependency.hiding import places_when_hidden, places_when_seen, with_discs
from tests.explain.dependency.planted_people import ELBOW, FROM_SHOULDER, KNEE, SHOULDER, people, planted
from tests.explain.small_models import crops, function


def test_pixels_of_discs() -> None:
    inputs, surface = torch.zeros(2, 3, 20, 30), torch.ones(2, 3, 20, 30)
    nowhere = [float('nan')] * 2
    centres = torch.tensor([[[10.0, 5.0], [10.0, 7.0]], [[0.5, 19.0], nowhere]])
    found = with_discs(inputs, surface, centres, torch.tensor([3.0, 2.0]))
    y, x = np.mgrid[:20, :30]
    first = (np.hypot(x - 10, y - 5) <= 3) | (np.hypot(x - 10, y - 7) <= 3)
    second = np.hypot(x - 0.5, y - 19) <= 2
    for channel in range(3):
        np.testing.assert_array_equal(found[:, channel].numpy() == 1, [first, second])
    assert first.sum() == 29 + 2 + 2 * 2 + 2 * 2 + 2  # what the second disc adds to 29 pixels, column by column
    assert inputs.sum() == 0


def test_discs_leave_alone_what_pads_the_picture() -> None:
    inputs, surface = torch.zeros(2, 3, 20, 30), torch.ones(2, 3, 20, 30)
    centres = torch.tensor([[[10.0, 5.0]], [[10.0, 5.0]]])
    region = torch.tensor([[9.5, 0.0, 29.0, 5.0], [0.0, 0.0, 29.0, 19.0]])
    found = with_discs(inputs, surface, centres, torch.tensor([3.0, 3.0]), region)[:, 0].numpy() == 1
    y, x = np.mgrid[:20, :30]
    disc = np.hypot(x - 10, y - 5) <= 3
    np.testing.assert_array_equal(found, [disc & (x >= 10) & (y <= 5), disc])


def test_the_model_sees_padding_as_it_is() -> None:
    """The knee moves by a hundredth of a pixel for each pixel that a disc of zeros changes."""
    some = people(2)
    some.region[1] = [40, 0, 95, 127]
    centre = np.array([40.0, 122.0])  # on no square of a joint
    person, radii = np.arange(2), np.full(2, 4.0)
    found = places_when_hidden(
        planted(), some, torch.zeros_like(some.inputs), person, np.tile(centre, (2, 1, 1)), radii, 4
    )
    moved = (found[:, KNEE, 0] - some.truth[:, KNEE, 0]) * 100
    np.testing.assert_allclose(moved, [49, 49 - 20], atol=1e-2)  # 49 pixels, 20 of them left of the middle column


def test_several_discs_at_once() -> None:
    some = people(1)
    centres = some.truth[[0], [[0, SHOULDER, 2]]]
    found = places_when_hidden(
        planted(), some, torch.zeros_like(some.inputs), np.zeros(1, np.int64), centres, np.array([9.0]), 4
    )[0]
    np.testing.assert_allclose(found[[0, SHOULDER, 2]], 0, atol=1e-3)
    np.testing.assert_allclose(found[ELBOW], FROM_SHOULDER, atol=1e-3)
    np.testing.assert_allclose(found[3], some.truth[0, 3], atol=1e-3)


@pytest.mark.parametrize('name', ['resnet', 'simcc', 'rle', 'movenet'])
def test_every_kind_of_head(name: str) -> None:
    """The same places as from crops that were painted by hand, whole and in batches."""
    inputs = crops(3)
    made = function(name)
    with torch.no_grad():
        expected = made.decode(made(inputs)).places.numpy()
    np.testing.assert_allclose(places_when_seen(made, inputs, 2), expected, atol=2e-3)


def test_nobody() -> None:
    assert places_when_seen(planted(), torch.zeros(0, 3, 128, 96), 4).shape == (0, 17, 2)
    with pytest.raises(InputError, match='batch_size=0'):
        places_when_seen(planted(), torch.zeros(1, 3, 128, 96), 0)
