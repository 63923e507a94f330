import pytest
import torch
from torch import Tensor, nn
from torch.nn.grad import conv2d_input

from posescope.explain.attribution.linear_stem import LinearStem, find_stem
from tests.explain.attribution.known_look import LookingBackbone, looking
from tests.explain.small_models import crops, fresh, function


@pytest.mark.parametrize(
    ('name', 'layer'),
    [
        ('resnet', 'backbone.bn1'),
        ('regression', 'backbone.bn1'),
        ('hrnet', 'backbone.bn1'),
        ('stacked_hourglass', 'backbone.stem.0.bn'),
        ('vit', 'backbone.patch_embed.projection'),
    ],
)
def test_the_stem_of_known_models(name: str, layer: str) -> None:
    stem = find_stem(function(name), crops())
    assert stem is not None
    assert stem.layer == layer


def test_gradients_go_back_as_in_the_closed_form() -> None:
    first, second = nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.Conv2d(4, 5, 1, bias=False)
    gradients = torch.randn(2, 5, 8, 6)
    expected = torch.einsum('nohw,oi->nihw', gradients, second.weight[:, :, 0, 0])
    expected = conv2d_input((2, 3, 16, 12), first.weight, expected, stride=2, padding=1)
    torch.testing.assert_close(LinearStem([first, second], '').pull_back(gradients, (3, 16, 12)), expected)


class Aside(LookingBackbone):
    """Something of the input passes around the first convolution."""

    def forward(self, inputs: Tensor) -> tuple[Tensor]:
        (cells,) = super().forward(inputs)
        return (cells + inputs[:, :1, ::4, ::4],)


class Rectified(LookingBackbone):
    """A ReLU writes to what the first convolution gave, and a second one follows."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 3, 1)

    def forward(self, inputs: Tensor) -> tuple[Tensor]:
        return super().forward(self.first(inputs).relu_())


def test_there_is_no_stem_where_something_passes_around_it() -> None:
    made, inputs, _ = looking(Aside())
    assert find_stem(made, inputs) is None


def test_it_ends_where_a_relu_writes_into_it() -> None:
    made, inputs, _ = looking(Rectified())
    stem = find_stem(made, inputs - 1)
    assert stem is not None
    assert stem.layer == 'backbone.first'


def test_batch_norms_in_training_are_not_linear() -> None:
    made = fresh('resnet')
    made.model.backbone.bn1.train()
    stem = find_stem(made, crops())
    assert stem is not None
    assert stem.layer == 'backbone.conv1'
