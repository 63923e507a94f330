# Deep supervision (AISTATS 2015): the second and third stage, of strides 8 and 16, are asked for the joints too.
_base_ = 'nothing_rendered-128x96.py'

model = dict(
    neck=dict(_delete_=True, type='StageKeepingNeck', out_indices=(1, 2), neck=_base_.model.neck),
    head=dict(
        _delete_=True,
        type='DeepSupervisionHead',
        in_channels=(64, 128),
        loss_weight=0.3,
        pose_head=_base_.model.head,
    ),
)
