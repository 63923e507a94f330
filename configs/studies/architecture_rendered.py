# Changes that need a training from nothing: skip connections and stacks of the hourglass, tokens in place of maps, and
# unbiased data processing. All see the same quarter of the rendered people for about the same time. What decodes and
# scores in other ways is tested on the weights of `msra`, seed by seed.
#
#   tools/study.py configs/studies/architecture_rendered.py --workers 2
_base_ = '../_base_/rendered_splits.py'

_changed, _first = 'configs/modification', 'configs/selection/rendered'


def _test_time(name: str) -> tuple[dict, dict]:
    config = f'{_changed}/test_time/{name}_res18_rendered-128x96.py'
    return dict(name=name, config=config, start='msra', train=False), dict(run=name, control='msra', paired=True)


# The configs of test_time/ differ from msra, which takes the mirrored picture moved by a cell, in one thing each.
_tested = [_test_time(name) for name in ('dark', 'expected-ks', 'flip', 'no-flip', 'score-all-joints')]
study = dict(
    name='architecture_rendered',
    title='Which changes of an architecture help, in the same time?',
    budget={'train_dataloader.dataset.indices': 752},
    validate=False,
    threads=1,
    seeds=[0, 1, 2, 3, 4],
    noise=dict(seeds=0.008, images=0.008),  # as selection_rendered.py found, with twice the people
    runs=[
        dict(name='msra', config=f'{_changed}/msra_res18_rendered-128x96.py'),
        dict(name='udp', config=f'{_changed}/udp_res18_rendered-128x96.py', controls=['msra']),
        dict(name='hourglass', config=f'{_first}/td-hm_hourglass_rendered-128x96.py'),
        dict(
            name='hourglass-skip-none',
            config=f'{_changed}/hourglass-skip-none_rendered-128x96.py',
            controls=['hourglass'],
        ),
        dict(
            name='hourglass-skip-gate',
            config=f'{_changed}/hourglass-skip-gate_rendered-128x96.py',
            controls=['hourglass'],
        ),
        dict(
            name='hourglass-stacks-3',
            config=f'{_changed}/hourglass-stacks-3_rendered-128x96.py',
            controls=['hourglass'],
        ),
        dict(name='transpose', config=f'{_changed}/transpose_res18_rendered-128x96.py', controls=['udp']),
        dict(
            name='joint-token', config=f'{_changed}/joint-token_res18_rendered-128x96.py', controls=['udp', 'transpose']
        ),
        *[run for run, _ in _tested],
    ],
    comparisons=[comparison for _, comparison in _tested],
)
