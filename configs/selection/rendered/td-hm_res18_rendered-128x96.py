# ResNet-18 of half width with deconvolutions and heatmaps: SimpleBaseline (arXiv 1804.06208), small.
_base_ = '../../_base_/rendered_training.py'

codec = _base_.udp_codec
model = dict(
    backbone=dict(type='ResNet', depth=18, base_channels=32),
    head=dict(
        type='HeatmapHead',
        in_channels=256,
        out_channels=17,
        deconv_out_channels=(64, 64, 64),
        deconv_kernel_sizes=(4, 4, 4),
        loss=_base_.heatmap_loss,
        decoder=codec,
    ),
)

epochs = 14  # about 12 ms of CPU time a person
train_cfg = dict(max_epochs=epochs, val_interval=epochs)
param_scheduler = [_base_.warm_up, dict(**_base_.anneal, begin=epochs // 5, end=epochs)]
default_hooks = dict(checkpoint=dict(interval=epochs))
target = dict(type='GenerateTarget', encoder=_base_.udp_encoder)
train_pipeline = [*_base_.augment, _base_.udp_crop, target, *_base_.pack_labels]
val_pipeline = [*_base_.locate, _base_.udp_crop, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
