# The picture alone, without its mirror image: half the time. For any config:
#   --cfg-options model.test_cfg.flip_test=False
_base_ = '../msra_res18_rendered-128x96.py'

model = dict(test_cfg=dict(flip_test=False))
