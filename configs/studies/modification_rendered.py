# Changes of the default model, each trained on from the same weights for as long as its controls: `nothing` (the same
# further training, unchanged), and where its content can be shuffled a placebo. What changes are made of (weights of
# joints, what leans on what, whom to draw more often) was found on dev, with the default model; all is compared on
# test. docs/modify.md reads the results.
#
#   tools/study.py configs/studies/modification_rendered.py --workers 2
#
# A change sees a quarter of the people four times, at a quarter of the first rate: 96 steps.
_base_ = '../_base_/rendered_splits.py'

_configs = 'configs/modification'
_short = {'train_dataloader.dataset.indices': 752}
_diagnosis = '{start}/dev/diagnosis.json'
_joint_weights = {'model.head.loss.diagnosis': _diagnosis}
_targeted = {'train_dataloader.sampler.diagnosis': _diagnosis}
_removal = {'train_dataloader.dataset.pipeline.5.dependency': '{start}/dev/dependency.json'}


def _change(name: str, config: str, *controls: str, **options: object) -> dict:
    options = {**_short, **options}
    return dict(name=name, config=f'{_configs}/{config}_rendered-128x96.py', options=options, controls=list(controls))


study = dict(
    name='modification_rendered',
    title='Which changes of a trained model help, beyond training on?',
    threads=1,
    seeds=[0, 1, 2, 3, 4],
    noise=dict(seeds=0.003, images=0.004),  # as this study found
    start='default',
    runs=[
        dict(
            name='default',
            config='configs/selection/rendered/default.py',
            seeds=[0],
            interpret='configs/_base_/explain.py',
        ),
        _change('nothing', 'nothing'),
        # Losses.
        _change('inversion-margin', 'inversion-margin', 'nothing'),
        _change('oks-loss', 'oks-loss', 'nothing'),
        _change('joint-weights', 'joint-weights', 'nothing', 'joint-weights-placebo', **_joint_weights),
        _change('joint-weights-placebo', 'joint-weights', **_joint_weights, **{'model.head.loss.permute': 0}),
        _change('error-driven-weights', 'error-driven-weights', 'nothing', 'error-driven-weights-placebo'),
        _change('error-driven-weights-placebo', 'error-driven-weights', **{'custom_hooks.1.permute': 0}),
        # Data.
        _change('error-targeted', 'error-targeted', 'nothing', 'error-targeted-placebo', **_targeted),
        _change('error-targeted-placebo', 'error-targeted', **_targeted, **{'train_dataloader.sampler.permute': 0}),
        _change(
            'keypoint-removal',
            'keypoint-removal',
            'nothing',
            'keypoint-removal-anywhere',
            'keypoint-removal-placebo',
            **_removal,
        ),
        _change('keypoint-removal-anywhere', 'keypoint-removal-anywhere', **_removal),
        _change(
            'keypoint-removal-placebo',
            'keypoint-removal',
            **_removal,
            **{'train_dataloader.dataset.pipeline.5.permute': 0},
        ),
        _change('region-colour', 'region-colour', 'nothing', 'region-colour-placebo'),
        _change('region-colour-placebo', 'region-colour', **{'train_dataloader.dataset.pipeline.1.where': 'anywhere'}),
        # The network.
        _change('deep-supervision', 'deep-supervision', 'nothing'),
        _change('bypass-stage', 'bypass-stage', 'nothing'),
        _change('pruned-channels', 'pruned-channels', 'nothing', 'pruned-channels-placebo'),
        _change('pruned-channels-placebo', 'pruned-channels', **{'model.backbone.placebo': 0}),
        # Scores. A calibrated head scores with the OKS that it expects; its control is `nothing` under the same metric.
        _change('calibrated', 'calibrated'),
        dict(
            name='nothing-mean-score',
            config=f'{_configs}/nothing_rendered-128x96.py',
            start='nothing',
            train=False,
            options={**_short, 'test_evaluator.0.keypoint_score_thr': 0.0},
        ),
        # Testing without the mirrored picture, in half the time.
        dict(
            name='nothing-no-flip',
            config=f'{_configs}/nothing_rendered-128x96.py',
            start='nothing',
            train=False,
            options={**_short, 'model.test_cfg.flip_test': False},
        ),
    ],
    comparisons=[
        dict(run='calibrated', control='nothing-mean-score'),
        dict(run='nothing-no-flip', control='nothing', paired=True),
    ],
)
