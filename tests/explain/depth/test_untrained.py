import torch
from torch import nn

from posescope.explain.depth.untrained import settle_norms, untrained_function
from tests.explain.small_models import config, crops, fresh


def test_it_is_the_network_of_the_seed_and_leaves_the_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one = untrained_function(config('resnet'), 1, device='cpu')
    assert torch.equal(torch.rand(3), expected)
    same, other = (untrained_function(config('resnet'), seed, device='cpu') for seed in (1, 2))
    weights = [made.model.backbone.layer2[0].conv1.weight for made in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_norms_learn_the_mean_of_all_batches_and_nothing_else() -> None:
    made, inputs = fresh('resnet'), crops(6)
    before = {name: value.clone() for name, value in made.model.state_dict().items() if 'running' not in name}
    stem = made.model.backbone.conv1(inputs)
    settle_norms(made, [inputs[:2], inputs[2:4], inputs[4:]])
    norm = made.model.backbone.bn1
    torch.testing.assert_close(norm.running_mean, stem.mean((0, 2, 3)))
    pairs = torch.stack([pair.var((0, 2, 3)) for pair in stem.split(2)])
    torch.testing.assert_close(norm.running_var, pairs.mean(0))
    for name, value in made.model.state_dict().items():
        if 'running' not in name and 'num_batches' not in name:
            assert torch.equal(value, before[name]), name
    assert not any(module.training for module in made.model.modules() if isinstance(module, nn.BatchNorm2d))
    assert norm.momentum == 0.1


def test_without_people_nothing_changes() -> None:
    made = fresh('resnet')
    before = made.model.backbone.bn1.running_mean.clone()
    settle_norms(made, [])
    assert torch.equal(made.model.backbone.bn1.running_mean, before)
