"""A network whose left wrist looks at one known patch is explained as that."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

from posescope.errors import InputError
from posescope.explain.attribution import build_method
from posescope.explain.crops import Crops
from posescope.explain.explanation import Explainer, build_methods
from posescope.explain.explanation_content import about_content, note_of, person_content, sentences
from posescope.explain.explanation_figures import person_figures
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
    for name in ('hirescam', 'saliency'):
        expected = build_method(name).attribute(made, crops.inputs, seen.bound, [0, 9])
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
        ('resnet', 'backbone.layer4'),
        ('movenet', 'backbone.layer7'),
        ('vit', 'backbone.layers.1'),
        ('rtmpose', 'backbone.stage4'),
        ('regression', 'backbone.layer4'),
        ('hrnet', None),  # its last stage gives maps of several sizes
    ],
)
def test_where_nothing_is_named_the_last_stage_is_weighed(name: str, layer: str | None) -> None:
    made = function(name)
    explainer = Explainer(made, joints=['left_wrist'])
    (method,) = explainer.methods.values()
    assert (method.name, getattr(method, 'layer', '')) == ('hirescam', layer)
    seen = explainer.look(made.people_of(photograph(), BOXES[:1]))
    maps = explainer.maps(seen, 0, 'hirescam')
    assert maps.isfinite().all()
    assert maps.any()


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
        ({'methods': ['saliency', 'saliency']}, 'different ones of saliency'),
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


def test_methods_get_layer_and_batch_size() -> None:
    cam, occlusion = build_methods(['gradcam', 'occlusion'], 'backbone.layer1', 3)
    assert vars(cam) == {'batch_size': 3, 'layer': 'backbone.layer1'}
    assert occlusion.batch_size == 3
    with pytest.raises(InputError, match=re.escape('methods=[]')):
        build_methods([])


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
