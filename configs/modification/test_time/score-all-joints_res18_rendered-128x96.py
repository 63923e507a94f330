# A person's score is the mean over all joints times that of the box; by default joints below 0.2 are left out of the
# mean, which lets a person with one clear joint pass for a good one. For any config with a COCO metric:
#   --cfg-options test_evaluator.0.keypoint_score_thr=0
_base_ = '../msra_res18_rendered-128x96.py'

test_evaluator = [{**_base_.test_evaluator[0], 'keypoint_score_thr': 0.0}, *_base_.test_evaluator[1:]]
