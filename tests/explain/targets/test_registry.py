import pytest

from posescope.errors import InputError
from posescope.explain.targets import TARGETS, build_target, default_target, target_names, target_of
from posescope.explain.targets.displacement import Displacement


def test_every_kind_of_head_has_a_default_that_asks_for_nothing() -> None:
    found = {kind: default_target(kind).name for kind in ('heatmap', 'simcc', 'centre_guided', 'regression')}
    assert found == {
        'heatmap': 'value',
        'simcc': 'log_probability',
        'centre_guided': 'weighted_score',
        'regression': 'displacement',
    }
    for kind, name in found.items():
        assert kind in TARGETS[name].kinds


def test_targets_are_built_by_name_with_their_options() -> None:
    target = build_target('displacement', direction=(0, 1))
    assert isinstance(target, Displacement)
    assert target.direction == (0, 1)
    assert all(name == target.name for name, target in TARGETS.items())
    assert target_names('regression') == [
        'displacement',
        'log_likelihood',
        'against_mirror',
        'against_person',
        'against_truth',
    ]


def test_a_typo_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"target 'log_probabilty' does not exist \(nearest: log_probability, "):
        build_target('log_probabilty')
    with pytest.raises(InputError, match=r"target 'value' has no option 'beta' \(it has none\)"):
        build_target('value', beta=3)
    with pytest.raises(InputError, match=r"target 'displacement' has no option 'way' \(nearest: direction\)"):
        build_target('displacement', way=(0, 1))


def test_targets_as_configs_have_them() -> None:
    for direction in ([3, -4], (3, -4)):
        asked = target_of({'type': 'displacement', 'direction': direction})
        assert isinstance(asked, Displacement)
        assert list(asked.direction or ()) == [3, -4]
    assert target_of('value').name == 'value'
    made = build_target('likelihood', beta=2)
    assert target_of(made) is made
    for wrong, complaint in (
        (3, r"target=3 has to be a name or dict\(type='NAME', OPTION=VALUE\)"),
        ({'direction': (0, 1)}, 'needs its name as type'),
        ({'type': 'likelihood', 'beta': 'ten'}, "target 'likelihood': beta='ten' has to be a number or None"),
        ({'type': 'likelihood', 'beta': -1}, 'beta=-1 of target likelihood has to be positive'),
    ):
        with pytest.raises(InputError, match=complaint):
            target_of(wrong)
