# People are drawn more often the likelier the default model gets people like them wrong, as its diagnosis on dev tells:
#   tools/test.py configs/selection/rendered/default.py work_dirs/default/epoch_16.pth --work-dir work_dirs/default
# An epoch has as many samples as before. The placebo deals the weights to other people:
#   --cfg-options train_dataloader.sampler.permute=0
_base_ = 'nothing_rendered-128x96.py'

sampler = dict(
    type='ErrorTargetedSampler',
    diagnosis='work_dirs/default/diagnosis.json',
    families=['heading', 'pose', 'hidden joints', 'truncation', 'crowding', 'size'],
)
train_dataloader = dict(sampler=dict(_delete_=True, **sampler))
