# What `make demo` carries out: a model trained from nothing, its errors on dev, and one change made because of them
# (its joints weigh by the AP that their errors cost) beside its control, which trains on as long unchanged. Minutes on
# two cores; one seed, which shows how it is done and claims nothing: modification_rendered.py asks the same with five.
#
#   tools/study.py configs/studies/demo_rendered.py
_base_ = '../_base_/rendered_splits.py'

_changes = 'configs/modification'
_epochs = 3
_short = {
    'train_cfg.max_epochs': _epochs,
    'param_scheduler.1.begin': 1,
    'param_scheduler.1.end': _epochs,
    'default_hooks.checkpoint.interval': _epochs,
}
# A twelfth of the people, four times.
_further = {'train_dataloader.dataset.indices': 256, 'param_scheduler.0.end': 8}

study = dict(
    name='demo_rendered',
    title='A demonstration with one seed: do joints learn more if they weigh by what their errors cost?',
    validate=False,
    noise=dict(seeds=0.003, images=0.004),  # as modification_rendered.py found, with better models
    start='default',
    runs=[
        dict(name='default', config='configs/selection/rendered/default.py', options=_short, interpret=True),
        dict(name='nothing', config=f'{_changes}/nothing_rendered-128x96.py', options=_further),
        dict(
            name='joint-weights',
            config=f'{_changes}/joint-weights_rendered-128x96.py',
            options={**_further, 'model.head.loss.diagnosis': '{start}/dev/diagnosis.json'},
            controls=['nothing'],
        ),
    ],
)
