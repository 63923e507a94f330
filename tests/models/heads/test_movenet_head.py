from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData, PixelData
from mmpose.models.heads import BaseHead
from mmpose.registry import DATASETS, MODELS
from mmpose.structures import PoseDataSample

from posescope.evaluation import oks
from posescope.models.codecs import MoveNetCodec
from posescope.models.heads import MoveNetHead, MoveNetOutput
from tests.models.codecs.test_movenet_codec import full_maps

FLIP_INDICES = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
CODEC = {'type': 'MoveNetCodec', 'input_size': (96, 96), 'heatmap_size': (24, 24), 'sigma': 1.5}


def random_output(seed: int = 0) -> MoveNetOutput:
    torch.manual_seed(seed)
    return MoveNetOutput(torch.rand(2, 17, 24, 24), torch.rand(2, 1, 24, 24), *torch.randn(2, 2, 34, 24, 24))


def test_output_of_forward() -> None:
    head = MODELS.build({'type': 'MoveNetHead', 'decoder': CODEC})
    assert isinstance(head, BaseHead)
    output = head((torch.randn(2, 24, 24, 24),))
    assert [tuple(part.shape[1:]) for part in output] == [(n, 24, 24) for n in (17, 1, 34, 34)]
    for part in (output.heatmap, output.center):
        assert 0 < part.min() < part.max() < 1


def test_mirroring_twice_changes_nothing() -> None:
    output = random_output()
    for once, again in zip(output, output.mirrored(FLIP_INDICES, 4).mirrored(FLIP_INDICES, 4), strict=True):
        torch.testing.assert_close(once, again)


def test_mirrored_targets_decode_to_the_person_itself() -> None:
    """Encode the mirrored labels, mirror the maps back: the joints are those of the picture, swapped twice."""
    codec = MoveNetCodec((96, 96), (24, 24))
    person = np.random.default_rng(0).uniform(8, 88, (1, 17, 2)).astype(np.float32)
    mirrored = person[:, FLIP_INDICES] * [-1, 1] + [95, 0]
    maps = MoveNetOutput(*(torch.from_numpy(part)[None] for part in full_maps(codec.encode(mirrored))))
    (decoded,), _ = codec.batch_decode(*maps.mirrored(FLIP_INDICES, 4))
    np.testing.assert_allclose(decoded, person, atol=1e-3)


class FixedOutput(MoveNetHead):
    """A head whose maps are handed in as its features."""

    def forward(self, feats: Any) -> MoveNetOutput:
        return feats


def predict(feats: Any, **test_cfg: Any) -> Any:
    head = FixedOutput(decoder=CODEC)
    samples = [PoseDataSample(metainfo={'flip_indices': FLIP_INDICES, 'input_size': (96, 96)}) for _ in range(2)]
    return head.predict(feats, samples, test_cfg)


def test_flip_test_averages_the_mirrored_maps() -> None:
    output = random_output()
    plain = predict(output)
    same = predict([output, output.mirrored(FLIP_INDICES, 4)], flip_test=True)
    for a, b in zip(plain, same, strict=True):
        np.testing.assert_allclose(a.keypoints, b.keypoints, atol=1e-3)
        np.testing.assert_allclose(a.keypoint_scores, b.keypoint_scores, atol=1e-6)
    other = random_output(1)
    _, maps = predict([output, other], flip_test=True, output_heatmaps=True)
    expected = (output.heatmap[1, 5] + other.heatmap[1, 6].flip(-1)) / 2  # left and right shoulder
    torch.testing.assert_close(maps[1].heatmaps[5], expected)
    with pytest.raises(ValueError, match='leave shift_heatmap out'):
        predict([output, other], flip_test=True, shift_heatmap=True)


def small_model() -> torch.nn.Module:
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(
            {
                'type': 'TopdownPoseEstimator',
                'data_preprocessor': {'type': 'PoseDataPreprocessor', 'mean': [127.5] * 3, 'std': [127.5] * 3},
                'backbone': {'type': 'MoveNetBackbone', 'widen_factor': 0.25, 'last_channels': 64},
                'head': {'type': 'MoveNetHead', 'hidden_channels': 32, 'decoder': CODEC},
            }
        )
    model.init_weights()
    return model


def drawn_batch(annotations: Path) -> dict[str, Any]:
    pipeline = [
        {'type': 'LoadImage'},
        {'type': 'GetBBoxCenterScale'},
        {'type': 'TopdownAffine', 'input_size': CODEC['input_size']},
        {'type': 'GenerateTarget', 'encoder': CODEC},
        {'type': 'PackPoseInputs'},
    ]
    dataset = {'type': 'CocoDataset', 'ann_file': str(annotations), 'data_prefix': {'img': str(annotations.parent)}}
    with DefaultScope.overwrite_default_scope('mmpose'):
        people = DATASETS.build({**dataset, 'pipeline': pipeline})
        return pseudo_collate([people[i] for i in range(len(people))])


def test_trains_from_random_weights(drawn_coco: Path) -> None:
    """Eighty steps learn eight drawn people by heart."""
    model, batch = small_model().train(), drawn_batch(drawn_coco)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    totals = []
    for _ in range(80):
        data = model.data_preprocessor(batch, True)
        losses = model(**data, mode='loss')
        total = sum(value for name, value in losses.items() if 'loss' in name)
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()
        totals.append(total.item())
    assert set(losses) == {'loss_heatmap', 'loss_center', 'loss_regress', 'loss_offset', 'acc_pose'}
    assert totals[-1] < 0.03 * totals[0]
    model.eval()
    with torch.no_grad():
        samples = model(**model.data_preprocessor(batch), mode='predict')
    similarities = []
    for sample in samples:
        truth = np.concatenate([sample.gt_instances.keypoints[0], sample.gt_instances.keypoints_visible[0][:, None]], 1)
        area = sample.metainfo['raw_ann_info']['area']
        similarities.append(oks(sample.pred_instances.keypoints[0], truth, area, np.full(17, 0.05)))
    assert np.mean(similarities) > 0.85


def test_losses_in_closed_form() -> None:
    """With maps equal to the targets but one displacement off by 3 cells, only that branch has a loss."""
    codec = MoveNetCodec(CODEC['input_size'], CODEC['heatmap_size'], sigma=1.5)
    encoded = codec.encode(np.random.default_rng(0).uniform(20, 76, (1, 17, 2)).astype(np.float32))
    sample = PoseDataSample()
    labels = {key: torch.from_numpy(encoded[key]) for key in codec.label_mapping_table}
    sample.gt_instance_labels = InstanceData(**labels)
    sample.gt_fields = PixelData(**{key: torch.from_numpy(encoded[key]) for key in codec.field_mapping_table})
    heatmap, center, regress, offset = (torch.from_numpy(part)[None].clone() for part in full_maps(encoded))
    column, row = np.floor(encoded['center_labels'][0, 0]).astype(int)
    regress[0, 2 * 5 + 1, row, column] += 3  # x of one joint in one of the nine cells around the centre
    output = MoveNetOutput(heatmap, center, regress, offset)
    losses = FixedOutput(decoder=CODEC).loss(output, [sample], {})
    assert losses['loss_offset'] == 0
    # smooth L1 of 3 with beta 1 is 2.5; mean over nine cells, 17 joints, two directions; weight 0.1
    torch.testing.assert_close(losses['loss_regress'], torch.tensor(0.1 * 2.5 / (9 * 17 * 2)))
    assert losses['acc_pose'] == 1


def test_unlabelled_people_give_finite_losses_without_displacements() -> None:
    model = small_model()
    codec = MoveNetCodec(CODEC['input_size'], CODEC['heatmap_size'])
    encoded = codec.encode(np.zeros((1, 17, 2), np.float32), np.zeros((1, 17), np.float32))
    sample = PoseDataSample()
    sample.gt_instance_labels = InstanceData(
        **{key: torch.from_numpy(encoded[key]) for key in codec.label_mapping_table}
    )
    sample.gt_fields = PixelData(**{key: torch.from_numpy(encoded[key]) for key in codec.field_mapping_table})
    losses = model.head.loss(model.extract_feat(torch.randn(1, 3, 96, 96)), [sample], {})
    assert losses['loss_regress'] == losses['loss_offset'] == 0
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
