# Heatmaps that are probabilities, read out and scored by the similarity that they let expect, from a ResNet-18 with
# narrow late stages. From nothing: AP .627 on dev (.602 without flip_test) after 4.5 minutes on two CPU cores.
_base_ = '../../_base_/rendered_training.py'

# Without a margin around the box, the root of a person's area is 55 pixels of the input on average.
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

epochs = 16  # about 11 ms of CPU time a person
train_cfg = dict(max_epochs=epochs, val_interval=epochs)
param_scheduler = [_base_.warm_up, dict(**_base_.anneal, begin=epochs // 5, end=epochs)]
default_hooks = dict(checkpoint=dict(interval=epochs))
# No margin: every pixel of the input is spent on the person, and this codec decodes as well at the border.
locate = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale', padding=1.0)]
train_pipeline = [*locate, *_base_.change, _base_.crop, dict(type='GenerateTarget', encoder=codec), *_base_.pack_labels]
val_pipeline = [*locate, _base_.crop, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
