import pytest
import torch

from posescope.errors import InputError
from posescope.explain.attribution import METHODS, build_method
from posescope.explain.attribution.method import chunks
from posescope.explain.outputs import Outputs
from tests.explain.attribution.explained import JOINTS, bind, explained
from tests.explain.small_models import crops, fresh


def test_methods_tell_where_they_mean_something() -> None:
    for name, kind in METHODS.items():
        assert kind.valid_for('heatmap', 'value')
        assert not kind.valid_for('bottom_up', 'value')
        assert kind.valid_for('simcc', 'log_probability', 'backbone.layer1') == (
            name in ('hirescam', 'layercam', 'gradcam')
        )


@pytest.mark.parametrize('name', ['saliency', 'integrated_gradients', 'hirescam', 'occlusion'])
def test_nothing_is_left_behind(name: str) -> None:
    made, inputs = fresh('resnet'), crops()
    bound = bind(made, inputs)
    parameters = list(made.model.parameters())
    parameters[0].requires_grad_(False)
    before = [parameter.detach().clone() for parameter in parameters]
    wanted, modules = [p.requires_grad for p in parameters], [vars(m).copy() for m in made.model.modules()]
    maps = build_method(name, **({'steps': 2} if name == 'integrated_gradients' else {})).attribute(
        made, inputs, bound, [0]
    )
    assert maps.dtype == torch.float32
    assert not maps.requires_grad
    assert maps.is_contiguous()
    assert [p.requires_grad for p in parameters] == wanted
    assert all(p.grad is None for p in parameters)
    assert all(torch.equal(p, q) for p, q in zip(parameters, before, strict=True))
    assert [vars(module) for module in made.model.modules()] == modules


def test_invalid_joints_get_zeros() -> None:
    made, inputs, bound = explained('resnet', 'against_mirror')
    maps = build_method('occlusion', window=64, stride=64).attribute(made, inputs, bound, [0, 9])
    assert not maps[:, 0].any()
    assert maps[:, 1].any()


def test_mismatches_are_refused() -> None:
    made, inputs, bound = explained('resnet')
    with pytest.raises(InputError, match='bound to 2 people'):
        build_method('saliency').attribute(made, inputs[:1], bound)
    with pytest.raises(InputError, match=r'joints=\[17\] have to be some of 0 to 16'):
        build_method('saliency').attribute(made, inputs, bound, [17])
    with pytest.raises(InputError, match='batch_size=0'):
        build_method('saliency', batch_size=0)


def test_chunks_cover_everything_once() -> None:
    assert [list(range(some.start, some.stop)) for some in chunks(5, 2)] == [[0, 1], [2, 3], [4]]
    assert list(chunks(0, 2)) == []


@pytest.mark.parametrize('name', sorted({*METHODS} - {'captum', 'attention_relevance', 'attention_rollout'}))
def test_a_trial_takes_few_passes_and_changes_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, inputs = fresh('resnet'), crops(1)
    bound = bind(made, inputs)
    seen: list[int] = []
    forward = made.forward

    def counted(crops: torch.Tensor) -> Outputs:
        seen.append(len(crops))
        return forward(crops)

    monkeypatch.setattr(type(made), '__call__', lambda self, crops: counted(crops))
    method = build_method(name)
    before = dict(vars(method))
    method.trial().attribute(made, inputs, bound, [0])
    assert sum(seen) <= 3
    assert vars(method) == before


@pytest.mark.parametrize('name', ['saliency', 'integrated_gradients'])
def test_gradients_are_computed_also_where_none_are_asked_for(name: str) -> None:
    case = explained('resnet')
    expected = build_method(name).attribute(*case, JOINTS)
    with torch.no_grad():
        assert torch.equal(build_method(name).attribute(*case, JOINTS), expected)


def test_a_model_in_double_precision_is_explained_in_it() -> None:
    made = fresh('resnet')
    made.model.double()
    inputs = crops(1).double()
    bound = bind(made, inputs)
    method = build_method('integrated_gradients')
    maps = method.attribute(made, inputs.float(), bound, JOINTS)
    assert made(inputs).heatmap.dtype is torch.float64
    left = method.residual(made, inputs.float(), bound, maps, JOINTS)
    with torch.no_grad():
        gain = (bound.score(made(inputs)) - bound.score(made(torch.zeros_like(inputs))))[:, JOINTS]
    torch.testing.assert_close(left, maps.double().sum((2, 3)) - gain, atol=1e-5 * float(gain.abs().max()), rtol=0)
    assert (left.abs() <= 0.05 * gain.abs()).all()
