"""Delegated rounds: evaluations made elsewhere, and what becomes of those that are lost there for good."""

import pickle

import jax
import numpy as np
import pytest

from core.toys import OBJECTIVES, limited, ruler_problem
from daedalus.core import Outcome, Status
from daedalus.core.history import CLOCK_COLUMNS
from daedalus.errors import RunError
from daedalus.optimisers import Adam, optimiser
from daedalus.search import Guards, optimise
from daedalus.search.orders import Delivery, evaluated

PROBLEM = ruler_problem(objectives=OBJECTIVES[:1])
HOW = {"key": jax.random.key(9), "rounds": 4, "events": 32}


class Post:
    """Evaluations by post: orders and deliveries travel as bytes, and arrive in another order; some never do."""

    def __init__(self, lost=()):
        self.lost, self.seen = set(lost), 0

    def deliver(self, problem, orders):
        found = []
        for order in reversed(pickle.loads(pickle.dumps(list(orders)))):
            number, self.seen = self.seen, self.seen + 1
            if number in self.lost:
                outcome = Outcome(order.id, Status.FAILED, cause="KilledWorker: no memory", attempts=20)
                found.append(Delivery(outcome, None))
            else:
                outcome = Outcome(order.id, Status.OK, wall_seconds=0.25)
                found.append(Delivery(outcome, pickle.loads(pickle.dumps(evaluated(problem, order)))))
        return found


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize(("name", "options"), [("adam", {"starts": 3}), ("cmaes", {})])
def test_elsewhere_is_as_good_as_here(name, options, constrained):
    problem = ruler_problem(objectives=OBJECTIVES[:1], constraints=(limited(2.0),) if constrained else ())
    here = optimise(problem, optimiser(name, **options), **HOW)
    there = optimise(problem, optimiser(name, **options), evaluator=Post(), **HOW)
    assert list(here.columns) == list(there.columns)
    for column, values in here.columns.items():
        if column not in CLOCK_COLUMNS and values.dtype.kind == "f":
            np.testing.assert_allclose(there[column], values, rtol=1e-9, atol=1e-12, err_msg=column)
    assert np.all(there["wall_seconds"] == 0.25)


def test_a_design_that_is_lost_for_good_is_a_failed_row():
    history = optimise(PROBLEM, Adam(starts=3), evaluator=Post({4}), guards=Guards(unsound="skip"), **HOW)
    assert len(history) == 12
    failed = np.where(history["status"] == "failed")[0]
    assert failed.tolist() == [4]  # the second of three that came back in reverse order
    assert np.isinf(history["loss"][4])
    with pytest.raises(RunError, match=r"round 1 of 'ruler': .* lost elsewhere \(KilledWorker: no memory\)"):
        optimise(PROBLEM, Adam(starts=3), evaluator=Post({4}), **HOW)
