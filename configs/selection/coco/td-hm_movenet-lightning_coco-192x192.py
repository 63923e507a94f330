# MoveNet Lightning: as Thunder, at width 1.0 and a smaller input. `make movenet` brings its released weights into
# work_dirs/weights/movenet-lightning.pth.
_base_ = 'td-hm_movenet-thunder_coco-256x256.py'

codec = dict(type='MoveNetCodec', input_size=(192, 192), heatmap_size=(48, 48), sigma=2, decode_mode='center_guided')
model = dict(backbone=dict(widen_factor=1.0), head=dict(decoder=codec))

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
