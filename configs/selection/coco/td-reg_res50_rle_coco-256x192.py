_base_ = 'mmpose::body_2d_keypoint/topdown_regression/coco/td-reg_res50_rle-8xb64-210e_coco-256x192.py'

custom_imports = dict(imports=['posescope'], allow_failed_imports=False)

# Published: 70.6 AP on COCO val2017, person detector of 56.4 AP, flip test. People are scored with box plus mean plus
# best joint (score_mode='bbox_rle'), as the others are not.
checkpoint_url = (
    'https://download.openmmlab.com/mmpose/v1/body_2d_keypoint/topdown_regression/coco/'
    'td-reg_res50_rle-8xb64-210e_coco-256x192-d37efd64_20220913.pth'
)
