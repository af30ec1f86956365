"""Clusters: the same numbers as here, all work done once, whatever becomes of workers and schedulers."""

import os
import signal
import subprocess
import sys
import threading
import time

import jax
import numpy as np
import pytest
from distributed import Client

from app import dartboard
from daedalus.core.history import CLOCK_COLUMNS
from daedalus.errors import RunError
from daedalus.execution import Cluster, PythonFunction, RunFolder, cluster_of, read_history, recorded_search
from daedalus.optimisers import optimiser
from daedalus.search import optimise
from execution import hillside

pytestmark = pytest.mark.usefixtures("tests_for_workers")
SIZES = {"events": 20, "scenarios": 4}


@pytest.fixture(scope="module")
def two_workers(tests_for_workers):
    """How to connect to a cluster of two workers on this machine."""
    with cluster_of("local", workers=2) as connect:
        yield connect


def assert_equal(history, other):
    assert list(history.columns) == list(other.columns)
    for name, column in history.columns.items():
        if name in CLOCK_COLUMNS:
            continue
        if column.dtype.kind == "f":
            np.testing.assert_allclose(other[name], column, rtol=1e-9, atol=1e-12, err_msg=name)
        else:
            np.testing.assert_array_equal(other[name], column, err_msg=name)


@pytest.mark.parametrize(("name", "options"), [("adam", {"starts": 2}), ("cmaes", {"batch": 6})])
def test_designs_evaluated_on_a_cluster_give_the_same_history(name, options, two_workers):
    problem = dartboard.problem()
    how = {"key": jax.random.key(5), "rounds": 4, **SIZES}
    here = optimise(problem, optimiser(name, **options), **how)
    with Cluster(two_workers) as cluster:
        there = optimise(problem, optimiser(name, **options), evaluator=cluster, **how)
        account = cluster.account
    assert_equal(here, there)
    assert account.done == account.submitted == len(here)
    assert account.workers == 2
    assert 0 < account.efficiency <= 1.0
    assert np.all(there["wall_seconds"] > 0)


def test_a_constrained_search_presses_on_the_cluster_too(two_workers):
    problem = dartboard.problem(wall="wood")
    how = {"key": jax.random.key(5), "rounds": 4, **SIZES}
    here = optimise(problem, optimiser("adam"), **how)
    with Cluster(two_workers) as cluster:
        assert_equal(here, optimise(problem, optimiser("adam"), evaluator=cluster, **how))


def test_a_search_begun_on_a_cluster_goes_on_there(two_workers, tmp_path):
    problem = dartboard.problem()
    how = {"seed": 3, "rounds": 6, "chunk": 2, **SIZES}
    with Cluster(two_workers) as cluster:
        whole = recorded_search(
            RunFolder.create(tmp_path / "whole"), problem, optimiser("cmaes"), evaluator=cluster, **how
        )

        def dying(progress):
            if progress.done >= 3:
                raise MemoryError

        folder = RunFolder.create(tmp_path / "run")
        with pytest.raises(MemoryError):
            recorded_search(folder, problem, optimiser("cmaes"), evaluator=cluster, watch=(dying,), **how)
        found = recorded_search(folder, problem, optimiser("cmaes"), evaluator=cluster, **how)
    for name, column in whole.columns.items():
        if name not in CLOCK_COLUMNS:
            np.testing.assert_array_equal(found[name], column, err_msg=name)


def slow_height(place, seconds=0.15):
    """A simulator that notes its answers in a file and takes a while."""

    def height(parameters, events, seed):
        time.sleep(seconds)
        with open(place, "a") as answers:
            answers.write(f"{parameters['x']!r}\n")
        return hillside.height(parameters, events, seed)

    return PythonFunction(height, ["height"], isolated=False)


def workers_of(connect):
    """The processes of a cluster's workers."""
    with connect() as client:
        return list(client.run(os.getpid).values())


def test_workers_that_are_killed_lose_nothing(tmp_path):
    simulator = slow_height(tmp_path / "answers")
    problem = hillside.hillside_problem(simulator)
    how = {"rounds": 8, "events": 10}
    here = optimise(problem, optimiser("cmaes", batch=6), key=jax.random.key(5), **how)
    (tmp_path / "answers").unlink()
    done = threading.Event()
    with cluster_of("local", workers=2) as connect, Cluster(connect, problem=problem) as cluster:

        def kill():
            generator, killed = np.random.default_rng(1), 0
            while not done.wait(1.2) and killed < 4:
                processes = workers_of(connect)
                if len(processes) == 2:  # the nanny has started another one since the last
                    os.kill(processes[int(generator.integers(2))], signal.SIGKILL)
                    killed += 1

        killer = threading.Thread(target=kill)
        killer.start()
        folder = RunFolder.create(tmp_path / "run")
        found = recorded_search(folder, problem, optimiser("cmaes", batch=6), seed=5, evaluator=cluster, **how)
        done.set()
        killer.join()
        account = cluster.account
    assert account.lost_workers >= 1
    assert account.done == account.submitted == len(found) == 48
    for name in ("x [cm]", "y [1]", "loss", "status", "row", "round"):
        np.testing.assert_array_equal(found[name], here[name], err_msg=name)
    record = read_history(folder.path)
    assert record["row"].tolist() == list(range(48))
    made = (tmp_path / "answers").read_text().splitlines()
    assert len(set(made)) == 48
    assert len(made) - 48 <= 2 * account.lost_workers + account.copies


def test_what_is_late_is_given_to_an_idle_worker_and_the_other_one_restarted(tmp_path, monkeypatch):
    monkeypatch.setattr("daedalus.execution.cluster.STUCK", 1.0)
    marks = str(tmp_path / "slept")

    def item(number):
        import os
        import time

        if number == 7:
            try:
                os.close(os.open(marks, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return number
            time.sleep(600)
        time.sleep(0.02)
        return number

    with cluster_of("local", workers=2) as connect, Cluster(connect) as cluster:
        assert cluster.results(item, range(12)) == list(range(12))
        assert cluster.account.copies == 1
        assert cluster.account.done == 12
        before = set(workers_of(connect))
        while set(workers_of(connect)) == before:  # the one that sleeps is restarted
            assert cluster.results(item, range(4)) == list(range(4))


def test_a_function_that_fails_is_named_with_its_cause(two_workers):
    with Cluster(two_workers) as cluster:
        with pytest.raises(RunError, match=r"item 0 failed .* ZeroDivisionError"):
            cluster.results(lambda number: 1 // number, [0])
        with pytest.raises(RunError, match=r"item 0 failed .* ZeroDivisionError"):
            cluster.results(lambda number: 1 // number, [0, *range(1, 30)])
        assert cluster.results(lambda number: number + 1, range(30)) == list(range(1, 31))  # nothing is left open


def launched(*words):
    """A part of a cluster as a process of its own."""
    command = [sys.executable, "-m", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def ended(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_scheduler_that_is_restarted_is_found_again(tmp_path, free_port):
    address = f"tcp://127.0.0.1:{free_port}"
    scheduler = ("distributed.cli.dask_scheduler", "--port", free_port, "--host", "127.0.0.1", "--no-dashboard")
    worker = ("distributed.cli.dask_worker", address, "--nthreads", 1, "--no-dashboard", "--no-nanny")
    parts = [launched(*scheduler), launched(*worker)]
    problem = hillside.hillside_problem(slow_height(tmp_path / "answers", 0.1))
    how = {"key": jax.random.key(5), "rounds": 5, "events": 10}
    here = optimise(problem, optimiser("cmaes", batch=6), **how)
    struck = threading.Event()

    def strike(progress):
        if progress.done == 2 and not struck.is_set():
            struck.set()
            for part in parts:
                ended(part)
            parts[:] = [launched(*scheduler), launched(*worker)]

    try:
        with cluster_of(address) as connect, Cluster(connect, problem=problem) as cluster:
            there = optimise(problem, optimiser("cmaes", batch=6), evaluator=cluster, watch=(strike,), **how)
            assert struck.is_set()
            assert cluster.account.done == len(there) == 30
        np.testing.assert_array_equal(there["loss"], here["loss"])
    finally:
        for part in parts:
            ended(part)


def test_no_scheduler_no_cluster(free_port, monkeypatch):
    monkeypatch.setattr("daedalus.execution.cluster.FIRST_PATIENCE", 0.5)
    monkeypatch.setattr("daedalus.execution.batch_systems.TIMEOUT", "300ms")
    with cluster_of(f"tcp://127.0.0.1:{free_port}") as connect, pytest.raises(RunError, match="no scheduler answers"):
        Cluster(connect)


def test_results_keep_their_order_and_clients_are_left_alone(two_workers):
    with Cluster(two_workers) as cluster:
        assert cluster.results(lambda number: number**2, [3, 1, 2]) == [9, 1, 4]
    with two_workers() as client:
        assert isinstance(client, Client)
        assert client.submit(lambda: 5).result() == 5
