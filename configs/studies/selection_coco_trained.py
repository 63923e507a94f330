# The architectures of selection_coco.py, and TransPose, trained on COCO with one schedule for all: the same epochs,
# people a step, warm-up and decay. Optimisers and their rates are the configs' own, scaled to the number of people a
# step.
#
#   tools/study.py configs/studies/selection_coco_trained.py                 # 42 trainings, one after another
#   tools/study.py configs/studies/selection_coco_trained.py --emit jobs     # a script for each, for a cluster
#
# MMPose trains most of them for 210 epochs, RTMPose for 420; AP will be below what is published. Backbones start from
# what their configs name: ImageNet, for ViTPose without labels; the hourglass and MoveNet from nothing. val2017 is read
# by no training, and nothing is chosen by it. Three seeds show the noise; a claim about an architecture takes five.
_base_ = 'selection_coco.py'

_configs = 'configs/selection/coco'
_epochs = 60
_alike = dict(controls=['res50'])
# RTMPose ends with weaker augmentation, after 390 of 420 epochs.
_rtmpose = dict(
    options={'custom_hooks.1.switch_epoch': 56},
    note='its backbone starts from poses of AI Challenger and COCO, so it has seen more than the others',
    **_alike,
)
_movenet = dict(
    options={'model.backbone.norm_cfg.type': 'BN', 'optim_wrapper.optimizer.lr': 1e-3},
    note='from nothing, with batch normalisation; tested without flip',
    **_alike,
)

study = dict(
    name='selection_coco_trained',
    title='Which architecture learns most from COCO with one schedule for all?',
    budget={
        'train_cfg.max_epochs': _epochs,
        'train_dataloader.batch_size': 64,
        'auto_scale_lr.enable': True,
        'param_scheduler': [
            dict(type='LinearLR', begin=0, end=500, start_factor=0.001, by_epoch=False),
            dict(type='MultiStepLR', begin=0, end=_epochs, milestones=[40, 55], gamma=0.1, by_epoch=True),
        ],
        'default_hooks.checkpoint.max_keep_ckpts': 1,
    },
    validate=False,
    seeds=[0, 1, 2],
    runs=[
        dict(name='hourglass52', config=f'{_configs}/td-hm_hourglass52_coco-256x256.py', **_alike),
        dict(name='res50', config=f'{_configs}/td-hm_res50_coco-256x192.py'),
        dict(name='hrnet-w32', config=f'{_configs}/td-hm_hrnet-w32_coco-256x192.py', **_alike),
        dict(name='hrformer-small', config=f'{_configs}/td-hm_hrformer-small_coco-256x192.py', **_alike),
        dict(name='hrformer-base', config=f'{_configs}/td-hm_hrformer-base_coco-256x192.py', **_alike),
        dict(name='vitpose-small', config=f'{_configs}/td-hm_ViTPose-small_coco-256x192.py', **_alike),
        dict(name='vitpose-base', config=f'{_configs}/td-hm_ViTPose-base_coco-256x192.py', **_alike),
        dict(name='simcc', config=f'{_configs}/simcc_res50_coco-256x192.py', **_alike),
        dict(name='rtmpose-s', config=f'{_configs}/rtmpose-s_coco-256x192.py', **_rtmpose),
        dict(name='rtmpose-m', config=f'{_configs}/rtmpose-m_coco-256x192.py', **_rtmpose),
        dict(name='transpose', config=f'{_configs}/transpose_res50_coco-256x192.py', **_alike),
        dict(name='regression', config=f'{_configs}/td-reg_res50_rle_coco-256x192.py', **_alike),
        dict(name='movenet-thunder', config=f'{_configs}/td-hm_movenet-thunder_coco-256x256.py', **_movenet),
        dict(name='movenet-lightning', config=f'{_configs}/td-hm_movenet-lightning_coco-192x192.py', **_movenet),
    ],
    comparisons=[],
)
