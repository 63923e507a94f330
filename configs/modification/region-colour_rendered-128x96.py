# Both forearms get other colours at random, of half the people: for a model that tells left from right by them.
# Other regions: --cfg-options train_dataloader.dataset.pipeline.1.parts="['left_foot','right_foot']", and for pictures
# without part maps bones="[('left_elbow','left_wrist')]".
# The placebo changes as many other pixels of the person:
#   --cfg-options train_dataloader.dataset.pipeline.1.where=anywhere
_base_ = 'nothing_rendered-128x96.py'

recolour = dict(type='RandomiseRegionColour', parts=['left_forearm', 'right_forearm'], colour='affine', prob=0.5)
load, locate_person = _base_.locate
target = dict(type='GenerateTarget', encoder=_base_.codec)
train_pipeline = [load, recolour, locate_person, *_base_.change, _base_.crop, target, *_base_.pack_labels]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
