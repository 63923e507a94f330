import numpy as np
import torch
from mmpose.registry import KEYPOINT_CODECS

from posescope.models.layers.gaussian_places import gaussian_places


def test_finds_what_a_codec_encoded_also_beside_the_border() -> None:
    codec = KEYPOINT_CODECS.build(
        {'type': 'UDPHeatmap', 'input_size': (96, 128), 'heatmap_size': (24, 32), 'sigma': 4 / 3}
    )
    generator = np.random.default_rng(0)
    places = np.concatenate([generator.uniform(0, (95, 127), (40, 2)), [[0, 0], [95, 127], [1.2, 126], [94, 0.5]]])
    heatmaps = codec.encode(places[None].astype(np.float32))['heatmaps']
    found = gaussian_places(torch.as_tensor(heatmaps)[None].double())[0].numpy()
    assert np.abs(found - places / codec.scale_factor).max() < 1e-3  # the map is float32


def test_cells_that_are_no_gaussian_give_the_largest() -> None:
    maps = torch.zeros(1, 2, 5, 6)
    maps[0, 0, 2, 4] = 1
    assert gaussian_places(maps).tolist() == [[[4, 2], [0, 0]]]
