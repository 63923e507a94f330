"""The head that predicts its own OKS: against the metric's OKS and PyTorch's cross-entropy."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from posescope.errors import InputError
from posescope.evaluation.oks import ks, oks
from tests.models.heads.small_heads import CATEGORICAL, FLIP, HEATMAP, SIGMAS, build, features, people

both = pytest.mark.parametrize('inner', [HEATMAP, CATEGORICAL], ids=lambda config: config['type'])


def calibrated(inner: dict, **options):
    """Correcting layers that correct something."""
    config = {'type': 'CalibratedHead', 'in_channels': 5, 'hidden_channels': 4, 'sigmas': SIGMAS, 'pose_head': inner}
    head = build({**config, **options})
    for layer in (head.branch.to_ks, head.branch.to_oks):
        nn.init.normal_(layer.weight, std=0.2)
    return head.eval()


def truths(samples) -> np.ndarray:
    """(B, K, 3) labelled joints in pixels of the input."""
    places = np.concatenate([sample.metainfo['transformed_keypoints'] for sample in samples])
    return np.concatenate([places, np.broadcast_to([[1], [1], [0]], (len(samples), 3, 1))], -1)


@both
def test_the_branch_learns_the_metrics_ks_and_oks(inner):
    head, samples, x = calibrated(inner), people(inner['decoder']), features()
    losses = head.loss((x,), samples)
    instances = head.pose_head.predict((x,), samples)
    keypoints = np.concatenate([each.keypoints for each in instances])
    if inner is HEATMAP:  # UDP's codec has its last pixel's centre at the width
        keypoints = keypoints * np.array([31 / 32, 47 / 48])
    similarity = np.nan_to_num(ks(keypoints, truths(samples), 400.0, SIGMAS))
    of_people = oks(keypoints, truths(samples), 400.0, SIGMAS)
    assert similarity.max() > 1e-3
    maps = head((x,)) if inner is HEATMAP else head((x,)).flatten(2).softmax(2).view(2, 3, 12, 8)
    scores = torch.as_tensor(np.concatenate([each.keypoint_scores for each in instances])).float()
    ks_logits, oks_logits = head.branch(x, maps, scores)
    expected = F.binary_cross_entropy_with_logits(ks_logits[:, :2], torch.as_tensor(similarity[:, :2]).float())
    torch.testing.assert_close(losses['loss_ks'], expected, rtol=1e-4, atol=1e-5)
    expected = F.binary_cross_entropy_with_logits(oks_logits, torch.as_tensor(of_people).float())
    torch.testing.assert_close(losses['loss_oks_predicted'], expected, rtol=1e-4, atol=1e-5)
    alone = head.pose_head.loss((x,), samples)
    torch.testing.assert_close(losses['loss_kpt'], alone['loss_kpt'])


@both
def test_the_pose_learns_nothing_from_it(inner):
    head, x = calibrated(inner).train(), features().requires_grad_()
    losses = head.loss((x,), people(inner['decoder']))
    (losses['loss_ks'] + losses['loss_oks_predicted']).backward()
    assert x.grad is None
    assert all(each.grad is None for each in head.pose_head.parameters())
    assert all(each.grad is not None and each.grad.isfinite().all() for each in head.branch.parameters())


@both
@pytest.mark.parametrize('flip_test', [False, True])
def test_joints_stay_and_their_mean_score_is_the_predicted_oks(inner, flip_test):
    head, samples, x = calibrated(inner), people(inner['decoder']), features()
    feats = [(x,), (features(seed=5),)] if flip_test else (x,)
    plain = head.pose_head.predict(feats, samples, {'flip_test': flip_test})
    found, fields = head.predict(feats, samples, {'flip_test': flip_test, 'output_heatmaps': True})
    scores = torch.as_tensor(np.concatenate([each.keypoint_scores for each in plain])).float()
    logits = []
    for turn, each in enumerate(feats if flip_test else [feats]):
        maps = head(each)
        maps = maps if inner is HEATMAP else maps.flatten(2).softmax(2).view_as(maps)
        ks_logits, oks_logits = head.branch(each[0], maps, scores[:, FLIP] if turn else scores)
        logits.append((ks_logits[:, FLIP] if turn else ks_logits, oks_logits))
    ks_logits, oks_logits = (torch.stack(parts).mean(0) for parts in zip(*logits, strict=True))
    assert len(fields) == 2
    for number, (one, other) in enumerate(zip(plain, found, strict=True)):
        assert np.array_equal(one.keypoints, other.keypoints)
        expected = oks_logits[number].sigmoid().item()
        assert other.predicted_oks == pytest.approx(expected, rel=1e-4)
        assert other.keypoint_scores.mean() == pytest.approx(expected, rel=1e-4)
        order = np.argsort(ks_logits[number].detach().numpy())
        assert np.array_equal(np.argsort(other.keypoint_scores[0]), order)


def test_other_ways_to_rescore():
    samples, x = people(CATEGORICAL['decoder']), features()
    for rescore in ('none', 'joint', 'instance'):
        head = calibrated(CATEGORICAL, rescore=rescore)
        plain, found = head.pose_head.predict((x,), samples), head.predict((x,), samples)
        for one, other in zip(plain, found, strict=True):
            old, new = one.keypoint_scores[0], other.keypoint_scores[0]
            if rescore == 'none':
                assert np.array_equal(old, new)
            elif rescore == 'instance':
                moved = np.log(new / (1 - new)) - np.log(old / (1 - old))
                assert np.ptp(moved) < 1e-3
                assert new.mean() == pytest.approx(other.predicted_oks[0], rel=1e-4)
            else:
                assert not np.isclose(new.mean(), other.predicted_oks[0], rtol=1e-3)


def test_untrained_it_leaves_scores_as_they_are():
    head = build({'type': 'CalibratedHead', 'in_channels': 5, 'sigmas': SIGMAS, 'pose_head': CATEGORICAL}).eval()
    samples, x = people(CATEGORICAL['decoder']), features()
    for one, other in zip(head.pose_head.predict((x,), samples), head.predict((x,), samples), strict=True):
        assert np.allclose(one.keypoint_scores, other.keypoint_scores, atol=1e-5)


def test_it_learns_the_quality_of_a_batch_by_heart():
    head = calibrated(CATEGORICAL).train()
    samples, x = people(CATEGORICAL['decoder'], 16), features(people=16)
    optimizer = torch.optim.Adam(head.branch.parameters(), lr=0.02)
    first = None
    for _ in range(40):
        losses = head.loss((x,), samples)
        value = losses['loss_ks'] + losses['loss_oks_predicted']
        first = first or value.item()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    assert value.item() < 0.7 * first


def test_what_the_pipeline_has_to_keep_is_named():
    samples = people(HEATMAP['decoder'])
    for sample in samples:
        sample.pop('area')
    with pytest.raises(InputError, match=r'needs area of each sample .* meta_keys'):
        calibrated(HEATMAP).loss((features(),), samples)
    with pytest.raises(InputError, match="rescore='all': choose both, instance, joint, none"):
        calibrated(HEATMAP, rescore='all')


@both
def test_one_person_and_a_map_of_one_cell_after_both_strides(inner):
    head = calibrated(inner).train()
    losses = head.loss((features(people=1),), people(inner['decoder'], 1))
    assert all(value.isfinite() for value in losses.values())
    logits, of_person = head.branch(features(height=4, width=3, people=1), torch.rand(1, 3, 12, 8), torch.rand(1, 3))
    assert logits.isfinite().all()
    assert of_person.isfinite().all()


@both
def test_a_person_without_an_area_does_not_count(inner):
    """There is no OKS without an area; the codec that has a typical size of its own takes that one."""
    head, samples = calibrated(inner), people(inner['decoder'])
    samples[1].set_metainfo({**samples[1].metainfo, 'area': np.float32(0)})
    losses = head.loss((features(),), samples)
    assert all(value.isfinite() for value in losses.values())
    if inner is HEATMAP:
        alone = head.loss((features()[:1],), samples[:1])
        torch.testing.assert_close(losses['loss_ks'], alone['loss_ks'])


def test_a_quick_codec_is_the_codec_that_it_quickens():
    plain, quick = (
        calibrated({**HEATMAP, 'decoder': {**HEATMAP['decoder'], 'type': kind}})
        for kind in ('UDPHeatmap', 'QuickUDPHeatmap')
    )
    quick.load_state_dict(plain.state_dict())
    samples, x = people(HEATMAP['decoder']), features()
    one, other = (head.loss((x,), samples) for head in (plain, quick))
    torch.testing.assert_close(one['loss_ks'], other['loss_ks'], rtol=0, atol=0)


def test_sigmas_of_another_skeleton_are_refused():
    head = calibrated(HEATMAP, sigmas=None)
    with pytest.raises(InputError, match='has sigmas of 17 joints, and there are 3: give sigmas='):
        head.loss((features(),), people(HEATMAP['decoder']))
