# The mean of the maps of the picture and its mirror image, as they lie. For any heatmap config:
#   --cfg-options model.test_cfg.flip_test=True model.test_cfg.shift_heatmap=False
# Right for UDPHeatmap and CategoricalHeatmap; maps of MSRAHeatmap lie three quarters of a cell beside each other.
_base_ = '../msra_res18_rendered-128x96.py'

model = dict(test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False))
