"""`daedalus landscape` and `daedalus compare-runs`: what they write, what they say, and what they refuse."""

import json
import shutil

import jax
import numpy as np
import pytest

from daedalus.app.landscape.command import Part, look_around
from daedalus.app.words import Look
from daedalus.catalogue import load
from daedalus.core import scoring_key
from daedalus.execution import RunFolder, read_design, read_history
from daedalus.landscapes import Allowance, free_play, surface

SHORT = ("--rounds", 4, "--events", 64, "--scenarios", 2, "--scoring-scenarios", 2, "--precision", "float64")


@pytest.fixture(scope="module")
def filed(tmp_path_factory):
    return tmp_path_factory.mktemp("filed") / "run"


@pytest.fixture
def finished(cli, tmp_path, filed):
    """A finished run; it is made once, and every test has a copy of it."""
    if not filed.exists():
        code, _, said = cli("run", "dartboard/hang", *SHORT, "--out", filed)
        assert code == 0, said
    shutil.copytree(filed, tmp_path / "run")
    return tmp_path / "run"


def test_a_landscape_is_that_of_the_library_and_the_report_shows_it(cli, finished):
    code, out, said = cli("landscape", "run", "--keys", 2, "--best", 2, "--sampler", "none")
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


QUICK = ("--keys", 2, "--events", 32, "--scenarios", 2)


def looked(folder):
    return json.loads((folder / "landscape.json").read_text())


@pytest.mark.parametrize("sampler", ["interpolation", pytest.param("mala", marks=pytest.mark.slow)])
def test_the_near_optimal_set_is_that_of_the_surface_and_says_how_surely(cli, finished, sampler):
    code, out, said = cli(
        "landscape", "run", *QUICK, "--only", "near_optimal", "--sampler", sampler, "--allowance", 0.3
    )
    assert code == 0, said
    found = looked(finished)["near_optimal"]
    problem = load("dartboard/hang")
    soft = float(read_history(finished)["softness"][-1])
    around = surface(problem, key=scoring_key(jax.random.key(0), 64), events=32, scenarios=2, softness=soft)
    shown = found["sample"]
    cubes = around.cubes(np.array(shown["values"]))
    assert len(cubes) > 20
    assert len(np.unique(cubes, axis=0)) == len(cubes)
    np.testing.assert_allclose(shown["loss"], around.heights(cubes).loss, rtol=1e-9)
    assert max(shown["loss"]) <= found["level"] * (1 + 1e-9)
    # a bowl of three parameters: the loss is quadratic in each, and the set an ellipsoid that the bounds may cut
    even = np.random.default_rng(0).random((40_000, 3))
    share = float(np.mean(losses(around, even) <= found["level"]))
    volume, error = found["volume"]
    assert abs(volume - share) < 4 * np.hypot(error, np.sqrt(share / len(even))) + 0.05 * share
    assert len(found["components"]) == 1
    assert found["again"]["relaxed"]["designs"] > 10
    assert 0 <= found["again"]["real"]["inside"][0] <= 1
    assert (found["sampling"] is None) == (sampler == "interpolation")
    for name, line in found["parameters"].items():
        assert line["seen"][0] <= line["low"][0] <= line["mean"][0] <= line["high"][0] <= line["seen"][1]
        assert min(line[kind][1] for kind in ("low", "mean", "high", "spread")) > 0
        assert name in out
    for name in ("near_optimal_parallel", "near_optimal_corner"):
        assert (finished / "figures" / f"{name}.png").stat().st_size > 8000
        assert (finished / "figures" / f"{name}.pdf").exists()
        assert name in RunFolder(finished).manifest()["figures"]
    assert "Near-optimal set" in (finished / "report.html").read_text()


def test_the_set_of_a_fitted_response_is_that_of_many_events_and_says_how_well_it_fits(cli, finished):
    asked = ("--sampler", "response", "--places", 256, "--allowance", 0.3, "--chains", 2)
    code, out, said = cli("landscape", "run", *QUICK, "--only", "near_optimal", *asked)
    assert code == 0, said
    found = looked(finished)["near_optimal"]
    assert found["fitted"]["evaluations"] == found["evaluations"] == 256 + 2 * 32
    slope, error = found["fitted"]["slope"]
    assert abs(slope - 1.0) < 4 * error + 0.1
    assert "losses by those of the fit" in out
    assert max(found["sampling"]["rhat"].values()) < 1.05
    problem, soft = load("dartboard/hang"), float(read_history(finished)["softness"][-1])
    many = surface(problem, key=jax.random.key(1), events=512, scenarios=32, softness=soft)
    even = np.random.default_rng(0).random((4000, 3))
    true, centre = many.heights(even).loss, np.asarray(many.cubes(np.array([list(found["best"]["values"].values())])))
    level = float(many.heights(centre).loss[0]) * 1.3
    share = float(np.mean(true <= level))
    assert found["volume"][0] == pytest.approx(share, rel=0.5)
    assert found["again"]["relaxed"]["inside"][0] > 0.7


def losses(around, cubes):
    return np.asarray(jax.jit(lambda rows: jax.lax.map(around.loss, rows, batch_size=512))(jax.numpy.asarray(cubes)))


@pytest.mark.slow
def test_basins_tolerances_and_what_matters_are_those_of_the_library(cli, finished):
    code, out, said = cli(
        "landscape", "run", *QUICK, "--descents", 4, "--tolerance", "0.02", "radius=0.1", "--sampler", "none",
        "--only", "basins", "smoothing", "sensitivities", "contributions",
    )  # fmt: skip
    assert code == 0, said
    found = looked(finished)
    basins = found["basins"]
    assert basins["found"] == 1
    assert basins["starts"] == 4
    assert basins["each"][0]["share"][0] == pytest.approx(1.0)
    assert basins["each"][0]["share"][1] > 0
    assert (finished / "figures" / "basins.png").stat().st_size > 8000
    smooth = found["smoothing"]
    assert smooth["tolerances"] == {
        "place[0]": pytest.approx(4.0), "place[1]": pytest.approx(4.0), "radius": pytest.approx(0.1),
    }  # fmt: skip
    # distance2 is quadratic in the place: a deviation of 4 cm on both axes adds 32 cm2, of a scale of 100 cm2; the
    # price is 100 EUR of a squared radius in metres, of a scale of 10
    lost = smooth["designs"]["design of the run"]["lost"]
    assert lost[0] == pytest.approx(0.32 + 10 * 1e-8, rel=2e-2)
    robust = smooth["designs"]["robust design"]
    assert robust["expected_to_run"][0] <= 3 * robust["expected_to_run"][1] + 1e-6
    radius = read_design(finished / "design.json", load("dartboard/hang")).radius
    slope = found["sensitivities"]["radius"]
    assert slope["unit"] == "mm"
    assert slope["slope"][0] == pytest.approx(20 * float(radius) * 1e-3, rel=1e-6)  # of the price, 10 r^2, per mm
    assert slope["slope"][1] == pytest.approx(0.0, abs=1e-9)
    who = found["contributions"]
    assert who["mean"][0] == pytest.approx(who["loss"], rel=0.05)
    for title in ("Basins: 1 from 4", "Tolerances", "What matters", "Who drives the loss"):
        assert title in out


@pytest.mark.slow
def test_the_front_trades_one_figure_for_another(cli, finished):
    code, out, said = cli(
        "landscape", "run", *QUICK, "--only", "front", "--front", "cost", "--points", 3, "--budgets", 0.5, 4.0,
        "--rounds", 6,
    )  # fmt: skip
    assert code == 0, said
    found = looked(finished)["front"]
    assert found["cost"] == "price"  # the only figure in EUR
    assert found["units"]["price"] == "EUR"
    assert len(found["points"]) + len(found["missed"]) == 3
    for point in found["points"]:
        assert point["figures"]["price"][0] <= point["budget"] * 1.001
        assert point["figures"]["distance2"][1] > 0
        assert point["values"]["radius"] ** 2 * 1e-4 == pytest.approx(point["figures"]["price"][0], rel=1e-4)
    assert (finished / "figures" / "front.png").stat().st_size > 8000
    assert "Front: the best within each budget of price" in out


def test_parts_are_kept_replaced_and_left_out_with_a_reason(cli, finished):
    code, _, said = cli("landscape", "run", *QUICK, "--only", "free_play", "contributions", "--alone")
    assert code == 0, said
    before = looked(finished)
    code, out, said = cli("landscape", "run", *QUICK, "--only", "directions", "near_optimal", "--allowance", 1e-9)
    assert code == 0, said
    after = looked(finished)
    assert after["free_play"] == before["free_play"]
    assert after["looked"]["free_play"]["allowance"] == 0.05
    words = ["--events", "32", "--scenarios", "2", "--keys", "2"]
    assert after["looked"]["free_play"]["options"] == [*words, "--alone"]
    assert after["looked"]["directions"]["options"] == ["--allowance", "1e-09", *words]
    told = (finished / "report.html").read_text()
    assert "daedalus landscape run --events 32 --scenarios 2 --keys 2 --alone --only" in told
    assert "daedalus landscape run --allowance 1e-09 --events 32 --scenarios 2 --keys 2 --only directions" in told
    assert set(after["left_out"]) == {"near_optimal"}
    assert "near_optimal" not in after
    assert "Not looked at" in out
    assert "Free play" in out
    assert after["left_out"]["near_optimal"] in " ".join(said.split())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--allowance", -1), "--allowance -1; expected a number above zero"),
        (("--keys", 1), "--keys 1; expected at least 2"),
        (("--samples", 2), "--samples 2; expected at least 8"),
        (("--tolerance", "much"), "--tolerance much; expected a share"),
        (("--tolerance", "0"), "expected one above zero"),
        (("--tolerance", "depth=1"), "'depth'; expected one of place[0]"),
        (("--tolerance", "2.5"), "--tolerance 2.5; expected a share of every parameter's range from 0 to 1"),
        (("--front", "weight"), "expected an objective and another figure among distance2, price, on_board"),
        (("--front", "price", "--points", 2), "expected three points or more"),
        (("--front", "price", "--budgets", 4, 1), "a lower budget and a larger one"),
        (("--only", "front"), "front needs --front FIGURE"),
    ],
)
def test_options_out_of_range_are_refused_before_anything_is_computed(cli, finished, words, expected):
    code, _, said = cli("landscape", "run", *words)
    assert code == 1
    assert expected in " ".join(said.split())
    assert "..." not in said
    assert not (finished / "landscape.json").exists()


def interrupted(around, landscape):
    raise KeyboardInterrupt


def test_what_was_found_before_an_interrupt_is_written(cli, finished):
    parts = {
        "directions": Part("one", lambda around, landscape: {"directions": ["place[0] +1.00; +-3 cm"]}),
        "contributions": Part("two", interrupted),
        "limits": Part("three", lambda around, landscape: {"limits": [["never"]]}),
    }
    with pytest.raises(KeyboardInterrupt):
        look_around(finished, Look(), parts=parts)
    found = looked(finished)
    assert found["directions"] == ["place[0] +1.00; +-3 cm"]
    assert not {"limits", "contributions"} & found.keys()
    assert "place[0] +1.00; +-3 cm" in (finished / "report.html").read_text()
