# Nine ways to build a pose model, trained alike: the same half of the rendered people, about the same time (a model's
# config says how many epochs fit into it), one pipeline, one schedule. A seed of all takes less than 90 minutes on two
# cores; docs/select.md reads the results.
#
#   tools/study.py configs/studies/selection_rendered.py --workers 2
#
# MoveNet is outside the competition, since it starts from weights that photographs of people were learnt with (`make
# movenet` fetches them).
_base_ = '../_base_/rendered_splits.py'

_configs = 'configs/selection/rendered'
_alike = dict(controls=['res18'])

study = dict(
    name='selection_rendered',
    title='Which kind of model learns most about rendered people in a few minutes?',
    budget={'train_dataloader.dataset.indices': 1504},
    validate=False,
    threads=1,
    seeds=[0, 1, 2],
    noise=dict(seeds=0.015, images=0.008),  # as this study found
    runs=[
        dict(name='default', config=f'{_configs}/default.py', **_alike),
        dict(name='hourglass', config=f'{_configs}/td-hm_hourglass_rendered-128x96.py', **_alike),
        dict(name='hrnet', config=f'{_configs}/td-hm_hrnet_rendered-128x96.py', **_alike),
        dict(name='res18', config=f'{_configs}/td-hm_res18_rendered-128x96.py'),
        dict(name='simcc', config=f'{_configs}/simcc_res18_rendered-128x96.py', **_alike),
        dict(name='rtmpose', config=f'{_configs}/rtmpose_rendered-128x96.py', **_alike),
        dict(name='vit', config=f'{_configs}/td-hm_vit_rendered-128x96.py', **_alike),
        dict(name='transpose', config='configs/modification/transpose_res18_rendered-128x96.py', **_alike),
        dict(name='regression', config=f'{_configs}/td-reg_res18_rendered-128x96.py', **_alike),
        dict(
            name='movenet',
            config=f'{_configs}/td-hm_movenet-lightning_rendered-192x192.py',
            note='starts from weights that photographs were learnt with',
        ),
    ],
)
