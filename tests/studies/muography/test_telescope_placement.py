"""The placement: laws of its sums, derivatives, options, references, and that a short search gets nearer."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.catalogue import Study
from daedalus.core import scoring_key
from daedalus.errors import ProblemError
from daedalus.search import optimise
from daedalus.studies.muography import STUDY
from daedalus.studies.muography.crossing import Muograph
from daedalus.studies.muography.problem import telescope_placement, telescope_recipe
from daedalus.studies.muography.rays import Rays
from daedalus.units import day

KEY = jax.random.key(5)
PROBLEM = telescope_placement()
CAMPAIGN = PROBLEM.build.__self__
PARTITION = PROBLEM.partition(32, 8)


@jax.jit
@partial(jax.value_and_grad, has_aux=True)
def loss(point):
    """Logarithm of the exposure, its gradient, and the sums: one compilation for several tests."""
    found, truths = PROBLEM.summaries(point, key=KEY, partition=PARTITION)
    return jnp.log(PROBLEM.objectives[0].function(PROBLEM.space.design(point), found, truths)), found


@pytest.fixture(scope="module")
def records():
    """Events of the even ring, many rays, with the void and hill of the first scenario."""
    chain = PROBLEM.pipeline(PROBLEM.references["evenly_spaced"], key=KEY)
    return chain, jax.jit(lambda index: chain.events(index, 4096, key=KEY))(jnp.arange(4096))


def test_directions_fill_field_of_view_and_void(records):
    chain, record = records
    sky, void = chain.stages[0], chain.stages[0].void
    rays, towards = record[Rays, "sky"], record[Rays, "void"]
    for each in (rays, towards):
        np.testing.assert_allclose(sum(np.square(u) for u in each.direction), 1.0, rtol=1e-12)
    # without the horizon, the mean of the measure is the geometric factor times the efficiency
    high = np.asarray(rays.uz) > 0.035
    tracker = CAMPAIGN.tracker
    assert 0.1 < high.mean() < 0.9
    assert np.asarray(rays.measure).mean() < tracker.geometric_factor * tracker.efficiency_of_all
    # the rays towards the void pass it, uniformly in its solid angle: counts of all rays that happen to pass it agree
    position = tuple(p[:, None] + 0.0 * rays.ux for p in sky.place)
    passes = lambda each: jax.vmap(void.chord)(position, each.direction) > 0
    assert np.all(np.asarray(passes(towards))[:, :-1].mean(1) > 0.999)
    by_chance = np.where(passes(rays), rays.measure * record[Muograph, "sky"].intensity, 0.0).mean(1)
    aimed = np.asarray(towards.measure * record[Muograph, "void"].intensity).mean(1)
    np.testing.assert_allclose(by_chance, aimed, rtol=0.25)  # a few dozen rays pass by chance
    assert by_chance.sum() == pytest.approx(aimed.sum(), rel=0.12)


def test_slopes_are_what_changes_the_intensity(records):
    chain, record = records
    rock, sky = chain.stages[1], record[Muograph, "sky"]
    length = np.asarray(rock.rock(record[Rays, "sky"]))
    uz = jnp.asarray(record[Rays, "sky"].uz)
    read = jax.jit(lambda density: rock.transmission(density * length, uz))
    h = 1e-5
    finite = (read(2.2 * (1 + h)) - read(2.2 * (1 - h))) / (2 * h)
    np.testing.assert_allclose(sky.slopes[1], finite, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(sky.slopes[2], sky.intensity)
    void, towards = record[Muograph, "void"], record[Rays, "void"]
    position = tuple(p[:, None] + 0.0 * towards.ux for p in rock.place)
    body = np.asarray(jax.vmap(rock.void.chord)(position, towards.direction))
    filled = np.asarray(rock.rock(towards))
    behind = jax.jit(lambda length: rock.transmission(2.2 * length, towards.uz))
    exact = np.asarray(behind(jnp.asarray(filled - body)) - behind(jnp.asarray(filled)))
    np.testing.assert_allclose(void.slopes[0], exact, rtol=1e-6, atol=1e-9)
    assert np.all(np.asarray(void.slopes[0]) >= 0)  # air lets more muons through
    assert np.all(np.asarray(sky.slopes[0]) == 0)


@pytest.mark.slow
def test_information_is_additive_over_telescopes_and_exposures_shrink_with_it():
    found = loss(PROBLEM.space.point(PROBLEM.references["evenly_spaced"]))[0][1]
    assert found["information"].shape == (8, 3, 4, 4)
    days = np.asarray(CAMPAIGN.days(found))
    rate = np.asarray(CAMPAIGN.rate(found))
    assert np.all(days > 9.0 / rate[:, 0, 0] * 0.999)  # profiling takes information away
    assert np.all(days < 1.5 * 9.0 / rate[:, 0, 0])
    # a void's time goes with the inverse square of its signal: radius^-4 at one place, roughly
    assert np.corrcoef(np.log(days), np.arange(8))[0, 1] < 0  # radii grow with the stratum


def test_derivatives_equal_finite_differences():
    point = PROBLEM.space.point(PROBLEM.references["hand_made"])
    gradient = loss(point)[1].cube
    assert np.isfinite(gradient).all()
    for axis in (0, 2, 4, 6, 8, 9, 11):
        move = lambda step, axis=axis: type(point)(point.cube.at[axis].add(step), point.learned)
        expected = float(loss(move(1e-7))[0][0] - loss(move(-1e-7))[0][0]) / 2e-7
        assert float(gradient[axis]) == pytest.approx(expected, rel=2e-5, abs=1e-6)


@pytest.mark.slow
def test_a_short_search_gets_nearer_and_stays_on_accessible_ground():
    recipe = telescope_recipe(PROBLEM)
    history = optimise(PROBLEM, recipe.optimiser, key=KEY, rounds=40, events=32, scenarios=8)
    best = history.design(PROBLEM, int(np.argmin(history["loss"])))
    score = lambda design: PROBLEM.evaluate(design, key=scoring_key(KEY), events=32, scenarios=64)
    before, after = score(PROBLEM.start), score(best)
    assert float(after.values["exposure"]) < 0.35 * float(before.values["exposure"])
    assert float(after.values["found"]) > float(before.values["found"])
    assert np.all(np.hypot(best.x, best.y) > 235.0)
    assert float(before.values["exposure"]) / day == pytest.approx(103.5, rel=0.25)  # 2048 voids: 103.5 +- 2.0 days


def test_references_stand_where_they_may():
    for design in PROBLEM.references.values():
        away = np.hypot(design.x, design.y)
        assert np.all((away > 259.0) & (away < 500.0))
        PROBLEM.space.check(design)
    assert isinstance(STUDY, Study)
    assert set(PROBLEM.references) == {"evenly_spaced", "hand_made"}


def test_halves_by_terrain_of_a_file(tmp_path):
    axis = np.linspace(-320.0, 320.0, 33)
    x, y = np.meshgrid(axis, axis)
    np.savez(tmp_path / "hill.npz", x=axis, y=axis, heights=120.0 * np.maximum(1 - np.hypot(x, y) / 250, 0.0))
    options = {"goal": "density", "telescopes": 2, "reach": 300.0, "terrain_file": str(tmp_path / "hill.npz")}
    own = telescope_placement(**options)
    found = own.evaluate(own.references["evenly_spaced"], key=KEY, events=16, scenarios=2)
    assert 0.005 < float(found.values["density_error"]) < 0.1
    assert {c.name for c in own.constraints} == {"distance_1", "distance_2", "slope_1", "slope_2"}
    with pytest.raises(ProblemError, match="larger map"):
        telescope_placement(**{**options, "reach": 400.0})


@pytest.mark.parametrize(
    "options",
    [
        {"telescopes": 0},
        {"flux": "guam"},
        {"material": "cheese"},
        {"keep_out": 600.0},
        {"contrast": 0.0},
        {"smallest": 20.0},
        {"threshold": 0.0},
        {"background": -1.0},
        {"east": 2e3},
    ],
)
def test_impossible_options_are_refused(options):
    with pytest.raises(ProblemError, match="expected"):
        telescope_placement(**options)


def test_all_wrong_options_are_named_at_once():
    with pytest.raises(ProblemError, match=r"telescopes.*efficiency"):
        telescope_placement(telescopes=9, efficiency=2.0)
