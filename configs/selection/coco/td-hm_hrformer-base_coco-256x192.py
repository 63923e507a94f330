_base_ = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_hrformer-base_8xb32-210e_coco-256x192.py'

custom_imports = dict(imports=['posescope'], allow_failed_imports=False)

# Published: 75.4 AP on COCO val2017, person detector of 56.4 AP, flip test.
checkpoint_url = (
    'https://download.openmmlab.com/mmpose/top_down/hrformer/hrformer_base_coco_256x192-6f5f1169_20220316.pth'
)
