import cv2
import numpy as np
import pytest
import torch

from posescope.explain.attribution.blur import blurred


@pytest.mark.parametrize('sigma', [0.4, 3.0, 19.0])
def test_equals_opencv(sigma: float) -> None:
    picture = np.random.default_rng(0).normal(size=(50, 40, 3)).astype(np.float32)
    expected = cv2.GaussianBlur(picture, (31, 31), sigma)
    found = blurred(torch.from_numpy(picture).permute(2, 0, 1)[None], sigma)
    np.testing.assert_allclose(found[0].permute(1, 2, 0), expected, atol=1e-5)


def test_no_blur_changes_nothing() -> None:
    picture = torch.randn(1, 3, 40, 40)
    assert torch.equal(blurred(picture, 0), picture)
