"""Where the camera stands and how much of the picture people fill."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posescope.data.rendering.rasteriser import Camera

__all__ = ['View', 'place_camera', 'sample_view']

CUTS = ('none', 'below', 'above', 'left', 'right')
_NEAREST = 0.8
_STEPS = 12


@dataclass(frozen=True)
class View:
    """How a scene is framed.

    Attributes:
        width: Pixels.
        height: Pixels.
        field: Degrees that the longer side of the picture spans.
        camera_height: Metres above the ground.
        roll: Degrees by which the camera is turned clockwise.
        extent: Height of what is framed as a share of the picture's; more than 1 if it is cut.
        widest: Greatest width of what is framed as a share of the picture's.
        offset: Where it is within the room that is left, -1 to 1 along x and y; for a cut, along the cut's other side.
        cut: A word of :data:`CUTS`: which end of what is framed lies outside of the picture.
        outside: Share of the width that is cut off to the left or the right.
    """

    width: int
    height: int
    field: float
    camera_height: float
    roll: float
    extent: float
    widest: float
    offset: tuple[float, float]
    cut: str
    outside: float

    @property
    def focal(self) -> float:
        """Focal length in pixels."""
        return 0.5 * max(self.width, self.height) / float(np.tan(np.radians(self.field / 2)))


def sample_view(rng: np.random.Generator, size: tuple[int, int], pose_class: str, people: int, truncated: bool) -> View:
    """Draw a framing.

    Args:
        rng: Where chance comes from.
        size: Width and height of the picture, pixels.
        pose_class: What the main person does.
        people: How many people there are.
        truncated: Whether the main person is to be cut.
    """
    low_pose = pose_class in ('lying', 'crouching')
    stance = rng.random()
    if stance < 0.66:
        camera_height = float(np.clip(rng.normal(1.45, 0.25), 0.9, 2.0))
    else:
        camera_height = float(rng.uniform(0.3, 0.9) if stance < 0.86 else rng.uniform(1.8, 2.6))
    if pose_class == 'lying':
        camera_height = max(camera_height, float(rng.uniform(0.9, 1.6)))
    extent = float(rng.uniform(0.76, 0.985) if people == 1 else rng.uniform(0.7, 0.97))
    if low_pose:
        extent = float(rng.uniform(0.55, 0.93))
    cut, outside = 'none', 0.0
    if truncated:
        cut = str(rng.choice(['below', 'above', 'left', 'right'], p=[0.62, 0.06, 0.16, 0.16]))
        if low_pose and cut in ('below', 'above'):
            cut = str(rng.choice(['left', 'right']))
        if cut in ('left', 'right'):
            outside = float(rng.uniform(0.12, 0.4))
        else:
            extent = float(rng.uniform(1.15, 1.45) if pose_class == 'sitting' else rng.uniform(1.2, 2.0))
    return View(
        *size,
        float(rng.uniform(30.0, 70.0)),
        camera_height,
        float(np.clip(rng.normal(0.0, 2.0), -6.0, 6.0)),
        extent,
        0.97,
        (float(rng.uniform(-0.9, 0.9)), float(rng.uniform(-0.9, 0.9))),
        cut,
        outside,
    )


def place_camera(view: View, points: NDArray[np.float64]) -> Camera:
    """Place the camera on the negative y axis so that points fill the planned part of the picture.

    Args:
        view: The framing.
        points: (N, 3) metres; what is framed, about the origin.

    Returns:
        The camera. Where a planned height of the camera would bring it closer than it may be, it stands off more.
    """
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    size = points.max(axis=0) - points.min(axis=0)
    distance = max(view.focal * float(size[2]) / (view.extent * view.height), _NEAREST) + float(size[1]) / 2
    least = _NEAREST - float(points[:, 1].min())
    target = middle.copy()
    for _ in range(_STEPS):
        distance = max(distance, least)
        camera = _camera(view, distance, target)
        places = camera.project(points)[:, :2]
        low, high = places.min(axis=0), places.max(axis=0)
        scale = _scale(view, high - low)
        error = _wanted(view, low, high) - (low + high) / 2
        # A shift of the picture by some pixels is a shift of what the camera looks at by so much at its distance.
        per_pixel = float(np.linalg.norm(target - camera.position)) / view.focal
        target = target - per_pixel * (error[0] * camera.rotation[0] + error[1] * camera.rotation[1])
        target = np.array([target[0], middle[1], target[2]])
        distance = float(np.clip(distance * scale, 0.5 * distance, 2.0 * distance))
    return _camera(view, max(distance, least), target)


def _camera(view: View, distance: float, target: NDArray[np.float64]) -> Camera:
    # Rounded, so that the last bits of another processor do not change a pixel.
    position = np.round(np.array([0.0, -distance, view.camera_height]), 5)
    return Camera.looking_at(
        view.width, view.height, round(view.focal, 4), position, np.round(target, 5), float(np.radians(view.roll))
    )


def _scale(view: View, found: NDArray[np.float64]) -> float:
    """Tell how many times farther away the camera has to be, given the (2,) width and height of what is framed."""
    height = found[1] / (view.extent * view.height)
    width = found[0] / (view.widest * view.width) if view.cut in ('none', 'left', 'right') else 0.0
    return float(max(height, width))


def _wanted(view: View, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tell where the middle of the framed box belongs, (2,) pixels, given its corners."""
    picture = np.array([view.width, view.height], dtype=np.float64)
    size = high - low
    slack = np.maximum(picture - size, 0.0) / 2
    wanted = (picture - 1) / 2 + np.array(view.offset) * slack * 0.85
    if view.cut == 'below':
        wanted[1] = 0.06 * picture[1] + size[1] / 2
    elif view.cut == 'above':
        wanted[1] = 0.94 * picture[1] - size[1] / 2
    elif view.cut == 'left':
        wanted[0] = (0.5 - view.outside) * size[0]
    elif view.cut == 'right':
        wanted[0] = picture[0] - (0.5 - view.outside) * size[0]
    return wanted
