"""Resumed searches: the same bits as searches that were never stopped, and nothing evaluated twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from app import dartboard
from daedalus.core import Optimiser
from daedalus.core.history import CLOCK_COLUMNS
from daedalus.errors import RunError
from daedalus.execution import PythonFunction, RunFolder, Workers, read_history, recorded_search, search_record
from daedalus.execution.journal import Journal
from daedalus.execution.search_record import read_search
from daedalus.optimisers import optimiser
from execution import hillside

SIZES = {"seed": 3, "rounds": 12, "events": 20, "scenarios": 4, "chunk": 2}


def assert_same(history, other):
    assert list(history.columns) == list(other.columns)
    for name, column in history.columns.items():
        if name not in CLOCK_COLUMNS:
            np.testing.assert_array_equal(other[name], column, err_msg=name)


def stopping(after):
    """A watcher that raises after so many rounds, when they are recorded."""

    def watch(progress):
        if progress.done >= after:
            raise MemoryError("the machine died")

    return watch


def method(name, problem) -> Optimiser:
    return dartboard.recipe(problem).optimiser if name == "recipe" else optimiser(name)


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("tpe", "generative", "nsga2", "annealing")]


@pytest.mark.parametrize("name", ["recipe", "lbfgs", "cmaes", "gp", "linear", *SLOW])
def test_a_search_that_stops_anywhere_goes_on_to_the_same_history(name, tmp_path):
    problem, rounds = dartboard.problem(), 6 if name in ("gp", "generative", "linear") else 12
    sizes = {**SIZES, "rounds": rounds}
    whole = recorded_search(RunFolder.create(tmp_path / "whole"), problem, method(name, problem), **sizes)
    folder = RunFolder.create(tmp_path / "run")
    for after in (2, 4):
        with pytest.raises(MemoryError):
            recorded_search(folder, problem, method(name, problem), **sizes, watch=(stopping(after),))
        assert folder.manifest()["status"] == "failed"
    assert_same(whole, recorded_search(folder, problem, method(name, problem), **sizes))
    assert_same(whole, read_history(folder.path))
    (folder.path / "journal").unlink()
    assert_same(whole, read_history(folder.path))  # from the Parquet file


def test_a_finished_search_is_not_performed_again_but_may_go_on(tmp_path):
    problem = dartboard.problem()
    folder = RunFolder.create(tmp_path / "run")
    once = recorded_search(folder, problem, dartboard.recipe(problem).optimiser, **SIZES)
    said = []
    again = recorded_search(folder, problem, dartboard.recipe(problem).optimiser, **SIZES, watch=(said.append,))
    assert said == []
    assert_same(once, again)
    more = recorded_search(folder, problem, dartboard.recipe(problem).optimiser, **SIZES, more_rounds=4)
    assert len(more) == len(once) * 16 // 12
    np.testing.assert_array_equal(more["loss"][: len(once)], once["loss"])
    whole = RunFolder.create(tmp_path / "whole")
    assert_same(more, recorded_search(whole, problem, dartboard.recipe(problem).optimiser, **SIZES, more_rounds=4))


def test_another_search_is_refused_and_told_apart(tmp_path):
    problem, folder = dartboard.problem(), RunFolder.create(tmp_path / "run")
    recorded_search(folder, problem, dartboard.recipe(problem).optimiser, **SIZES)
    with pytest.raises(RunError, match=r"another search: seed: 3 then, 4 now\."):
        recorded_search(folder, problem, dartboard.recipe(problem).optimiser, **{**SIZES, "seed": 4})
    with pytest.raises(RunError, match="optimiser: Adam"):
        recorded_search(folder, problem, optimiser("cmaes"), **SIZES)


def test_a_failed_search_is_not_continued_behind_its_failure(tmp_path):
    problem, folder = dartboard.problem(cursed=True), RunFolder.create(tmp_path / "run")
    with pytest.raises(RunError, match="not finite") as first:
        recorded_search(folder, problem, dartboard.recipe(problem).optimiser, **SIZES)
    with pytest.raises(RunError, match=r"would fail again: .*not finite"):
        recorded_search(folder, problem, dartboard.recipe(problem).optimiser, **SIZES)
    np.testing.assert_array_equal(read_history(folder.path)["status"], first.value.history["status"])


def test_a_damaged_journal_is_continued_from_its_good_part(tmp_path):
    problem = dartboard.problem()
    search = lambda folder: recorded_search(folder, problem, dartboard.recipe(problem).optimiser, **SIZES)
    whole = search(RunFolder.create(tmp_path / "whole"))
    text = (tmp_path / "whole" / "journal").read_bytes()
    for number, place in enumerate(np.linspace(0.3, 0.99, 4)):
        folder = RunFolder.create(tmp_path / f"run{number}")
        hurt = bytearray(text)
        hurt[int(place * len(text))] ^= 0xFF
        folder.journal.write_bytes(hurt)
        assert read_search(folder.journal).damage
        assert_same(whole, search(folder))
        assert not read_search(folder.journal).damage
        assert (folder.path / "journal.damaged1").exists()


def test_a_journal_that_grows_is_rewritten_and_says_the_same(tmp_path, monkeypatch):
    problem, plain = dartboard.problem(), RunFolder.create(tmp_path / "plain")
    recorded_search(plain, problem, optimiser("cmaes"), **SIZES)
    monkeypatch.setattr(search_record, "ROOM", 3000)
    rewritten = []
    real = Journal.rewrite
    monkeypatch.setattr(Journal, "rewrite", lambda self, records: (rewritten.append(1), real(self, records))[1])
    short = RunFolder.create(tmp_path / "short")
    recorded_search(short, problem, optimiser("cmaes"), **SIZES)
    assert rewritten
    assert short.journal.stat().st_size < plain.journal.stat().st_size
    one, other = read_search(plain.journal), read_search(short.journal)
    assert not other.damage
    assert one.checkpoint.done == other.checkpoint.done
    assert_same(one.checkpoint.history, other.checkpoint.history)
    for name, leaf in one.checkpoint.state.items():
        np.testing.assert_array_equal(other.checkpoint.state[name], leaf)


def counted(place):
    """A simulator that counts its calls in a file, fails for one seed in some, and has an error."""

    def height(parameters, events, seed):
        with open(place, "a") as calls:
            calls.write(f"{parameters['x']!r} {parameters['y']!r} {seed}\n")
        return hillside.height(parameters, events, seed)

    return PythonFunction(height, ["height"], isolated=False)


@pytest.mark.parametrize("concurrent", [1, 3])
def test_no_call_of_a_foreign_simulator_is_repeated(concurrent, tmp_path):
    sizes = {"seed": 5, "rounds": 6, "events": 10}

    def search(folder, calls, after=None):
        simulator = counted(calls)
        problem = hillside.hillside_problem(simulator)
        watch = () if after is None else (stopping(after),)
        with Workers(simulator, concurrent=concurrent) as workers:
            collect = workers.collect

            def dying():
                found = collect()
                if after is not None and len(calls.read_text().splitlines()) > 4 * after + 1:
                    raise MemoryError("within a round")
                return found

            workers.collect = dying
            return recorded_search(
                folder, problem, optimiser("cmaes", batch=4), **sizes, watch=watch, evaluator=workers
            )

    whole = search(RunFolder.create(tmp_path / "whole"), tmp_path / "whole.calls")
    folder = RunFolder.create(tmp_path / "run")
    for after in (2, 4):
        with pytest.raises(MemoryError):
            search(folder, tmp_path / "run.calls", after)
    found = search(folder, tmp_path / "run.calls")
    for name in ("x [cm]", "y [1]", "loss", "status", "row", "round"):
        np.testing.assert_array_equal(found[name], whole[name], err_msg=name)
    calls = (tmp_path / "run.calls").read_text().splitlines()
    lost = len(calls) - len(set(calls))
    assert lost <= 2 * concurrent  # only what was under way when it died


CAMPAIGN = """
import os, signal, sys, jax
from pathlib import Path
jax.config.update("jax_enable_x64", True)
sys.path[:0] = {paths!r}
from app import dartboard
from daedalus.execution import RunFolder, recorded_search
half = int(sys.argv[2])  # the append that is cut in the middle
if half >= 0:
    real, count = os.write, 0
    def write(file, text):
        global count
        count += bytes(text[:9]) == b"\\x93DAEDALUS"  # of the journal, not of the log
        if count == half + 1:
            real(file, bytes(text)[: len(text) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return real(file, text)
    os.write = write
problem = dartboard.problem()
print("begin", flush=True)
recorded_search(RunFolder(Path(sys.argv[1])), problem, dartboard.recipe(problem).optimiser, **{sizes!r})
"""
LONG = {**SIZES, "rounds": 60}


def killed(folder, *, half=-1, after=None):
    """Whether a campaign in a process of its own was killed: within a write, or some seconds after its begin."""
    paths = [str(Path(__file__).parents[1])]
    program = CAMPAIGN.format(paths=paths, sizes=LONG)
    command = [sys.executable, "-c", program, str(folder.path), str(half)]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout.readline() == "begin\n"
        if after is not None:
            time.sleep(after)
            process.send_signal(signal.SIGKILL)
    return process.returncode == -signal.SIGKILL


def kills(tmp_path, count):
    """So many kills of one campaign after another, until each has ended."""
    problem, generator = dartboard.problem(), np.random.default_rng(count)
    whole = recorded_search(RunFolder.create(tmp_path / "whole"), problem, dartboard.recipe(problem).optimiser, **LONG)
    done, number = 0, 0
    while done < count:
        folder, number = RunFolder.create(tmp_path / f"run{number}"), number + 1
        folder.note(status="running")
        for _ in range(3):
            within = generator.random() < 0.6
            how = {"half": int(generator.integers(0, 12))} if within else {"after": float(generator.uniform(0.5, 5.0))}
            done += killed(folder, **how)
        assert_same(whole, recorded_search(folder, problem, dartboard.recipe(problem).optimiser, **LONG))
    return number


@pytest.mark.parametrize("half", [0, 1])
def test_a_campaign_that_is_killed_in_its_first_writes_begins_again(half, tmp_path):
    problem, folder = dartboard.problem(), RunFolder.create(tmp_path / "run")
    folder.note(status="running")
    assert killed(folder, half=half)
    found = read_search(folder.journal)
    assert found.damage
    assert bool(found.made_of) == (half > 0)
    assert found.checkpoint is None
    whole = recorded_search(RunFolder.create(tmp_path / "whole"), problem, dartboard.recipe(problem).optimiser, **LONG)
    assert_same(whole, recorded_search(folder, problem, dartboard.recipe(problem).optimiser, **LONG))


@pytest.mark.slow
def test_a_campaign_that_is_killed_ends_with_the_same_bits(tmp_path):
    assert kills(tmp_path, 10) >= 3


@pytest.mark.slow
def test_two_hundred_kills(tmp_path):
    assert kills(tmp_path, 200) >= 60


def test_precision_is_part_of_a_search(tmp_path):
    problem, folder = dartboard.problem(), RunFolder.create(tmp_path / "run")
    recorded_search(folder, problem, dartboard.recipe(problem).optimiser, **SIZES)
    with jax.enable_x64(False), pytest.raises(RunError, match="precision: float64 then, float32 now"):
        recorded_search(folder, dartboard.problem(), dartboard.recipe(problem).optimiser, **SIZES)
