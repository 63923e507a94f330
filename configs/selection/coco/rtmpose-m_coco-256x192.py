_base_ = 'mmpose::body_2d_keypoint/rtmpose/coco/rtmpose-m_8xb256-420e_coco-256x192.py'

custom_imports = dict(imports=['posescope'], allow_failed_imports=False)

# Published: 74.6 AP on COCO val2017, person detector of 56.4 AP, flip test. MMPose's config names no detections
# and tests on ground-truth boxes, which gives more; `--bbox-file DETS.json` gives the published setting.
checkpoint_url = (
    'https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/'
    'rtmpose-m_simcc-coco_pt-aic-coco_420e-256x192-d8dd5ca4_20230127.pth'
)
