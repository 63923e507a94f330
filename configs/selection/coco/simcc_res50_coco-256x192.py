_base_ = 'mmpose::body_2d_keypoint/simcc/coco/simcc_res50_8xb64-210e_coco-256x192.py'

custom_imports = dict(imports=['posescope'], allow_failed_imports=False)

# Published: 72.1 AP on COCO val2017, person detector of 56.4 AP, flip test.
checkpoint_url = (
    'https://download.openmmlab.com/mmpose/v1/body_2d_keypoint/simcc/coco/'
    'simcc_res50_8xb64-210e_coco-256x192-8e0f5b59_20220919.pth'
)
