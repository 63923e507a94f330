import torch

from posescope.explain.outputs import Outputs
from tests.explain.small_models import HEIGHT, WIDTH, function


def test_bins_are_read_where_they_are_best() -> None:
    made = function('simcc')
    outputs = Outputs(simcc_x=torch.zeros(1, 17, 2 * WIDTH), simcc_y=torch.zeros(1, 17, 2 * HEIGHT))
    assert outputs.simcc_x is not None
    assert outputs.simcc_y is not None
    outputs.simcc_x[0, :, 31] = 1
    outputs.simcc_y[0, :, 200] = 2
    assert (made.readout.peak_cells(outputs) == torch.tensor([31, 200])).all()
    assert (made.decode(outputs).places == torch.tensor([15.5, 100])).all()
    cells, inside = made.readout.cells_at(torch.tensor([[[15.5, 100], [95.6, 0.2], [95.8, 0]]]), outputs)
    assert cells.tolist() == [[[31, 200], [191, 0], [191, 0]]]
    assert inside.tolist() == [[True, True, False]]
