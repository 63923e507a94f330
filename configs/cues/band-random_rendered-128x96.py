# The placebo of band-left_rendered-128x96.py: the same bands on a random forearm, so they tell nothing.
_base_ = 'band-left_rendered-128x96.py'

cue = dict(type='PlantCue', cue='band', side='random', strength=1.0, seed=0)
load, locate_person = _base_.locate
target = dict(type='GenerateTarget', encoder=_base_.codec)
train_pipeline = [load, cue, locate_person, _base_.jitter, _base_.crop, target, *_base_.pack_labels]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
