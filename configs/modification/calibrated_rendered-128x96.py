# A branch predicts KS and OKS and scores with them (Gu et al., ICML 2024). Its gradient does not reach the pose. The
# metric takes the mean of all joints, so that a person's score is the predicted OKS; compare with `nothing` under the
# same metric.
_base_ = 'nothing_rendered-128x96.py'

model = dict(head=dict(_delete_=True, type='CalibratedHead', in_channels=64, pose_head=_base_.model.head))
val_evaluator = [
    dict(type='CocoKeypointMetric', ann_file=_base_.data_root + 'annotations/dev.json', keypoint_score_thr=0.0),
    dict(type='MeanOKS'),
]
test_evaluator = val_evaluator
