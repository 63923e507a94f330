# Stacked Hourglass (arXiv 1603.06937), small. Every stack has heatmaps and a loss of its own (intermediate
# supervision); the last one predicts. model.backbone.skip='none' or 'gate' changes the skip connections.
_base_ = '../../_base_/rendered_training.py'

codec = _base_.udp_codec
stacks, width = 2, 64
model = dict(
    backbone=dict(type='StackedHourglass', stacks=stacks, width=width, depth=3, skip='add'),
    head=dict(
        type='CPMHead',
        in_channels=width,
        out_channels=17,
        num_stages=stacks,
        loss=_base_.heatmap_loss,
        decoder=codec,
    ),
)

epochs = 7  # about 23 ms of CPU time a person
train_cfg = dict(max_epochs=epochs, val_interval=epochs)
param_scheduler = [_base_.warm_up, dict(**_base_.anneal, begin=epochs // 5, end=epochs)]
default_hooks = dict(checkpoint=dict(interval=epochs))
target = dict(type='GenerateTarget', encoder=_base_.udp_encoder)
train_pipeline = [*_base_.augment, _base_.udp_crop, target, *_base_.pack_labels]
val_pipeline = [*_base_.locate, _base_.udp_crop, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
