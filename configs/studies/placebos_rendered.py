# Two changes of modification_rendered.py beside what it did not have, a placebo of each: pairs of joints are dealt
# anew with every seed, and the block that is left out instead is the second of the stage before. The start, the
# further training, the data and the criterion are those of that study. The placebo of oks-loss is not compared: of the
# people here 88 % have all joints labelled, and among these it is the loss itself.
# docs/modify.md reads the results.
#
#   tools/study.py configs/studies/placebos_rendered.py --workers 2
_base_ = '../_base_/rendered_splits.py'

_configs = 'configs/modification'
_short = {'train_dataloader.dataset.indices': 752}


def _change(name: str, config: str, *controls: str, **options: object) -> dict:
    options = {**_short, **options}
    return dict(name=name, config=f'{_configs}/{config}_rendered-128x96.py', options=options, controls=list(controls))


study = dict(
    name='placebos_rendered',
    title='Do a loss and a bypassed block do what they do because of what they are made of?',
    threads=1,
    seeds=[0, 1, 2, 3, 4],
    noise=dict(seeds=0.003, images=0.004),  # as modification_rendered.py found
    start='default',
    runs=[
        dict(name='default', config='configs/selection/rendered/default.py', seeds=[0]),
        _change('nothing', 'nothing'),
        _change('inversion-margin', 'inversion-margin', 'nothing', 'inversion-margin-placebo'),
        _change('inversion-margin-placebo', 'inversion-margin', **{'model.head.loss.losses.1.permute': '{seed}'}),
        _change('bypass-stage', 'bypass-stage', 'nothing', 'bypass-stage-placebo'),
        _change('bypass-stage-placebo', 'bypass-stage', **{'model.backbone.placebo': 0}),
    ],
)
