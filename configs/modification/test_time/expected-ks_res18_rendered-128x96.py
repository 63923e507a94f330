# Joints, and with them people, are scored by how concentrated their maps are and not by the height of a peak. For any
# heatmap config the same four lines; person_size is the root of a typical person's area in the input, 55 pixels for
# rendered people without a margin around the box, 44 with a quarter of it.
_base_ = '../msra_res18_rendered-128x96.py'

decoder = dict(_delete_=True, type='ExpectedKSCodec', codec=_base_.model.head.decoder, person_size=44.0)
model = dict(head=dict(decoder=decoder))
