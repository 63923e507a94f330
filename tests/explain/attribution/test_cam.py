import pytest
import torch
from captum.attr import LayerGradCam
from torch import Tensor

from posescope.errors import InputError
from posescope.explain.attribution.cam import ActivationMap, GradCAM, HiResCAM, LayerCAM
from posescope.explain.attribution.captum_method import TargetModule
from posescope.explain.attribution.spatial_layer import find_spatial_layer
from posescope.explain.attribution.to_pixels import to_pixels
from tests.explain.attribution.explained import JOINTS, THREE_KINDS, assert_close, explained

LAYER = 'backbone.layer3'


def by_hand(name: str, kind: str) -> Tensor:
    """(N, K, h, w) from PyTorch's own hooks."""
    made, inputs, bound = explained(name)
    kept: list[Tensor] = []
    handle = made.model.get_submodule(LAYER).register_forward_hook(lambda _, __, output: kept.append(output))
    try:
        scores = bound.score(made(inputs))
    finally:
        handle.remove()
    found = []
    for joint in JOINTS:
        (gradient,) = torch.autograd.grad(scores[:, joint].sum(), kept[0], retain_graph=True)
        weights = {'hirescam': gradient, 'layercam': gradient.relu(), 'gradcam': gradient.mean((2, 3), True)}[kind]
        found.append((weights * kept[0]).sum(1))
    return torch.stack(found, 1).detach()


@pytest.mark.parametrize('method', [HiResCAM, LayerCAM, GradCAM])
@pytest.mark.parametrize('name', THREE_KINDS)
def test_equals_products_by_hand(name: str, method: type[ActivationMap]) -> None:
    made, inputs, bound = explained(name)
    layer = find_spatial_layer(made, inputs, LAYER)
    assert layer.size == (8, 6)
    assert layer.grid.scale == (16, 16)
    expected = to_pixels(by_hand(name, method.name), layer.grid, (128, 96))
    assert_close(method(batch_size=1, layer=LAYER).attribute(made, inputs, bound, JOINTS), expected)


@pytest.mark.parametrize('name', THREE_KINDS)
def test_gradcam_equals_captum(name: str) -> None:
    made, inputs, bound = explained(name)
    method = LayerGradCam(TargetModule(made, bound), made.model.get_submodule(LAYER))
    rows = torch.arange(2)
    cells = torch.cat(
        [method.attribute(inputs, target=joint, additional_forward_args=(rows,)).detach() for joint in JOINTS], 1
    )
    expected = to_pixels(cells, find_spatial_layer(made, inputs, LAYER).grid, (128, 96))
    assert_close(GradCAM(layer=LAYER).attribute(made, inputs, bound, JOINTS), expected)


def test_a_layer_off_the_targets_way_is_refused() -> None:
    with pytest.raises(InputError, match=r"does not depend on layer 'backbone\[2\]'"):
        HiResCAM(layer='backbone[2]').attribute(*explained('hrnet'), JOINTS)


@pytest.mark.parametrize('name', ['vit', 'hrnet', 'movenet', 'rtmpose', 'stacked_hourglass', 'regression'])
def test_by_default_the_last_map_before_the_head_is_read(name: str) -> None:
    maps = HiResCAM().attribute(*explained(name), JOINTS)
    assert maps.shape == (2, 2, 128, 96)
    assert (maps.abs().amax((2, 3)) > 0).all()
