"""Attention, tested: is what a joint's query looks at what the joint rests on?

trial = try_attention(function, LabelledPeople.of_crops(crops), 'backbone.layers.5.attn', joints=['left_wrist'])
print(trial.agreement('left_wrist'))
"""

from posescope.explain.attention_trial.agreement import Agreement, RankAgreement
from posescope.explain.attention_trial.key_masks import KeyMasks
from posescope.explain.attention_trial.key_plan import PlanSettings
from posescope.explain.attention_trial.trial import AttentionTrial
from posescope.explain.attention_trial.trial_figure import draw_trial
from posescope.explain.attention_trial.trial_run import try_attention

__all__ = [
    'Agreement',
    'AttentionTrial',
    'KeyMasks',
    'PlanSettings',
    'RankAgreement',
    'draw_trial',
    'try_attention',
]
