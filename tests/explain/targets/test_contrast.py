import torch

from posescope.explain.outputs import Outputs
from posescope.explain.targets import build_target
from tests.explain.small_models import HEIGHT, WIDTH, function, maps
from tests.explain.targets.binding import bound

PLACES = 0.2 + 0.6 * torch.rand(1, 17, 2, generator=torch.Generator().manual_seed(4))


def test_of_coordinates_it_is_the_displacement_along_the_line_from_halfway() -> None:
    made = function('regression')
    pixels = PLACES * torch.tensor([WIDTH, HEIGHT])
    truth = pixels + torch.tensor([6.0, -8.0])
    truth[0, 3] = torch.nan
    truth[0, 4] = pixels[0, 4]
    truth[0, 5, 0] = WIDTH
    target = bound(build_target('against_truth'), made, Outputs(regression=PLACES), truth=truth)
    assert target.valid[0].tolist() == [joint not in (3, 4, 5) for joint in range(17)]
    for part, expected in ((0.0, 5.0), (0.5, 0.0), (1.0, -5.0)):
        moved = (pixels + part * torch.tensor([6.0, -8.0])) / torch.tensor([WIDTH, HEIGHT])
        found = target.score(Outputs(regression=moved))[target.valid]
        torch.testing.assert_close(found, torch.full((14,), expected), rtol=0, atol=1e-3)


def test_of_maps_it_is_a_difference_of_two_cells_of_one_joint() -> None:
    made = function('resnet')
    outputs = maps(1, -1.0)
    assert outputs.heatmap is not None
    outputs.heatmap[0, :, 10, 5], outputs.heatmap[0, :, 12, 20] = 3, 0.5
    truth = torch.tensor([20.0 * 4 + 1, 12 * 4 - 1]).repeat(1, 17, 1)
    truth[0, 1], truth[0, 2], truth[0, 3] = torch.tensor([5.0 * 4, 10 * 4]), WIDTH + 50, torch.nan
    target = bound(build_target('against_truth'), made, outputs, truth=truth)
    assert target.valid[0, :5].tolist() == [True, False, False, False, True]
    assert target.score(outputs)[0, :5].tolist() == [2.5, 0, 0, 0, 2.5]
    perturbed = maps(2, 0.0)
    assert perturbed.heatmap is not None
    perturbed.heatmap[1, :, 12, 20] = 4
    assert target.score(perturbed, torch.tensor([0, 0]))[:, 0].tolist() == [0, -4]


def test_of_bins_the_normalisation_cancels() -> None:
    made = function('simcc')
    outputs = Outputs(simcc_x=torch.zeros(1, 17, 2 * WIDTH), simcc_y=torch.zeros(1, 17, 2 * HEIGHT))
    assert outputs.simcc_x is not None
    assert outputs.simcc_y is not None
    outputs.simcc_x[..., 8], outputs.simcc_x[..., 60] = 0.7, 0.2
    outputs.simcc_y[..., 9], outputs.simcc_y[..., 90] = 0.5, 0.4
    other = torch.tensor([30.0, 45.0]).expand(1, 17, 2)
    found = bound(build_target('against_person'), made, outputs, other=other).score(outputs)
    torch.testing.assert_close(found, torch.full((1, 17), 10 * (0.7 - 0.2 + 0.5 - 0.4)))


def test_of_movenet_it_is_a_difference_of_weighted_scores() -> None:
    made = function('movenet')
    columns, rows = WIDTH // 4, HEIGHT // 4
    heatmap, center = torch.zeros(1, 17, rows, columns), torch.zeros(1, 1, rows, columns)
    heatmap[0, :, 16, 15], heatmap[0, :, 16, 8] = 0.9, 0.6
    center[0, 0, 16, 12] = 1
    fields = torch.zeros(1, 34, rows, columns)
    outputs = Outputs(heatmap=heatmap, center=center, regress=fields, offset=fields)
    other = torch.tensor([8.5 * 4, 16.5 * 4]).expand(1, 17, 2)
    found = bound(build_target('against_person'), made, outputs, other=other).score(outputs)
    torch.testing.assert_close(found, torch.full((1, 17), 0.9 / (3 + 1.8) - 0.6 / (4 + 1.8)))
