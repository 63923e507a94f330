# MoveNet Lightning, fine-tuned. Unlike the others it starts from weights that real people were learnt with; `make
# movenet` fetches them. It keeps the input that they were made for: at
# 96 × 128 it was behind after a short run of equal time.
_base_ = '../../_base_/rendered_training.py'

load_from = 'work_dirs/weights/movenet-lightning.pth'
codec = dict(type='MoveNetCodec', input_size=(192, 192), heatmap_size=(48, 48), sigma=2, decode_mode='center_guided')
model = dict(
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),
    backbone=dict(type='MoveNetBackbone', widen_factor=1.0),
    head=dict(type='MoveNetHead', in_channels=24, out_channels=17, decoder=codec),
)
# A rate that suits hours of COCO (1e-5) hardly moves the model in so few steps.
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=3e-4, weight_decay=0.0), clip_grad=dict(max_norm=10)
)

epochs = 2  # about 69 ms of CPU time a person
train_cfg = dict(max_epochs=epochs, val_interval=epochs)
param_scheduler = [_base_.warm_up, dict(**_base_.anneal, begin=epochs // 5, end=epochs)]
default_hooks = dict(checkpoint=dict(interval=epochs))
crop = dict(type='TopdownAffine', input_size=codec['input_size'])
train_pipeline = [*_base_.augment, crop, dict(type='GenerateTarget', encoder=codec), *_base_.pack_labels]
val_pipeline = [*_base_.locate, crop, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
