# Every fourth channel inside two blocks of the last stages is taken out, weights and all; which channels are idle is
# for a capture to tell. The placebo takes as many others: --cfg-options model.backbone.placebo=0.
_base_ = 'nothing_rendered-128x96.py'

channels = {'layer3.1.conv1': list(range(0, 128, 4)), 'layer4.1.conv1': list(range(0, 128, 4))}
model = dict(
    backbone=dict(_delete_=True, type='PrunedBackbone', how='slim', channels=channels, backbone=_base_.model.backbone)
)
