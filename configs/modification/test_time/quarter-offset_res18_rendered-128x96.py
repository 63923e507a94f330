# A peak is moved a quarter of a cell towards its higher neighbour. For any config with MSRAHeatmap:
#   --cfg-options model.head.decoder.unbiased=False
_base_ = '../msra_res18_rendered-128x96.py'

model = dict(head=dict(decoder=dict(unbiased=False)))
