# People are scored with the score of their box alone, as a detector gave it; 1 for all with annotated boxes, so
# take --bbox-file. For any config with a COCO metric: --cfg-options test_evaluator.0.score_mode=bbox
_base_ = '../msra_res18_rendered-128x96.py'

test_evaluator = [{**_base_.test_evaluator[0], 'score_mode': 'bbox'}, *_base_.test_evaluator[1:]]
