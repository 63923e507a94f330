import torch

from posescope.explain.outputs import Outputs
from posescope.explain.readouts import RegressionReadout
from tests.explain.small_models import function


def test_coordinates_are_in_parts_of_the_input() -> None:
    made = function('rle')
    assert isinstance(made.readout, RegressionReadout)
    outputs = Outputs(regression=torch.tensor([0.5, 0.25, 0.0, 2.0]).expand(1, 17, 4))
    assert (made.readout.pixels(outputs) == torch.tensor([48, 32])).all()
    pose = made.decode(outputs)
    assert (pose.places == torch.tensor([48, 32])).all()
    spread = torch.tensor([0.0, 2.0]).sigmoid().mean()
    torch.testing.assert_close(pose.scores, (1 - spread).expand(1, 17))
