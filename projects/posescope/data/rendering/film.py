"""What a camera does to light: sharpness, exposure, white balance, vignetting and noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from posescope.data.rendering.patterns import RGB
from posescope.data.rendering.shading import to_srgb

__all__ = ['Film', 'sample_film']

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


@dataclass(frozen=True)
class Film:
    """How a picture is taken.

    Attributes:
        brightness: Mean linear luminance that exposure aims at.
        balance: Factors of red, green and blue.
        blur: Standard deviation of the unsharpness of all the picture, pixels.
        vignette: Share of light missing in the corners.
        shot_noise: Variance of the noise per unit of linear signal.
        read_noise: Standard deviation of the noise in the dark, linear.
        seed: Of the noise.
    """

    brightness: float
    balance: RGB
    blur: float
    vignette: float
    shot_noise: float
    read_noise: float
    seed: int

    def develop(self, linear: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Turn light into a picture.

        Args:
            linear: (H, W, 3) linear RGB, any exposure.

        Returns:
            (H, W, 3) uint8 sRGB.
        """
        height, width = linear.shape[:2]
        # Bright windows and the sun's glints must not make all else dark.
        luminance = np.minimum((linear * _LUMINANCE).sum(axis=2), 2.0)
        exposure = self.brightness / max(float(luminance.mean()), 1e-3)
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        falloff = 1 - self.vignette * (x * x + y * y)[..., None] / 2
        light = linear * (exposure * falloff * np.asarray(self.balance))
        if self.blur > 0.15:
            light = gaussian_filter(light, (self.blur, self.blur, 0), mode='nearest', truncate=3.0)
        noise = np.random.default_rng(self.seed).standard_normal(light.shape)
        spread = np.sqrt(self.shot_noise * np.clip(light, 0, 1.5) + self.read_noise**2)
        return to_srgb(light + spread * noise)


def sample_film(rng: np.random.Generator) -> Film:
    """Draw how a picture is taken.

    Args:
        rng: Where chance comes from.
    """
    warmth, tint = np.clip(rng.normal(0, 0.07), -0.16, 0.16), np.clip(rng.normal(0, 0.02), -0.05, 0.05)
    noisy = rng.random() < 0.35
    return Film(
        brightness=float(rng.uniform(0.17, 0.36)),
        balance=(float(1 + warmth), float(1 + tint), float(1 - warmth)),
        blur=float(rng.choice([0.0, 1.0], p=[0.45, 0.55]) * rng.uniform(0.2, 0.75)),
        vignette=float(rng.uniform(0.0, 0.35)),
        shot_noise=float(rng.uniform(1e-5, 8e-5) * (8.0 if noisy else 1.0)),
        read_noise=float(rng.uniform(0.0005, 0.002) * (3.0 if noisy else 1.0)),
        seed=int(rng.integers(1 << 31)),
    )
