# The hourglass whose skip connections are weighed by learned gates. Trained from
# nothing, as its control td-hm_hourglass_rendered-128x96.py is, which adds them.
_base_ = '../selection/rendered/td-hm_hourglass_rendered-128x96.py'

model = dict(backbone=dict(skip='gate'))
