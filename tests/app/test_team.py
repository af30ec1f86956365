"""Teams: several processes that share the events of one search, in processes of their own."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from daedalus.app.engine import check_shared
from daedalus.catalogue import load
from daedalus.core.history import CLOCK_COLUMNS
from daedalus.errors import RunError
from daedalus.execution import PythonFunction, read_history, read_manifest
from daedalus.execution.files import read_json
from daedalus.execution.search_record import read_search
from execution import hillside
from execution.slurm_node import slurm_node, why_not

RUN = ("run", "tracking/telescope", "--rounds", 12, "--events", 48, "--scenarios", 2, "--scoring-scenarios", 8)


def called(*words):
    """Exit code and messages of the command line in a process of its own."""
    program = [sys.executable, "-m", "daedalus.app.main", *map(str, words)]
    done = subprocess.run(program, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"}, check=False)
    return done.returncode, done.stderr


def followers():
    """The processes that follow another one, as far as /proc tells."""
    found = []
    for place in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if place.isdigit():
            try:
                words = Path(f"/proc/{place}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            found += [int(place)] if b"daedalus.app.follow" in words else []
    return set(found)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone") / "run"
    code, said = called(*RUN, "--out", folder)
    assert code == 0, said
    return folder


def assert_same(folder, other):
    history, whole = read_history(folder), read_history(other)
    for name in whole.columns:
        if name not in CLOCK_COLUMNS and whole[name].dtype.kind == "f":
            np.testing.assert_allclose(history[name], whole[name], rtol=2e-4, atol=1e-6, err_msg=name)
        elif name not in CLOCK_COLUMNS:
            np.testing.assert_array_equal(history[name], whole[name], err_msg=name)


@pytest.mark.slow
def test_processes_share_a_search_end_it_together_and_go_on(alone, tmp_path):
    before, folder = followers(), tmp_path / "run"
    code, said = called(*RUN, "--out", folder, "--processes", 2, "--hours", 1e-9)
    assert code == 130, said
    assert "the 1e-09 hours of this run are over" in said
    assert 0 < read_search(folder / "journal").checkpoint.done < 12
    code, said = called("resume", folder, "--processes", 2, "--hours", 1)
    assert code == 0, said
    assert_same(folder, alone)
    assert read_manifest(folder)["device"]["count"] >= 2
    for name, number in read_json(alone / "result.json")["designs"]["optimised"]["values"].items():
        again = read_json(folder / "result.json")["designs"]["optimised"]["values"][name]
        assert again == pytest.approx(number, rel=1e-3), name
    assert followers() <= before


def test_followers_go_when_their_leader_fails_or_has_nothing_to_do(alone, tmp_path):
    before = followers()
    code, said = called(*RUN, "--out", tmp_path / "run", "--processes", 2, "--start", tmp_path / "nothing.json")
    assert code == 1
    assert "there is no file" in said
    code, said = called("resume", alone, "--processes", 2)
    assert code == 0
    assert "is finished" in said
    assert followers() <= before


def test_followers_go_when_their_leader_is_killed(tmp_path):
    before, folder = followers(), tmp_path / "run"
    words = [*RUN, "--out", folder, "--processes", 2]
    words[3] = 100_000  # rounds
    with subprocess.Popen(
        [sys.executable, "-m", "daedalus.app.main", *map(str, words)], stderr=subprocess.DEVNULL
    ) as p:
        while p.poll() is None and not ((folder / "journal").exists() and read_search(folder / "journal").checkpoint):
            time.sleep(0.05)
        mine = followers() - before
        assert mine
        p.send_signal(signal.SIGKILL)
    while followers() & mine:  # ends by the test's own limit if they stay
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--processes", 0), "processes is 0 .*expected at least one process"),
        (("--processes", 2, "--distributed"), "started either here"),
        (("--processes", 2, "--optimiser", "auto"), "a method is chosen by one process alone"),
    ],
)
def test_what_a_team_cannot_do_is_refused(words, text, cli):
    code, _, said = cli(*RUN, "--out", "run", *words)
    assert code == 1
    assert re.search(text, " ".join(said.split()))


@pytest.mark.slow
def test_processes_that_a_batch_system_starts_find_each_other(alone, tmp_path, tmp_path_factory):
    if why_not():
        pytest.skip(why_not())
    folder = tmp_path / "run"
    program = [sys.executable, "-m", "daedalus.app.main", *map(str, RUN), "--out", str(folder), "--distributed"]
    with slurm_node(tmp_path_factory.mktemp("s") / "n") as environment:
        flags = {**os.environ, **environment, "JAX_NUM_CPU_DEVICES": "1", "JAX_PLATFORMS": "cpu", "NO_COLOR": "1"}
        done = subprocess.run(["srun", "-n", "2", "--mem=0", *program], capture_output=True, text=True, env=flags)
    assert done.returncode == 0, done.stderr
    assert_same(folder, alone)
    assert read_manifest(folder)["device"]["count"] == 2


def test_a_foreign_simulator_cannot_be_shared_by_processes(monkeypatch):
    foreign = hillside.hillside_problem(PythonFunction(hillside.height, ["height"], isolated=False))
    check_shared(foreign)
    monkeypatch.setattr("jax.process_count", lambda: 2)
    check_shared(load("tracking/telescope"))
    with pytest.raises(RunError, match=r"'hillside' are .*, which 2 processes cannot share.*--cluster"):
        check_shared(foreign)
