# The hourglass without skip connections: all that is finer than the coarsest map is lost. Trained from
# nothing, as its control td-hm_hourglass_rendered-128x96.py is, which adds them.
_base_ = '../selection/rendered/td-hm_hourglass_rendered-128x96.py'

model = dict(backbone=dict(skip='none'))
