# Group Keypoint Removal (XPose, arXiv 2403.12370): of half the people, a joint's surroundings stay in sight and the
# three joints that it leans on most are hidden. What leans on what was measured on dev, with the default model:
#   tools/test.py configs/selection/rendered/default.py work_dirs/default/epoch_16.pth --work-dir work_dirs/default \
#     --interpret-config configs/_base_/explain.py
# The placebo deals the matrix to other joints: --cfg-options train_dataloader.dataset.pipeline.5.permute=0.
# keypoint-removal-anywhere_rendered-128x96.py hides as much at random places.
_base_ = 'nothing_rendered-128x96.py'

removal = dict(type='GroupKeypointRemoval', dependency='work_dirs/default/dependency.json', prob=0.5, count=3)
target = dict(type='GenerateTarget', encoder=_base_.codec)
train_pipeline = [*_base_.locate, *_base_.change, _base_.crop, removal, target, *_base_.pack_labels]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
