# TransPose (ICCV 2021), small: two stages of a ResNet-18 of half width, and an encoder over their 16 × 12 cells.
_base_ = '../_base_/rendered_training.py'

codec = _base_.udp_codec
model = dict(
    backbone=dict(
        type='ResNet', depth=18, base_channels=32, num_stages=2, strides=(1, 2), dilations=(1, 1), out_indices=(1,)
    ),
    head=dict(
        type='TransPoseHead',
        in_channels=64,
        out_channels=17,
        embed_channels=96,
        depth=4,
        num_heads=4,
        deconv_out_channels=(64,),
        deconv_kernel_sizes=(4,),
        loss=_base_.heatmap_loss,
        decoder=codec,
    ),
)
optim_wrapper = dict(optimizer=dict(lr=1e-2, fallback_lr_scale=0.1))  # as the Vision Transformer's

epochs = 12
train_cfg = dict(max_epochs=epochs, val_interval=epochs)
param_scheduler = [_base_.warm_up, dict(**_base_.anneal, begin=epochs // 5, end=epochs)]
default_hooks = dict(checkpoint=dict(interval=epochs))
target = dict(type='GenerateTarget', encoder=_base_.udp_encoder)
train_pipeline = [*_base_.augment, _base_.udp_crop, target, *_base_.pack_labels]
val_pipeline = [*_base_.locate, _base_.udp_crop, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
