"""`daedalus resume` and `daedalus status`: runs that were stopped from outside, and runs that go on."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from daedalus.app.rerun import difference
from daedalus.execution import read_history, read_manifest
from daedalus.execution.search_record import read_search

RUN = ("run", "test_functions/rosenbrock_10", "--optimiser", "sgd", "--rounds", "1500")
DARTS = ("run", "dartboard/hang", "--rounds", 8, "--events", 20, "--scenarios", 4, "--scoring-scenarios", 8)


def command(*words):
    """The command line in a process of its own, which counts the machine's processors as devices."""
    program = [sys.executable, "-m", "daedalus.app.main", *map(str, words)]
    return subprocess.Popen(program, stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"})


@pytest.mark.slow
def test_a_batch_systems_signal_ends_a_run_in_order_and_it_goes_on_to_the_same_end(cli, tmp_path):
    with command(*RUN, "--out", tmp_path / "whole") as process:
        said = process.stderr.read()
    assert process.returncode == 0, said
    journal = tmp_path / "run" / "journal"
    with command(*RUN, "--out", tmp_path / "run") as process:
        while process.poll() is None and not (journal.exists() and read_search(journal).checkpoint):
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read()
    assert process.returncode == 130, said
    assert "Go on with: daedalus resume" in said
    assert read_manifest(tmp_path / "run")["status"] == "interrupted"
    code, out, _ = cli("status", "run")
    assert code == 0
    done = read_search(journal).checkpoint.done
    assert 0 < done < 1500
    assert f"{done} of 1500" in out
    assert "interrupted" in out
    assert "nobody" in out
    with command("resume", tmp_path / "run") as process:
        said = process.stderr.read()
    assert process.returncode == 0, said
    assert f"{done} rounds are recorded" in said
    assert difference(read_history(tmp_path / "whole"), read_history(tmp_path / "run")) is None
    assert read_manifest(tmp_path / "run")["status"] == "finished"


@pytest.mark.slow
def test_other_versions_are_told_when_a_run_goes_on(cli, tmp_path):
    assert cli(*DARTS, "--out", "run")[0] == 0
    noted = read_manifest(tmp_path / "run")
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(noted | {"python": "2.7", "status": "running"}))
    code, _, said = cli("resume", "run")
    assert code == 0, said
    assert "python: 2.7, now 3." in said
    assert "not be the same bits" in said


@pytest.mark.slow
def test_a_finished_run_may_have_more_rounds(cli, tmp_path):
    assert cli(*DARTS, "--out", "run")[0] == 0
    before = read_history(tmp_path / "run")
    code, _, said = cli("resume", "run")
    assert code == 0
    assert "is finished: 8 rounds. Use --more-rounds" in said
    code, _, said = cli("resume", "run", "--more-rounds", 3)
    assert code == 0, said
    after = read_history(tmp_path / "run")
    assert after["round"].max() == 10
    np.testing.assert_array_equal(after["loss"][: len(before)], before["loss"])
    assert cli("rerun", "run", "--out", "again")[0] == 0


@pytest.mark.slow
def test_a_run_ends_with_its_hours_and_goes_on(cli, tmp_path):
    assert cli(*DARTS, "--out", "whole")[0] == 0
    code, _, said = cli(*DARTS, "--out", "run", "--hours", 1e-9)
    assert code == 130
    assert "the 1e-09 hours of this run are over" in said
    assert 0 < read_search(tmp_path / "run" / "journal").checkpoint.done < 8
    assert cli("resume", "run", "--hours", 5)[0] == 0
    assert difference(read_history(tmp_path / "whole"), read_history(tmp_path / "run")) is None
    code, _, said = cli(*DARTS, "--out", "other", "--hours", 0)
    assert code == 1
    assert "hours is 0" in said


def test_a_folder_that_is_written_is_left_alone(cli, tmp_path):
    assert cli(*DARTS, "--out", "run")[0] == 0
    program = "from pathlib import Path\nfrom daedalus.execution.lock import Lock\n"
    program += f"Lock(Path({str(tmp_path / 'run' / 'writer.lock')!r}))\nprint('mine', flush=True)\ninput()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout.readline() == "mine\n"
        for words in (("resume", "run", "--more-rounds", 1), (*DARTS, "--out", "run", "--force")):
            code, _, said = cli(*words)
            assert code == 1
            assert f"is being written by process {other.pid} of" in said
        assert f"process {other.pid} of" in cli("status", "run")[1]
        assert cli("resume", "run", "--more-rounds", 1, "--break-lock")[0] == 0
        other.kill()


def test_no_run_is_named_as_such(cli, tmp_path):
    for command in ("resume", "status"):
        code, _, said = cli(command, tmp_path)
        assert code == 1
        assert "holds no manifest.json" in said
