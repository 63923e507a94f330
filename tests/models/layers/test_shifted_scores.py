import torch

from posescope.models.layers.shifted_scores import scores_with_mean


def test_all_logits_move_by_one_number_to_the_mean() -> None:
    logits = torch.randn(5, 17, generator=torch.Generator().manual_seed(0))
    means = torch.tensor([0.02, 0.3, 0.5, 0.77, 0.9])
    scores = scores_with_mean(logits, means)
    torch.testing.assert_close(scores.mean(1), means, rtol=0, atol=1e-6)
    moved = scores.double().logit() - logits
    torch.testing.assert_close(moved, moved[:, :1].expand_as(moved), rtol=0, atol=1e-3)


def test_equal_joints_all_get_the_mean() -> None:
    scores = scores_with_mean(torch.full((2, 4), -3.0), torch.tensor([0.25, 0.9]))
    torch.testing.assert_close(scores, torch.tensor([[0.25], [0.9]]).expand(2, 4))
