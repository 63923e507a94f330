# Three stacks in place of two, each with a loss of its own. An epoch takes half as long again, so there are fewer.
_base_ = '../selection/rendered/td-hm_hourglass_rendered-128x96.py'

stacks = 3
model = dict(backbone=dict(stacks=stacks), head=dict(num_stages=stacks))

epochs = 5
train_cfg = dict(max_epochs=epochs, val_interval=epochs)
param_scheduler = [_base_.warm_up, dict(**_base_.anneal, begin=epochs // 5, end=epochs)]
default_hooks = dict(checkpoint=dict(interval=epochs))
