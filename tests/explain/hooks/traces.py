"""What a hook must leave as it was."""

import hashlib
import pickle
import random
from typing import Any

import numpy as np
import torch
from mmengine.runner import Runner


def traces(runner: Runner) -> tuple[Any, ...]:
    """Weights, modes and what is asked of gradients, and the state of all generators."""
    modules = {name: module.training for name, module in runner.model.named_modules()}
    asked = [parameter.requires_grad for parameter in runner.model.parameters()]
    weights = hashlib.sha256()
    for value in runner.model.state_dict().values():
        weights.update(value.cpu().numpy().tobytes())
    from_numpy = np.random.get_state()  # noqa: NPY002  MMPose draws from the global one
    generators = random.getstate(), from_numpy, torch.get_rng_state().tolist()
    return modules, asked, weights.hexdigest(), hashlib.sha256(pickle.dumps(generators)).hexdigest()
