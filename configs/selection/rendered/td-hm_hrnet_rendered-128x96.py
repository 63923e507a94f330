# HRNet (arXiv 1902.09212), small: four branches of 16 to 128 channels, with one module to a stage and two blocks to a
# branch. The maps keep the stride of 4 from the stem to the head.
_base_ = '../../_base_/rendered_training.py'

codec = _base_.udp_codec
width = 16
stage = dict(num_modules=1, block='BASIC')
model = dict(
    backbone=dict(
        type='HRNet',
        extra=dict(
            stage1=dict(**stage, num_branches=1, num_blocks=(2,), num_channels=(32,)),
            stage2=dict(**stage, num_branches=2, num_blocks=(2,) * 2, num_channels=tuple(width << i for i in range(2))),
            stage3=dict(**stage, num_branches=3, num_blocks=(2,) * 3, num_channels=tuple(width << i for i in range(3))),
            stage4=dict(**stage, num_branches=4, num_blocks=(2,) * 4, num_channels=tuple(width << i for i in range(4))),
        ),
    ),
    head=dict(
        type='HeatmapHead',
        in_channels=width,
        out_channels=17,
        deconv_out_channels=None,
        loss=_base_.heatmap_loss,
        decoder=codec,
    ),
)

epochs = 13  # a step takes a quarter longer than the default model's
train_cfg = dict(max_epochs=epochs, val_interval=epochs)
param_scheduler = [_base_.warm_up, dict(**_base_.anneal, begin=epochs // 5, end=epochs)]
default_hooks = dict(checkpoint=dict(interval=epochs))
target = dict(type='GenerateTarget', encoder=_base_.udp_encoder)
train_pipeline = [*_base_.augment, _base_.udp_crop, target, *_base_.pack_labels]
val_pipeline = [*_base_.locate, _base_.udp_crop, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
