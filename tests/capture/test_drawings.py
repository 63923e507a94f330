"""Which pictures are drawn of captured arrays, and what is left out."""

import numpy as np
import pytest

from posescope.capture import drawings
from posescope.capture.drawings import MOST_LAYERS, draw_attention, draw_features, spread
from posescope.capture.pictures import panels
from posescope.errors import InputError
from tests.capture.pictures.drawn_crop import drawn_crop

GRID = {'scale': [8.0, 8.0], 'offset': [0.0, 0.0]}


def test_features_of_maps_and_of_tokens_are_drawn_the_same() -> None:
    maps = np.random.default_rng(0).normal(size=(5, 12, 8)).astype(np.float16)
    tokens = np.concatenate([np.zeros((1, 5)), maps.reshape(5, -1).T]).astype(np.float16)
    placed = {'tokens': {**GRID, 'size': [12, 8], 'prefix': 1}, 'maps': GRID}
    of_maps = draw_features(drawn_crop(), {'maps': maps}, placed)['maps']
    of_tokens = draw_features(drawn_crop(), {'tokens': tokens}, placed)['tokens']
    for ours, theirs in zip(of_maps.axes, of_tokens.axes, strict=True):
        for image, other in zip(ours.images, theirs.images, strict=True):
            np.testing.assert_array_equal(image.get_array(), other.get_array())


def test_vectors_and_the_mirrored_pass_are_not_drawn() -> None:
    arrays = {'a@mirrored': np.ones((2, 4, 4)), 'vector': np.ones(3), 'nowhere': np.ones((2, 4, 4))}
    assert draw_features(drawn_crop(), arrays, {'a@mirrored': GRID, 'vector': None, 'nowhere': None}) == {}


def test_of_many_layers_some_are_drawn_alone() -> None:
    arrays = {f'layer{i}': np.random.default_rng(i).normal(size=(2, 4, 4)) for i in range(9)}
    figures = draw_features(drawn_crop(), arrays, dict.fromkeys(arrays, GRID))
    assert set(figures) == {'layers', 'layer0', 'layer2', 'layer3', 'layer5', 'layer6', 'layer8'}
    assert len(figures) == 1 + MOST_LAYERS


def test_attention_is_averaged_over_heads() -> None:
    rows = np.random.default_rng(0).uniform(size=(4, 3, 12, 8))
    grids = {'each': GRID, 'mean': GRID}
    each = draw_attention(drawn_crop(), {'each': rows}, grids)['layers']
    mean = draw_attention(drawn_crop(), {'mean': rows.mean(0).astype(np.float32)}, grids)['layers']
    for ours, theirs in zip(each.axes, mean.axes, strict=True):
        for image, other in zip(ours.images, theirs.images, strict=True):
            np.testing.assert_allclose(image.get_array(), other.get_array(), rtol=1e-5)


def test_attention_between_joint_tokens_and_of_chosen_joints() -> None:
    arrays = {'tokens': np.eye(3)[None], 'map': np.ones((3, 12, 8))}
    figures = draw_attention(drawn_crop(), arrays, {'tokens': None, 'map': GRID}, ['right_wrist'])
    assert set(figures) == {'tokens', 'layers'}
    titles = [axes.get_title() for axes in figures['layers'].axes]
    assert [title for title in titles if title] == ['right wrist']
    with pytest.raises(InputError, match='nearest: right_wrist'):
        draw_attention(drawn_crop(), arrays, {'tokens': None, 'map': GRID}, ['right_rist'])


def test_spread_takes_both_ends() -> None:
    assert spread('abcdefg', 3) == ['a', 'd', 'g']
    assert spread('ab', 5) == ['a', 'b']
    assert spread([], 2) == []


def test_models_with_very_many_layers_are_drawn_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """HRFormer has 44 attention layers, which with four joints each a figure has no room for."""
    assert drawings.MOST_PANELS <= panels._MOST_PANELS
    monkeypatch.setattr(drawings, 'MOST_PANELS', 9)
    rows = {f'layer{i}': np.full((1, 3, 4, 4), 1.0) for i in range(44)}
    attention = draw_attention(drawn_crop(), rows, dict.fromkeys(rows, GRID))['layers']
    maps = {f'layer{i}': np.full((2, 4, 4), float(i)) for i in range(44)}
    features = draw_features(drawn_crop(), maps, dict.fromkeys(maps, GRID))['layers']
    for figure, layers in ((attention, 3), (features, 9)):
        titles = ' '.join(panel.get_title() + panel.get_ylabel() for panel in figure.axes)
        assert len({f'layer{i}' for i in range(44)} & set(titles.replace(',', ' ').split())) <= layers
        assert 'layer0' in titles
        assert 'layer43' in titles
