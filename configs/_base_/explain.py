# What predictions rest on: add this file to `_base_`, or say --interpret-config configs/_base_/explain.py to
# tools/test.py. For top-down models; one-stage and bottom-up ones are refused by name.
#
#   _base_ = ['default.py', '../../_base_/explain.py']
#
# Everything lands below the work dir, as JSON and as pictures.
interpret = dict(
    hooks=[
        # attribution/: what each joint looks at, for people evenly spaced over the test data, and the mean over them.
        dict(type='AttributionHook', people=32, pictures=2),
        # dependency.json: which joint leans on which, beyond an equal disc that hides no joint.
        dict(type='DependencyHook', people=100),
        # probes.json: how well each joint can be read off each stage, fitted to people of train_dataloader. Where its
        # pictures are not at hand, copy this file without this line.
        dict(type='ProbeHook', layers='stages', train=200),
    ]
)
