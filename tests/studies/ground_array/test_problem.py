"""The problems: every option and its refusals, what stays fixed or symmetric, and searches that stay on the site."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Derivative, scoring_key
from daedalus.errors import DaedalusError, DesignError, ProblemError, StageError
from daedalus.search import optimise
from daedalus.studies.ground_array import STUDY
from daedalus.studies.ground_array.layouts import LAYOUTS
from daedalus.studies.ground_array.problem import HAND_MADE, array_recipe, swgo_flux, swgo_multi
from daedalus.studies.ground_array.site import SEPARATION, TOLERANCE, Site, pampa_la_bola, read_site
from daedalus.units import m

KEY = jax.random.key(5)
UNITS, EVENTS = 12, 128
SITE = pampa_la_bola()
ROUNDED = TOLERANCE + 1e-3 * m
METRICS = {"energy_error", "pointing_error", "cable", "area", "source_flux", "gamma_flux_error"}


def admissible(places, site: Site = SITE):
    """Whether units stand on the site, and apart."""
    return float(site.outside(places).max()) <= ROUNDED and float(site.crowding(places).max()) <= ROUNDED


def searched(problem, rounds=8):
    """A short search with the problem's own recipe, and its designs."""
    history = optimise(problem, array_recipe(problem).optimiser, key=KEY, rounds=rounds, events=EVENTS)
    assert set(history["status"]) == {"ok"}
    return history, [history.design(problem, row) for row in range(len(history))]


def improved(problem, design, name="gamma_flux_error", events=512):
    """The value of a figure for the start and for a design, on the same showers that no search has seen."""
    return [
        float(problem.evaluate(each, key=scoring_key(KEY), events=events).values[name])
        for each in (problem.start, design)
    ]


@pytest.mark.parametrize("name", ["swgo_flux", "swgo_multi"])
def test_the_offers_are_made(name):
    offer = STUDY.offers[name]
    assert offer.problem.endswith(f":{name}")
    assert offer.recipe.endswith(":array_recipe")


OPTIONS = [
    {"units": 3},
    {"rung": "full"},
    {"rung": "full", "counts": "score"},
    {"model": "nkg"},
    {"tanks": 7},
    {"stages": (3, 6)},
    {"fixed": (0, 7)},
    {"fold": 3},
    {"fold": 2, "start": "taxi"},
    {"fold": 3, "start": "random_ball", "spacing": 200.0},
    {"start": "random_box", "seed": 4},
    *({"start": name} for name in LAYOUTS),
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_loads_and_starts_on_the_site(options):
    problem = (swgo_flux if "start" in options else swgo_multi)(**{"units": UNITS, **options})
    assert problem.start.places.shape == (options.get("units", UNITS), 2)
    assert admissible(problem.start.places)
    names = {figure.name for figure in problem.figures}
    assert METRICS | {"outside", "crowding", "detected_gammas", "lost_protons"} <= names
    fitted = Derivative.BIASED | (Derivative.NOISY if options.get("counts") == "score" else Derivative.EXACT)
    assert problem.derivative == (fitted if options.get("rung") == "full" else Derivative.EXACT)


@pytest.mark.parametrize("units", [60, 128, pytest.param(1000, marks=pytest.mark.slow)])
def test_the_published_sizes_load(units):
    problem = swgo_multi(units=units)
    assert problem.space.cube(problem.start).shape == (2 * units,)
    assert admissible(problem.start.places)


def test_seeds_make_layouts():
    starts = [swgo_flux(units=UNITS, start="random_ball", seed=seed).start.places for seed in (0, 0, 1)]
    np.testing.assert_array_equal(starts[0], starts[1])
    assert not np.any(np.asarray(starts[0]) == np.asarray(starts[2]))


MALFORMED = {
    "rung": ({"rung": "half"}, ProblemError, "rung 'half'.*expected one of fisher, full"),
    "model": ({"model": "corsika"}, ProblemError, "model 'corsika'.*one of parametrised, nkg"),
    "counts": ({"rung": "full", "counts": "exact"}, ProblemError, "counts 'exact'.*one of relaxed, score"),
    "tanks": ({"tanks": 0}, ProblemError, "0 tanks.*a tank or more"),
    "stage too large": ({"stages": (12,)}, ProblemError, r"stages \[12\].*fewer than 12 units"),
    "stage too small": ({"stages": (0,)}, ProblemError, r"stages \[0\]"),
    "stages of the full rung": ({"stages": (6,), "rung": "full"}, ProblemError, r"stages \(rung fisher only\)"),
    "layout": ({"start": "pentagon"}, DesignError, "no layout is called 'pentagon'; expected one of hexagonal"),
    "other file": ({"start": "array.geojson"}, ProblemError, "start array.geojson is a file; expected a layout's name"),
    "spacing": ({"spacing": -3.0}, DesignError, "spacing of -3.0 m"),
    "fold": ({"fold": 5}, ProblemError, "12 units, 5-fold.*a multiple of the fold"),
    "no fold": ({"fold": 0}, ProblemError, "12 units, 0-fold"),
    "units": ({"units": 0}, ProblemError, "0 units"),
    "fixed": ({"fixed": (12,)}, ProblemError, r"fixed \[12\].*among the 12 free ones, numbered from 0"),
    "fixed copy": ({"fixed": (4,), "fold": 3}, ProblemError, r"fixed \[4\].*among the 4 free ones"),
    "too many": ({"units": 40000}, ProblemError, "40000 units.*expected at most"),
    "site": ({"site": "nowhere.geojson"}, StageError, "there is no file nowhere.geojson"),
    "file": ({"start": "nowhere.csv"}, DesignError, "there is no file nowhere.csv"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_options_are_refused(name):
    options, kind, text = MALFORMED[name]
    with pytest.raises(DaedalusError, match=text) as caught:
        swgo_flux(**{"units": UNITS, **options})
    assert isinstance(caught.value, kind)


def layout_file(path, places):
    """A CSV file of positions."""
    path.write_text("x,y\n" + "".join(f"{x!r},{y!r}\n" for x, y in places.tolist()))


def test_a_layout_file_starts_the_search_and_its_number_of_units_must_fit(tmp_path):
    path = tmp_path / "layout.csv"
    places = 90.0 * np.stack([np.arange(UNITS) % 4, np.arange(UNITS) // 4], -1)
    layout_file(path, places)
    np.testing.assert_array_equal(swgo_flux(units=UNITS, start=str(path)).start.places, places)
    with pytest.raises(ProblemError, match="has 12 units; expected 10"):
        swgo_flux(units=10, start=str(path))


def test_a_layout_file_that_the_site_does_not_admit_is_refused_with_the_place(tmp_path):
    path = tmp_path / "layout.csv"
    places = 90.0 * np.stack([np.arange(UNITS) % 4, np.arange(UNITS) // 4], -1)
    layout_file(path, np.concatenate([places[:-1], [[3000.0, 2500.0]]]))
    with pytest.raises(DesignError, match=r"outside the site.*unit 11 at .*3000"):
        swgo_flux(units=UNITS, start=str(path))
    layout_file(path, np.concatenate([places[:-1], places[:1] + 5.0]))
    with pytest.raises(DesignError, match=r"nearer to another unit than 22\.1 m.*unit 0"):
        swgo_flux(units=UNITS, start=str(path), fixed=(0, 11))
    layout_file(path, np.concatenate([places[:-1], places[:1] + np.array([SEPARATION - 0.02, 0.0])]))
    with pytest.raises(DesignError, match=r"unit 0 at .* by 0\.02 m"):
        swgo_flux(units=UNITS, start=str(path))


def test_a_layout_within_the_tolerance_of_the_constraints_starts_a_search_as_it_is(tmp_path):
    path = tmp_path / "layout.csv"
    places = 90.0 * np.stack([np.arange(UNITS) % 4, np.arange(UNITS) // 4], -1)
    places[-1] = places[0] + [SEPARATION - 0.005, 0.0]  # as single precision leaves optimised designs
    layout_file(path, places)
    np.testing.assert_array_equal(swgo_flux(units=UNITS, start=str(path)).start.places, places)


SQUARE = [[-70.0, -60.0], [70.0, -60.0], [70.0, 60.0], [-70.0, 60.0], [-70.0, -60.0]]


def site_file(path, ring=SQUARE):
    """A square site with forbidden ground in its middle."""
    feature = lambda kind, geometry, **more: {
        "type": "Feature",
        "properties": {"kind": kind, **more},
        "geometry": geometry,
    }
    site = feature("site", {"type": "Polygon", "coordinates": [ring]})
    hole = feature("forbidden", {"type": "Point", "coordinates": [10.0, 0.0]}, radius=20.0)
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [site, hole]}))
    return str(path)


def test_malformed_sites_are_refused_with_the_place(tmp_path):
    with pytest.raises(StageError, match=r"feature 0 \(site\): the ring is open"):
        swgo_flux(units=UNITS, site=site_file(tmp_path / "open.geojson", SQUARE[:-1]))
    small = site_file(tmp_path / "small.geojson")
    with pytest.raises(ProblemError, match=r"100 units.*expected at most"):
        swgo_flux(units=100, site=small)
    with pytest.raises(DaedalusError, match=r"crowding|nearer to another unit"):  # below the bound, and yet too many
        swgo_flux(units=45, site=small)


def test_references_are_on_the_site_and_can_be_measured():
    problem = swgo_multi(units=UNITS)
    assert set(problem.references) == {f"{name}_{spacing:g}m" for name, spacing in HAND_MADE}
    found = {}
    for name, design in problem.references.items():
        assert admissible(design.places), name
        evaluation = problem.evaluate(design, key=KEY, events=EVENTS)
        assert all(np.isfinite(float(value)) for value in evaluation.values.values()), name
        assert all(float(evaluation.errors[o.name]) > 0 for o in problem.objectives if o.name != "cable"), name
        found[name] = float(evaluation.values["cable"])
    assert found["packed_22.1m"] == pytest.approx((UNITS - 1) * SEPARATION, rel=5e-3)
    assert found["hexagonal_150m"] == pytest.approx((UNITS - 1) * 150.0, rel=1e-6)


@pytest.mark.slow
def test_derivatives_of_the_loss_equal_finite_differences():
    problem = swgo_multi(units=UNITS, start="random_ball", spacing=120.0)
    partition = problem.partition(64)

    @jax.jit
    def loss(point):
        summaries, truths = problem.summaries(point, key=KEY, partition=partition, softness=1.0)
        design = problem.space.design(point)
        return problem.machine_loss({o.name: o.function(design, summaries, truths) for o in problem.objectives})

    point = problem.space.point(problem.start)
    gradient = jax.jit(jax.grad(loss))(point).cube
    moved = lambda axis, step: loss(type(point)(point.cube.at[axis].add(step), point.learned))
    for axis in (0, 5, 11, 12, 17, 23):
        central = [float(moved(axis, step) - moved(axis, -step)) / (2 * step) for step in (2e-6, 1e-6)]  # 2 cm, 1 cm
        expected = (4 * central[1] - central[0]) / 3
        assert float(gradient[axis]) == pytest.approx(expected, rel=1e-4, abs=1e-5 * float(jnp.abs(gradient).max()))


@pytest.mark.slow
def test_a_search_from_a_packed_start_spreads_out_and_stays_admissible():
    problem = swgo_flux(units=UNITS, start="packed", spacing=SEPARATION)
    history, designs = searched(problem)
    assert all(admissible(design.places) for design in designs)
    step = np.abs(np.asarray(designs[1].places) - np.asarray(designs[0].places))
    assert 30.0 < np.max(step) < 42.0  # of 40 m at first, before units make way for each other
    before, after = improved(problem, designs[-1])
    assert after < 0.97 * before
    assert history["crowding"].max() <= ROUNDED


@pytest.mark.slow
def test_a_search_on_a_narrow_site_stays_there(tmp_path):
    path = site_file(tmp_path / "site.geojson")
    problem, site = swgo_flux(units=UNITS, site=path, start="random_box", spacing=25.0), read_site(path)
    assert admissible(problem.start.places, site)
    _, designs = searched(problem, rounds=5)
    assert all(admissible(design.places, site) for design in designs)
    moved = np.hypot(*(np.asarray(designs[-1].places) - np.asarray(problem.start.places)).T)
    assert moved.max() > 5.0


@pytest.mark.slow
def test_fixed_units_stay_and_stages_are_averaged():
    problem = swgo_flux(units=UNITS, start="packed", spacing=SEPARATION, fixed=(0, 7), stages=(6,))
    _, designs = searched(problem, rounds=5)
    start = np.asarray(problem.start.places)
    for design in designs:
        np.testing.assert_allclose(np.asarray(design.places)[[0, 7]], start[[0, 7]], rtol=0, atol=1e-9)
        assert admissible(design.places)
    assert np.all(np.any(np.delete(np.asarray(designs[-1].places) != start, [0, 7], axis=0), axis=1))
    # the geometric mean of the errors of the whole and of its first six, on the same showers
    whole = swgo_flux(units=UNITS)
    first = swgo_flux(units=6)
    design = problem.start
    part = dataclasses.replace(design, x=design.x[:6], y=design.y[:6])
    value = lambda task, layout: float(task.evaluate(layout, key=KEY, events=EVENTS).values["gamma_flux_error"])
    assert value(problem, design) == pytest.approx(np.sqrt(value(whole, design) * value(first, part)), rel=1e-9)


def test_units_may_be_exchanged_unless_some_are_special():
    for options, alike in (({}, True), ({"fold": 2}, True), ({"fixed": (3,)}, False), ({"stages": (6,)}, False)):
        problem = swgo_flux(units=UNITS, **options)
        own = problem.space.canonical(problem.start)
        assert sorted(np.asarray(own.x)) == sorted(np.asarray(problem.start.x))
        assert np.all(np.diff(np.asarray(own.x)) <= 0) == alike
        assert np.array_equal(own.x, problem.start.x) != alike


@pytest.mark.slow
def test_a_symmetric_array_stays_symmetric():
    problem = swgo_flux(units=UNITS, start="random_ball", spacing=60.0, fold=3)
    _, designs = searched(problem, rounds=6)
    matrix = np.array([[np.cos(2 * np.pi / 3), -np.sin(2 * np.pi / 3)], [np.sin(2 * np.pi / 3), np.cos(2 * np.pi / 3)]])
    for design in designs:
        places = np.asarray(design.places)
        assert places.shape == (UNITS, 2)
        assert len(design.x) == UNITS // 3
        assert admissible(design.places)
        turned = places @ matrix.T
        apart = np.min(np.hypot(*(turned[:, None] - places[None]).transpose(2, 0, 1)), 1)
        assert np.max(apart) < 1e-6
    assert np.any(np.asarray(designs[-1].places) != np.asarray(problem.start.places))


@pytest.mark.slow
def test_both_rungs_measure_one_design_and_the_full_one_loses_showers():
    full, fisher = (swgo_multi(units=UNITS, start="hexagonal", spacing=80.0, rung=rung) for rung in ("full", "fisher"))
    design, found = full.start, {}
    for name, problem in (("full", full), ("fisher", fisher)):
        found[name] = problem.evaluate(design, key=KEY, events=1024).values
        assert all(np.isfinite(float(value)) for value in found[name].values())
    assert float(found["full"]["lost_gammas"]) < 0.5
    assert float(found["fisher"]["lost_gammas"]) == 0.0
    assert float(found["full"]["cable"]) == float(found["fisher"]["cable"])
    for name in ("detected_gammas", "detected_protons"):
        assert float(found["full"][name]) <= float(found["fisher"][name]) * (1 + 1e-9)  # what is lost is not detected


def test_the_recipe_is_five_hundred_rounds():
    recipe = array_recipe(swgo_flux(units=UNITS))
    assert (recipe.rounds, recipe.events, recipe.scenarios) == (500, 4000, 1)
