# TransPose-R-A4 (arXiv 2012.14214), nearly: two stages of a ResNet-50, and an encoder over their 32 × 24 cells. What
# differs is said by TransPoseHead: normalisation before attention, no dropout. Everything else is MMPose's ResNet-50.
#
# MMPose publishes no TransPose. The authors' weights (72.6 AP with detected boxes, in their own code, which decodes as
# DARK does) normalise after attention, so they do not fit: it is to be trained.
_base_ = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py'

custom_imports = dict(imports=['posescope'], allow_failed_imports=False)

model = dict(
    backbone=dict(num_stages=2, strides=(1, 2), dilations=(1, 1), out_indices=(1,)),
    head=dict(
        type='TransPoseHead',
        in_channels=512,
        embed_channels=256,
        depth=4,
        num_heads=8,
        feedforward_channels=1024,
        deconv_out_channels=(256,),
        deconv_kernel_sizes=(4,),
    ),
)
# The authors' rate, for as many people a step as they had.
optim_wrapper = dict(optimizer=dict(lr=1e-4))
auto_scale_lr = dict(base_batch_size=20)
