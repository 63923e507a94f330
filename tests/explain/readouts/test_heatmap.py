import numpy as np
import torch

from posescope.explain.readouts.heatmap import flat_to_cells
from tests.explain.small_models import CELLS, crops, function


def test_the_last_of_several_stacks_counts() -> None:
    made = function('hourglass')
    stacks = made.readout.head.forward(made.model.extract_feat(crops()))
    assert len(stacks) == 2
    heatmap = made.readout.read(stacks).heatmap
    assert heatmap is stacks[-1]


def test_peaks_are_those_of_numpy() -> None:
    made = function('resnet')
    outputs = made(crops())
    assert outputs.heatmap is not None
    found = made.readout.peak_cells(outputs)
    for person, joint in ((0, 0), (1, 16)):
        values = outputs.heatmap[person, joint].detach().numpy()
        row, column = np.unravel_index(values.argmax(), values.shape)
        assert found[person, joint].tolist() == [column, row]


def test_combined_maps_are_taken_apart_and_put_together() -> None:
    made = function('udp_combined')
    assert made.readout.joint_count == 17
    raw = torch.rand(2, 3 * 17, CELLS[1], CELLS[0])
    outputs = made.readout.read(raw)
    assert outputs.heatmap is not None
    assert outputs.offset is not None
    assert torch.equal(outputs.heatmap, raw[:, ::3])
    assert torch.equal(outputs.offset[:, 3], raw[:, 5])
    assert torch.equal(made.readout.encoded(outputs), raw)


def test_flat_indices() -> None:
    assert flat_to_cells(torch.tensor([[0, 7, 14]]), torch.zeros(1, 3, 3, 5)).tolist() == [[[0, 0], [2, 1], [4, 2]]]
