import pytest
import torch
from torch import Tensor, nn

from posescope.capture.layers import find_layers, named_layers, unwrapped
from posescope.errors import CaptureError, InputError


class Block(nn.Module):
    def __init__(self, shared: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1)
        self.shared = shared

    def forward(self, x: Tensor) -> Tensor:
        return self.shared(self.conv(x))

    def extract_feat(self) -> None:
        pass


def model() -> nn.Module:
    shared = nn.Identity()
    return nn.ModuleDict(
        {'backbone': nn.Sequential(Block(shared), nn.Sequential()), 'heads': nn.ModuleList([Block(shared)])}
    )


def names(net: nn.Module, *patterns: str) -> list[str]:
    return [layer.name for layer in find_layers(net, patterns)]


def test_patterns() -> None:
    net = model()
    assert names(net, 'backbone') == ['backbone']
    assert names(net, 'backbone.0.conv', 'backbone.0.conv') == ['backbone.0.conv']
    assert names(net, 'heads.0', 'backbone') == ['backbone', 'heads.0']  # in the model's order
    assert names(net, 'backbone.*') == ['backbone.0', 'backbone.1']
    assert names(net, 'backbone.**') == ['backbone.0', 'backbone.0.conv', 'backbone.0.shared', 'backbone.1']
    assert names(net, '**.conv') == names(net, '*.?.c*v') == ['backbone.0.conv', 'heads.0.conv']
    assert names(net, '*s.0.conv', '[a-c]*.[!1].conv') == ['backbone.0.conv', 'heads.0.conv']
    assert names(net, 'backbone.?') == ['backbone.0', 'backbone.1']
    assert names(net, '**', '!**.conv', '!backbone.0**') == ['backbone', 'backbone.1', 'heads.0']
    assert names(net, '**:extract_feat') == ['backbone.0:extract_feat', 'heads.0:extract_feat']


def test_a_shared_module_is_found_by_each_name_and_once() -> None:
    net = model()
    assert names(net, 'heads.0.shared') == ['heads.0.shared']
    assert names(net, '**.shared') == ['backbone.0.shared']


def test_a_bracket_at_the_end_chooses_outputs() -> None:
    (layer,) = find_layers(model(), ['backbone[1][*]'])
    assert layer.choices == ((1, '*'),)
    assert [layer.wants(path) for path in [(1, 0), (1, 'a', 3), (0, 0), (1,)]] == [True, True, False, False]
    layer.check([(0,), (1, 'a')])
    with pytest.raises(InputError, match=r'backbone\[1\]\[\*\] is none of its outputs, which are backbone\[0\]'):
        layer.check([(0,)])
    with pytest.raises(InputError, match='backbone gives no tensors'):
        layer.check([])
    (layer,) = find_layers(model(), ['backbone[1]', 'backbone[maps]'])
    assert layer.choices == ((1,), ('maps',))
    (layer,) = find_layers(model(), ['backbone[1]', 'backbone'])
    assert layer.wants((0,))


@pytest.mark.parametrize(
    ('pattern', 'message'),
    [
        ('backbone.layer9', r"layers=\['backbone.layer9'\] matches nothing; nearest: backbone"),
        ('head', r"layers=\['head'\] matches nothing; nearest: .*heads.0"),
        ('*.pool', r'matches nothing \(\* stays within one part of a name, \*\* goes across dots\); nearest'),
        ('backbone.[z-a].conv', 'is no pattern: bad character range z-a'),
        ('heads', 'heads is a ModuleList, which is never called; in it are heads.0'),
        ('backbone.0:extract', r'backbone.0:extract: Block has no such method; nearest: extract_feat'),
        ('backbone.9:extract_feat', 'matches nothing; nearest: backbone.0'),
        ('!backbone.nine', 'matches nothing'),
    ],
)
def test_what_matches_nothing_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        find_layers(model(), [pattern])
    assert '\n' not in str(error.value)


def test_leaving_everything_out_is_refused() -> None:
    with pytest.raises(InputError, match='leaves no layer'):
        find_layers(model(), ['backbone', '!backbone'])


def test_names_are_those_of_the_model_without_wrappers() -> None:
    net = model()
    expected = list(named_layers(net))
    assert expected == [name for name, _ in net.named_modules(remove_duplicate=False)]
    first = net['backbone'][0]
    net['backbone'][0] = torch.compile(first, backend='eager')
    wrapped = torch.compile(net, backend='eager')
    assert list(named_layers(wrapped)) == expected
    assert named_layers(wrapped)['backbone.0'] is first
    assert unwrapped(wrapped) is net


def test_copies_on_several_devices_are_refused() -> None:
    net = nn.DataParallel(nn.Identity())
    net.device_ids = [0, 1]
    with pytest.raises(CaptureError, match='runs copies'):
        find_layers(net, ['**'])
