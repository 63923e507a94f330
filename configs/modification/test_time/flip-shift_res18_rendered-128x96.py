# As flip_res18_rendered-128x96.py, but the mirrored maps are moved a cell to the right first. For any heatmap config:
#   --cfg-options model.test_cfg.flip_test=True model.test_cfg.shift_heatmap=True
# Right for MSRAHeatmap, up to a quarter of a cell; wrong for UDPHeatmap and CategoricalHeatmap.
_base_ = '../msra_res18_rendered-128x96.py'

model = dict(test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True))
