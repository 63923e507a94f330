"""Whether weights are a model's is asked after the model has given them its own names and shapes."""

import pytest
import torch
from mmpose.registry import MODELS
from torch import nn

from posescope.engine.architecture import refuse_other_architecture
from posescope.errors import InputError
from tests.models.backbones.shaken_networks import SLIM, shaken
from tests.models.heads.small_heads import HEATMAP, build


def test_a_whole_backbone_fits_one_that_is_pruned_as_it_loads() -> None:
    whole = shaken(SLIM)
    options = {'how': 'slim', 'channels': {'layer2.0.conv1': [0, 5]}, 'input_size': (48, 64)}
    pruned = MODELS.build({'type': 'PrunedBackbone', 'backbone': SLIM, **options})
    weights = whole.state_dict()
    refuse_other_architecture(pruned, {'state_dict': weights}, 'whole.pth', partial=False)
    pruned.load_state_dict(weights, strict=True)
    del weights['conv1.weight']
    with pytest.raises(InputError, match='1 missing'):
        refuse_other_architecture(pruned, {'state_dict': weights}, 'whole.pth', partial=False)


def test_a_head_alone_fits_into_one_around_it() -> None:
    inner = build(HEATMAP)
    outer = build({'type': 'DeepSupervisionHead', 'pose_head': HEATMAP, 'in_channels': (4, 6)})
    names = dict(inner.named_parameters())
    refuse_other_architecture(outer, {'state_dict': inner.state_dict()}, 'head.pth', partial=True)
    taps = len(dict(outer.named_parameters())) - len(names)
    assert taps > 0
    with pytest.raises(InputError, match=f'{taps} missing'):
        refuse_other_architecture(outer, {'state_dict': inner.state_dict()}, 'head.pth', partial=False)


def test_weights_are_not_changed_by_the_question() -> None:
    outer = build({'type': 'DeepSupervisionHead', 'pose_head': HEATMAP, 'in_channels': (4, 6)})
    weights = build(HEATMAP).state_dict()
    before = {key: value.clone() for key, value in weights.items()}
    refuse_other_architecture(outer, {'state_dict': weights}, 'head.pth', partial=True)
    assert list(weights) == list(before)
    assert all(torch.equal(weights[key], before[key]) for key in before)


def test_another_shape_is_another_architecture() -> None:
    with pytest.raises(InputError, match=r'1 of another shape \(weight \(2, 3\) instead of \(2, 4\)\)'):
        refuse_other_architecture(nn.Linear(4, 2), nn.Linear(3, 2).state_dict(), 'x.pth', partial=False)
