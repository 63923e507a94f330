import torch
import torch.nn.functional as F

from posescope.models.layers import SeparableConv


def test_equals_one_dense_convolution() -> None:
    """Depthwise then pointwise is a dense 3x3 kernel of rank one in space per channel, followed by ReLU."""
    torch.manual_seed(0)
    layer = SeparableConv(3, 5)
    dense = layer.pointwise.conv.weight[:, :, 0, 0][:, :, None, None] * layer.depthwise.weight[None, :, 0]
    torch.nn.init.normal_(layer.pointwise.conv.bias)
    x = torch.randn(2, 3, 6, 7)
    expected = F.conv2d(x, dense, layer.pointwise.conv.bias, padding=1).clamp(min=0)
    torch.testing.assert_close(layer(x), expected)
