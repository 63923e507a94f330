# The second block of the last stage is left out: its weights are gone, its shortcut stays.
# The placebo leaves another block out: --cfg-options model.backbone.placebo=0.
_base_ = 'nothing_rendered-128x96.py'

model = dict(backbone=dict(_delete_=True, type='BypassedBackbone', stages=['layer4.1'], backbone=_base_.model.backbone))
