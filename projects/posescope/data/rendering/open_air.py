"""The open air: ground, sky, and hills, houses and trees along the horizon."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posescope.data.rendering.patterns import RGB
from posescope.data.rendering.rasteriser import Camera
from posescope.data.rendering.rays import pixel_rays, turned
from posescope.data.rendering.shading import Lighting
from posescope.data.rendering.surfaces import Surface, Values, any_seed, clouds, light_on, similar

__all__ = ['OpenAir', 'Ridge', 'sample_open_air']

# Metres over which air fades colours, and over which a texture on the ground blurs to its mean.
_HAZE, _BLENDING = 900.0, 14.0
_HOUSE, _STOREY = 0.16, 0.035  # radians


@dataclass(frozen=True)
class Ridge:
    """A line of hills, trees or houses along the horizon.

    Attributes:
        kind: ``'hills'``, ``'trees'`` or ``'houses'``.
        distance: Metres; it tells how far the air has faded it.
        height: Greatest height above the horizon, as a tangent.
        colour: Linear RGB.
        seed: Chooses its outline.
    """

    kind: str
    distance: float
    height: float
    colour: RGB
    seed: int

    def outline(self, bearing: Values) -> Values:
        """Give its height, as a tangent, at bearings, radians; any shape."""
        row = np.full_like(bearing, self.seed % 251)
        if self.kind == 'hills':
            return self.height * (0.25 + 0.75 * clouds(bearing * 12.0, row, self.seed))
        if self.kind == 'trees':
            return self.height * (0.2 + 0.8 * clouds(bearing * 60.0, row, self.seed))
        return self.height * (0.25 + 0.75 * self._houses(bearing))

    def colours(self, bearing: Values, slope: Values) -> Values:
        """Give its colour at places, (N,) bearings in radians and tangents of elevation; (N, 3) linear RGB."""
        colour = np.asarray(self.colour)
        if self.kind == 'houses':
            number = self._houses(bearing)
            across, up = (bearing / _HOUSE - np.floor(bearing / _HOUSE)) * 6, slope / _STOREY
            window = (across % 1 > 0.35) & (up % 1 > 0.4) & (slope < 0.93 * self.outline(bearing))
            return np.where(window[:, None], 0.3 * colour, colour * (0.6 + 0.8 * number)[:, None])
        size = 180.0 if self.kind == 'trees' else 50.0
        spread = 1.2 if self.kind == 'trees' else 0.4
        return colour * (1 - spread / 2 + spread * clouds(bearing * size, slope * size, self.seed + 1))[:, None]

    def _houses(self, bearing: Values) -> Values:
        """Give each house a number of its own, 0 to 1."""
        house = np.floor(bearing / _HOUSE)
        return (house * 37.0 + house * house * 11.0 + self.seed % 101) % 13.0 / 12.0


@dataclass(frozen=True)
class OpenAir:
    """A place in the open air.

    Attributes:
        turn: Radians by which the compass is turned about the vertical.
        ground: What the ground looks like.
        sky: Linear RGB at the horizon and high up.
        cloudiness: How much of the sky is cloudy, 0 to 1.
        ridges: What is along the horizon, farthest first.
        seed: Chooses the clouds.
        blur: Standard deviation of the defocus of all this, pixels.
    """

    turn: float
    ground: Surface
    sky: tuple[RGB, RGB]
    cloudiness: float
    ridges: tuple[Ridge, ...]
    seed: int
    blur: float

    indoors = False

    def enclosing(self, places: Sequence[tuple[float, float]]) -> 'OpenAir':
        """Give the same place: there is room for everything."""
        return self

    def paint(self, camera: Camera, lighting: Lighting, key_on_ground: Values) -> Values:
        """Paint the place.

        Args:
            camera: Where it is seen from.
            lighting: All light.
            key_on_ground: (H, W) share of the key light that reaches the ground.

        Returns:
            (H, W, 3) linear RGB.
        """
        rays = pixel_rays(camera)
        direction, position = turned(rays, self.turn), turned(camera.position, self.turn)
        level = np.sqrt(direction[..., 0] ** 2 + direction[..., 1] ** 2)
        slope = direction[..., 2] / np.maximum(level, 1e-9)
        # The bearing's jump by a whole turn is behind the camera, which looks along y.
        bearing = np.arctan2(rays[..., 0], rays[..., 1]) + self.turn
        image = np.zeros(direction.shape)
        above, below = slope >= -1e-4, slope < -1e-4
        image[above] = self._sky(slope[above], bearing[above])
        for ridge in self.ridges:
            here = above & (slope < ridge.outline(bearing))
            colours = ridge.colours(bearing[here], slope[here]) * light_on(lighting, (0.0, -0.6, 0.6), 0.5)
            image[here] = self._faded(colours, np.full(int(here.sum()), ridge.distance))
        distance = -position[2] / slope[below]
        heading = direction[below][:, :2] / level[below][:, None]
        points = position[:2] + distance[:, None] * heading
        near = 1 / (1 + (distance / _BLENDING) ** 2)[:, None]
        mean = 0.55 * np.asarray(self.ground.colour) + 0.45 * np.asarray(self.ground.second)
        albedo = self.ground.colours(points[:, 0], points[:, 1]) * near + mean * (1 - near)
        image[below] = self._faded(albedo * light_on(lighting, (0.0, 0.0, 1.0), key_on_ground[below]), distance)
        return image

    def _faded(self, colours: Values, distance: Values) -> Values:
        """Fade (N, 3) colours over (N,) metres of air."""
        clear = 1 / (1 + distance / _HAZE)[:, None]
        return colours * clear + np.asarray(self.sky[0]) * (1 - clear)

    def _sky(self, slope: Values, bearing: Values) -> Values:
        """Look up the sky at (N,) tangents of elevation and bearings; (N, 3)."""
        low, high = (np.asarray(colour) for colour in self.sky)
        height = np.sqrt(np.clip(slope / 0.9, 0, 1))[:, None]
        image = low * (1 - height) + high * height
        if self.cloudiness > 0:
            noise = clouds(bearing * 22.0, slope * 70.0, self.seed)
            cover = np.clip((noise - 1 + self.cloudiness) * 2.5, 0, 0.85)[:, None]
            image = image * (1 - cover) + np.array([0.92, 0.92, 0.94]) * float(low.mean()) * 1.25 * cover
        return image


_GROUNDS = {
    'grass': ((0.1, 0.19, 0.045), (0.2, 0.3, 0.09), 'mottled', 0.5, 0.32),
    'asphalt': ((0.11, 0.11, 0.115), (0.2, 0.2, 0.2), 'mottled', 0.25, 0.22),
    'sand': ((0.5, 0.41, 0.29), (0.62, 0.53, 0.4), 'mottled', 1.2, 0.12),
    'paving': ((0.36, 0.34, 0.32), (0.16, 0.15, 0.14), 'tiles', 0.5, 0.2),
    'deck': ((0.3, 0.2, 0.13), (0.08, 0.05, 0.03), 'planks', 0.14, 0.08),
    'snow': ((0.75, 0.78, 0.83), (0.6, 0.64, 0.72), 'mottled', 2.0, 0.06),
}
"""Colour, second colour, texture, metres of a period, and share of each ground."""


def sample_open_air(rng: np.random.Generator) -> OpenAir:
    """Draw a place in the open air.

    Args:
        rng: Where chance comes from.
    """
    kinds = list(_GROUNDS)
    kind = kinds[int(rng.choice(len(kinds), p=[_GROUNDS[name][4] for name in kinds]))]
    colour, second, texture, period, _ = _GROUNDS[kind]
    ground = Surface(
        similar(rng, colour, 0.65, 1.3),
        similar(rng, second, 0.65, 1.3),
        texture,
        period * float(rng.uniform(0.6, 1.6)),
        any_seed(rng),
        0.25,
    )
    shares = (('hills', 0.5), ('houses', 0.4), ('trees', 0.65))
    return OpenAir(
        turn=float(rng.uniform(-np.pi, np.pi)),
        ground=ground,
        sky=_sample_sky(rng),
        cloudiness=float(rng.choice([0.0, 1.0], p=[0.3, 0.7]) * rng.uniform(0.2, 0.8)),
        ridges=tuple(_sample_ridge(rng, name) for name, share in shares if rng.random() < share),
        seed=any_seed(rng),
        blur=float(rng.uniform(0.4, 1.7)),
    )


def _sample_sky(rng: np.random.Generator) -> tuple[RGB, RGB]:
    """Draw a blue, a grey or a red sky: colours at the horizon and high up."""
    weather = rng.random()
    if weather < 0.55:
        high = similar(rng, (0.16, 0.34, 0.68), 0.7, 1.3)
        return similar(rng, 0.55 * np.array(high) + 0.33, 0.8, 1.2), high
    if weather < 0.85:
        high = similar(rng, (0.55, 0.58, 0.62), 0.5, 1.2)
        return similar(rng, high, 1.0, 1.3), high
    return similar(rng, (0.9, 0.5, 0.28), 0.6, 1.1), similar(rng, (0.2, 0.24, 0.42), 0.6, 1.2)


def _sample_ridge(rng: np.random.Generator, kind: str) -> Ridge:
    base = {'hills': (0.13, 0.17, 0.12), 'houses': (0.4, 0.35, 0.31), 'trees': (0.07, 0.12, 0.04)}[kind]
    distance = {'hills': (200.0, 900.0), 'houses': (30.0, 160.0), 'trees': (15.0, 120.0)}[kind]
    height = {'hills': (0.05, 0.3), 'houses': (0.2, 0.9), 'trees': (0.12, 0.6)}[kind]
    return Ridge(
        kind, float(rng.uniform(*distance)), float(rng.uniform(*height)), similar(rng, base, 0.6, 1.6), any_seed(rng)
    )
