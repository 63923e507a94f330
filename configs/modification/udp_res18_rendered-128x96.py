# Unbiased data processing (UDP, CVPR 2020): crops map centres of pixels, mirrored maps fit, and peaks are placed by the
# shape of the map around them. It counts in training and testing alike, so a model of either kind is refused by a
# config of the other. The control is msra_res18_rendered-128x96.py.
_base_ = '../selection/rendered/td-hm_res18_rendered-128x96.py'
