# Published models on COCO val2017: how good is each, how sure is that, and what does it cost? Nothing is trained.
#
#   make movenet     # MoveNet's weights; those of the others are fetched when they are needed
#   tools/study.py configs/studies/selection_coco.py
#
# COCO goes below data/coco (docs/data.md). AP is published for boxes of a person detector and a flip test. Where these
# detections are there, the models are tested on them as well, and compared on them; annotated boxes give more AP. Notes
# say what was published, if anything was.
#
# MMPose publishes no weights of TransPose, so that is missing here. selection_coco_trained.py trains it, and the same
# architectures as here. It is a study of its own because its question is another one: published weights differ in data
# and length of their training, and say nothing of what seeds make of an architecture. It also takes 42 trainings, and
# this one none.
_data = 'data/coco'
_detections = f'{_data}/person_detection_results/COCO_val2017_detections_AP_H_56_person.json'
_zoo = 'https://download.openmmlab.com/mmpose'
_topdown = f'{_zoo}/v1/body_2d_keypoint/topdown_heatmap/coco'
_rtmpose_note = 'its backbone learnt poses of AI Challenger and COCO first'


def _published(name: str, config: str, start: str, ap: float, note: str = '') -> dict:
    note = f'published: {ap} AP with detected boxes and flip test{"; " if note else ""}{note}'
    return dict(name=name, config=f'configs/selection/coco/{config}.py', train=False, start=start, note=note)


def _movenet(name: str, size: str) -> dict:
    return dict(
        name=f'movenet-{name}',
        config=f'configs/selection/coco/td-hm_movenet-{name}_coco-{size}.py',
        train=False,
        start=f'work_dirs/weights/movenet-{name}.pth',
        note='weights of `make movenet`, published without COCO AP; tested without flip, as released',
    )


_runs = [
    _published(
        'hourglass52', 'td-hm_hourglass52_coco-256x256',
        f'{_zoo}/top_down/hourglass/hourglass52_coco_256x256-4ec713ba_20200709.pth', 72.6,
    ),
    _published(
        'res50', 'td-hm_res50_coco-256x192',
        f'{_topdown}/td-hm_res50_8xb64-210e_coco-256x192-04af38ce_20220923.pth', 71.8,
    ),
    _published(
        'hrnet-w32', 'td-hm_hrnet-w32_coco-256x192',
        f'{_topdown}/td-hm_hrnet-w32_8xb64-210e_coco-256x192-81c58e40_20220909.pth', 74.6,
    ),
    _published(
        'hrformer-small', 'td-hm_hrformer-small_coco-256x192',
        f'{_zoo}/top_down/hrformer/hrformer_small_coco_256x192-5310d898_20220316.pth', 73.8,
    ),
    _published(
        'hrformer-base', 'td-hm_hrformer-base_coco-256x192',
        f'{_zoo}/top_down/hrformer/hrformer_base_coco_256x192-6f5f1169_20220316.pth', 75.4,
    ),
    _published(
        'vitpose-small', 'td-hm_ViTPose-small_coco-256x192',
        f'{_topdown}/td-hm_ViTPose-small_8xb64-210e_coco-256x192-62d7a712_20230314.pth', 73.9,
    ),
    _published(
        'vitpose-base', 'td-hm_ViTPose-base_coco-256x192',
        f'{_topdown}/td-hm_ViTPose-base_8xb64-210e_coco-256x192-216eae50_20230314.pth', 75.7,
    ),
    _published(
        'simcc', 'simcc_res50_coco-256x192',
        f'{_zoo}/v1/body_2d_keypoint/simcc/coco/simcc_res50_8xb64-210e_coco-256x192-8e0f5b59_20220919.pth', 72.1,
    ),
    _published(
        'rtmpose-s', 'rtmpose-s_coco-256x192',
        f'{_zoo}/v1/projects/rtmposev1/rtmpose-s_simcc-coco_pt-aic-coco_420e-256x192-8edcf0d7_20230127.pth', 71.6,
        _rtmpose_note,
    ),
    _published(
        'rtmpose-m', 'rtmpose-m_coco-256x192',
        f'{_zoo}/v1/projects/rtmposev1/rtmpose-m_simcc-coco_pt-aic-coco_420e-256x192-d8dd5ca4_20230127.pth', 74.6,
        _rtmpose_note,
    ),
    _published(
        'regression', 'td-reg_res50_rle_coco-256x192',
        f'{_zoo}/v1/body_2d_keypoint/topdown_regression/coco/'
        'td-reg_res50_rle-8xb64-210e_coco-256x192-d37efd64_20220913.pth', 70.6,
        'coordinates with residual log-likelihood (RLE)',
    ),
    _movenet('thunder', '256x256'),
    _movenet('lightning', '192x192'),
]  # fmt: skip

_annotated = dict(
    annotations=f'{_data}/annotations/person_keypoints_val2017.json',
    images=f'{_data}/val2017',
    note='COCO 2017 goes below data/coco: annotations/, val2017/, train2017/; https://cocodataset.org has it',
)

study = dict(
    name='selection_coco',
    title='Which published model is best on COCO, and what does it cost?',
    splits=dict(detected=dict(_annotated, boxes=_detections, optional=True), annotated=_annotated),
    # Images: as two kinds of models differ on 500 rendered pictures (.008), on about five times as many. Seeds, which
    # only trainings have: a rough guess.
    noise=dict(seeds=0.003, images=0.004),
    runs=_runs,
    # No controls: a control starts from the same weights.
    comparisons=[dict(run=run['name'], control='res50') for run in _runs if run['name'] != 'res50'],
)
