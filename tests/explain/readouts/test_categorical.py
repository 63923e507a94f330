import torch

from tests.explain.small_models import function, maps


def test_the_peak_is_where_the_codec_reads_and_not_the_most_probable_cell() -> None:
    """One cell with .4 against six beside each other with .1 each, whose sum counts for joints as wide as a hip."""
    made = function('categorical')
    outputs = maps(1, -40.0)
    assert outputs.heatmap is not None
    outputs.heatmap[0, :, 4, 3] = float(torch.tensor(0.4).log())
    outputs.heatmap[0, :, 20:22, 10:13] = float(torch.tensor(0.1).log())
    hip = made.readout.peak_cells(outputs)[0, 11].tolist()
    assert hip[0] in (10, 11, 12)
    assert hip[1] in (20, 21)


def test_probabilities_are_decoded() -> None:
    made = function('categorical')
    outputs = maps(2)
    assert outputs.heatmap is not None
    outputs.heatmap[:, :, 20, 10] = 3
    probabilities = made.readout.encoded(outputs)
    torch.testing.assert_close(probabilities.sum((2, 3)), torch.ones(2, 17))
    odds = probabilities[0, 0, 20, 10] / probabilities[0, 0, 0, 0]
    torch.testing.assert_close(odds.log(), torch.tensor(3.0))
