"""Methods that Captum has and that gain nothing from sharing passes between joints."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from posescope.errors import InputError, nearest
from posescope.explain.attribution.baselines import baseline_of, check_baseline
from posescope.explain.attribution.method import Method, chunks
from posescope.explain.pose_function import PoseFunction
from posescope.explain.targets.bound import BoundTarget

__all__ = ['ALGORITHMS', 'CaptumMethod', 'TargetModule']

ALGORITHMS = (
    'DeepLift',
    'Deconvolution',
    'FeatureAblation',
    'GradientShap',
    'GuidedBackprop',
    'KernelShap',
    'LRP',
    'Lime',
    'ShapleyValueSampling',
)
"""Classes of ``captum.attr``."""


class TargetModule(nn.Module):
    """A pose model and a target as Captum wants them: crops in, scores (B, K) out.

    Args:
        function: The model.
        bound: The target.
    """

    def __init__(self, function: PoseFunction, bound: BoundTarget) -> None:
        super().__init__()
        self.model = function.model
        self._function, self._bound = function, bound

    def forward(self, inputs: Tensor, rows: Tensor) -> Tensor:
        """Run and measure; ``rows`` (B,) int64 says whose crop each is."""
        return self._bound.score(self._function(inputs), rows)


class CaptumMethod(Method):
    """A method of Captum, joint by joint.

    Captum says which models a method is for; several refuse a ReLU that is called twice, as in MMPose's ResNet.

    Args:
        batch_size: Crops at once.
        algorithm: One of :data:`ALGORITHMS`.
        baseline: See :func:`~posescope.explain.attribution.baselines.baseline_of`, where the method takes one.
        window: Width of the squares that are one feature, pixels, for methods that group pixels.
        seed: Of what the method draws.
        **options: For its ``attribute``.

    Raises:
        InputError: There is no such method or baseline.
    """

    name: ClassVar[str] = 'captum'

    def __init__(
        self,
        batch_size: int = 16,
        algorithm: str = 'GradientShap',
        baseline: str = 'mean',
        window: int = 16,
        seed: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(batch_size)
        if algorithm not in ALGORITHMS:
            raise InputError(
                f"captum algorithm '{algorithm}' is not offered (nearest: {nearest(algorithm, ALGORITHMS)})"
            )
        self.algorithm, self.baseline, self.window, self.seed = algorithm, check_baseline(baseline), window, seed
        self.options = options

    def maps(self, function: PoseFunction, inputs: Tensor, bound: BoundTarget, joints: list[int]) -> Tensor:
        """Let Captum attribute, and sum over colours where features are not the same for all of them."""
        import captum.attr

        algorithm = getattr(captum.attr, self.algorithm)(TargetModule(function, bound))
        if self.algorithm == 'GradientShap':  # runs all its samples at once
            algorithm.gradient_func = partial(_gradients_in_parts, self.batch_size)
        takes = inspect.signature(algorithm.attribute).parameters
        shared = 'feature_mask' in takes
        found = inputs.new_zeros(len(inputs), len(joints), *inputs.shape[2:])
        with _own_random_numbers(), torch.enable_grad():
            # GradientShap draws each person's baseline from all that it is given at once.
            alone = shared or self.algorithm == 'GradientShap'
            for some in chunks(len(inputs), 1 if alone else self.batch_size):
                options = self._options(takes, function, inputs[some])
                rows = torch.arange(some.start, some.stop, device=inputs.device)
                for number, joint in enumerate(joints):
                    torch.manual_seed(self.seed)
                    np.random.seed(self.seed)  # noqa: NPY002  Captum draws from both
                    start = inputs[some].detach().clone().requires_grad_()
                    try:
                        values = algorithm.attribute(start, target=joint, additional_forward_args=(rows,), **options)
                    except (RuntimeError, AssertionError, AttributeError, TypeError) as error:
                        raise InputError(
                            f"captum's {self.algorithm} does not take this model: {str(error).splitlines()[0]}"
                        ) from error
                    found[some, number] = values.detach().mean(1) if shared else values.detach().sum(1)
        return found

    def _options(self, takes: Any, function: PoseFunction, inputs: Tensor) -> dict[str, Any]:
        """Options for ``attribute``, as far as the method takes them."""
        height, width = inputs.shape[2:]
        rows, columns = torch.arange(height) // self.window, torch.arange(width) // self.window
        squares = (rows[:, None] * (int(columns[-1]) + 1) + columns).expand(1, 1, -1, -1).to(inputs.device)
        offered = {
            'baselines': baseline_of(self.baseline, function, inputs),
            'feature_mask': squares,
            'perturbations_per_eval': self.batch_size,
        }
        return {**{name: value for name, value in offered.items() if name in takes}, **self.options}


def _gradients_in_parts(
    batch_size: int,
    forward: Callable[..., Tensor],
    inputs: tuple[Tensor, ...],
    target_ind: Any = None,
    additional_forward_args: tuple[Tensor, ...] = (),
) -> tuple[Tensor, ...]:
    """Take gradients of inputs (B, …) as Captum's ``compute_gradients`` does, with few of them in a pass."""
    from captum._utils.gradient import compute_gradients

    parts = []
    for some in chunks(len(inputs[0]), batch_size):
        starts = tuple(each[some].detach().requires_grad_() for each in inputs)
        given = tuple(each[some] for each in additional_forward_args)
        parts.append(compute_gradients(forward, starts, target_ind, given))
    return tuple(torch.cat(each) for each in zip(*parts, strict=True))


@contextmanager
def _own_random_numbers() -> Iterator[None]:
    """While entered, whoever draws from PyTorch's and NumPy's global generators takes nothing from others."""
    state = np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng():
            yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
