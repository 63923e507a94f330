_base_ = 'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_ViTPose-base_8xb64-210e_coco-256x192.py'

# The second one is MMPose's: it registers the optimiser with layer-wise decay of the learning rate.
custom_imports = dict(imports=['posescope', *_base_.custom_imports.imports], allow_failed_imports=False)

# Published: 75.7 AP on COCO val2017, person detector of 56.4 AP, flip test.
checkpoint_url = (
    'https://download.openmmlab.com/mmpose/v1/body_2d_keypoint/topdown_heatmap/coco/'
    'td-hm_ViTPose-base_8xb64-210e_coco-256x192-216eae50_20230314.pth'
)
