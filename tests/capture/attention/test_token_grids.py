import pytest
import torch
from torch import nn

from posescope.capture.attention.token_grids import GridWatch, prefix_tokens


class Module(nn.Module):
    def __init__(self, **attributes) -> None:
        super().__init__()
        for name, value in attributes.items():
            setattr(self, name, value)


def test_maps_of_strided_convolutions() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3, 1, 1), nn.Conv2d(4, 4, 4, 4), nn.Conv2d(4, 4, (2, 1), (2, 1)))
    with GridWatch(model) as watch:
        model(torch.zeros(1, 3, 32, 24))  # then 32 × 24 without a stride, 8 × 6, 4 × 6
        assert watch.find(48, 0) == ((8, 6), 0)
        assert watch.find(49, 1) == ((8, 6), 1)
        assert watch.find(24, 0) == ((4, 6), 0)
        assert watch.find(49, 0) is None
        assert watch.find(32 * 24, 0) is None
        model(torch.zeros(1, 3, 24, 32))
        assert watch.find(48, 0) is None  # 8 × 6 or 6 × 8
        watch.forget()
        assert watch.find(24, 0) is None
    model(torch.zeros(1, 3, 32, 24))
    assert watch.find(48, 0) is None


def test_a_size_that_was_given() -> None:
    with GridWatch(nn.Conv2d(3, 4, 2, 2), (5, 4)) as watch:
        assert watch.find(20, 3) == ((5, 4), 0)
        assert watch.find(25, 0) == ((5, 4), 5)
        assert watch.find(19, 0) is None
        assert watch.find(400, 0) is None


@pytest.mark.parametrize(
    ('attributes', 'tokens'),
    [
        ({}, 0),
        ({'cls_token': nn.Parameter(torch.zeros(1))}, 1),
        ({'cls_token': None}, 0),
        ({'class_token': nn.Parameter(torch.zeros(1))}, 1),
        ({'num_extra_tokens': 0, 'cls_token': nn.Parameter(torch.zeros(1))}, 0),
        ({'num_prefix_tokens': 5}, 5),
    ],
)
def test_tokens_before_the_map(attributes, tokens) -> None:
    layer = Module(attn=Module())
    for model in (Module(layer=layer, **attributes), Module(backbone=Module(layer=layer, **attributes))):
        modules = dict(model.named_modules())
        assert prefix_tokens(modules, next(name for name in modules if name.endswith('attn'))) == tokens
