# TokenPose (ICCV 2021), small: as transpose_res18_rendered-128x96.py, but heatmaps come from a token for each joint.
_base_ = 'transpose_res18_rendered-128x96.py'

model = dict(
    head=dict(
        _delete_=True,
        type='JointTokenHead',
        in_channels=64,
        out_channels=17,
        embed_channels=96,
        depth=4,
        num_heads=4,
        hidden_channels=256,
        loss=_base_.heatmap_loss,
        decoder=_base_.codec,
    )
)
