import torch

from posescope.explain.outputs import Outputs
from posescope.explain.readouts import CentreGuidedReadout
from tests.explain.small_models import CELLS, crops, function

W, H = CELLS


def test_the_centre_that_is_nearest_to_the_middle_wins_although_another_is_stronger() -> None:
    made = function('movenet')
    assert isinstance(made.readout, CentreGuidedReadout)
    center = torch.zeros(1, 1, H, W)
    center[0, 0, H // 2, W // 2] = 0.5
    center[0, 0, 1, 1] = 0.9
    empty = torch.zeros(1, 34, H, W)
    outputs = Outputs(heatmap=torch.zeros(1, 17, H, W), center=center, regress=empty, offset=empty)
    assert made.readout.centre_cells(outputs).tolist() == [[W // 2, H // 2]]


def test_peaks_and_offsets_make_the_decoded_places() -> None:
    for name in ('movenet', 'movenet_argmax'):
        made = function(name)
        outputs = made(crops())
        assert outputs.offset is not None
        assert outputs.heatmap is not None
        cells = made.readout.peak_cells(outputs)
        for person, joint in ((0, 3), (1, 10)):
            column, row = cells[person, joint].tolist()
            dy, dx = outputs.offset[person, 2 * joint : 2 * joint + 2, row, column].tolist()
            expected = torch.tensor([4 * (column + dx), 4 * (row + dy)])
            torch.testing.assert_close(made.decode(outputs).places[person, joint], expected)
            torch.testing.assert_close(
                made.decode(outputs).scores[person, joint], outputs.heatmap[person, joint, row, column].detach()
            )
