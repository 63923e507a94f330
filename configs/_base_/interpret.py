# What is written down about a model's inside: add this file to `_base_`, or say --interpret to tools/test.py.
#
#   _base_ = ['default.py', '../../_base_/interpret.py']
#
# Everything lands below the work dir: stores of arrays, read by posescope.open_store, and pictures of the first people.
# In a training the same hooks look at a handful of people every `interval` epochs, if that is set.
# posescope's tools read `interpret`; with MMPose's own, put the same hooks into custom_hooks.
interpret = dict(
    hooks=[
        # Of pictures that reach the model in different sizes only the mean of each channel.
        dict(type='FeatureMapHook', layers='stages', varying='pool', pictures=2),
        # Where the query under each joint looks; models without attention are passed over.
        dict(type='AttentionHook', required=False, pictures=2),
    ]
)
