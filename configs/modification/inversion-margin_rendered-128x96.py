# A joint's mass at its mirror joint's place has to stay under that at its own place: against inversions.
# The placebo keeps it from the place of another pair's joint: --cfg-options model.head.loss.losses.1.permute=0.
_base_ = 'nothing_rendered-128x96.py'

margin = dict(type='InversionMarginLoss', margin=0.5, loss_weight=1.0)
model = dict(head=dict(loss=dict(_delete_=True, type='SumOfLosses', losses=[_base_.model.head.loss, margin])))
