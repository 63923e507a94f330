"""Cost of trainings out of timing.json."""

import pytest

from posescope.study.training_cost import TrainingCost, training_cost


def training(seed: int, seconds: float | None, memory: float = 1.0, joules: float | None = None) -> dict:
    stage = {'peak_memory_mb': memory, 'energy_joules': joules}
    return {'name': 'a', 'seed': seed, 'training_seconds': seconds, 'stages': {'train': stage}}


def test_a_busy_machine_makes_one_seed_slow_and_not_the_run() -> None:
    runs = [training(0, 400.0), training(1, 1600.0), training(2, 420.0)]
    assert training_cost({'runs': runs}, 'a').seconds == 420.0


@pytest.mark.parametrize(
    ('runs', 'expected'),
    [
        ([], TrainingCost(None, None, None, None)),
        ([training(0, 8.0, 3.0, 5.0), training(1, 10.0, 2.0, 7.0)], TrainingCost(9.0, 3.0, None, 6.0)),
        ([training(0, 8.0, 2.0, 5.0), training(1, None, 3.0, 0.1)], TrainingCost(8.0, 2.0, None, 5.0)),
        ([training(0, 8.0, 2.0, 5.0), training(1, 9.0, 3.0)], TrainingCost(8.5, 3.0, None, None)),
        ([{**training(0, 8.0, 2.0), 'gpu_memory_mb': 7.0}], TrainingCost(8.0, 2.0, 7.0, None)),
        ([{**training(0, 8.0), 'name': 'b'}], TrainingCost(None, None, None, None)),
        ([{**training(0, None), 'stages': {'dev': {}}}], TrainingCost(None, None, None, None)),
    ],
    ids=['no run', 'two seeds', 'one failed', 'energy of one', 'on a GPU', 'another run', 'only tested'],
)
def test_of_a_run(runs: list[dict], expected: TrainingCost) -> None:
    assert training_cost({'runs': runs}, 'a') == expected
