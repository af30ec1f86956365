"""Near-optimal sets: against brute force on a fine grid, and the box round a set is not the set."""

from math import pi, sqrt

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.landscapes import Allowance, LandscapeError, Samples
from daedalus.landscapes.basins import basins
from daedalus.landscapes.chains import nuts_samples
from daedalus.landscapes.descents import descents
from daedalus.landscapes.filling import filling
from daedalus.landscapes.interpolation import scattering
from daedalus.landscapes.near_optimal import near_optimal
from daedalus.landscapes.sampling import temperature
from daedalus.landscapes.set_volumes import ellipsoid_volume
from daedalus.landscapes.soundings import recorded
from daedalus.landscapes.surface import analytic
from daedalus.landscapes.tempering import tempered_samples
from daedalus.landscapes.volume import Volume, log_ball
from landscapes.valleys import BENT, banana, bowl, brute, double_well, exchangeable, fenced, grid, ring

KEY = jax.random.key(5)
# surface, allowance, connected parts
SETS = [(bowl, 0.5, 1), (double_well, 0.4, 2), (banana, 1.0, 1), (ring, 0.1, 1)]


@pytest.fixture(scope="module", params=SETS, ids=lambda case: case[0].__name__)
def case(request):
    """A set, what the grid says of it, and the number of its parts."""
    build, allowance, parts = request.param
    surface = build()
    found = descents(surface, key=KEY, starts=8, steps=100)
    paths = basins(surface, found, allowance=allowance).paths
    near = near_optimal(surface, key=KEY, allowance=allowance, known=found.ends + paths)
    return near, *brute(surface, near.loss + near.allowance), parts


def rates(claimed, true):
    """Coverage, the share of the set that is claimed; purity, the share of what is claimed that is the set."""
    both = np.sum(claimed & true)
    return both / true.sum(), both / claimed.sum()


def test_membership_covers_the_set_and_is_pure(case):
    near, inside, _, _ = case
    coverage, purity = rates(near.contains(grid()), inside)
    assert coverage >= 0.98
    assert purity >= 0.98


def test_the_box_round_the_points_is_not_pure(case):
    near, inside, _, _ = case
    low, high = near.surface.cubes(near.box)
    coverage, purity = rates(((grid() >= low) & (grid() <= high)).all(1), inside)
    assert coverage >= 0.95
    assert purity < 0.5


def test_the_points_lie_in_the_set_and_fill_it_evenly(case):
    near, inside, _, _ = case
    assert np.all(near.losses <= near.loss + near.allowance)
    assert near.surface.heights(near.points).loss == pytest.approx(near.losses)
    assert near.weights.sum() == pytest.approx(1.0)
    assert near.effective > 150
    # every place of the set has a point nearby: at less than three times the mean spacing, for 95 % of them
    spacing = sqrt(near.volume / len(near.points))
    apart = np.min(np.linalg.norm(grid()[inside][:, None] - near.points, axis=2), 1)
    assert np.mean(apart < 1.5 * spacing) >= 0.95
    # shares of the points in quarters of equal volume, cut along the first parameter: chi-square, 3 degrees, 1e-4
    cuts = np.quantile(grid()[inside][:, 0], [0.25, 0.5, 0.75])
    counts = np.bincount(np.searchsorted(cuts, near.points[:, 0]), near.weights, 4) * len(near.points)
    expected = len(near.points) / 4
    assert np.sum((counts - expected) ** 2 / expected) < 21.1


def test_the_volume_and_the_shares_of_the_parts_are_right(case):
    near, inside, shares, parts = case
    assert near.volume == pytest.approx(inside.mean(), rel=0.03)
    assert abs(near.volume - inside.mean()) < 4 * near.volume_error + 0.005 * inside.mean()
    assert near.volume_error < 0.04 * near.volume
    assert len(near.shares) == parts
    assert near.shares == pytest.approx(shares, abs=0.02)
    assert np.bincount(near.components, near.weights) == pytest.approx(near.shares, abs=1e-6)


def test_evaluations_are_counted(case):
    near, *_ = case
    assert 128 + 6 * 64 * 0.9 + 256 <= near.evaluations <= 128 + 6 * 64 + 256 + 32 * 7


def test_the_bowl_has_the_volume_of_its_ellipse():
    """pi 2 a / sqrt(det H)."""
    near = near_optimal(bowl(), key=KEY, allowance=Allowance(0.5), known=descents(bowl(), key=KEY, starts=2).ends)
    assert near.volume == pytest.approx(pi / sqrt(np.linalg.det(BENT)), rel=0.05)


def test_exchangeable_parameters_leave_one_part_and_the_share_of_the_cube():
    """Both copies of a disc of radius sqrt(a), pi a each; only the canonical one is reported."""
    surface = exchangeable(2)
    near = near_optimal(surface, key=KEY, allowance=0.01, known=descents(surface, key=KEY, starts=4).ends)
    assert near.volume == pytest.approx(2 * pi * 0.01, rel=0.05)
    assert len(near.shares) == 1
    assert np.all(near.points[:, 0] >= near.points[:, 1])
    assert near.contains(np.array([[0.9, 0.1], [0.1, 0.9], [0.5, 0.5]])).tolist() == [True, True, False]


def test_a_constraint_cuts_the_set():
    surface = fenced()
    near = near_optimal(surface, key=KEY, allowance=0.04, rounds=4)
    inside, _ = brute(surface, near.loss + near.allowance)
    coverage, purity = rates(near.contains(grid()), inside)
    assert coverage >= 0.97
    assert purity >= 0.97
    assert near.volume == pytest.approx(pi * 0.04 / 2, rel=0.05)


def test_a_part_that_nothing_has_seen_is_found_from_a_known_place():
    pit = lambda x, at, width: jnp.exp(-0.5 * jnp.sum((x - at) ** 2) / width**2)
    surface = analytic(lambda x: 1 - pit(x, 0.75, 0.1) - 1.01 * pit(x, 0.2, 0.03), ("a", "b"))
    ends = descents(surface, key=KEY, starts=4, begun=np.array([[0.2, 0.21], [0.8, 0.7]])).ends
    near = near_optimal(surface, key=KEY, allowance=0.2, known=ends)
    assert len(near.shares) == 2
    # both parts are discs, of radius w sqrt(-2 log(1 - level)) with w the pit's width
    hidden = (0.03**2 * np.log(1.01 / 0.81)) / (0.1**2 * np.log(1 / 0.81))
    assert near.shares[1] == pytest.approx(hidden / (1 + hidden), abs=0.012)


def test_reweighted_chains_fill_a_set_of_many_parameters():
    size, allowance = 8, 2.0
    curved = np.linspace(10.0, 40.0, size) ** 2
    surface = analytic(lambda x: 0.5 * jnp.sum(curved * (x - 0.5) ** 2), tuple(f"x{i}" for i in range(size)))
    best = np.full((1, size), 0.5)
    draws = nuts_samples(surface, best, temperature=temperature(allowance, size), key=KEY, chains=4, draws=500)
    known = descents(surface, key=KEY, starts=1, begun=best).ends
    near = near_optimal(surface, key=KEY, allowance=allowance, known=known, samples=draws)
    exact = np.exp(4 * np.log(pi) - np.log(24.0)) * np.prod(np.sqrt(2 * allowance / curved))  # of an 8-ball
    assert near.volume == pytest.approx(exact, rel=0.3)
    assert abs(near.volume - exact) < 4 * near.volume_error
    # uniform in a ball of d dimensions: the mean of (loss - best) / allowance is d / (d + 2)
    assert near.weights @ near.losses / allowance == pytest.approx(8 / 10, abs=0.03)
    assert len(near.shares) == 1
    rng = np.random.default_rng(7)
    balls = rng.normal(size=(1500, size))
    balls *= 1.1 * rng.random((1500, 1)) ** (1 / size) / np.linalg.norm(balls, axis=1, keepdims=True)
    places = 0.5 + balls * np.sqrt(2 * allowance / curved)
    coverage, purity = rates(near.contains(places), surface.heights(places).loss <= allowance)
    assert coverage >= 0.95
    assert purity >= 0.95


@pytest.mark.parametrize(("size", "count"), [(20, 1000), (130, 4000)])
def test_a_volume_of_many_parameters_is_known_by_its_side(size, count):
    stiff, allowance = 1e8, 1.0
    heat = temperature(allowance, size)
    offsets = np.random.default_rng(3).normal(size=(8, count, size)) * np.sqrt(heat / stiff)
    losses = 0.5 * stiff * np.sum(offsets**2, -1)
    surface = analytic(lambda x: 0.5 * stiff * jnp.sum((x - 0.5) ** 2), tuple(f"x{i}" for i in range(size)))
    made = Samples("exact", 0.5 + offsets, losses, -np.ones_like(losses), heat, *np.ones((2, size)), 1.0, 0, 0)
    draws = recorded(surface, 0.5 + offsets.reshape(-1, size), losses.ravel(), -np.ones(losses.size))
    found = ellipsoid_volume(surface, made, draws, draws.losses <= allowance, np.random.default_rng(4))
    exact = log_ball(size) + size / 2 * np.log(2 * allowance / stiff)
    assert (found.share == 0.0) == (size == 130)  # e^-1287 is less than the smallest number
    assert abs(found.log - exact) < 4 * found.relative_error
    side, error = found.side(size)
    assert abs(side - np.exp(exact / size)) < 4 * error < 0.02 * side
    few = ellipsoid_volume(surface, made, draws, draws.losses <= 0.8 * allowance, np.random.default_rng(4))
    assert np.isnan(few.log) == (size == 130)
    first = (draws.losses <= allowance) & (np.arange(losses.size) < losses.size // 2)  # no chain of the others is there
    assert np.isnan(ellipsoid_volume(surface, made, draws, first, np.random.default_rng(4)).log)


def test_volumes_have_sides():
    assert Volume.of(0.25, 0.01).side(2) == pytest.approx((0.5, 0.01))
    assert np.isnan([Volume().share, Volume().error, *Volume().side(3)]).all()


def test_tempered_samples_fill_both_wells_in_their_shares():
    surface, allowance = double_well(), 0.4
    draws = tempered_samples(surface, temperature=temperature(allowance, 2), key=KEY, members=512)
    ends = descents(surface, key=KEY, starts=8).ends
    near = near_optimal(surface, key=KEY, allowance=allowance, known=ends, samples=draws)
    inside, shares = brute(surface, near.loss + near.allowance)
    assert near.shares == pytest.approx(shares, abs=0.06)
    assert near.volume == pytest.approx(inside.mean(), rel=0.1)


def test_interpolation_meets_its_values_and_knows_its_error():
    rng = np.random.default_rng(2)
    cubes = rng.random((120, 2))
    values = np.sin(5 * cubes[:, 0]) * np.cos(4 * cubes[:, 1])
    places = scattering(cubes, np.full(2, 0.5), 4 * np.eye(2))
    whole = places.through(values)
    assert whole(cubes) == pytest.approx(values, abs=1e-3)
    rest = scattering(cubes[1:], np.full(2, 0.5), 4 * np.eye(2)).through(values[1:])
    assert whole.left_out[0] == pytest.approx(values[0] - rest(cubes[:1])[0], rel=0.02)
    square = places.through((cubes[:, 0] - cubes[:, 1]) ** 2, 2)
    assert square(np.array([[0.9, 0.1]])) == pytest.approx([0.64], abs=1e-8)


@pytest.mark.parametrize(("size", "radius"), [(2, 0.3), (3, 0.02), (9, 0.3)])
def test_a_ball_is_filled(size, radius):
    margin = lambda cubes: np.linalg.norm(cubes - 0.5, axis=1) - radius
    found = filling(margin, size, rng=np.random.default_rng(4), walkers=1024)
    volume = {2: pi, 3: 4 / 3 * pi, 9: pi**4 * 2**5 / 945}[size] * radius**size
    assert np.all(margin(found.cubes) <= 0)
    assert found.volume == pytest.approx(volume, rel=0.02 if size < 6 else 0.3)
    assert abs(found.volume - volume) < 4 * found.error
    assert np.mean((np.linalg.norm(found.cubes - 0.5, axis=1) / radius) ** size) == pytest.approx(0.5, abs=0.06)


def test_a_set_without_a_place_is_said():
    surface = analytic(lambda x: jnp.nan * x[0], ("a", "b"))
    with pytest.raises(LandscapeError, match="finite loss"):
        near_optimal(surface, key=KEY, allowance=0.1, background=16)
