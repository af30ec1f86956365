"""`daedalus landscape` and `daedalus compare-runs`: what they write, what they say, and what they refuse."""

import json

import jax
import numpy as np
import pytest

from daedalus.catalogue import load
from daedalus.core import scoring_key
from daedalus.execution import RunFolder, read_design, read_history
from daedalus.landscapes import Allowance, free_play, surface

SHORT = ("--rounds", 4, "--events", 64, "--scenarios", 2, "--scoring-scenarios", 2, "--precision", "float64")


@pytest.fixture
def finished(cli, tmp_path):
    code, _, said = cli("run", "dartboard/hang", *SHORT, "--out", "run")
    assert code == 0, said
    return tmp_path / "run"


def test_a_landscape_is_that_of_the_library_and_the_report_shows_it(cli, finished):
    code, out, said = cli("landscape", "run", "--keys", 2, "--best", 2)
    assert code == 0, said
    found = json.loads((finished / "landscape.json").read_text())
    problem = load("dartboard/hang")
    design = read_design(finished / "design.json", problem)
    soft = float(read_history(finished)["softness"][-1])
    around = surface(problem, key=scoring_key(jax.random.key(0), 64), events=64, scenarios=2, softness=soft)
    cube = np.asarray(problem.space.cube(design), float)
    alone = free_play(around, cube, allowance=Allowance(0.05, "best"), halvings=5, profiles=False)
    for number, name in enumerate(around.names):
        line = found["free_play"][name]
        np.testing.assert_allclose(line["slice"], alone.slices[number], rtol=1e-9)
        assert line["profile"][0] <= line["slice"][0] <= line["value"] <= line["slice"][1] <= line["profile"][1]
        assert name in out
    assert len(found["confirmed"]) == 2
    assert sum(line["chance"] for line in found["confirmed"]) == pytest.approx(1.0)
    page = (finished / "report.html").read_text()
    assert "Free play" in page
    assert "with fresh events" in page
    assert (finished / "figures" / "free_play.png").stat().st_size > 5000
    assert "free_play" in RunFolder(finished).manifest()["figures"]


def test_runs_are_compared_on_the_same_events_and_only_with_their_like(cli, finished):
    code, _, said = cli("run", "dartboard/hang", *SHORT, "--seed", 1, "--out", "other")
    assert code == 0, said
    code, out, said = cli("compare-runs", "run", "other", "run", "--keys", 2)
    assert code == 0, said
    lines = [line.split() for line in out.splitlines()]
    assert {"run", "other"} <= {line[0] for line in lines if line}
    code, _, said = cli("compare-runs", "run")
    assert code == 1
    assert "1 design; expected two or more runs" in " ".join(said.split())
    code, _, said = cli("run", "dartboard/reach", "--rounds", 2, "--events", 64, "--out", "reach")
    assert code == 0, said
    code, _, said = cli("compare-runs", "run", "reach")
    assert code == 1
    assert "the runs are of dartboard/hang, dartboard/reach; expected one problem" in " ".join(said.split())


def test_a_landscape_of_no_run_is_refused(cli, tmp_path):
    code, _, said = cli("landscape", tmp_path)
    assert code == 1
    assert "manifest.json" in said
