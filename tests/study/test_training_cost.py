"""Cost of trainings out of timing.json."""

import pytest

from posescope.study.training_cost import TrainingCost, parts_of_energy, training_cost


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


def parts(seed: int, whole: float | None, processors: float | None, gpus: float | None) -> dict:
    run = training(seed, 1.0, joules=whole)
    run['stages']['train'] |= {'processor_joules': processors, 'gpu_joules': gpus}
    return run


def test_a_part_is_known_if_it_is_of_all_seeds() -> None:
    cost = training_cost({'runs': [parts(0, None, None, 3.0), parts(1, 9.0, 4.0, 5.0)]}, 'a')
    assert (cost.joules, cost.processor_joules, cost.gpu_joules) == (None, None, 4.0)
    older = training_cost({'runs': [training(0, 1.0, joules=9.0)]}, 'a')
    assert (older.joules, older.processor_joules, older.gpu_joules) == (9.0, None, None)


def test_parts_are_shown_where_the_whole_of_a_run_is_not_known() -> None:
    whole, of_gpus, of_processors, nothing = (
        TrainingCost(1.0, 1.0, None, *joules)
        for joules in ((9.0, 4.0, 5.0), (None, None, 5.0), (None, 4.0, None), (None, None, None))
    )
    assert parts_of_energy([whole, nothing]) == (False, False)
    assert parts_of_energy([whole, of_gpus]) == (False, True)
    assert parts_of_energy([of_processors, nothing]) == (True, False)
