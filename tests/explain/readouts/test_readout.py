import pytest
import torch

from posescope.explain.outputs import Outputs
from posescope.explain.pose_function import PoseFunction
from tests.explain.small_models import CELLS, HEIGHT, WIDTH, crops, function, maps

CELLED = ('resnet', 'udp', 'categorical', 'megvii', 'simcc', 'movenet')


@pytest.fixture(scope='module', params=CELLED)
def made(request: pytest.FixtureRequest) -> PoseFunction:
    return function(request.param)


def test_cells_at_the_places_of_cells_are_these_cells(made: PoseFunction) -> None:
    outputs = made(crops(1))
    grid, (rows, columns) = made.readout.grid(outputs)
    wanted = torch.stack(torch.meshgrid(torch.arange(columns), torch.arange(rows), indexing='xy'), -1).flatten(0, 1)
    places = wanted * torch.tensor(grid.scale[::-1]) + torch.tensor(grid.offset[::-1])
    cells, inside = made.readout.cells_at(places[None], outputs)
    assert torch.equal(cells[0], wanted)
    assert inside.all()


def test_places_beside_the_map_are_moved_onto_it_and_called_outside(made: PoseFunction) -> None:
    outputs = made(crops(1))
    _, (rows, columns) = made.readout.grid(outputs)
    places = torch.tensor([[[-9.0, 50], [50, HEIGHT + 9], [WIDTH + 9, -9], [torch.nan, torch.nan], [50, 50]]])
    cells, inside = made.readout.cells_at(places, outputs)
    assert inside.tolist() == [[False, False, False, False, True]]
    assert cells[0, 0, 0] == 0
    assert cells[0, 1, 1] == rows - 1
    assert cells[0, 2].tolist() == [columns - 1, 0]
    assert ((cells >= 0) & (cells < torch.tensor([columns, rows]))).all()


@pytest.mark.parametrize('name', ['resnet', 'udp', 'dark', 'categorical'])
def test_a_narrow_peak_is_decoded_to_the_place_of_its_cell(name: str) -> None:
    made = function(name)
    outputs = maps(1, -60.0 if name == 'categorical' else 0.0)
    assert outputs.heatmap is not None
    y, x = torch.meshgrid(torch.arange(CELLS[1]), torch.arange(CELLS[0]), indexing='ij')
    outputs.heatmap[0, :] += 60 * torch.exp(-((x - 9) ** 2 + (y - 20) ** 2) / 8.0)
    cells = made.readout.peak_cells(outputs)
    assert (cells == torch.tensor([9, 20])).all()
    grid, _ = made.readout.grid(outputs)
    place = torch.tensor([9 * grid.scale[1] + grid.offset[1], 20 * grid.scale[0] + grid.offset[0]])
    torch.testing.assert_close(made.decode(outputs).places, place.expand(1, 17, 2), rtol=0, atol=0.05)


def test_decoding_takes_half_precision_and_lets_no_gradient_through() -> None:
    made = function('resnet')
    outputs = made(crops(1))
    assert outputs.heatmap is not None
    assert outputs.heatmap.requires_grad
    half = outputs.each(lambda tensor: tensor.bfloat16())
    assert not made.decode(half).places.requires_grad
    expected = made.decode(half.each(torch.Tensor.float))
    torch.testing.assert_close(made.decode(half).places, expected.places, rtol=0, atol=0)


def test_heads_without_cells_say_so() -> None:
    made = function('regression')
    outputs = Outputs(regression=torch.zeros(1, 17, 2))
    assert made.readout.grid(outputs) is None
    with pytest.raises(NotImplementedError, match='regression heads have no cells'):
        made.readout.peak_cells(outputs)
    with pytest.raises(NotImplementedError, match='regression heads have no cells'):
        made.readout.cells_at(torch.zeros(1, 17, 2), outputs)
