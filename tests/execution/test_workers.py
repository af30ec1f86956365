"""Workers: requests side by side, failures tried again, counted and learned from; nothing outlives them."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Answer, Capabilities, Evaluator, Optimiser, Point, Proposal, SimulationError, Status
from daedalus.core.history import CLOCK_COLUMNS
from daedalus.errors import RunError
from daedalus.execution import Executable, Ledger, PythonFunction, Workers
from daedalus.optimisers import RandomSearch
from daedalus.search import optimise
from execution.hillside import FAULTY, PYTHON, height, hillside_problem, request, wild

KEY = jax.random.key(11)
SLEEPER = "import os, sys, time; open(sys.argv[3], 'a').write(f'{os.getpid()} '); time.sleep(60)"


class Climber(Optimiser):
    """Steps from the best place so far, shorter ones where nothing was better; it counts what failed."""

    handles = Capabilities()
    batch: int = 8

    def init(self, space, start, *, key, rounds, goals):
        return {"best": start, "loss": jnp.asarray(jnp.inf), "step": jnp.asarray(0.3), "failed": jnp.zeros((), int)}

    def ask(self, state, *, key):
        moves = state["step"] * jax.random.normal(key, (self.batch, *state["best"].cube.shape))
        return Proposal(Point(jnp.clip(state["best"].cube + moves, 0.0, 1.0), state["best"].learned), jnp.ones(()))

    def tell(self, state, proposal, evaluation):
        best = jnp.argmin(evaluation.loss)
        better = evaluation.loss[best] < state["loss"]
        place = jnp.where(better, proposal.points.cube[best], state["best"].cube)
        return {
            "best": eqx.tree_at(lambda p: p.cube, state["best"], place),
            "loss": jnp.minimum(evaluation.loss[best], state["loss"]),
            "step": jnp.where(better, state["step"], 0.7 * state["step"]),
            "failed": state["failed"] + jnp.sum(~evaluation.sound),
        }


def faulty(**options):
    return Executable([*PYTHON, str(FAULTY)], ["height"], timeout=0.5, **options)


def search(rounds, concurrent):
    """A search with a faulty program: its history, the workers' ledger, and the optimiser's last state."""
    states = []
    simulator = faulty()
    with Workers(simulator, concurrent=concurrent) as workers:
        assert isinstance(workers, Evaluator)
        problem, watch = hillside_problem(simulator), [lambda progress: states.append(progress.state)]
        history = optimise(problem, Climber(), key=KEY, rounds=rounds, evaluator=workers, watch=watch)
        return history, workers.ledger, states[-1]


def check(history, ledger, state):
    """What has to be true of a search with failures."""
    status, count = history["status"], len(history)
    counts = {name: int(np.sum(status == name)) for name in ("ok", "failed", "timeout")}
    assert ledger == Ledger(submitted=count, open=0, **counts)
    assert sum(counts.values()) == count
    assert 0.08 * count < counts["failed"] + counts["timeout"] < 0.4 * count
    bad = status != "ok"
    np.testing.assert_array_equal(np.isinf(history["loss"]), bad)
    np.testing.assert_array_equal(history["cause"] != "", bad)
    np.testing.assert_array_equal(history["attempts"], np.where(status == "failed", 2, 1))
    assert int(state["failed"]) == int(bad.sum())
    assert float(state["loss"]) == np.min(history["loss"])


CAUSES = (
    "exit code 3; it said last: line one | the magnet is missing",
    "no end after 0.5 s; it said nothing",
    "output.json, line 1, column 13: Unterminated string starting at; expected JSON that is complete",
    "height holds a number that is not finite",
    "height has the shape (2,); expected ()",
    "killed by SIGKILL; it said nothing",
)


def test_two_hundred_evaluations_a_fifth_of_which_fail():
    history, ledger, state = search(25, concurrent=3)
    assert len(history) == 200
    check(history, ledger, state)
    assert set(history["cause"]) == {"", *CAUSES}
    assert history["height"][history.best_row()] == pytest.approx(2.0, abs=1e-3)


def test_the_history_does_not_depend_on_the_number_of_workers():
    (history, *_), (again, *_) = search(2, concurrent=3), search(2, concurrent=1)
    assert {"ok", "failed"} <= set(history["status"])
    for name in history.columns:
        if name not in CLOCK_COLUMNS:
            np.testing.assert_array_equal(again[name], history[name], err_msg=name)


def outcomes(workers, *requests):
    """The outcomes of some requests by id."""
    for asked in requests:
        workers.submit(asked)
    found = []
    while workers.ledger.open:
        found += workers.collect()
    found += workers.collect()
    assert sorted(outcome.id for outcome in found) == sorted(asked.id for asked in requests)
    return {outcome.id: outcome for outcome in found}


def test_each_of_the_six_faults_has_a_status_and_a_cause():
    lots = [request(lot, x=0.0, y=0.0, seed=lot) for lot in range(7)]
    with Workers(faulty(), concurrent=2, attempts=1) as workers:
        found = outcomes(workers, *lots)
    assert [found[lot].cause for lot in range(6)] == list(CAUSES)
    assert [found[lot].status for lot in range(7)] == [
        *[Status.FAILED, Status.TIMEOUT, Status.FAILED, Status.FAILED, Status.FAILED, Status.FAILED, Status.OK]
    ]
    assert found[6].answer == Answer({"height": 5.0})
    assert found[1].wall_seconds >= 0.5


def test_requests_are_worked_on_side_by_side():
    meeting = threading.Barrier(3, timeout=30)

    def together(parameters, events, seed):
        meeting.wait()
        return height(parameters, events, seed)

    with Workers(PythonFunction(together, ["height"]), concurrent=3) as workers:
        assert {o.status for o in outcomes(workers, *map(request, range(6))).values()} == {Status.OK}


def test_a_retry_asks_the_same_and_may_succeed():
    asked = []

    def unlucky(parameters, events, seed):
        asked.append((parameters, events, seed))
        if len(asked) < 3:
            raise SimulationError("no licence")
        return height(parameters, events, seed)

    with Workers(PythonFunction(unlucky, ["height"]), concurrent=1, attempts=3) as workers:
        (outcome,) = outcomes(workers, request(4)).values()
    assert (outcome.status, outcome.attempts, outcome.cause) == (Status.OK, 3, "")
    assert asked[0] == asked[1] == asked[2]


@pytest.mark.parametrize(("retry_on", "attempts"), [((), 1), ((Status.FAILED,), 1), ((Status.TIMEOUT,), 3)])
def test_only_what_is_worth_it_is_tried_again(retry_on, attempts):
    simulator = Executable([*PYTHON, "-c", "import time; time.sleep(60)"], ["height"], timeout=0.1)
    with Workers(simulator, attempts=3, retry_on=retry_on) as workers:
        (outcome,) = outcomes(workers, request()).values()
    assert (outcome.status, outcome.attempts) == (Status.TIMEOUT, attempts)


def running(note, count):
    """The process numbers that so many sleeping programs have noted."""
    for _ in range(500):
        numbers = note.read_text().split() if note.exists() else []
        if len(numbers) == count:
            return [int(number) for number in numbers]
        time.sleep(0.02)
    raise AssertionError("the programs did not start")


def alive(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_worker_that_is_killed_from_outside_is_a_failure(tmp_path):
    note = tmp_path / "processes"
    simulator = Executable([*PYTHON, "-c", SLEEPER, "{input}", "{output}", str(note)], ["height"])
    with Workers(simulator, attempts=1) as workers:
        workers.submit(request(8))
        os.kill(*running(note, 1), signal.SIGKILL)
        (outcome,) = workers.collect()
    assert (outcome.id, outcome.status, outcome.cause) == (8, Status.FAILED, "killed by SIGKILL; it said nothing")


def test_closing_ends_what_runs_and_every_open_request_has_failed(tmp_path):
    note = tmp_path / "processes"
    simulator = Executable([*PYTHON, "-c", SLEEPER, "{input}", "{output}", str(note)], ["height"])
    workers = Workers(simulator, concurrent=2)
    for number in range(5):
        workers.submit(request(number))
    numbers = running(note, 2)
    assert workers.ledger == Ledger(submitted=5, open=5)
    workers.close()
    assert not any(map(alive, numbers))
    assert workers.ledger == Ledger(submitted=5, failed=5)
    found = workers.collect()
    assert sorted(outcome.id for outcome in found) == list(range(5))
    assert {outcome.cause for outcome in found} == {"stopped, because the workers were closed"}
    assert workers.collect() == []
    with pytest.raises(RunError, match="the workers are closed"):
        workers.submit(request(9))


def test_closing_does_not_wait_for_what_cannot_be_stopped():
    gate = threading.Event()
    simulator = Stubborn(gate)
    workers = Workers(simulator, concurrent=1)
    workers.submit(request(1))
    simulator.begun.wait()
    workers.close()
    assert workers.ledger == Ledger(submitted=1, failed=1)
    gate.set()  # too late: its answer changes nothing any more
    workers._threads[0].join()
    assert workers.ledger == Ledger(submitted=1, failed=1)
    assert len(workers.collect()) == 1


class Stubborn:
    """A simulator that nobody can stop."""

    names, differentiable = ("height",), False

    def __init__(self, gate):
        self.gate, self.begun = gate, threading.Event()

    def __call__(self, request):
        self.begun.set()
        self.gate.wait()
        return Answer({"height": 1.0})


def test_an_interrupt_ends_a_search_after_its_last_whole_round_and_leaves_nothing_running(tmp_path):
    note = tmp_path / "processes"
    script = f"import sys; sys.argv[3:] = [{str(note)!r}]; {SLEEPER}"
    sleeper = Executable([*PYTHON, "-c", script], ["height"])
    calls = []

    def impatient(asked):
        calls.append(asked.id)
        if asked.id < 4:
            return PythonFunction(height, ["height"])(asked)
        if asked.id == 5:
            running(note, 1)
            os.kill(os.getpid(), signal.SIGINT)
        return sleeper(asked)

    simulator = Stoppable(impatient, sleeper.stop)
    with Workers(simulator, concurrent=2) as workers:
        history = optimise(
            hillside_problem(simulator), RandomSearch(batch=4), key=KEY, rounds=3, events=5, evaluator=workers
        )
    assert len(history) == 4
    assert not any(alive(int(number)) for number in note.read_text().split())
    ledger = workers.ledger
    assert (ledger.open, ledger.ok, ledger.timeout) == (0, 4, 0)
    assert ledger.submitted - ledger.ok == ledger.failed >= 2


class Stoppable:
    """A simulator made of two functions."""

    names, differentiable = ("height",), False

    def __init__(self, function, stop):
        self.function, self.stop = function, stop

    def __call__(self, request):
        return self.function(request)


LEFT_OPEN = """
import sys
from execution.hillside import request
from execution.test_workers import SLEEPER, Path, running
from daedalus.execution import Executable, Workers
note = Path(sys.argv[1])
simulator = Executable([sys.executable, "-c", SLEEPER, "{input}", "{output}", str(note)], ["height"])
workers = Workers(simulator, concurrent=2)
for number in range(5):
    workers.submit(request(number))
running(note, 2)
"""


def test_nothing_outlives_python_even_if_nobody_closes_the_workers(tmp_path):
    note, here = tmp_path / "processes", Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(here)}
    subprocess.run([sys.executable, "-c", LEFT_OPEN, str(note)], env=environment, check=True, timeout=120)
    assert len(note.read_text().split()) == 2
    assert not any(alive(int(number)) for number in note.read_text().split())


def test_isolated_functions_run_in_a_child_per_worker():
    simulator = PythonFunction(wild, ["height"], isolated=True, timeout=20.0)
    with Workers(simulator, concurrent=2, attempts=1) as workers:
        found = outcomes(workers, *[request(number, seed=seed) for number, seed in enumerate((5, 2, 5, 1, 7))])
    assert [found[n].status.name for n in range(5)] == ["OK", "FAILED", "OK", "FAILED", "OK"]
    assert not any(alive(int(found[n].answer.values["height"])) for n in (0, 2))


def test_a_function_that_wants_to_end_python_is_a_failure():
    with Workers(PythonFunction(wild, ["height"]), concurrent=1, attempts=1) as workers:
        (outcome,) = outcomes(workers, request(3, seed=4)).values()
    assert (outcome.status, outcome.cause) == (Status.FAILED, "SystemExit: 4")


def test_misuse_is_refused():
    simulator = PythonFunction(height, ["height"])
    for options in ({"concurrent": 0}, {"attempts": 0}):
        with pytest.raises(RunError, match="expected at least one of each"):
            Workers(simulator, **options)
    gate = threading.Event()
    with Workers(Stubborn(gate), concurrent=1) as workers:
        workers.submit(request(1))
        with pytest.raises(RunError, match="request 1 is still open"):
            workers.submit(request(1))
        gate.set()
