"""Expected estimates: matrices built again in NumPy, SciPy's minimum and trigger, symmetries, and every derivative."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, stats

from daedalus.events import ShowerEstimates, Showers, blank_events
from daedalus.geometry.stations import stations_of_tanks
from daedalus.physics.air_showers import parametrised_profile
from daedalus.physics.nkg import nkg_profile
from daedalus.reconstruction.expected_shower_estimates import (
    ExpectedShowerEstimates,
    pointing_error,
    trigger_probability,
)
from daedalus.reconstruction.shower_hypotheses import RANGES, STEPS, hypotheses
from daedalus.sources.air_showers import AirShowers
from daedalus.units import deg

KEY = jax.random.key(5)
UNITS, TANKS, LEAST, LIGHT = 12, 19, 50, 0.299792458
AREA = TANKS * np.pi * 1.91**2  # m2
BACKGROUND = AREA * 128.0 * np.array([200e-9, 1826e-9])
PLACES = jnp.asarray(np.random.default_rng(2).uniform(-250.0, 250.0, (UNITS, 2)))
# energy [GeV], zenith and azimuth [deg], core [m]: detected easily, hardly, at the edge, and inclined
SHOWERS = [
    (1.3e6, 25.0, 70.0, 40.0, -60.0),
    (1.7e5, 12.0, 200.0, -110.0, 35.0),
    (4.0e6, 38.0, 310.0, 420.0, 150.0),
    (9.0e6, 60.0, 140.0, -30.0, 500.0),
]
FIELDS = ("detected", "statistic", "spread", "log_energy_error", "pointing_error")


def showers(rows=SHOWERS):
    """Each shower twice, as a gamma ray's and as a proton's."""
    energy, zenith, azimuth, x, y = np.repeat(np.array(rows, float), 2, axis=0).T
    sine = np.sin(zenith * deg)
    arrays = (energy, x, y, sine * np.cos(azimuth * deg), sine * np.sin(azimuth * deg))
    return Showers(jnp.asarray(np.tile([0, 1], len(rows))), *map(jnp.asarray, arrays))


def estimated(places, given, model=parametrised_profile):
    """The estimates of showers by units at places."""
    events = blank_events(jnp.arange(given.energy.shape[0], dtype=jnp.uint32)).add(given)
    stage = ExpectedShowerEstimates(stations_of_tanks(places), model, LEAST)
    return stage(events, key=KEY)[ShowerEstimates]


estimates = jax.jit(estimated, static_argnums=2)


def counts(shower, primary):
    """Expected counts in NumPy, of x, y, ln E, ux, uy and a time: electrons of all units, then muons."""
    x, y, log_energy, ux, uy, _ = shower
    up = np.sqrt(1.0 - ux**2 - uy**2)
    away = np.concatenate([np.asarray(PLACES) - (x, y), np.zeros((UNITS, 1))], 1)
    distance = np.linalg.norm(np.cross(away, (ux, uy, up)), axis=1)
    density = parametrised_profile(jnp.exp(log_energy), jnp.arccos(up)).density(jnp.asarray(distance))[primary]
    return (AREA * np.asarray(density) * up + BACKGROUND[:, None]).ravel()


def slopes(function, at, steps):
    """Derivatives by all parameters, by central differences with one extrapolation, in steps."""
    rows = []
    for axis, step in enumerate(steps):
        central = []
        for share in (1e-3, 5e-4):
            move = np.zeros(len(at))
            move[axis] = share * step
            central.append((function(at + move) - function(at - move)) / (2 * share))
        rows.append((4 * central[1] - central[0]) / 3)
    return np.stack(rows)


def timed(mean):
    """What NumPy makes of how much times tell that may be the background's, of 10 ns in a window of 128 ns."""
    any_count, wide = 1.0 - np.exp(-mean), 12.8 / (4.0 * np.sqrt(np.pi))
    share = (1.0 - np.exp(BACKGROUND[:, None] - mean)) / any_count
    mixed = 1.0 + share * (wide - 1.0) + share * (1.0 - share) * (np.log(12.8) - 1.2)
    return any_count * share**2 * wide / mixed


def information(shower, primary):
    """What NumPy makes of the information of counts, times and range, and of that without the counts."""
    core = np.array(shower[:2])
    time = lambda p: p[5] - (np.asarray(PLACES) - core) @ p[3:5] / LIGHT  # at the true core, which does not move
    mean = counts(shower, primary)
    per_count = slopes(lambda p: counts(p, primary), np.array(shower), STEPS) / np.sqrt(mean)
    per_time = slopes(time, np.array(shower), STEPS) / 10.0
    known = (per_time * np.sum(timed(mean.reshape(2, -1)), 0)) @ per_time.T + np.diag((STEPS / RANGES) ** 2)
    return per_count @ per_count.T + known, known


@pytest.mark.parametrize("number", range(len(SHOWERS)))
def test_errors_are_those_of_a_matrix_built_in_numpy(number):
    given = showers()
    found = estimates(PLACES, given)
    for row in (2 * number, 2 * number + 1):
        shower, primary = np.array(given.parameters[row]), int(given.primary[row])
        covariance = np.linalg.inv(information(shower, primary)[0]) * np.outer(STEPS, STEPS)
        assert float(found.log_energy_error[row]) == pytest.approx(np.sqrt(covariance[2, 2]), rel=1e-6)
        u = shower[3:5]
        vector = np.array([[1, 0], [0, 1], -u / np.sqrt(1 - u @ u)])  # how the axis turns with its cosines
        turned = vector @ covariance[3:5, 3:5] @ vector.T
        assert float(found.pointing_error[row]) == pytest.approx(np.sqrt(np.trace(turned)), rel=1e-6)


def test_pointing_error_is_the_angle_between_directions():
    shower = jnp.array([0.0, 0.0, 14.0, 0.6, -0.5, 0.0])
    spread = np.array([[3e-2, 0.0], [-1e-2, 2e-2]])  # in units of a milliradian, whose square is the step's
    covariance = np.zeros((6, 6))
    covariance[3:5, 3:5] = spread @ spread.T
    moves = np.random.default_rng(1).normal(size=(40000, 2)) @ spread.T * STEPS[3]
    lifted = lambda u: np.concatenate([u, np.sqrt(1 - np.sum(u**2, -1, keepdims=True))], -1)
    true = lifted(np.array([[0.6, -0.5]]))
    angle = np.linalg.norm(np.cross(lifted(true[:, :2] + moves), true), axis=1)
    squares = angle**2
    error = np.std(squares) / np.mean(squares) / 2 / np.sqrt(len(squares))
    assert float(pointing_error(shower, jnp.asarray(covariance))) == pytest.approx(
        np.sqrt(squares.mean()), rel=4 * error
    )


def test_the_trigger_is_scipys_tail():
    given = showers()
    found = estimates(PLACES, given)
    for row in range(len(given.energy)):
        of_unit = counts(np.array(given.parameters[row]), int(given.primary[row])).reshape(2, -1).sum(0)
        tanks = TANKS * np.sum(1.0 - np.exp(-of_unit / TANKS))
        assert float(found.detected[row]) == pytest.approx(stats.poisson.sf(LEAST - 1, tanks), rel=1e-8, abs=1e-300)


@pytest.mark.parametrize("expected", [1e-3, 0.3, 8.0, 49.0, 51.0, 120.0])
def test_the_trigger_of_full_tanks_is_a_poisson_count_of_at_least_so_many(expected):
    counts = jnp.full(2, 0.5 * expected)  # one unit of many tanks: hardly two particles in one of them
    found = float(trigger_probability(counts, 10**7, LEAST))
    assert found == pytest.approx(stats.poisson.sf(LEAST - 1, expected), rel=1e-4, abs=1e-300)
    full = float(trigger_probability(jnp.full(2, 1e5), 49, LEAST))  # no more than 49 tanks can be hit
    assert full == pytest.approx(stats.poisson.sf(LEAST - 1, 49.0), rel=1e-9)


def distance(true, other, slope, known):
    """SciPy's least Kullback-Leibler distance of counts whose logarithms are linear, its place, and the curvature."""
    expected = lambda moved: other * np.exp(np.clip(moved @ slope, -60, 60))
    value = lambda moved: np.sum(true * np.log(true / other) - true * (moved @ slope) - true + expected(moved))
    whole = lambda moved: value(moved) + 0.5 * moved @ known @ moved
    gradient = lambda moved: slope @ (expected(moved) - true) + known @ moved
    hessian = lambda moved: (slope * expected(moved)) @ slope.T + known
    first = np.linalg.solve((slope * true) @ slope.T + known, slope @ (true * np.log(true / other)))
    found = optimize.minimize(whole, first, jac=gradient, hess=hessian, method="trust-exact", options={"gtol": 1e-7})
    left = np.log(true / other) - found.x @ slope
    strain = found.x @ known @ found.x
    return whole(found.x), np.sqrt(np.sum(true * left**2) + strain)


@pytest.mark.parametrize("number", range(len(SHOWERS)))
def test_the_statistic_is_the_least_distance_and_its_spread(number):
    given = showers()
    found = estimates(PLACES, given)
    for row in (2 * number, 2 * number + 1):
        shower, primary = np.array(given.parameters[row]), int(given.primary[row])
        other = counts(shower, 1 - primary)
        slope = slopes(lambda p, o=1 - primary: np.log(counts(p, o)), shower, STEPS)
        least, spread = distance(counts(shower, primary), other, slope, information(shower, primary)[1])
        assert float(found.statistic[row]) == pytest.approx((1 - 2 * primary) * least, rel=1e-6)
        assert float(found.spread[row]) == pytest.approx(spread, rel=1e-6)


def in_eights(given):
    """The same showers in groups of eight, so that one compiled program serves every test."""
    starts = range(0, len(given.energy), 8)
    return [jax.tree.map(lambda leaf, first=first: leaf[first : first + 8], given) for first in starts]


def least_distances(places, given, model):
    """SciPy's least distances with the program's own counts and slopes."""
    stations = stations_of_tanks(places)
    of_all = jax.jit(jax.vmap(lambda shower: hypotheses(shower, stations, model)))
    found = []
    for group in in_eights(given):
        both = jax.tree.map(np.asarray, of_all(group.parameters))
        for row, primary in enumerate(np.asarray(group.primary)):
            true, other, times = both.counts[row, primary], both.counts[row, 1 - primary], both.times[row]
            known = (times * np.sum(timed(true.reshape(2, -1)), 0)) @ times.T + np.diag((STEPS / RANGES) ** 2)
            found.append(distance(true, other, both.slopes[row, 1 - primary], known)[0])
    return np.array(found)


def program_distances(places, given, model):
    """The program's distances with the signs of a gamma ray taken off, and whether they are detected."""
    found = jax.tree.map(
        lambda *leaves: np.concatenate(leaves), *(estimates(places, g, model) for g in in_eights(given))
    )
    return (1 - 2 * np.asarray(given.primary)) * found.statistic, found.detected > 0.01


@pytest.mark.parametrize("model", [parametrised_profile, nkg_profile])
def test_four_newton_steps_are_enough_where_the_primaries_are_hard_to_tell(model):
    """Steps end above the least distance or there; among many showers of low energy only distances above 50 differ."""
    events = AirShowers(index=2.0, radius=400.0)(blank_events(jnp.arange(160, dtype=jnp.uint32)), key=KEY)
    found, seen = program_distances(PLACES, events[Showers], model)
    least = least_distances(PLACES, events[Showers], model)
    off = (found - least) / np.maximum(least, 1.0)
    assert seen.sum() > 20
    assert np.min(off) > -1e-9
    assert np.max(off[least < 50.0]) < 1e-6
    assert np.mean(off > 1e-2) < 0.01


def test_four_newton_steps_are_too_few_for_gamma_rays_at_the_low_end():
    """Near 1.7e5 GeV protons' electrons do not depend on the energy: a step leads far. The distance is large anyway."""
    given = showers([(1.74e5, 28.1, 250.0, -80.0, 20.0)] * 4)
    rings = 100.0 * np.array([[0, 0], *([np.cos(a), np.sin(a)] for a in np.arange(6) * np.pi / 3)])
    places = jnp.asarray(np.concatenate([rings, 1.8 * rings[2:]]))
    found, least = (
        program_distances(places, given, parametrised_profile)[0][0],
        least_distances(places, given, parametrised_profile)[0],
    )
    assert least > 50.0
    assert least * 1.001 < found < 2.0 * least


def fitted(counts, late, expected, slope, times):
    """Greatest ln L of many pseudo-experiments, ln(expected) and times linear in the parameters: damped scoring."""
    known, seen = np.diag((STEPS / RANGES) ** 2), (counts > 0).astype(float)
    mean = lambda moved: expected * np.exp(np.clip(moved @ slope, -30, 30))

    def value(moved):
        poisson = np.sum(counts * (np.log(expected) + moved @ slope) - mean(moved), 1)
        return poisson - 0.5 * np.sum(seen * (late - moved @ times) ** 2, 1) - 0.5 * np.sum(moved @ known * moved, 1)

    # begin where weighted logarithms are met best
    matrix = np.einsum("ib,eb,jb->eij", slope, counts, slope) + (times @ times.T + known)
    moved = np.linalg.solve(matrix, ((counts * np.log((counts + 0.5) / expected)) @ slope.T)[..., None])[..., 0]
    for _ in range(15):
        gradient = (counts - mean(moved)) @ slope.T + (seen * (late - moved @ times)) @ times.T - moved @ known
        matrix = np.einsum("ib,eb,jb->eij", slope, mean(moved), slope)
        matrix = matrix + np.einsum("ib,eb,jb->eij", times, seen, times) + known
        step, share = np.linalg.solve(matrix, gradient[..., None])[..., 0], np.ones((len(counts), 1))
        for _ in range(12):
            share = np.where((value(moved + share * step) < value(moved) - 1e-9)[:, None], share / 2, share)
        moved = moved + share * step
    return value(moved)


@pytest.mark.parametrize("row", range(2 * len(SHOWERS)))
def test_statistic_and_spread_are_those_of_fits_to_pseudo_experiments(row):
    """Counts and times drawn, both hypotheses fitted: mean within 4 standard errors and 0.2, spread within a tenth."""
    given = showers()
    found, stations = estimates(PLACES, given), stations_of_tanks(PLACES)
    both = jax.tree.map(np.asarray, hypotheses(given.parameters[row], stations, parametrised_profile))
    generator, true = np.random.default_rng(row), both.counts[int(given.primary[row])]
    counts = generator.poisson(true, (1000, len(true))).astype(float)
    late, times = generator.normal(size=counts.shape), np.concatenate([both.times, both.times], 1)
    gamma, proton = (fitted(counts, late, both.counts[k], both.slopes[k], times) for k in (0, 1))
    ratio = gamma - proton
    error = np.std(ratio) / np.sqrt(len(ratio))
    assert np.mean(ratio) == pytest.approx(float(found.statistic[row]), abs=4 * error + 0.2)
    assert np.std(ratio) == pytest.approx(float(found.spread[row]), rel=0.1)


def test_signs_are_those_of_a_gamma_ray():
    found = estimates(PLACES, showers())
    assert bool(jnp.all(found.statistic[::2] > 0))
    assert bool(jnp.all(found.statistic[1::2] < 0))
    np.testing.assert_array_equal(found.sound, 1.0)


def moved(given, turn, shift):
    """Showers turned about the origin and then shifted."""
    x, y = np.cos(turn) * given.x - np.sin(turn) * given.y, np.sin(turn) * given.x + np.cos(turn) * given.y
    ux, uy = np.cos(turn) * given.ux - np.sin(turn) * given.uy, np.sin(turn) * given.ux + np.cos(turn) * given.uy
    return Showers(given.primary, given.energy, x + shift[0], y + shift[1], ux, uy)


@pytest.mark.parametrize("model", [parametrised_profile, nkg_profile])
def test_units_may_be_exchanged_and_everything_moved_and_turned(model):
    given = showers()
    expected = estimates(PLACES, given, model)
    order = np.random.default_rng(6).permutation(UNITS)
    cases = {"exchanged": (PLACES[order], given)}
    for turn, shift in ((0.0, (700.0, -1300.0)), (2.0, (0.0, 0.0)), (-0.7, (40.0, 900.0))):
        matrix = jnp.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        cases[f"turned by {turn}, shifted by {shift}"] = (
            PLACES @ matrix.T + jnp.asarray(shift),
            moved(given, turn, shift),
        )
    for name, (places, others) in cases.items():
        found = estimates(places, others, model)
        for field in FIELDS:
            np.testing.assert_allclose(
                getattr(found, field), getattr(expected, field), rtol=1e-9, atol=1e-14, err_msg=f"{name}: {field}"
            )


def test_a_unit_more_never_harms():
    """Information adds up: no error grows and no distance shrinks, wherever the new unit stands."""
    given = showers()
    before = estimates(PLACES, given)
    for place in ([0.0, 0.0], [3000.0, 100.0], list(map(float, PLACES[0]))):
        after = estimates(jnp.concatenate([PLACES, jnp.array([place])]), given)
        slack = 1 + 1e-9
        assert bool(jnp.all(after.log_energy_error <= before.log_energy_error * slack))
        assert bool(jnp.all(after.pointing_error <= before.pointing_error * slack))
        assert bool(jnp.all(after.detected * slack >= before.detected))
        assert bool(jnp.all(jnp.abs(after.statistic) * slack >= jnp.abs(before.statistic)))


def test_four_arrays_at_the_same_places_halve_the_errors():
    once, fourfold = (
        jax.tree.map(lambda leaf: leaf[:2], e)
        for e in (  # well measured: the range hardly counts
            estimates(PLACES, showers()),
            estimates(jnp.tile(PLACES, (4, 1)), showers()),
        )
    )
    for field in ("log_energy_error", "pointing_error"):
        np.testing.assert_allclose(getattr(fourfold, field), getattr(once, field) / 2, rtol=1e-3)
    np.testing.assert_allclose(fourfold.statistic, 4 * once.statistic, rtol=1e-3)
    np.testing.assert_allclose(fourfold.spread, 2 * once.spread, rtol=1e-3)


def test_an_array_that_sees_nothing_knows_the_range_and_no_more():
    found = estimates(PLACES + jnp.array([3e6, 0.0]), showers(), nkg_profile)
    np.testing.assert_allclose(found.log_energy_error, RANGES[2], rtol=1e-6)
    np.testing.assert_allclose(found.statistic, 0.0, atol=1e-6)
    np.testing.assert_allclose(found.detected, 0.0, atol=1e-30)


@pytest.mark.parametrize("model", [parametrised_profile, nkg_profile])
def test_derivatives_by_every_unit_equal_finite_differences(model):
    given = showers()

    def every(found):  # the trigger's in a scale that shows small ones
        return jnp.stack([jnp.log(found.detected + 1e-6), *(getattr(found, field) for field in FIELDS[1:])])

    along = jax.jit(lambda way: jax.jvp(lambda places: every(estimated(places, given, model)), (PLACES,), (way,))[1])
    at = lambda way, step: every(estimates(PLACES + step * way, given, model))
    ways = jnp.eye(2 * UNITS).reshape(-1, UNITS, 2)
    central = lambda way, step: (at(way, step) - at(way, -step)) / (2 * step)
    derivative = np.stack([along(way) for way in ways], -1)  # field, shower, unit and side
    expected = np.stack([(4 * central(way, 0.01) - central(way, 0.02)) / 3 for way in ways], -1)
    for number, field in enumerate(FIELDS):
        # against the largest derivative of that shower too, where one unit's is lost in rounding
        size = 1e-5 * np.max(np.abs(expected[number]), axis=1, keepdims=True)
        off = np.abs(derivative[number] - expected[number]) / (np.abs(expected[number]) + size + 1e-13)
        assert np.max(off) < 1e-4, f"{field}: {np.max(off, axis=1)}"


def test_backward_derivatives_are_finite_on_the_axis_at_the_vertical_and_far_away():
    rows = [
        (1e6, 0.0, 0.0, 0.0, 0.0),
        (1e6, 30.0, 20.0, 0.0, 0.0),
        (1e5, 50.0, 0.0, 1500.0, 1500.0),
        (1e7, 65.0, 9.0, 9.0, 0.0),
    ]
    places = jnp.concatenate([PLACES, jnp.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [1e4, 1e4]])])

    def total(places):  # with a weight of its own for every number
        leaves = jnp.stack([getattr(estimated(places, showers(rows)), field) for field in FIELDS])
        return jnp.sum(leaves * jnp.asarray(np.random.default_rng(3).normal(size=leaves.shape)))

    value, slope = jax.jit(jax.value_and_grad(total))(places)
    assert bool(jnp.isfinite(value))
    assert bool(jnp.all(jnp.isfinite(slope)))


def test_single_precision_agrees():
    expected = estimates(PLACES, showers())
    with jax.enable_x64(False):
        found = estimates(jnp.asarray(PLACES, jnp.float32), showers())
        assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {jnp.dtype(jnp.float32)}
        found = jax.tree.map(lambda leaf: np.asarray(leaf, float), found)
    for field in FIELDS:
        np.testing.assert_allclose(getattr(found, field), getattr(expected, field), rtol=2e-3, atol=1e-6, err_msg=field)
