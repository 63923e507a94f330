# Joints weigh by the AP that their errors cost, as a diagnosis of the default model on dev tells:
#   tools/test.py configs/selection/rendered/default.py work_dirs/default/epoch_16.pth --dump work_dirs/default/dev.pkl
#   tools/diagnose.py data/rendered_people/annotations/dev.json work_dirs/default/dev.pkl --out work_dirs/default
# The loss that finds a joint is weighed; the one that refines its place (oks_loss) stays as it is.
# The placebo deals the same weights to other joints: --cfg-options model.head.loss.permute=0.
_base_ = 'nothing_rendered-128x96.py'

diagnosis = 'work_dirs/default/diagnosis.json'
model = dict(
    head=dict(loss=dict(_delete_=True, type='JointWeightedLoss', loss=_base_.model.head.loss, diagnosis=diagnosis))
)
