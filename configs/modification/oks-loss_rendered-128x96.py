# 1 - OKS averaged over people, as AP counts them, in place of 1 - KS averaged over joints.
_base_ = 'nothing_rendered-128x96.py'

model = dict(head=dict(oks_loss=dict(_delete_=True, type='OKSHeatmapLoss', reading='map', loss_weight=3.0)))
