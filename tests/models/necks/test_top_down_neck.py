"""The neck, with weights that leave only sums, enlargements and rectifications."""

import torch
import torch.nn.functional as F
from mmpose.registry import MODELS


def test_adds_what_the_coarser_stages_say():
    neck = MODELS.build({'type': 'TopDownNeck', 'in_channels': (2, 2, 2), 'out_channels': 2}).eval()
    for conv in [*(lateral.conv for lateral in neck.laterals), neck.last.conv]:
        torch.nn.init.dirac_(conv.weight)
    generator = torch.Generator().manual_seed(0)
    fine, middle, coarse = (
        torch.randn(1, 2, height, width, generator=generator) for height, width in ((12, 9), (6, 5), (3, 3))
    )
    (found,) = neck([fine, middle, coarse])
    joined = F.relu(middle + F.interpolate(F.relu(coarse), size=(6, 5)))
    expected = F.relu(fine + F.interpolate(joined, size=(12, 9)))
    # Three normalisations divide by √(1 + 1e-5) each at most.
    assert torch.allclose(found, expected, rtol=1e-4)
