# The control of keypoint-removal_rendered-128x96.py: exactly as many pixels are hidden of as many people, in discs of
# the same size, at random places on them.
_base_ = 'keypoint-removal_rendered-128x96.py'

train_pipeline = [
    dict(**step, where='anywhere') if step['type'] == 'GroupKeypointRemoval' else step for step in _base_.train_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
