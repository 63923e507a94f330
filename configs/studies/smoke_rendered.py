# A study of a few minutes that shows what studies are; its models see 256 people twice, which is no training.
#
#   tools/study.py configs/studies/smoke_rendered.py
_base_ = '../_base_/rendered_splits.py'

study = dict(
    name='smoke_rendered',
    title='Does a residual network of full width learn faster than the default one?',
    budget={'train_dataloader.dataset.indices': 256, 'train_cfg.max_epochs': 2},
    validate=False,
    seeds=[0],
    noise=dict(seeds=0.015, images=0.008),  # as selection_rendered.py found, with more people: it will be more
    runs=[
        dict(name='default', config='configs/selection/rendered/default.py'),
        dict(name='res18', config='configs/selection/rendered/td-hm_res18_rendered-128x96.py', controls=['default']),
    ],
)
