# Regression with residual log-likelihood (RLE, arXiv 2107.11291): the network gives coordinates and their spread.
_base_ = '../../_base_/rendered_training.py'

codec = dict(type='RegressionLabel', input_size=_base_.input_size)
model = dict(
    backbone=dict(type='ResNet', depth=18, base_channels=32),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='RLEHead',
        in_channels=256,
        num_joints=17,
        loss=dict(type='RLELoss', use_target_weight=True),
        decoder=codec,
    ),
)
# The flow inside the loss bears no orthogonal updates of this size.
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=2e-3, weight_decay=0.02))

epochs = 16  # about 10 ms of CPU time a person
train_cfg = dict(max_epochs=epochs, val_interval=epochs)
param_scheduler = [_base_.warm_up, dict(**_base_.anneal, begin=epochs // 5, end=epochs)]
default_hooks = dict(checkpoint=dict(interval=epochs))
train_pipeline = [*_base_.augment, _base_.crop, dict(type='GenerateTarget', encoder=codec), *_base_.pack_labels]
val_pipeline = [*_base_.locate, _base_.crop, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
