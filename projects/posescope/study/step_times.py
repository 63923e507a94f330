"""How long a training took, from its checkpoint."""

from pathlib import Path
from typing import Any

import numpy as np

from posescope.compat.checkpoint import load_checkpoint

__all__ = ['training_seconds']


def training_seconds(checkpoint: Path) -> float | None:
    """Number of steps times the median step; a checkpoint carries its steps over every stop and resume.

    Other work beside a training so counts only if it was there for most of it. Validation is not counted.

    Returns:
        Seconds; None if the file does not say, or cannot be read as a checkpoint.
    """
    try:
        content: Any = load_checkpoint(checkpoint)
        hub = content.get('message_hub')
        steps = hub['log_scalars']['train/time'].data[0]
    except Exception:  # a checkpoint is whatever a config's hooks write, and this is a number for a table
        return None
    return float(len(steps) * np.median(steps)) if len(steps) else None
