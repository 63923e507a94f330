# How the small models of configs/selection/rendered train: one budget, one pipeline, one schedule for all of them.
#
# The budget is five minutes on two CPU cores. A model's config says how many epochs fit into that (`epochs`, from the
# CPU time that a person takes) and stretches the schedule over them; everything else is the same.
#
# A model's codec decides how it crops and what its targets are, so its config completes the pipelines; codecs made for
# UDP take `udp_crop`, which maps pixel centres, and all others `crop`:
#   target = dict(type='GenerateTarget', encoder=_base_.udp_encoder)
#   train_pipeline = [*_base_.augment, _base_.udp_crop, target, *_base_.pack_labels]
#   val_pipeline = [*_base_.locate, _base_.udp_crop, *_base_.pack]
_base_ = ['default_runtime.py', 'datasets/rendered_people.py']

input_size = (96, 128)  # width, height

# A margin of a quarter around the box: UDP's decoding misses joints that are less than two cells from the border.
locate = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale', padding=1.25)]
change = [
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='UniformBBoxTransform', shift_factor=0.02, scale_range=(0.93, 1.07), rotate_factor=10, rotate_prob=0.7),
]
# The same pictures as without the first and the last step, sooner: read once, and not backwards after a flip.
augment = [dict(type='CachedImage'), *locate, *change, dict(type='ContiguousImage')]
crop = dict(type='TopdownAffine', input_size=input_size)
udp_crop = dict(type='TopdownAffine', input_size=input_size, use_udp=True)
pack = [dict(type='PackPoseInputs')]
# What else a sample would carry is copied three times on its way into the model, and read by nobody.
pack_labels = [dict(type='PackPoseInputs', meta_keys=('id', 'img_id', 'img_path'))]

# Two traps of MMPose's codec: where 3 · sigma is no whole number, the targets near the left and the upper border lie a
# whole cell beside the joint; and its default blur, meant for maps of four times the area, pulls joints off the border.
udp_codec = dict(type='UDPHeatmap', input_size=input_size, heatmap_size=(24, 32), sigma=4 / 3, blur_kernel_size=5)
# The same targets, drawn quicker.
udp_encoder = dict(udp_codec, type='QuickUDPHeatmap')
heatmap_loss = dict(type='KeypointMSELoss', use_target_weight=True)
# On two cores a worker costs more than it saves: the training waits while it computes, and again for what it passes on.
train_dataloader = dict(batch_size=32, num_workers=0, persistent_workers=False)
val_dataloader = dict(batch_size=64, num_workers=1, persistent_workers=True)
test_dataloader = val_dataloader

model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True
    ),
    # As MMPose's configs do: a prediction is the mean over a picture and its mirror image. To look inside a model, or
    # to plant a cue, say --cfg-options model.test_cfg.flip_test=False.
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False),
)

epochs = 20
train_cfg = dict(by_epoch=True, max_epochs=epochs, val_interval=epochs)
# Muon (https://kellerjordan.github.io/posts/muon) orthogonalises the updates of all matrices and kernels, and leaves
# the rest to AdamW at fallback_lr_scale times the rate. Three of its iterations are enough.
optim_wrapper = dict(
    type='AutocastOptimWrapper',
    optimizer=dict(
        type='timm.optim.Muon',
        lr=0.04,
        weight_decay=0.05,
        momentum=0.9,
        nesterov=True,
        ns_steps=3,
        fallback_lr_scale=0.15,
        betas=(0.9, 0.99),
    ),
    clip_grad=dict(max_norm=5),
)
warm_up = dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50)
# A fifth of the training at the full rate, then straight down.
anneal = dict(type='LinearLR', start_factor=1.0, end_factor=0.003, by_epoch=True, convert_to_iter_based=True)
param_scheduler = [warm_up, dict(**anneal, begin=epochs // 5, end=epochs)]
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=epochs, save_best=None, max_keep_ckpts=1))
custom_hooks = [dict(type='ChannelsLastHook')]
randomness = dict(seed=0)
