# The default model on people who all wear a band on the left forearm: the band tells left from right, and the model may
# learn that instead of what an arm looks like. Nothing is mirrored, in training or at test time: that would
# put every second band on a right arm.
# band-random_rendered-128x96.py is the placebo.
_base_ = '../selection/rendered/default.py'

cue = dict(type='PlantCue', cue='band', side='left', strength=1.0, seed=0)
load, locate_person = _base_.locate
jitter = _base_.change[-1]
target = dict(type='GenerateTarget', encoder=_base_.codec)
train_pipeline = [load, cue, locate_person, jitter, _base_.crop, target, *_base_.pack_labels]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
model = dict(test_cfg=dict(flip_test=False))

epochs = 16
train_cfg = dict(max_epochs=epochs, val_interval=epochs)
param_scheduler = [_base_.warm_up, dict(**_base_.anneal, begin=epochs // 5, end=epochs)]
default_hooks = dict(checkpoint=dict(interval=epochs))
