# 1 - OKS averaged over people, as AP counts them, in place of 1 - KS averaged over joints.
# The placebo divides what a person loses by another person's number of joints: --cfg-options
# model.head.oks_loss.permute=True.
_base_ = 'nothing_rendered-128x96.py'

model = dict(head=dict(oks_loss=dict(_delete_=True, type='OKSHeatmapLoss', reading='map', loss_weight=3.0)))
