# MoveNet Thunder: MobileNetV2 1.75 with a feature pyramid. `make movenet` brings its released weights:
#   tools/test.py configs/selection/coco/td-hm_movenet-thunder_coco-256x256.py work_dirs/weights/movenet-thunder.pth
# and training starts from them with --cfg-options load_from=work_dirs/weights/movenet-thunder.pth. To train from random
# weights: --cfg-options model.backbone.norm_cfg.type=BN optim_wrapper.optimizer.lr=1e-3.
_base_ = ['../../_base_/default_runtime.py', '../../_base_/datasets/coco.py']

train_cfg = dict(max_epochs=60, val_interval=5)
# For fine-tuning. Folded batch normalisation left weights as small as 5e-4 in the pyramid; Adam, which moves each by
# about lr, spoils them in a few steps at 1e-4.
optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-5), clip_grad=dict(max_norm=10))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=500, start_factor=0.001, by_epoch=False),
    dict(type='MultiStepLR', begin=0, end=60, milestones=[40, 55], gamma=0.1, by_epoch=True),
]
auto_scale_lr = dict(base_batch_size=64)
default_hooks = dict(checkpoint=dict(save_best='coco/AP', rule='greater'))

codec = dict(
    type='MoveNetCodec',
    input_size=(256, 256),
    heatmap_size=(64, 64),
    sigma=2,
    decode_mode='center_guided',  # or 'argmax': the heatmap's peak alone
)
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(type='PoseDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=True),
    backbone=dict(type='MoveNetBackbone', widen_factor=1.75),
    head=dict(type='MoveNetHead', in_channels=24, out_channels=17, decoder=codec),
    # As released. flip_test=True mirrors and averages all four maps.
    test_cfg=dict(flip_test=False),
)

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody', padding=1.5),
    dict(type='RandomBBoxTransform'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader

# MeanOKS gives a number where the boxes are ground truth, not with a bbox_file.
val_evaluator = [
    dict(type='CocoKeypointMetric', ann_file='data/coco/annotations/person_keypoints_val2017.json'),
    dict(type='MeanOKS'),
]
test_evaluator = val_evaluator
