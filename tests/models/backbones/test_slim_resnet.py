"""The ResNet with widths of one's own, against MMPose's."""

import pytest
import torch
from mmengine.runner import set_random_seed
from mmpose.registry import MODELS


def test_is_mmposes_resnet_where_widths_double():
    set_random_seed(0)
    theirs = MODELS.build(
        {
            'type': 'mmpose.ResNet',
            'depth': 18,
            'base_channels': 8,
            'stem_channels': 8,
            'out_indices': (0, 1, 2, 3),
            'avg_down': True,
            'zero_init_residual': False,
        }
    )
    theirs.init_weights()
    ours = MODELS.build({'type': 'SlimResNet', 'widths': (8, 16, 32, 64), 'blocks': (2, 2, 2, 2)})
    ours.load_state_dict(theirs.state_dict())
    pictures = torch.randn(2, 3, 72, 56)  # sizes that no stage halves evenly
    for train in (True, False):
        theirs.train(train)
        ours.train(train)
        for one, other in zip(ours(pictures), theirs(pictures), strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize(('widths', 'blocks'), [((4, 6, 6), (1, 2, 3)), ((4, 8, 8, 4), (2, 1, 1, 1))])
def test_stages_are_as_wide_as_asked(widths, blocks):
    model = MODELS.build({'type': 'SlimResNet', 'widths': widths, 'blocks': blocks})
    model.init_weights()
    maps = model(torch.randn(1, 3, 64, 96))
    assert [each.shape[1:] for each in maps] == [(w, 16 >> i, 24 >> i) for i, w in enumerate(widths)]
    assert [len(getattr(model, name)) for name in model.stages] == list(blocks)


def test_blocks_start_as_their_shortcuts():
    model = MODELS.build({'type': 'SlimResNet', 'widths': (4,), 'blocks': (2,)}).eval()
    model.init_weights()
    stem = {}
    model.layer1.register_forward_pre_hook(lambda _, inputs: stem.update(x=inputs[0].clone()))
    (found,) = model(torch.randn(1, 3, 32, 32))
    assert torch.equal(found, stem['x'])
