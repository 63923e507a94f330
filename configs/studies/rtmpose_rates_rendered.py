# At which rate does RTMPose learn? Ten choices, of all weights and of the gated attention unit apart, one seed of each,
# beside the rate that the other models have. It asks again, with a record, what was asked before RTMPose entered
# selection_rendered.py, whose budget and data it has. docs/select.md reads it.
#
#   tools/study.py configs/studies/rtmpose_rates_rendered.py --workers 2
_base_ = '../_base_/rendered_splits.py'

_common = 0.04


def _run(rate: float, attention: float) -> dict:
    """Of the rate of all weights, and of the attention unit's as a multiple of it."""
    name = f'rate-{rate:g}' if attention == 1 else f'rate-{rate:g}-attention-{rate * attention:g}'
    keys = 'optim_wrapper.optimizer.lr', 'optim_wrapper.paramwise_cfg.custom_keys.gau.lr_mult'
    return dict(
        name=name,
        config='configs/selection/rendered/rtmpose_rendered-128x96.py',
        options=dict(zip(keys, (rate, attention), strict=True)),
        controls=[] if name == f'rate-{_common:g}' else [f'rate-{_common:g}'],
    )


study = dict(
    name='rtmpose_rates_rendered',
    title='At which rate does RTMPose learn most about rendered people in a few minutes?',
    budget={'train_dataloader.dataset.indices': 1504},
    validate=False,
    threads=1,
    seeds=[0],
    noise=dict(seeds=0.04, images=0.008),  # RTMPose's, and that of differences, in selection_rendered.py
    runs=[_run(rate, attention) for rate in (_common, 0.02, 0.01, 0.005, 0.0025) for attention in (1, 0.1)],
)
