# Rendered people, embedded in this repository; data/rendered_people/README.md says what they are:
#   data/rendered_people/annotations/{train,dev,test}.json
#   data/rendered_people/{train,dev,test}/*.jpg
#   data/rendered_people/parts/{train,dev,test}/*.png
#
# The pipelines depend on a model's input size and codec, so the model's config brings them:
#   train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
#   val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
#   test_dataloader = val_dataloader
#
# Validation and test are on dev. The split `test` is for final numbers, read once:
#   tools/test.py CONFIG CHECKPOINT --coco data/rendered_people/annotations/test.json data/rendered_people/test
_base_ = 'mmpose::_base_/datasets/coco.py'

dataset_type = 'CocoDataset'
data_mode = 'topdown'
data_root = 'data/rendered_people/'

train_dataloader = dict(
    batch_size=32,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/train.json',
        data_prefix=dict(img='train/'),
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
        ann_file='annotations/dev.json',
        data_prefix=dict(img='dev/'),
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

# MMPose does not join an evaluator's file with data_root: a config with another data_root sets this too.
val_evaluator = [dict(type='CocoKeypointMetric', ann_file=data_root + 'annotations/dev.json'), dict(type='MeanOKS')]
test_evaluator = val_evaluator
