"""Who people are: shapes of bodies."""

import numpy as np

from posescope.data.rendering.body import YOUNGEST

__all__ = ['girth', 'sample_phenotype']


def sample_phenotype(rng: np.random.Generator) -> dict[str, float]:
    """Draw the shape of a body: a woman or a man, a child, an adult or an old person, of any build.

    Args:
        rng: Where chance comes from.

    Returns:
        Values of :data:`posescope.data.rendering.body.PHENOTYPES`.
    """
    age_group = rng.choice(3, p=[0.16, 0.64, 0.20])
    low, high = ((YOUNGEST + 1e-3, 0.5), (0.55, 0.85), (0.85, 1.0))[age_group]
    female = rng.random() < 0.5
    gender = rng.beta(1.5, 8.0)
    ancestry = rng.dirichlet((0.6, 0.6, 0.6))
    values = {
        'gender': 1.0 - gender if female else gender,
        'age': rng.uniform(low, high),
        'muscle': np.clip(rng.normal(0.5, 0.18), 0.05, 0.95),
        'weight': np.clip(rng.normal(0.52, 0.2), 0.08, 0.97),
        'height': np.clip(rng.normal(0.42, 0.09), 0.2, 0.62),
        'proportions': np.clip(rng.normal(0.55, 0.2), 0.0, 1.0),
        **dict(zip(('african', 'asian', 'caucasian'), ancestry, strict=True)),
    }
    return {name: round(float(value), 4) for name, value in values.items()}


def girth(phenotype: dict[str, float]) -> float:
    """Tell how thick a body is compared with a middling one, for poses that keep out of themselves."""
    return 0.85 + 0.3 * phenotype.get('weight', 0.5)
