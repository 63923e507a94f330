import copy

import pytest
import torch
from mmpose.registry import MODELS

from posescope.errors import InputError

NECK = {'type': 'TopDownNeck', 'in_channels': (2, 3), 'out_channels': 4}


def test_stages_come_first_and_weights_keep_their_names() -> None:
    plain = MODELS.build(NECK).eval()
    keeping = MODELS.build({'type': 'StageKeepingNeck', 'neck': NECK, 'out_indices': (1, 0)}).eval()
    keeping.load_state_dict(plain.state_dict())
    stages = torch.randn(1, 2, 8, 6), torch.randn(1, 3, 4, 3)
    for neck in (keeping, copy.deepcopy(keeping)):
        second, first, own = neck(stages)
        assert second is stages[1]
        assert first is stages[0]
        assert torch.equal(own, plain(stages)[0])


def test_stages_that_there_are_not() -> None:
    neck = MODELS.build({'type': 'StageKeepingNeck', 'neck': NECK, 'out_indices': (2,)})
    with pytest.raises(InputError, match=r'out_indices=\[2\]: the backbone gives 2 maps, numbered 0 to 1'):
        neck((torch.randn(1, 2, 8, 6), torch.randn(1, 3, 4, 3)))
