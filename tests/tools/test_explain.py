"""tools/explain.py with small models on drawn pictures."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from mmengine.registry import DefaultScope
from PIL import Image
from safetensors.numpy import load_file

import tools.explain
from posescope.explain.attribution import METHODS, build_method
from posescope.explain.picture_maps import to_picture
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets import TARGETS
from tests.capture.pose_models import bottomup
from tests.explain.small_models import config, fresh, photograph
from tests.explain.white_detector import write_detector
from tools.explain import main as explain

ROOT = Path(__file__).resolve().parents[2]
THUNDER = ROOT / 'configs/selection/coco/td-hm_movenet-thunder_coco-256x256.py'
RELEASED = ROOT / 'work_dirs/weights/movenet-thunder.pth'
JOINTS = ['left_wrist', 'nose']
BOX = '20,10,70,120'


def write_model(folder: Path, name: str, seed: int = 0) -> tuple[str, str]:
    """Write config and weights of a small model; give both paths."""
    path, weights = folder / f'{name}.py', folder / f'{name}.pth'
    path.write_text('\n'.join(f'{key} = {value!r}' for key, value in config(name).to_dict().items()))
    torch.save({'state_dict': fresh(name, seed).model.state_dict()}, weights)
    return str(path), str(weights)


@pytest.fixture(scope='module')
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    with DefaultScope.overwrite_default_scope('mmpose'):
        yield write_model(tmp_path_factory.mktemp('model'), 'resnet')


@pytest.fixture(scope='module')
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 × 200 pixels."""
    path = tmp_path_factory.mktemp('pictures') / 'photo.png'
    cv2.imwrite(str(path), photograph())
    return path


@pytest.fixture
def quick_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw next to nothing, where pictures themselves are not tested."""
    for name in ('draw_joint_maps', 'draw_people'):
        monkeypatch.setattr(f'posescope.explain.explanation_figures.{name}', lambda *args, **options: Figure((1, 1)))


def run(
    model: tuple[str, str], pictures: Path | list[Path], out: Path, *options: str, joints: str = 'left_wrist,nose'
) -> int:
    paths = pictures if isinstance(pictures, list) else [pictures]
    return explain([*model, *map(str, paths), '--out', str(out), '--joints', joints, *options])


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr."""
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith('error: ')
    return line


def test_a_box_on_a_photograph(
    model: tuple[str, str], picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(model, picture, tmp_path / 'out', '--bbox', BOX, '--method', 'hirescam,saliency') == 0
    folder = tmp_path / 'out' / 'photo'
    assert {path.name for path in folder.iterdir()} == {
        'explanation.json',
        'maps.safetensors',
        'people.png',
        'person_1_hirescam.png',
        'person_1_saliency.png',
    }
    content = json.loads((folder / 'explanation.json').read_text())
    assert (content['version'], content['size'], content['boxes']) == (1, [200, 150], 'given')
    assert content['joints'] == JOINTS
    (person,) = content['people']
    assert person['box'] == [20, 10, 70, 120]
    maps = load_file(folder / 'maps.safetensors')
    assert sorted(maps) == [f'{method}/{joint}' for method in ('hirescam', 'saliency') for joint in JOINTS]
    made = PoseFunction.from_files(*model)
    crops = made.people_of(photograph(), [[20, 10, 90, 130]])
    with torch.no_grad():
        outputs = made(crops.inputs)
    pose = made.decode(outputs)
    places = crops.in_image(pose.places)[0]
    for joint, place in zip(made.joints, places, strict=True):
        np.testing.assert_allclose(person['pose'][joint]['place'], place, rtol=1e-5)
    bound = TARGETS['value']().bind(made, outputs, pose)
    expected = build_method('saliency').attribute(made, crops.inputs, bound, [9, 0])[0]
    for number, joint in enumerate(JOINTS):
        found = maps[f'saliency/{joint}']
        assert (found.shape, found.dtype) == ((150, 200), np.float32)
        np.testing.assert_allclose(found, to_picture(expected[number], crops.to_image[0], (200, 150)), atol=1e-6)
        reading = person['joints'][joint]['methods']['saliency']
        np.testing.assert_allclose(reading['positive'], float(expected[number].clamp(min=0).sum()), rtol=1e-4)
        assert person['joints'][joint]['target'] == pytest.approx(
            float(bound.score(outputs)[0, made.joints.index(joint)])
        )
    printed = capsys.readouterr().out
    assert re.search(r'1 person explained in \d+ s', printed)
    assert str(folder) in printed
    assert person['joints']['nose']['methods']['hirescam']['words'] in printed


@pytest.mark.usefixtures('quick_pictures')
def test_several_people_are_numbered(model: tuple[str, str], picture: Path, tmp_path: Path) -> None:
    boxes = ['--bbox', BOX, '--bbox', '-10,20,90,120']
    assert run(model, picture, tmp_path, *boxes, '--method', 'saliency', '--without-photograph') == 0
    maps = load_file(tmp_path / 'photo' / 'maps.safetensors')
    assert sorted(maps) == sorted(f'person_{who}/saliency/{joint}' for who in (1, 2) for joint in JOINTS)
    people = json.loads((tmp_path / 'photo' / 'explanation.json').read_text())['people']
    assert [person['number'] for person in people] == [1, 2]
    assert people[1]['box'] == [0, 20, 80, 120]  # cut at the picture's edge
    assert not (tmp_path / 'photo' / 'people.png').exists()


@pytest.mark.usefixtures('quick_pictures')
def test_a_detector_finds_people(model: tuple[str, str], tmp_path: Path) -> None:
    image = np.zeros((120, 160, 3), np.uint8)
    image[20:110, 40:90] = 255
    cv2.imwrite(str(tmp_path / 'white.png'), image)
    detector, weights = write_detector(tmp_path)
    found = ['--det-config', detector, '--det-checkpoint', weights]
    assert run(model, tmp_path / 'white.png', tmp_path / 'out', *found, joints='nose') == 0
    content = json.loads((tmp_path / 'out' / 'white' / 'explanation.json').read_text())
    (person,) = content['people']
    assert content['boxes'] == 'detector'
    np.testing.assert_allclose(person['box'], [40, 20, 50, 90], atol=1)
    assert person['box_score'] == pytest.approx(90 / 110, abs=0.02)


@pytest.mark.usefixtures('quick_pictures')
def test_of_several_pictures_those_without_people_and_damaged_ones_are_skipped(
    model: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    black, white = tmp_path / 'black.png', tmp_path / 'white.png'
    image = np.zeros((120, 160, 3), np.uint8)
    cv2.imwrite(str(black), image)
    image[20:110, 40:90] = 255
    cv2.imwrite(str(white), image)
    (tmp_path / 'torn.jpg').write_bytes(b'\xff\xd8 and no end')
    detector, weights = write_detector(tmp_path)
    found = ['--det-config', detector, '--det-checkpoint', weights, '--method', 'saliency']
    pictures = [black, tmp_path / 'torn.jpg', white]
    assert run(model, pictures, tmp_path / 'out', *found, joints='nose') == 0
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['white']
    printed = capsys.readouterr()
    first, second = printed.err.strip().splitlines()
    assert re.search(r'^warning: .* finds no person in .*black.png .*; this picture is skipped$', first)
    assert re.search(r'^warning: picture .*torn.jpg is damaged.*; this picture is skipped$', second)
    assert re.search('1 person explained', printed.out)
    assert run(model, [black, tmp_path / 'torn.jpg'], tmp_path / 'none', *found, joints='nose') == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith('error: none of the 2 pictures can be explained')
    assert run(model, black, tmp_path / 'none', *found, joints='nose') == 2
    assert 'finds no person in' in refused(capsys)
    assert not (tmp_path / 'none').exists()


@pytest.mark.usefixtures('quick_pictures')
def test_options_of_methods_and_a_mask(model: tuple[str, str], picture: Path, tmp_path: Path) -> None:
    """The mask is the picture's left half."""
    cv2.imwrite(str(tmp_path / 'mask.png'), np.repeat([[255, 0]], [100, 100], 1).repeat(150, 0).astype(np.uint8))
    asked = 'occlusion:window=48,stride=48,occlusion:window=64,stride=48,baseline=blur'
    options = ['--method', asked, '--target', 'log_probability', '--mask', str(tmp_path / 'mask.png')]
    assert run(model, picture, tmp_path / 'out', *options, joints='nose') == 0
    content = json.loads((tmp_path / 'out' / 'photo' / 'explanation.json').read_text())
    names = ['occlusion-window-48-baseline-mean', 'occlusion-window-64-baseline-blur']
    assert list(content['methods']) == names
    assert [content['methods'][name]['stride'] for name in names] == [48, 48]
    maps = load_file(tmp_path / 'out' / 'photo' / 'maps.safetensors')
    assert sorted(maps) == [f'{name}/nose' for name in names]
    (person,) = content['people']
    assert person['mask']['source'] == f'mask {tmp_path / "mask.png"}'
    made = PoseFunction.from_files(*model)
    crops = made.people_of(photograph())
    width, height = crops.input_size
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    x, y = np.rint(crops.to_image[0] @ np.stack([across.ravel(), down.ravel(), np.ones(width * height)]))
    share = ((x >= 0) & (x < 100) & (y >= 0) & (y < 150)).mean()
    assert person['mask']['share_of_crop'] == pytest.approx(share, abs=1 / height)
    nose = person['joints']['nose']
    for each in (*nose['methods'].values(), *nose['without_model'].values()):
        assert each['fi'] is None or 0 <= each['fi'] < 1 / share  # all of it lies on the mask
    assert nose['without_model']['random']['fi'] == pytest.approx(1, abs=0.05)


@pytest.mark.usefixtures('quick_pictures')
def test_pictures_of_one_name_get_folders_of_their_own(model: tuple[str, str], picture: Path, tmp_path: Path) -> None:
    (tmp_path / 'other').mkdir()
    Image.open(picture).save(tmp_path / 'other' / 'photo.jpg')
    pictures = [picture, tmp_path / 'other' / 'photo.jpg']
    assert run(model, pictures, tmp_path / 'out', '--method', 'saliency', joints='nose') == 0
    assert {path.name for path in (tmp_path / 'out').iterdir()} == {'photo', 'photo_2'}
    content = json.loads((tmp_path / 'out' / 'photo_2' / 'explanation.json').read_text())
    assert content['boxes'] == 'whole picture'
    assert content['people'][0]['box'] == [0, 0, 199, 149]  # MMPose's data sets end boxes at the last pixel's centre


def odd_pictures(folder: Path) -> list[Path]:
    """One pixel, grey, four channels, 16 bits, and turned by EXIF."""
    image = photograph(60, 40)
    Image.fromarray(image[:1, :1]).save(folder / 'pixel.png')
    Image.fromarray(image[..., 0]).save(folder / 'grey.png')
    Image.fromarray(np.dstack([image, image[..., 0]])).save(folder / 'four.png')
    cv2.imwrite(str(folder / 'deep.png'), image.astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° to the right
    Image.fromarray(image).save(folder / 'turned.png', exif=exif)
    return [folder / f'{name}.png' for name in ('pixel', 'grey', 'four', 'deep', 'turned')]


@pytest.mark.usefixtures('quick_pictures')
def test_odd_pictures_are_explained(model: tuple[str, str], tmp_path: Path) -> None:
    assert run(model, odd_pictures(tmp_path), tmp_path / 'out', '--method', 'saliency', joints='nose') == 0
    sizes = {}
    for name in ('pixel', 'grey', 'four', 'deep', 'turned'):
        found = load_file(tmp_path / 'out' / name / 'maps.safetensors')['saliency/nose']
        assert np.isfinite(found).all()
        assert found.any()
        sizes[name] = found.shape
    assert sizes == {'pixel': (1, 1), 'grey': (60, 40), 'four': (60, 40), 'deep': (60, 40), 'turned': (40, 60)}


@pytest.mark.usefixtures('quick_pictures')
def test_a_model_that_sees_nobody_says_so(picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = fresh('resnet')
    for weight in made.readout.head.final_layer.parameters():
        weight.data *= 1e-3  # peaks under 0.3
    path, _ = write_model(tmp_path, 'resnet')
    torch.save({'state_dict': made.model.state_dict()}, tmp_path / 'weak.pth')
    assert run((path, str(tmp_path / 'weak.pth')), picture, tmp_path / 'out', '--method', 'saliency') == 0
    assert 'no joint scores 0.3 or more: the model sees nobody here' in capsys.readouterr().out
    (person,) = json.loads((tmp_path / 'out' / 'photo' / 'explanation.json').read_text())['people']
    assert person['note'].startswith('no joint scores 0.3 or more')
    assert not any(joint['seen'] for joint in person['joints'].values())


@pytest.mark.parametrize(
    ('options', 'complaint'),
    [
        (['--bbox', '300,10,50,50'], r'box 1 \(300, 10, 350, 60\) lies outside the picture of 200 × 150 pixels'),
        (['--bbox', '10,10,0,50'], 'box 1 .* has no area'),
        (['--bbox', '10,10,50'], "box '10,10,50' is not X,Y,W,H"),
        (['--bbox', 'nan,0,5,5'], 'box 1 .* has no area'),
        (['--joints', 'left_rist'], r"'left_rist' is none of the 17 joints \(nearest: left_wrist"),
        (['--method', 'hirescan'], r"method 'hirescan' does not exist \(nearest: hirescam"),
        (['--method', 'attention_rollout'], 'needs attention between cells of the picture, .* ResNet has none'),
        (['--target', 'valeu'], r"target 'valeu' does not exist \(nearest: value"),
        (['--target', 'displacement'], 'means nothing for the heatmap head'),
        (['--target', 'likelihood'], 'needs labels, which a photograph does not have'),
        (['--target', 'against_person'], 'needs another person in the same picture'),
        (['--layer', 'backbone.layer9'], 'nearest: backbone.layer'),
        (['--layer', 'backbone.layer4', '--method', 'saliency'], 'is of no use to saliency'),
        (['--det-config', 'det.py'], '--det-config and --det-checkpoint belong together'),
        (['--det-config', 'det.py', '--det-checkpoint', 'det.pth'], 'config det.py does not exist'),
        (['--bbox', BOX, '--det-config', 'a', '--det-checkpoint', 'b'], 'give one of them'),
        (['--batch-size', '0'], '--batch-size 0'),
        (['--method', 'rise:mask=3'], r"method 'rise' has no option 'mask' \(nearest: masks"),
        (['--method', 'rise,masks=3'], "method 'masks=3' has to be NAME or NAME:OPTION=VALUE"),
        (['--method', 'rise:masks=many'], "method 'rise': masks='many' has to be a whole number"),
        (['--method', 'saliency,saliency'], "'saliency' is there twice"),
        (['--target', 'value:beta=3'], r"target 'value' has no option 'beta' \(it has none\)"),
        (['--target', 'value,likelihood'], 'one target is explained at a time'),
        (['--mask', 'a.png', '--mask', 'b.png'], '--mask is given 2 times and --bbox 0 times'),
        (['--mask', 'none.png', '--bbox', BOX], 'picture none.png does not exist'),
    ],
)
def test_bad_options_end_in_one_line_and_leave_nothing(
    options: list[str],
    complaint: str,
    model: tuple[str, str],
    picture: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(model, picture, tmp_path / 'out', *options) == 2
    assert re.search(complaint, refused(capsys))
    assert not (tmp_path / 'out').exists() or not list((tmp_path / 'out').iterdir())


def test_bad_pictures_end_in_one_line(
    model: tuple[str, str], picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / 'text.jpg'
    text.write_text('no picture')
    assert run(model, text, tmp_path / 'out') == 2
    assert 'is no picture that OpenCV can read' in refused(capsys)
    assert run(model, [picture, tmp_path / 'none.jpg'], tmp_path / 'out') == 2  # mistyped, not damaged
    assert 'none.jpg does not exist' in refused(capsys)
    assert run(model, [picture, picture], tmp_path / 'out', '--bbox', BOX) == 2
    assert '--bbox says who is on one picture, and there are 2' in refused(capsys)
    assert run(model, [picture, picture], tmp_path / 'out', '--mask', str(picture)) == 2
    assert '--mask takes one picture' in refused(capsys)
    cv2.imwrite(str(tmp_path / 'small.png'), np.zeros((15, 20), np.uint8))
    assert run(model, picture, tmp_path / 'out', '--mask', str(tmp_path / 'small.png')) == 2
    assert 'small.png is of 20 × 15 pixels, the picture of 200 × 150' in refused(capsys)
    assert not (tmp_path / 'out').exists()


def test_other_models_are_refused_by_name(
    model: tuple[str, str], picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = config('resnet')
    whole.model = bottomup()
    (tmp_path / 'bottomup.py').write_text('\n'.join(f'{key} = {value!r}' for key, value in whole.to_dict().items()))
    assert run((str(tmp_path / 'bottomup.py'), model[1]), picture, tmp_path / 'out') == 2
    assert 'BottomupPoseEstimator with AssociativeEmbeddingHead cannot be explained' in refused(capsys)
    assert run((model[0], 'nowhere.pth'), picture, tmp_path / 'out') == 2
    assert 'nowhere.pth' in refused(capsys)


def test_a_folder_with_other_things_is_left_alone(
    model: tuple[str, str], picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / 'photo').mkdir()
    (tmp_path / 'photo' / 'thesis.tex').touch()
    assert run(model, picture, tmp_path) == 2
    assert 'photo holds other things than an explanation' in refused(capsys)
    assert [path.name for path in tmp_path.iterdir()] == ['photo']


@pytest.mark.usefixtures('quick_pictures')
def test_an_interrupted_run_leaves_what_was_there(
    model: tuple[str, str], picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(model, picture, tmp_path, '--method', 'saliency', joints='nose') == 0
    before = (tmp_path / 'photo' / 'explanation.json').read_bytes()

    def stop(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tools.explain, 'picture_maps', stop)
    assert run(model, picture, tmp_path, '--method', 'saliency') == 130
    assert [path.name for path in tmp_path.iterdir()] == ['photo']
    assert (tmp_path / 'photo' / 'explanation.json').read_bytes() == before


def test_a_device_that_is_not_there_ends_in_one_line(
    model: tuple[str, str], picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(model, picture, tmp_path, '--device', 'gpu') == 2
    assert refused(capsys).startswith("error: device 'gpu' cannot be used (here there are: cpu")
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_method_and_target() -> None:
    text = tools.explain.make_parser().format_help()
    for name in (*METHODS, *TARGETS):
        assert re.search(rf'\b{name}\b', text), name


@pytest.mark.long
@pytest.mark.skipif(not RELEASED.is_file(), reason='make movenet brings the released weights')
def test_real_people_take_under_twenty_seconds_each(real_coco: Path, tmp_path: Path) -> None:
    annotations = json.loads((real_coco / 'test_coco.json').read_text())
    names = {image['id']: image['file_name'] for image in annotations['images']}
    people = [person for person in annotations['annotations'] if person['num_keypoints'] > 0]
    crowd = max(names, key=lambda image: sum(person['image_id'] == image for person in people))
    picture, boxes = names[crowd], [person['bbox'] for person in people if person['image_id'] == crowd]
    options = [part for box in boxes for part in ('--bbox', ','.join(map(str, box)))]
    start = time.perf_counter()
    command = [sys.executable, ROOT / 'tools/explain.py', THUNDER, RELEASED, real_coco / picture, '--out', tmp_path]
    subprocess.run([*command, *options], check=True, capture_output=True)
    seconds = time.perf_counter() - start
    content = json.loads((tmp_path / Path(picture).stem / 'explanation.json').read_text())
    assert len(content['people']) == len(boxes)
    assert all(person['score'] > 0.3 for person in content['people'])
    assert len(load_file(tmp_path / Path(picture).stem / 'maps.safetensors')) == 17 * len(boxes)
    assert seconds < 20 * len(boxes)
