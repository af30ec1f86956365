"""The commands on designs that learn: with a sensor, and with no hardware parameter at all."""

import json
import shutil

import jax
import numpy as np
import pytest

from daedalus.app.main import main
from daedalus.app.report import filed_task
from daedalus.core import scoring_key
from daedalus.errors import DesignError, RunError
from daedalus.execution import RunFolder, measurement, read_design, read_history, read_manifest

SHORT = ("--rounds", 20, "--events", 64, "--precision", "float64")


@pytest.fixture(scope="module", params=["fit", pytest.param("sensor", marks=pytest.mark.slow)])
def once(request, elsewhere, tmp_path_factory):
    """The folder of a short run."""
    folder = tmp_path_factory.mktemp("once") / "run"
    assert main([str(word) for word in ("run", f"curve/{request.param}", *SHORT, "--out", folder)]) == 0
    return folder


@pytest.fixture
def finished(once, tmp_path):
    """A copy of the folder, to do with as one likes."""
    return shutil.copytree(once, tmp_path / "run")


def test_the_result_is_the_trained_network_s(finished):
    result = json.loads((finished / "result.json").read_text())
    assert list(result["designs"]) == ["start", "optimised"]  # the reference is the start
    start, best = (result["designs"][name]["values"]["miss2"] for name in ("start", "optimised"))
    assert best < 0.7 * start
    problem = filed_task(RunFolder(finished)).problem
    design = read_design(finished, problem)
    again = measurement(problem, design, key=scoring_key(jax.random.key(0), 1), events=64, scenarios=1)
    assert again.values["miss2"] == best
    history = read_history(finished)
    kept = history.design(problem, result["row"])
    one, other = (jax.tree.leaves(problem.space.point(each)) for each in (design, kept))
    for leaf, known in zip(one, other, strict=True):
        np.testing.assert_allclose(leaf, known, rtol=1e-14)


def test_files_manifest_and_report_know_what_was_learned(finished):
    noted = json.loads((finished / "design.json").read_text())
    assert noted["learned"]["numbers"] == 25
    manifest = read_manifest(finished)
    assert manifest["learned_numbers"] == 25
    assert manifest["parameters"] == len(noted["parameters"])
    page = (finished / "report.html").read_text()
    for text in ("25 numbers, in design.npz", "start.npz", "25 learned numbers", "figures/search.pdf"):
        assert text in page
    with np.load(finished / "design.npz") as leaves:
        assert leaves["net.layers[0].weight"].shape == (8, 1)


def test_evaluate_report_and_status(cli, finished):
    name = read_manifest(finished)["problem"]
    told = cli("evaluate", name, "--design", finished, "--events", 64, "--precision", "float64", "--json")
    best = json.loads((finished / "result.json").read_text())["designs"]["optimised"]["values"]["miss2"]
    assert json.loads(told[1])["measured"]["values"]["miss2"] == best
    assert cli("report", finished)[0] == 0
    assert cli("status", finished)[0] == 0
    assert cli("rerun", finished, "--out", "again")[0] == 0


def test_a_missing_or_another_file_of_leaves_is_an_error(cli, finished):
    name = read_manifest(finished)["problem"]
    shutil.copy(finished / "start.npz", finished / "design.npz")
    code, _, said = cli("evaluate", name, "--design", finished)
    assert code != 0
    assert "is not the file that was written with the design" in " ".join(said.split())
    (finished / "design.npz").unlink()
    code, _, said = cli("evaluate", name, "--design", finished / "design.json")
    assert code != 0
    assert "there is no file" in said
    (finished / "start.npz").write_text("nothing")
    with pytest.raises(RunError, match="is not the file"):
        read_design(finished / "start.json", filed_task(RunFolder(finished)).problem)


def test_a_network_of_another_size_is_an_error(finished):
    import curve

    other = (curve.sensor if read_manifest(finished)["problem"] == "curve/sensor" else curve.fit)(width=9)
    with pytest.raises(DesignError, match=r"design\.json: learned leaves do not fit: net\.layers\[0\]"):
        read_design(finished, other)


def test_a_search_may_begin_where_another_ended(cli, finished):
    name = read_manifest(finished)["problem"]
    words = ("--rounds", 2, "--events", 64, "--precision", "float64", "--seed", 3)
    assert cli("run", name, *words, "--start", finished / "design.json", "--out", "further")[0] == 0
    assert cli("run", name, *words, "--out", "fresh")[0] == 0
    further, fresh = (read_history(place)["miss2"][0] for place in ("further", "fresh"))
    assert further < 0.7 * fresh


def test_a_run_in_two_halves_is_the_same(cli, finished):
    name, words = read_manifest(finished)["problem"], list(SHORT)
    assert cli("run", name, *words, "--hours", 1e-9, "--out", "halves")[0] != 0  # ends after the first chunk
    half = read_history("halves")
    assert 0 < len(half) < len(read_history(finished))
    assert "was not measured again" in cli("status", "halves")[1] or half.learned
    assert cli("resume", "halves", "--hours", 1)[0] == 0
    one, other = read_history(finished), read_history("halves")
    np.testing.assert_array_equal(one["loss"], other["loss"])
    assert list(one.learned) == list(other.learned)
    for row, leaves in one.learned.items():
        for leaf, values in leaves.items():
            np.testing.assert_array_equal(other.learned[row][leaf], values)
    assert (finished / "design.npz").read_bytes() == (
        "halves" / (finished / "design.npz").relative_to(finished)
    ).read_bytes()


@pytest.mark.slow
def test_problems_are_shown_checked_and_compared(cli, elsewhere):
    for name in ("curve/fit", "curve/sensor"):
        code, out, _ = cli("show", name)
        assert code == 0
        assert "learned (25 numbers)" in out
        assert "net" in out
        assert cli("profile", name, "--repeats", 1)[0] == 0
        words = ("--methods", "recipe", "--budget", 6, "--seeds", 1, "--events", 32)
        assert cli("compare", name, *words, "--precision", "float64")[0] == 0
    assert "curve/fit" in cli("list")[1]
    code, _, said = cli("check", "curve/fit", "--keys", 2, "--designs", 1)
    assert code != 0
    assert "no free parameter to check" in said
    assert cli("check", "curve/sensor", "--keys", 2, "--designs", 1, "--events", 50)[0] == 0


@pytest.mark.slow
def test_the_choice_of_a_method_is_one_that_trains(cli, elsewhere):
    for name in ("curve/fit", "curve/sensor"):
        words = ("--rounds", 2, "--events", 32, "--precision", "float64", "--optimiser", "auto", "--out", name[6:])
        code, _, said = cli("run", name, *words)
        assert code == 0
        assert "its gradients move 25 learned numbers as well" in said


def test_methods_without_gradients_refuse_an_empty_cube(cli, elsewhere):
    code, _, said = cli("run", "curve/fit", "--rounds", 2, "--optimiser", "cmaes", "--out", "none")
    assert code != 0
    assert "nothing to vary" in " ".join(said.split())
