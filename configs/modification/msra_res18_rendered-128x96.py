# Half-width ResNet-18 with the biased codec of SimpleBaseline (arXiv 1804.06208): a crop maps corners of pixels, and a
# peak is moved a quarter of a cell. The control of udp_res18_rendered-128x96.py, and what the configs of test_time/
# decode in other ways.
_base_ = '../selection/rendered/td-hm_res18_rendered-128x96.py'

codec = dict(
    type='MSRAHeatmap',
    input_size=_base_.input_size,
    heatmap_size=(24, 32),
    sigma=4 / 3,
    # Of DARK, which the configs of test_time/ ask for: the default is meant for maps of four times the area.
    blur_kernel_size=5,
)
# A cell of a mirrored map lies a cell less a quarter beside its counterpart; MMPose's shift leaves a quarter of that.
model = dict(head=dict(decoder=dict(_delete_=True, **codec)), test_cfg=dict(shift_heatmap=True))
train_pipeline = [*_base_.augment, _base_.crop, dict(type='GenerateTarget', encoder=codec), *_base_.pack_labels]
val_pipeline = [*_base_.locate, _base_.crop, *_base_.pack]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
