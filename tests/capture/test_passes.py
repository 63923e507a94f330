from typing import Any

import pytest
import torch
from torch import Tensor, nn

from posescope.capture.passes import PassCheck, backbone_of, name_of_call, passes_of
from posescope.errors import CaptureError, InputError
from tests.capture.pose_models import build, pictures, predict, samples


class Host(nn.Module):
    """Runs its backbone on what a function makes of the picture."""

    def __init__(self, views: Any, **test_cfg: Any) -> None:
        super().__init__()
        self.backbone = nn.ReLU(inplace=True)
        self.views = views
        self.test_cfg = test_cfg

    def forward(self, x: Tensor) -> None:
        for view in self.views(x):
            self.backbone.forward(view)


PICTURE = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(0))


def test_passes_of_a_model() -> None:
    assert passes_of(build('resnet')) == ('plain',)
    flipping = build('resnet', True)
    assert passes_of(flipping) == passes_of(torch.compile(flipping, backend='eager')) == ('plain', 'mirrored')
    assert passes_of(flipping, 'loss') == passes_of(flipping, 'tensor') == ('plain',)
    assert passes_of(nn.Identity()) == ('plain',)
    with pytest.raises(InputError, match='multiscale_test=True'):
        passes_of(Host(None, multiscale_test=True, flip_test=True))


@pytest.mark.parametrize(
    ('name', 'flip'), [('resnet', False), ('resnet', True), ('hourglass', True), ('bottomup', True)]
)
def test_pose_models_do_what_their_config_says(name: str, flip: bool) -> None:
    model = build(name, flip)
    with PassCheck(model) as check:
        predict(model)
    assert check.passes == (('plain', 'mirrored') if flip else ('plain',))
    with PassCheck(model, 'tensor'), torch.no_grad():
        model(pictures(), samples(), mode='tensor')
    assert 'forward' not in vars(model.backbone)


def test_the_mirrored_pass_sees_the_mirror_image_although_the_backbone_writes_to_it() -> None:
    with PassCheck(Host(lambda x: [x.clone(), x.flip(-1)], flip_test=True)) as check:
        check._model(PICTURE)


@pytest.mark.parametrize(
    ('views', 'flip', 'seen'),
    [
        (lambda x: [x.clone(), x.flip(-1)], False, 'plain, then mirrored$'),
        (lambda x: [x.clone()], True, 'plain$'),
        (lambda x: [], True, 'nothing'),
        (lambda x: [x.clone(), x.clone()], True, 'plain, then the same again'),
        (lambda x: [x.clone(), x.flip(-2)], True, 'plain, then something else'),
        (lambda x: [x.clone(), x.flip(-1), x.clone()], True, 'plain, then mirrored, then the same again'),
        (lambda x: [x.clone(), x[..., ::2]], True, r'plain, then another size, \(2, 3, 4, 3\) after \(2, 3, 4, 6\)'),
    ],
)
def test_anything_else_is_told(views: Any, flip: bool, seen: str) -> None:
    model = Host(views, flip_test=flip)
    expected = 'plain and mirrored' if flip else 'plain'
    message = f'backbone was expected to see one batch {expected}, and saw {seen}'
    with pytest.raises(CaptureError, match=message), PassCheck(model):
        model(PICTURE)
    assert 'forward' not in vars(model.backbone)


def test_an_exception_of_the_model_comes_through() -> None:
    model = Host(lambda x: 1 / 0)
    with pytest.raises(ZeroDivisionError), PassCheck(model):
        model(PICTURE)


def test_a_model_without_backbone_is_watched_itself() -> None:
    model = nn.Conv2d(3, 1, 1)
    assert backbone_of(model) == ('the model', model)
    with PassCheck(model):
        model(PICTURE)
    message = 'the model was expected to see one batch plain, and saw nothing'
    with pytest.raises(CaptureError, match=message), PassCheck(model):
        pass


def test_names_of_calls() -> None:
    passes = ('plain', 'mirrored')
    assert [name_of_call('a', call, 1, passes) for call in range(2)] == ['a', 'a@mirrored']
    assert [name_of_call('a[0]', call, 2, passes) for call in range(4)] == [
        'a[0]',
        'a[0]#2',
        'a[0]@mirrored',
        'a[0]#2@mirrored',
    ]
    with pytest.raises(CaptureError, match='a: call 2 is none of 1 calls in each of 2 passes'):
        name_of_call('a', 2, 1, passes)
