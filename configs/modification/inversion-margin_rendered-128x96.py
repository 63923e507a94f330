# A joint's mass at its mirror joint's place has to stay under that at its own place: against inversions.
_base_ = 'nothing_rendered-128x96.py'

margin = dict(type='InversionMarginLoss', margin=0.5, loss_weight=1.0)
model = dict(head=dict(loss=dict(_delete_=True, type='SumOfLosses', losses=[_base_.model.head.loss, margin])))
