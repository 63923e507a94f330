# Joints weigh by the AP that their errors cost on dev, diagnosed anew after every epoch; see joint_weights.json in the
# work dir. All of the model's losses are weighed. The placebo deals the weights to other joints:
#   --cfg-options custom_hooks.1.permute=0
_base_ = 'nothing_rendered-128x96.py'

custom_hooks = [*_base_.custom_hooks, dict(type='ErrorDrivenJointWeights', interval=1, momentum=0.5)]
train_cfg = dict(val_interval=1)
val_evaluator = [*_base_.val_evaluator, dict(type='PoseDiagnosis', ann_file=_base_.data_root + 'annotations/dev.json')]
