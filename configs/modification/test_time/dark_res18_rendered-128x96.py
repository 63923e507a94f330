# DARK (CVPR 2020): a peak is moved to the top of the parabola that fits the logarithm of the smoothed map. For any
# config with MSRAHeatmap: --cfg-options model.head.decoder.unbiased=True, with
# model.head.decoder.blur_kernel_size=11 on maps of 48 × 64 cells and sigma 2. UDPHeatmap decodes so by itself.
_base_ = '../msra_res18_rendered-128x96.py'

model = dict(head=dict(decoder=dict(unbiased=True)))
