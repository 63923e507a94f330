# The control of every change of the default model: nothing is changed, and training goes on as long. Changes inherit
# from this file, so they start, train and end alike. All of them are meant to start from a trained default model:
#   --cfg-options load_from=work_dirs/default/epoch_16.pth
_base_ = '../selection/rendered/default.py'

# A quarter of the first training at a quarter of its rate, back to zero.
epochs = 4
train_cfg = dict(max_epochs=epochs, val_interval=epochs)
optim_wrapper = dict(optimizer=dict(lr=0.01))
param_scheduler = [_base_.warm_up, dict(**_base_.anneal, begin=epochs // 4, end=epochs)]
default_hooks = dict(checkpoint=dict(interval=epochs))
