# COCO keypoints in the usual layout:
#   data/coco/annotations/person_keypoints_{train,val}2017.json
#   data/coco/{train,val}2017/*.jpg
#   data/coco/person_detection_results/COCO_val2017_detections_AP_H_56_person.json
#
# The pipelines depend on a model's input size and codec, so the model's config brings them:
#   train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
#   val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
#   test_dataloader = val_dataloader
# Configs that inherit a COCO config of MMPose have these same loaders from there and do not need this file.
#
# MMPose's CocoDataset reads its joints from `configs/_base_/datasets/coco.py` below the working directory, and from its
# own installation only where that is missing. In this repository it finds this file, which therefore inherits them.
_base_ = 'mmpose::_base_/datasets/coco.py'

dataset_type = 'CocoDataset'
data_mode = 'topdown'
data_root = 'data/coco/'

train_dataloader = dict(
    batch_size=64,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/person_keypoints_train2017.json',
        data_prefix=dict(img='train2017/'),
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/person_keypoints_val2017.json',
        # MMPose joins ann_file and data_prefix with data_root, but neither this path nor the evaluator's: a config with
        # another data_root sets these too.
        bbox_file=data_root + 'person_detection_results/COCO_val2017_detections_AP_H_56_person.json',
        data_prefix=dict(img='val2017/'),
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='CocoMetric', ann_file=data_root + 'annotations/person_keypoints_val2017.json')
test_evaluator = val_evaluator
