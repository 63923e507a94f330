import pytest
import torch
from mmpose.registry import MODELS

from posescope.errors import InputError


def test_adds_with_each_ones_weight() -> None:
    mse = [{'type': 'KeypointMSELoss', 'use_target_weight': True, 'loss_weight': weight} for weight in (1.0, 0.25)]
    maps, targets, weights = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 4, 5), torch.rand(2, 3)
    found = MODELS.build({'type': 'SumOfLosses', 'losses': mse})(maps, targets, weights)
    expected = 1.25 * ((maps - targets) ** 2 * weights[..., None, None]).mean()
    torch.testing.assert_close(found, expected)


def test_none_is_refused() -> None:
    with pytest.raises(InputError, match='name at least one'):
        MODELS.build({'type': 'SumOfLosses', 'losses': []})
