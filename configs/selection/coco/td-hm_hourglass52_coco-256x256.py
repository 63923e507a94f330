_base_ = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_hourglass52_8xb32-210e_coco-256x256.py'

custom_imports = dict(imports=['posescope'], allow_failed_imports=False)

# Published: 72.6 AP on COCO val2017, person detector of 56.4 AP, flip test.
checkpoint_url = (
    'https://download.openmmlab.com/mmpose/top_down/hourglass/hourglass52_coco_256x256-4ec713ba_20200709.pth'
)
