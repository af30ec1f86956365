"""Event numbers: they grow where noise hides the gradient, and only there; a resumed search grows at the same round."""

import jax
import numpy as np
import pytest

from core.toys import OBJECTIVES, ruler_problem
from daedalus.core import History
from daedalus.core.history import CLOCK_COLUMNS
from daedalus.errors import OptimiserError, ProblemError
from daedalus.execution import RunFolder, recorded_search
from daedalus.optimisers import Adam, RandomSearch
from daedalus.search import optimise
from daedalus.search.event_numbers import LEAST, EventNumbers

PROBLEM = ruler_problem(objectives=OBJECTIVES[:1])
ADAM = Adam(steps={"centre": 0.05, "width": 0.05}, starts=2)
HOW = {"rounds": 40, "events": 16, "most_events": 100, "scenarios": 2, "chunk": 3}


def history(signals, events):
    """Rounds with certain signals, one start each."""
    count = len(signals)
    return History({"round": np.arange(count), "signal": np.array(signals, float), "events": np.array(events)})


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        ([], 10),
        ([9.0] * 5, 10),
        ([0.9] * 4, 10),  # too few rounds to tell
        ([0.9] * 5, 20),
        ([9.0, 0.9, 0.9, 0.9, 9.0], 20),  # the median tells
        ([9.0, 9.0, 0.9, 0.9, 9.0], 10),
        ([0.9] * 5 + [9.0] * 3, 10),  # only the last rounds tell
        ([np.inf] * 5, 10),  # no noise at all
    ],
)
def test_they_double_where_the_signal_is_weak(signals, expected):
    assert EventNumbers(10, 35).after(history(signals, [20] * len(signals)), scenarios=2) == expected


def test_they_stay_without_leave_and_end_at_the_most():
    weak = history([0.5] * 5, [40] * 5)
    assert EventNumbers(20).after(weak, scenarios=2) == 20
    assert EventNumbers(20, 35).after(weak, scenarios=2) == 35
    assert EventNumbers(20, 35).after(history([0.5] * 5, [70] * 5), scenarios=2) == 35


def test_after_a_step_new_rounds_are_needed():
    both = history([0.5] * 8, [40] * 5 + [80] * 3)
    assert EventNumbers(20, 500).after(both, scenarios=2) == 40
    assert EventNumbers(20, 500).after(history([0.5] * 10, [40] * 5 + [80] * 5), scenarios=2) == 80


@pytest.fixture(scope="module")
def grown():
    return optimise(PROBLEM, ADAM, key=jax.random.key(3), **HOW)


def test_a_search_begins_with_few_events_and_ends_with_more(grown):
    events = grown["events"] // 2
    assert events[0] == 16
    assert np.all(np.diff(events) >= 0)
    assert set(events) <= {16, 32, 64, 100}
    assert events[-1] > 16
    assert grown["accepted"][-1] > grown["accepted"][0]
    for number in set(events) - {events[-1]}:  # each step was asked for
        last = np.where(events == number)[0][-1]
        assert np.median(grown["signal"][max(0, last - 9) : last + 1]) < LEAST


def test_the_signal_is_about_one_for_noise_alone(grown):
    flat = ruler_problem(objectives=OBJECTIVES[:1])
    start = optimise(flat, Adam(step_share=1e-9), key=jax.random.key(4), rounds=3, events=4000, scenarios=1)
    assert np.all(start["signal"] > 5)  # far from the optimum
    assert np.all(grown["signal"] > 0)


def test_a_stopped_search_grows_at_the_same_round(tmp_path, grown):
    def dying(progress):
        if progress.done >= 18:
            raise MemoryError

    folder = RunFolder.create(tmp_path / "run")
    with pytest.raises(MemoryError):
        recorded_search(folder, PROBLEM, ADAM, seed=3, watch=(dying,), **HOW)
    found = recorded_search(folder, PROBLEM, ADAM, seed=3, **HOW)
    for name, column in grown.columns.items():
        if name not in CLOCK_COLUMNS:
            np.testing.assert_array_equal(found[name], column, err_msg=name)


def test_what_cannot_grow_is_refused():
    how = {"key": jax.random.key(3), "rounds": 2, "events": 16, "scenarios": 2}
    with pytest.raises(OptimiserError, match="RandomSearch uses no gradients"):
        optimise(PROBLEM, RandomSearch(batch=2), most_events=32, **how)
    with pytest.raises(ProblemError, match="at most 8 events, but 16 at first"):
        optimise(PROBLEM, ADAM, most_events=8, **how)
