_base_ = '../../_base_/rendered_training.py'

codec = dict(type='CategoricalHeatmap', input_size=_base_.input_size, heatmap_size=(48, 64), person_size=55.0)
model = dict(
    backbone=dict(type='SlimResNet', widths=(32, 64, 128, 128), blocks=(2, 2, 2, 2)),
    neck=dict(type='TopDownNeck', in_channels=(32, 64, 128, 128), out_channels=64),
    head=dict(
        type='CategoricalHeatmapHead',
        in_channels=64,
        out_channels=17,
        upscale=2,
        deconv_out_channels=None,
        loss=dict(type='CategoricalHeatmapLoss', sigma=0.6),
        oks_loss=dict(type='ExpectedOKSLoss', loss_weight=3.0),
        decoder=codec,
    ),
)
epochs = 15
train_cfg = dict(max_epochs=epochs, val_interval=epochs)
param_scheduler = [_base_.warm_up, dict(**_base_.anneal, T_max=epochs)]
default_hooks = dict(checkpoint=dict(interval=epochs))
# No margin: every pixel of the input is spent on the person, and this codec decodes as well at the border.
locate = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale', padding=1.0)]
train_pipeline = [*locate, *_base_.change, _base_.crop, dict(type='GenerateTarget', encoder=codec), *_base_.pack_labels]
val_pipeline = [*locate, _base_.crop, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
