import pytest
import torch

from posescope.capture.reductions import PCA, JointCrops, Pooled, TopChannels, Whole, build_reduction
from posescope.errors import InputError


@pytest.mark.parametrize(
    ('config', 'kind', 'described'),
    [
        (None, Whole, dict(type='Whole')),
        ('whole', Whole, dict(type='Whole')),
        ('Pooled', Pooled, dict(type='Pooled')),
        (dict(type='PCA', k=8), PCA, dict(type='PCA', k=8, fit=256)),
        (dict(type='top_channels', k=2, fit=10), TopChannels, dict(type='TopChannels', k=2, fit=10)),
        (dict(type='joint_crops', size=5), JointCrops, dict(type='JointCrops', size=5)),
    ],
)
def test_built_by_name(config, kind: type, described: dict) -> None:
    reduction = build_reduction(config)
    assert type(reduction) is kind
    assert reduction.describe() == described
    assert build_reduction(reduction) is reduction


def test_whole_is_the_same() -> None:
    maps = torch.zeros(2, 3)
    assert build_reduction(None).apply(maps) is maps


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        ('poled', "reduction='poled' is not known; nearest: pooled"),
        (dict(k=3), 'reduction=None is not known'),
        ('pca', r"reduction='pca': missing a required argument: 'k'; it takes k, fit"),
        (dict(type='Pooled', k=3), r"reduction='Pooled': .*'k'; it takes nothing"),
        (dict(type='PCA', k=0), 'PCA needs k ≥ 1 and fit ≥ 1; got k=0'),
        (dict(type='TopChannels', k=1, fit=0), 'TopChannels needs .* fit=0'),
        (dict(type='JointCrops', size=0), 'JointCrops needs size ≥ 1; got size=0'),
    ],
)
def test_wrong_configs_are_refused(config, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_reduction(config)
