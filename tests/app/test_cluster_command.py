"""Clusters from the command line: a run whose designs are evaluated by workers, a comparison of whole searches."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from daedalus.execution import RunFolder, read_history, read_manifest
from daedalus.execution.log import LOG, read_log

RUN = ("run", "tracking/telescope", "--rounds", 3, "--events", 40, "--scenarios", 2, "--scoring-scenarios", 4)


@pytest.mark.slow
def test_a_run_on_a_cluster_gives_the_same_history_and_an_account(cli, tmp_path):
    method = ("--optimiser", "cmaes")
    assert cli(*RUN, *method, "--out", "here")[0] == 0
    code, _, said = cli(*RUN, *method, "--out", "there", "--cluster", "local", "--workers", 2, "--tensorboard")
    assert code == 0, said
    assert re.search(r"the cluster made \d+ evaluations on up to 2 workers", said)
    here, there = read_history(tmp_path / "here"), read_history(tmp_path / "there")
    assert list(here.columns) == list(there.columns)
    np.testing.assert_allclose(there["loss"], here["loss"], rtol=1e-4)
    account = read_manifest(tmp_path / "there")["cluster"]
    assert account["done"] == account["submitted"] == len(there)
    assert 0 < account["efficiency"] <= 1
    assert (tmp_path / "there" / "tensorboard").is_dir()
    events = [line["event"] for line in read_log(tmp_path / "there" / LOG).entries]
    assert events == ["begun", "rounds", "rounds", "rounds", "searched"]
    RunFolder.create(tmp_path / "there", force=True)  # as --force has it
    assert list((tmp_path / "there").iterdir()) in ([], [tmp_path / "there" / "figures"])


@pytest.mark.slow
def test_searches_are_compared_on_a_cluster(cli, tmp_path):
    words = ("compare", "test_functions/rosenbrock_10", "--methods", "random,sgd", "--budget", 12, "--seeds", 2)
    assert cli(*words, "--out", "here")[0] == 0
    # in a process of its own: the types that tests check make functions that cannot travel
    program = [sys.executable, "-m", "daedalus.app.main", *map(str, words), "--out", "there"]
    subprocess.run([*program, "--cluster", "local", "--workers", "1"], check=True, capture_output=True, cwd=tmp_path)
    read = lambda name: json.loads((tmp_path / name / "comparison.json").read_text())["methods"]
    for method, runs in read("here").items():
        for run, other in zip(runs, read("there")[method], strict=True):
            np.testing.assert_allclose(other["value"], run["value"], rtol=1e-5)


def test_a_place_that_cannot_be_is_refused(cli):
    code, _, said = cli(*RUN, "--out", "run", "--cluster", "cloud")
    assert code == 1
    assert "cluster is 'cloud'; expected one of local" in " ".join(said.split())
    code, _, said = cli(*RUN, "--out", "other", "--cluster", "local", "--processes", 2)
    assert code == 1
    assert "expected one of them" in " ".join(said.split())
