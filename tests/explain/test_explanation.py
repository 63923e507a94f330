"""A network whose left wrist looks at one known patch is explained as that."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

from posescope.errors import InputError
from posescope.explain.attribution import build_method
from posescope.explain.crops import Crops
from posescope.explain.explanation import Explainer, usual_stage
from posescope.explain.explanation_content import about_content, note_of, person_content, sentences
from posescope.explain.explanation_figures import person_figures
from posescope.explain.person_mask import PersonMask
from posescope.explain.pose_function import PoseFunction
from tests.explain.attribution.known_look import LEFT_WRIST, PATCH, LookingBackbone, looking
from tests.explain.small_models import function, photograph

BOXES = [[20, 10, 90, 140], [100, 20, 170, 130]]


@pytest.fixture(scope='module', autouse=True)
def scope() -> Iterator[None]:
    with DefaultScope.overwrite_default_scope('mmpose'):
        yield


@pytest.fixture(scope='module')
def known() -> tuple[PoseFunction, Crops]:
    """The network by hand, and two people whose patch is bright."""
    made, inputs, _ = looking(LookingBackbone())
    crops = function('resnet').people_of(photograph(), BOXES)
    return made, Crops(inputs, *list(vars(crops).values())[1:])


@pytest.mark.parametrize('method', ['hirescam', 'occlusion', 'integrated_gradients'])
def test_the_known_look_is_read(known: tuple[PoseFunction, Crops], method: str) -> None:
    made, crops = known
    layer = 'backbone.cells' if method == 'hirescam' else None
    explainer = Explainer(made, [method], joints=['left_wrist'], layer=layer)
    seen = explainer.look(crops)
    maps = {method: explainer.maps(seen, 1, method)}
    content = person_content(explainer, seen, 1, maps)
    wrist = content['joints']['left_wrist']
    rows, columns = PATCH
    corners = np.array([[columns.start, rows.start], [columns.stop - 1, rows.stop - 1]])
    (left, top), (right, bottom) = crops.in_image(torch.as_tensor(corners)[None].expand(2, -1, -1))[1]
    x, y = wrist['methods'][method]['centre']
    assert left < x < right
    assert top < y < bottom
    # The spread of a uniform square of s pixels is s / √6; a CAM's cells are interpolated, and windows overlap.
    side = (right - left) * 16 / 15
    assert wrist['methods'][method]['spread'] < 1.8 * side / 6**0.5
    assert wrist['target'] == pytest.approx(float(seen.values[1, LEFT_WRIST]))


def test_the_same_numbers_as_the_method_alone() -> None:
    made = function('resnet')
    crops = made.people_of(photograph(), BOXES)
    explainer = Explainer(made, ['hirescam', 'saliency'], joints=['nose', 'left_wrist'], batch_size=1)
    seen = explainer.look(crops)
    for name, options in (('hirescam', {'layer': 'backbone.layer3'}), ('saliency', {})):
        expected = build_method(name, **options).attribute(made, crops.inputs, seen.bound, [0, 9])
        found = torch.stack([explainer.maps(seen, person, name) for person in (0, 1)])
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))
    torch.testing.assert_close(seen.pose.places, made.decode(made(crops.inputs)).places)
    torch.testing.assert_close(seen.values, seen.bound.score(made(crops.inputs)).detach())


def test_content_of_a_person() -> None:
    made = function('resnet')
    crops = made.people_of(photograph(), BOXES)
    explainer = Explainer(made, ['integrated_gradients'], 'log_probability', ['left_wrist'])
    seen = explainer.look(crops)
    maps = explainer.maps(seen, 1, 'integrated_gradients')
    content = person_content(explainer, seen, 1, {'integrated_gradients': maps})
    assert content['box'] == [100, 20, 70, 110]
    assert list(content['joints']) == ['left_wrist']
    assert list(content['pose']) == list(made.joints)
    places = crops.in_image(seen.pose.places)[1]
    np.testing.assert_allclose([joint['place'] for joint in content['pose'].values()], places)
    reading = content['joints']['left_wrist']['methods']['integrated_gradients']
    assert reading['positive'] + reading['negative'] == pytest.approx(float(maps.double().sum()))
    with torch.no_grad():
        start = seen.bound.score(made(torch.zeros_like(crops.inputs)))[1, 9]
    assert reading['residual'] == pytest.approx(float(maps.sum() - (seen.values[1, 9] - start)), abs=1e-3)
    assert reading['residual_share'] == pytest.approx(
        abs(reading['residual'] / float(seen.values[1, 9] - start)), rel=1e-3
    )
    without = content['joints']['left_wrist']['without_model']
    assert set(without) == {'centred_gaussian', 'random'}
    assert without['random']['di'] == pytest.approx(200 / 3, abs=0.5)  # values drawn evenly have a Gini of 1/3
    assert sentences(content) == {'integrated_gradients': [reading['words']]}
    assert about_content(explainer)['methods']['integrated_gradients']['steps'] == 50


def test_people_that_the_model_does_not_see_are_told_of() -> None:
    made = function('resnet')
    explainer = Explainer(made, ['saliency'])
    seen = explainer.look(made.people_of(photograph(), BOXES))
    for scores, note in ((0.1, 'no joint scores 0.3 or more'), (0.9, None)):
        seen.pose.scores[:] = scores
        found = note_of(seen, 0)
        assert found is None if note is None else found is not None and found.startswith(note)
    seen.pose.scores[:, 3] = 0.29
    assert note_of(seen, 0) == '1 of 17 joints scores under 0.3: maps tell what guesses rest on'


@pytest.mark.parametrize(
    ('name', 'layer'),
    [
        ('resnet', 'backbone.layer3'),
        ('movenet', 'backbone.layer5'),
        ('vit', 'backbone.layers.1'),
        ('rtmpose', 'backbone.stage3'),
        ('regression', 'backbone.layer3'),
        ('hrnet', None),  # its last stage gives maps of several sizes
    ],
)
def test_where_nothing_is_named_a_late_stage_is_weighed(name: str, layer: str | None) -> None:
    made = function(name)
    explainer = Explainer(made, joints=['left_wrist'])
    (method,) = explainer.methods.values()
    assert (method.name, getattr(method, 'layer', '')) == ('hirescam', layer)
    seen = explainer.look(made.people_of(photograph(), BOXES[:1]))
    maps = explainer.maps(seen, 0, 'hirescam')
    assert maps.isfinite().all()
    assert maps.any()


@pytest.mark.parametrize(('least', 'layer'), [(3, 'layer4'), (4, 'layer3'), (7, 'layer2'), (1000, 'layer4')])
def test_maps_of_few_cells_are_passed_over(least: int, layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crop of 96 × 128 pixels ends as 3 × 4 cells."""
    monkeypatch.setattr('posescope.explain.explanation.LEAST_CELLS', least)
    assert usual_stage(function('resnet')) == f'backbone.{layer}'


def test_without_a_map_the_general_method_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*args: object) -> None:
        raise InputError('neither of backbone gives a map: name a layer')

    monkeypatch.setattr('posescope.explain.explanation.find_spatial_layer', none)
    assert list(Explainer(function('resnet')).methods) == ['integrated_gradients']
    assert list(Explainer(function('resnet'), layer='backbone.layer1').methods) == ['hirescam']


def test_the_other_person_is_the_nearest_in_the_picture() -> None:
    made = function('resnet')
    crops = made.people_of(photograph(), [*BOXES, [15, 8, 85, 138]])
    explainer = Explainer(made, ['saliency'], 'against_person', ['nose'])
    seen = explainer.look(crops, same_picture=True)
    in_image = crops.in_image(seen.pose.places)
    apart = [np.linalg.norm(in_image[0] - in_image[other], axis=-1).mean() for other in (1, 2)]
    other = 1 + int(np.argmin(apart))
    by_hand = crops.in_input(np.stack([in_image[other]] * 3))
    expected = explainer.target.bind(made, made(crops.inputs), seen.pose, other=by_hand)
    torch.testing.assert_close(seen.values[0], expected.score(made(crops.inputs))[0].detach())
    with pytest.raises(InputError, match='needs another person in the same picture'):
        explainer.look(made.people_of(photograph(), BOXES[:1]), same_picture=True)
    with pytest.raises(InputError, match='needs another person'):
        explainer.look(crops)


@pytest.mark.parametrize(
    ('options', 'complaint'),
    [
        ({'methods': ['hirescan']}, r"method 'hirescan' does not exist \(nearest: hirescam"),
        ({'methods': ['saliency', 'saliency']}, "'saliency' is there twice"),
        ({'methods': [{'type': 'rise', 'mask': 3}]}, r"method 'rise' has no option 'mask' \(nearest: masks"),
        ({'methods': 3}, 'method=3 has to be a name'),
        ({'methods': ['saliency'], 'layer': 'backbone'}, "layer 'backbone' is of no use to saliency; .*: hirescam"),
        ({'joints': ['left_rist']}, r"'left_rist' is none of the 17 joints \(nearest: left_wrist"),
        ({'target': 'displacement'}, "target 'displacement' means nothing for the heatmap head"),
    ],
)
def test_bad_input(options: dict, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        Explainer(function('resnet'), **options)


def test_labels_are_asked_for() -> None:
    made = function('resnet')
    complaint = r"'likelihood' needs labels, which a photograph does not have; without them there are value, log_prob"
    with pytest.raises(InputError, match=complaint):
        Explainer(made, ['saliency'], 'likelihood').look(made.people_of(photograph(), BOXES))


def test_a_joint_for_which_the_target_means_nothing_is_told_of() -> None:
    made = function('resnet')
    explainer = Explainer(made, ['saliency'], 'against_mirror', ['nose', 'left_wrist'])
    seen = explainer.look(made.people_of(photograph(), BOXES[:1]))
    maps = {'saliency': explainer.maps(seen, 0, 'saliency')}
    nose, wrist = sentences(person_content(explainer, seen, 0, maps))['saliency']
    assert nose == "nose: target 'against_mirror' means nothing for it here"
    assert wrist.startswith('left wrist: looks at')
    (figure,) = person_figures(explainer, seen, 0, maps).values()
    titles = ' '.join(panel.get_title() for panel in figure.axes)
    assert titles.count('target means nothing') == 1


def test_a_trial_is_for_the_first_joint() -> None:
    explainer = Explainer(function('resnet'), ['rise', 'integrated_gradients'], joints=['nose', 'left_wrist'])
    trial = explainer.trial()
    assert trial.joints == [0]
    assert [method.name for method in trial.methods.values()] == ['rise', 'integrated_gradients']
    assert (trial.methods['rise'].masks, explainer.methods['rise'].masks) == (1, 500)
    assert explainer.joints == [0, 9]


def test_one_method_with_two_baselines_gives_the_maps_of_each() -> None:
    made = function('resnet')
    asked = [{'type': 'occlusion', 'baseline': name, 'window': 48} for name in ('mean', 'blur')]
    explainer = Explainer(made, asked, {'type': 'value'}, ['left_wrist'])
    assert list(explainer.methods) == ['occlusion-baseline-mean', 'occlusion-baseline-blur']
    crops = made.people_of(photograph(), BOXES[:1])
    seen = explainer.look(crops)
    for name, baseline in zip(explainer.methods, ('mean', 'blur'), strict=True):
        alone = build_method('occlusion', baseline=baseline, window=48)
        expected = alone.attribute(made, crops.inputs, seen.bound, [9])[0]
        torch.testing.assert_close(explainer.maps(seen, 0, name), expected)
    about = about_content(explainer)['methods']
    assert [(each['type'], each['baseline'], each['window']) for each in about.values()] == [
        ('occlusion', 'mean', 48),
        ('occlusion', 'blur', 48),
    ]


def test_a_stated_direction_is_kept() -> None:
    explainer = Explainer(function('regression'), 'saliency', {'type': 'displacement', 'direction': [0, 1]}, ['nose'])
    about = about_content(explainer)
    assert (about['target'], about['target_options']) == ('displacement', {'direction': [0, 1]})
    seen = explainer.look(function('regression').people_of(photograph(), BOXES[:1]))
    down = seen.bound.fixed['unit']
    torch.testing.assert_close(down, torch.tensor([0.0, 1.0]).expand_as(down))


def test_a_map_whose_sum_is_off_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Completeness is promised to 10 % of the target's gain: the first joint is off by 30 %, the second by 9 %."""
    made = function('resnet')
    explainer = Explainer(made, {'type': 'integrated_gradients', 'steps': 1}, joints=['nose', 'left_wrist'])
    seen = explainer.look(made.people_of(photograph(), BOXES[:1]))
    maps = {'integrated_gradients': torch.zeros(2, *seen.crops.inputs.shape[2:])}
    maps['integrated_gradients'][:, 40, 40] = torch.tensor([1.3, 0.91])
    monkeypatch.setattr(Explainer, 'residual', lambda *args: torch.tensor([0.3, -0.09]))
    content = person_content(explainer, seen, 0, maps)
    nose, wrist = (joint['methods']['integrated_gradients'] for joint in content['joints'].values())
    assert nose['words'].endswith("; incomplete: the sum is off by 30% of the target's gain")
    assert 'incomplete' not in wrist['words']
    assert (nose['residual_share'], wrist['residual_share']) == pytest.approx((0.3, 0.09), rel=1e-5)
    (figure,) = person_figures(explainer, seen, 0, maps, content=content).values()
    assert [panel.get_title() for panel in figure.axes if 'sum off by' in panel.get_title()] == [
        f'nose\nscore {float(seen.pose.scores[0, 0]):.2f}; largest 1.3\nsum off by 30%'
    ]


def test_only_complete_methods_have_a_residual() -> None:
    """Attention rollout has an option of that name."""
    made = function('vit')
    explainer = Explainer(made, ['attention_rollout', 'integrated_gradients'], joints=['nose']).trial()
    seen = explainer.look(made.people_of(photograph(), BOXES[:1]))
    maps = {name: explainer.maps(seen, 0, name) for name in explainer.methods}
    content = person_content(explainer, seen, 0, maps)
    with_residual = [name for name, each in content['joints']['nose']['methods'].items() if 'residual' in each]
    assert with_residual == ['integrated_gradients']
    assert content['attention'] == {'attention_rollout': {'agreement': None, 'note': 'not tested'}}


def test_a_mask_gives_the_foreground_index() -> None:
    made = function('resnet')
    explainer = Explainer(made, 'saliency', joints=['nose'])
    seen = explainer.look(made.people_of(photograph(), BOXES[:1]))
    height, width = seen.crops.inputs.shape[2:]
    maps = {'saliency': torch.ones(1, height, width)}
    without = person_content(explainer, seen, 0, maps)
    assert without['mask'] == {'source': None, 'share_of_crop': None, 'missing': 'no mask of the person'}
    upper = np.zeros((height, width), bool)
    upper[:50] = True  # 52 rows once it is dilated
    content = person_content(explainer, seen, 0, maps, PersonMask(upper, 'by hand', None))
    maps['saliency'][:, :52] = 3.0
    bright = person_content(explainer, seen, 0, maps, PersonMask(upper, 'by hand', None))
    for each, expected in ((without, None), (content, 1.0), (bright, 3 * height / (3 * 52 + height - 52))):
        fi = each['joints']['nose']['methods']['saliency']['fi']
        assert fi is None if expected is None else fi == pytest.approx(expected, rel=1e-5)
    random = content['joints']['nose']['without_model']['random']['fi']
    assert random == pytest.approx(1, abs=0.02)
    down = np.exp(-0.5 * ((np.arange(height) - (height - 1) / 2) / (height / 4)) ** 2)
    gaussian = content['joints']['nose']['without_model']['centred_gaussian']['fi']
    assert gaussian == pytest.approx(down[:52].mean() / down.mean(), rel=1e-4)
