# SimCC (arXiv 2107.03332): each coordinate is a class, two bins to a pixel. The last stage of the ResNet keeps stride
# 16, as 3 × 4 cells would be all that a coordinate is computed from. The loss has the temperature of RTMPose's, which
# asks for labels with a peak of 1: normalised ones would be almost flat behind its softmax.
_base_ = '../../_base_/rendered_training.py'

codec = dict(type='SimCCLabel', input_size=_base_.input_size, sigma=3.0, simcc_split_ratio=2.0, normalize=False)
model = dict(
    backbone=dict(type='ResNet', depth=18, base_channels=32, strides=(1, 2, 2, 1)),
    head=dict(
        type='SimCCHead',
        in_channels=256,
        out_channels=17,
        input_size=codec['input_size'],
        in_featuremap_size=(6, 8),
        simcc_split_ratio=codec['simcc_split_ratio'],
        deconv_out_channels=None,
        loss=dict(type='KLDiscretLoss', use_target_weight=True, beta=10.0, label_softmax=True),
        decoder=codec,
    ),
)

epochs = 13  # about 13 ms of CPU time a person
train_cfg = dict(max_epochs=epochs, val_interval=epochs)
param_scheduler = [_base_.warm_up, dict(**_base_.anneal, begin=epochs // 5, end=epochs)]
default_hooks = dict(checkpoint=dict(interval=epochs))
train_pipeline = [*_base_.augment, _base_.crop, dict(type='GenerateTarget', encoder=codec), *_base_.pack_labels]
val_pipeline = [*_base_.locate, _base_.crop, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
