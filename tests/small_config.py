"""A pose model small enough to train in seconds, as a config file that inherits from MMPose."""

from pathlib import Path

import torch

TEMPLATE = """
_base_ = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'
custom_imports = dict(imports=['posescope'], allow_failed_imports=False)
default_hooks = dict(
    logger=dict(interval=1), checkpoint=dict(interval={checkpoint_interval}, by_epoch={by_epoch}, save_best=None)
)
codec = dict(type='MSRAHeatmap', input_size=(64, 96), heatmap_size=(16, 24), sigma=1.5)
model = dict(
    backbone=dict(depth=18, base_channels=8, init_cfg=None),
    head=dict(in_channels=64, deconv_out_channels=(16, 16, 16), deconv_kernel_sizes=(4, 4, 4), decoder=codec),
    test_cfg=dict(flip_test=False),
)
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody'),
    dict(type='RandomBBoxTransform'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]
data = dict(type='CocoDataset', data_root={folder!r}, ann_file='annotations.json', data_prefix=dict(img=''))
workers = dict(num_workers={num_workers}, persistent_workers={num_workers} > 0)
train_dataloader = dict(
    batch_size=2, **workers, sampler=dict(_delete_=True, **{sampler}),
    dataset=dict(_delete_=True, **data, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=4, **workers, dataset=dict(_delete_=True, **data, pipeline=val_pipeline, test_mode=True)
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file={folder!r} + '/annotations.json')
test_evaluator = val_evaluator
train_cfg = dict(_delete_=True, {train_cfg})
optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3))
param_scheduler = [dict(type='LinearLR', begin=0, end=8, start_factor=0.1, by_epoch=False)]
auto_scale_lr = dict(base_batch_size=2)
randomness = dict(seed=7, deterministic={deterministic})
"""


def write_small_config(
    path: Path,
    folder: Path,
    *,
    epochs: int | None = 3,
    iterations: int | None = None,
    num_workers: int = 0,
    sampler: str = "dict(type='DefaultSampler', shuffle=True)",
    checkpoint_interval: int = 1,
    checkpoint_by_epoch: bool | None = None,
    val_interval: int = 1,
    more: str = '',
) -> Path:
    """Write a config that trains on ``folder/annotations.json`` by epochs, or by iterations if those are given.

    ``more`` is appended to the file.
    """
    loop = f'by_epoch=True, max_epochs={epochs}, val_interval={val_interval}'
    if iterations is not None:
        loop = f'by_epoch=False, max_iters={iterations}, val_interval={val_interval}'
    text = TEMPLATE.format(
        folder=str(folder),
        num_workers=num_workers,
        sampler=sampler,
        train_cfg=loop,
        checkpoint_interval=checkpoint_interval,
        by_epoch=iterations is None if checkpoint_by_epoch is None else checkpoint_by_epoch,
        deterministic=torch.cuda.is_available(),  # whose sums otherwise end in other digits each time
    )
    path.write_text(text + more)
    return path
