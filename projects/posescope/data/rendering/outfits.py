"""Outfits: what a person looks like and wears, as plain data, and how to draw one at random."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from posescope.data.rendering.garments import NO_LIMIT, Cloth, Garment
from posescope.data.rendering.hair import Hair, Hat
from posescope.data.rendering.patterns import RGB, Checks, Dots, Halves, Mottle, Pattern, Print, Stripes

_SKIN = (
    # Linear albedo from very light to very dark skin; after the Monk skin tone scale, whose ends are rarer here.
    (0.80, 0.56, 0.44),
    (0.68, 0.44, 0.32),
    (0.55, 0.32, 0.21),
    (0.38, 0.20, 0.12),
    (0.22, 0.105, 0.06),
    (0.11, 0.052, 0.032),
    (0.055, 0.028, 0.020),
)
_HAIR = (
    (0.012, 0.010, 0.010),
    (0.030, 0.018, 0.012),
    (0.075, 0.040, 0.022),
    (0.170, 0.095, 0.045),
    (0.420, 0.270, 0.120),
    (0.220, 0.065, 0.025),
    (0.320, 0.310, 0.300),
    (0.600, 0.590, 0.570),
)
_IRIS = ((0.05, 0.025, 0.012), (0.10, 0.05, 0.02), (0.10, 0.16, 0.24), (0.10, 0.15, 0.08))


@dataclass(frozen=True)
class Outfit:
    """What a person looks like and wears. Two equal outfits look the same on the same body.

    Attributes:
        skin: Linear RGB.
        lips: Linear RGB.
        brow: Colour of brows, lashes and beard, linear RGB.
        beard: 0 for none to 1 for full.
        iris: Linear RGB.
        hair: How hair is worn.
        hat: What is on the head, if anything.
        garments: From the body outwards; together they always cover torso, hips and the top of the thighs.
        sole: Linear RGB of the soles; none for bare feet.
    """

    skin: RGB
    lips: RGB
    brow: RGB
    beard: float
    iris: RGB
    hair: Hair
    hat: Hat | None
    garments: tuple[Garment, ...]
    sole: RGB | None


def sample_outfit(rng: np.random.Generator, gender: float = 0.5) -> Outfit:
    """Draw an outfit at random: skin, hair, and clothes of many cuts, colours and patterns.

    Args:
        rng: Where randomness comes from.
        gender: 0 for male to 1 for female, as in the body's phenotype: beards want at most 0.5, and skirts and long
            hair are rarer below.
    """
    tone = float(rng.beta(1.1, 1.3)) * (len(_SKIN) - 1)
    skin = _between(_SKIN, tone, rng.normal(0, 0.06) + rng.normal(0, 0.03, 3))
    hair = _hair(rng, gender, dark=tone > 3)
    lips = _rounded(np.array(skin) * rng.uniform([0.75, 0.38, 0.40], [0.95, 0.62, 0.65]))
    brow = _rounded(np.minimum(np.array(hair.colour) * 0.7, 0.10))
    beard = float(rng.choice([0.0, 0.35, 0.9], p=[0.55, 0.25, 0.20])) if gender <= 0.5 else 0.0
    upper, lower = _tops(rng), _bottoms(rng, gender)
    shoes, sole = _shoes(rng)
    if lower[-1].form == 'skirt':
        upper[0] = replace(upper[0], hem=lower[-1].waist + 0.15)
    elif shoes and shoes[-1].waist < lower[-1].hem:
        lower[-1] = replace(lower[-1], hem=round(shoes[-1].waist + 0.05, 4))
    hat = None
    if hair.style not in ('bun', 'ponytail') and rng.random() < 0.10:
        hat = Hat(_colour(rng), brim=float(np.round(rng.choice([0.0, 0.07]), 3)))
    return Outfit(
        skin, lips, brow, beard, _IRIS[int(rng.integers(len(_IRIS)))], hair, hat, (*lower, *shoes, *upper), sole
    )


def _hair(rng: np.random.Generator, gender: float, dark: bool) -> Hair:
    styles = ('bald', 'cropped', 'short', 'long', 'bun', 'ponytail')
    of_women = np.array([0.01, 0.05, 0.24, 0.42, 0.14, 0.14])
    of_men = np.array([0.10, 0.30, 0.46, 0.10, 0.02, 0.02])
    style = str(rng.choice(styles, p=gender * of_women + (1 - gender) * of_men))
    chances = (
        [0.45, 0.30, 0.13, 0.0, 0.02, 0.0, 0.06, 0.04] if dark else [0.20, 0.22, 0.2, 0.13, 0.11, 0.04, 0.06, 0.04]
    )
    colour = _between(_HAIR, float(rng.choice(len(_HAIR), p=chances)), rng.normal(0, 0.2) + rng.normal(0, 0.04, 3))
    return Hair(
        style,
        colour,
        volume=_uniform(rng, 0.008, 0.026),
        length=_uniform(rng, 0.25, 0.56),
        fringe=bool(style in ('short', 'long', 'bun') and rng.random() < 0.3),
        receding=_uniform(rng, 0.0, 0.03) if style in ('cropped', 'short') and rng.random() < 0.3 else 0.0,
        seed=int(rng.integers(1000)),
    )


def _tops(rng: np.random.Generator) -> list[Garment]:
    """Draw what is worn above the waist: one garment, sometimes a jacket over it."""
    kind = str(rng.choice(['shirt', 'long sleeves', 'sleeveless', 'pullover'], p=[0.42, 0.26, 0.12, 0.20]))
    sleeve = {
        'shirt': _uniform(rng, 0.45, 0.95),
        'long sleeves': _uniform(rng, 1.75, 1.97),
        'sleeveless': _uniform(rng, 0.12, 0.22),
        'pullover': _uniform(rng, 1.85, 2.0),
    }[kind]
    thick = kind == 'pullover'
    necklines, chances = ['crew', 'v', 'scoop', 'turtle'], [0.55, 0.2, 0.15, 0.1]
    top = Garment(
        kind,
        _cloth(rng, on_chest=True),
        hem=_uniform(rng, 0.0, 0.18),
        sleeve=sleeve,
        neckline=str(rng.choice(necklines, p=chances)),
        thickness=_uniform(rng, 0.014, 0.02) if thick else _uniform(rng, 0.009, 0.013),
        looseness=_uniform(rng, 0.008, 0.03) if thick else _uniform(rng, 0.003, 0.022),
        folds=_uniform(rng, 0.002, 0.006),
        seed=int(rng.integers(1000)),
    )
    if rng.random() > 0.16:
        return [top]
    jacket = Garment(
        'jacket',
        _cloth(rng),
        hem=_uniform(rng, 0.08, 0.2),
        sleeve=_uniform(rng, 1.85, 2.0),
        opening=_uniform(rng, 0.02, 0.06),
        thickness=0.030,
        looseness=_uniform(rng, 0.012, 0.03),
        folds=_uniform(rng, 0.003, 0.006),
        seed=int(rng.integers(1000)),
    )
    return [top, jacket]


def _bottoms(rng: np.random.Generator, gender: float) -> list[Garment]:
    """Draw what is worn below the waist."""
    kinds, skirts = ['trousers', 'tight trousers', 'shorts', 'skirt'], 0.02 + 0.26 * gender
    kind = str(rng.choice(kinds, p=[0.54 - skirts / 2, 0.25 - skirts / 2, 0.21, skirts]))
    cloth = _denim(rng) if kind.endswith('trousers') and rng.random() < 0.4 else _cloth(rng)
    waist, seed = _uniform(rng, -0.55, -0.4), int(rng.integers(1000))
    if kind == 'skirt':
        under = Garment(
            'shorts under the skirt', Cloth(cloth.colour), waist=waist, hem=0.42, thickness=0.003, folds=0.0
        )
        hem = _uniform(rng, 0.55, 1.7)
        skirt = Garment(
            'skirt', cloth, waist=waist, hem=hem, thickness=0.004, looseness=0.0, folds=0.004, form='skirt', seed=seed
        )
        return [under, skirt]
    hem = _uniform(rng, 0.45, 1.05) if kind == 'shorts' else _uniform(rng, 1.75, 1.95)
    tight = kind == 'tight trousers'
    return [
        Garment(
            kind,
            cloth,
            waist=waist,
            hem=hem,
            thickness=0.004 if tight else 0.006,
            looseness=0.002 if tight else _uniform(rng, 0.006, 0.03),
            folds=0.001 if tight else _uniform(rng, 0.002, 0.005),
            seed=seed,
        )
    ]


def _shoes(rng: np.random.Generator) -> tuple[list[Garment], RGB | None]:
    """Draw what is on the feet, and the colour of the soles."""
    if rng.random() < 0.07:
        return [], None
    colour = _colour(rng) if rng.random() < 0.5 else _grey(rng)
    boots = rng.random() < 0.2
    gloss = _uniform(rng, 0.0, 0.7)
    top = _uniform(rng, 1.45, 1.75) if boots else _uniform(rng, 1.92, 2.04)
    shoe = Garment(
        'shoes', Cloth(colour, gloss=gloss), waist=top, hem=NO_LIMIT, thickness=0.009, looseness=0.0, folds=0.0
    )
    sole = _grey(rng)
    if boots or rng.random() < 0.4:
        return [shoe], sole
    height = _uniform(rng, 1.5, 1.9)
    sock = Garment('socks', Cloth(_grey(rng)), waist=height, hem=NO_LIMIT, thickness=0.003, looseness=0.0, folds=0.0)
    return [sock, shoe], sole


def _cloth(rng: np.random.Generator, on_chest: bool = False) -> Cloth:
    colour = _grey(rng) if rng.random() < 0.3 else _colour(rng)
    return Cloth(colour, _pattern(rng, colour, on_chest), gloss=float(rng.random() < 0.1) * 0.3)


def _denim(rng: np.random.Generator) -> Cloth:
    depth = rng.uniform(0.25, 1.0)
    colour = _rounded(np.array([0.10, 0.17, 0.32]) * depth)
    worn = _rounded(np.array(colour) * 1.7)
    return Cloth(colour, Mottle(worn, period=0.12, width=0.35, contrast=0.05, seed=int(rng.integers(1000))))


def _pattern(rng: np.random.Generator, colour: RGB, on_chest: bool) -> Pattern | None:
    """Draw a pattern whose second colour differs from the first."""
    second = _colour(rng) if rng.random() < 0.6 else _grey(rng)
    if abs(sum(second) - sum(colour)) < 0.25:
        second = (0.75, 0.75, 0.72) if sum(colour) < 0.9 else (0.03, 0.03, 0.035)
    kinds = ['plain', 'stripes', 'upright', 'checks', 'dots', 'mottle', 'halves', 'print']
    chances = (
        [0.42, 0.11, 0.05, 0.08, 0.06, 0.08, 0.05, 0.15] if on_chest else [0.66, 0.06, 0.06, 0.08, 0.06, 0.08, 0, 0]
    )
    kind = str(rng.choice(kinds, p=chances))
    period, width, seed = _uniform(rng, 0.03, 0.14), _uniform(rng, 0.25, 0.6), int(rng.integers(1000))
    if kind in ('stripes', 'upright'):
        return Stripes(second, period, width, upright=kind == 'upright')
    if kind == 'checks':
        return Checks(second, period, width)
    if kind == 'dots':
        return Dots(second, max(period, 0.05), width)
    if kind == 'mottle':
        return Mottle(second, period, width, contrast=_uniform(rng, 0.0, 1.0), seed=seed)
    if kind == 'halves':
        return Halves(second, height=_uniform(rng, 0.15, 0.38))
    if kind == 'print':
        size = (_uniform(rng, 0.04, 0.09), _uniform(rng, 0.03, 0.08))
        shape = str(rng.choice(['block', 'disc', 'lines']))
        return Print(second, shape=shape, centre=(0.0, _uniform(rng, 0.26, 0.34)), size=size, behind=rng.random() < 0.2)
    return None


def _colour(rng: np.random.Generator) -> RGB:
    """Draw a colour of dyed cloth, linear RGB."""
    hue, saturation, value = rng.random(), rng.uniform(0.25, 0.95), rng.uniform(0.06, 0.75)
    wheel = np.clip(np.abs((hue * 6 + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1, 0, 1)
    return _rounded(value * (1 - saturation * (1 - wheel)))


def _grey(rng: np.random.Generator) -> RGB:
    """Draw black, grey, white or something close to them, linear RGB."""
    value = float(rng.choice([0.02, 0.05, 0.15, 0.35, 0.72], p=[0.3, 0.2, 0.15, 0.15, 0.2])) * rng.uniform(0.8, 1.2)
    return _rounded(np.clip(value * (1 + rng.normal(0, 0.05, 3)), 0.01, 0.85))


def _between(table: tuple[RGB, ...], place: float, change: np.ndarray) -> RGB:
    """Blend two neighbours of a table in proportion, and change each channel by a share."""
    low = min(int(place), len(table) - 2)
    blend = np.array(table[low]) ** (1 - (place - low)) * np.array(table[low + 1]) ** (place - low)
    return _rounded(np.clip(blend * (1 + np.clip(change, -0.3, 0.3)), 0.006, 0.9))


def _uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 4)


def _rounded(colour: np.ndarray) -> RGB:
    red, green, blue = (round(float(channel), 4) for channel in colour)
    return red, green, blue
