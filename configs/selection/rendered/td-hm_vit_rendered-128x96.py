# A small Vision Transformer trained from nothing, built as ViTPose (arXiv 2204.12484): patches of 16 × 16 pixels, so 48
# tokens, and two deconvolutions up to the heatmaps. Patches of 8 × 8 cost three times as much, and a short
# run of equal time learned less with them.
_base_ = '../../_base_/rendered_training.py'

codec = _base_.udp_codec
embed_dims = 192
model = dict(
    backbone=dict(
        type='mmpretrain.VisionTransformer',
        arch=dict(embed_dims=embed_dims, num_layers=6, num_heads=3, feedforward_channels=4 * embed_dims),
        img_size=(128, 96),  # height, width
        patch_size=16,
        qkv_bias=True,
        with_cls_token=False,
        out_type='featmap',
    ),
    head=dict(
        type='HeatmapHead',
        in_channels=embed_dims,
        out_channels=17,
        deconv_out_channels=(64, 64),
        deconv_kernel_sizes=(4, 4),
        loss=_base_.heatmap_loss,
        decoder=codec,
    ),
)
optim_wrapper = dict(optimizer=dict(lr=1e-2, fallback_lr_scale=0.1))

epochs = 13  # about 19 ms of CPU time a person: six minutes, and it would use more
train_cfg = dict(max_epochs=epochs, val_interval=epochs)
param_scheduler = [_base_.warm_up, dict(**_base_.anneal, begin=epochs // 5, end=epochs)]
default_hooks = dict(checkpoint=dict(interval=epochs))
target = dict(type='GenerateTarget', encoder=_base_.udp_encoder)
train_pipeline = [*_base_.augment, _base_.udp_crop, target, *_base_.pack_labels]
val_pipeline = [*_base_.locate, _base_.udp_crop, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
