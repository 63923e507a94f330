import torch

from posescope.explain.outputs import Outputs


def test_outputs_are_taken_by_row_and_keep_their_names() -> None:
    x, y = torch.rand(3, 2, 5, requires_grad=True), torch.rand(3, 2, 7, requires_grad=True)
    outputs = Outputs(simcc_x=x, simcc_y=y)
    assert len(outputs) == 3
    assert [name for name, _ in outputs.tensors()] == ['simcc_x', 'simcc_y']
    chosen = outputs[torch.tensor([2, 0])]
    torch.testing.assert_close(chosen.simcc_y, y[[2, 0]], rtol=0, atol=0)
    assert chosen.heatmap is None
    assert chosen.simcc_x is not None
    assert chosen.simcc_x.requires_grad
    assert not any(tensor.requires_grad for _, tensor in outputs.detach().tensors())
    torch.testing.assert_close(outputs.each(torch.neg).simcc_x, -x)


def test_nothing_is_of_no_crop() -> None:
    assert len(Outputs()) == 0
