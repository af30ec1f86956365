"""The point of closest approach: by construction, by NumPy, and with errors that cover."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.events import Scatterings, Tracks, blank_events
from daedalus.reconstruction.closest_approach import ClosestApproach, closest_approach

COUNT = 300
FIND = jax.jit(closest_approach)


def tracks(position, slope, z, variances=(1e-8, 1e-6, 2e-9), found=True):
    """Tracks from (x, y) at a height, slopes and (var x, var t, cov)."""
    count = position.shape[1]
    full = lambda value: np.broadcast_to(value, count)
    columns = (*position, *slope, full(z), *(full(v) for v in variances), full(found), np.ones(count))
    return Tracks(*(jnp.asarray(np.array(column)) for column in columns))


def pairs(count=COUNT, kick=0.05):
    """Two lines with a slope difference of a few kicks; the lower one does not quite meet the upper one."""
    random = np.random.default_rng(1)
    slope = random.uniform(-0.5, 0.5, (2, count))
    upper = tracks(random.uniform(0, 1, (2, count)), slope, 1.6)
    below = random.uniform(0, 1, (2, count))
    lower = tracks(below, slope + kick * random.normal(size=(2, count)), 0.2, (3e-8, 2e-6, -5e-9))
    return upper, lower


def lines(first, second):
    points = [np.array([t.x, t.y, t.z]) for t in (first, second)]
    directions = [np.array([t.tx, t.ty, np.ones_like(t.tx)]) for t in (first, second)]
    return points, directions


def test_lines_that_meet():
    random = np.random.default_rng(2)
    place = random.uniform(0.4, 1.4, (3, COUNT))
    slopes = random.uniform(-0.5, 0.5, (2, COUNT)), random.uniform(-0.5, 0.5, (2, COUNT))
    first, second = (tracks(place[:2] + (z - place[2]) * t, t, z) for z, t in zip((1.6, 0.2), slopes, strict=True))
    found = FIND(first, second)
    np.testing.assert_allclose([found.x, found.y, found.z], place, atol=1e-9)
    assert np.max(found.distance) < 1e-9
    u, v = lines(first, second)[1]
    cosine = np.sum(u * v, 0) / np.linalg.norm(u, axis=0) / np.linalg.norm(v, axis=0)
    np.testing.assert_allclose(found.angle, np.arccos(cosine), rtol=1e-7, atol=1e-9)


def test_skew_lines():
    first, second = pairs()
    found = FIND(first, second)
    (a, b), (u, v) = lines(first, second)
    for event in range(COUNT):
        matrix = np.stack([u[:, event], -v[:, event]], 1)
        (s, t), *_ = np.linalg.lstsq(matrix, b[:, event] - a[:, event], rcond=None)
        ends = a[:, event] + s * u[:, event], b[:, event] + t * v[:, event]
        here = [float(c[event]) for c in (found.x, found.y, found.z)]
        np.testing.assert_allclose(here, 0.5 * (ends[0] + ends[1]), rtol=1e-7, atol=1e-9)
        assert float(found.distance[event]) == pytest.approx(np.linalg.norm(ends[0] - ends[1]), rel=1e-7)


def test_a_small_angle_keeps_its_digits():
    for kick in (1e-5, 1e-3):
        first = tracks(np.zeros((2, 1)), np.array([[0.3], [0.1]]), 1.6)
        second = tracks(np.zeros((2, 1)), np.array([[0.3 + kick], [0.1]]), 0.2)
        across = kick * np.sqrt(1 + 0.1**2) / (1 + 0.3**2 + 0.1**2)  # |u x d| / |u|^2, to first order
        assert float(FIND(first, second).angle[0]) == pytest.approx(across, rel=2 * kick)


def test_variances_are_the_jacobians():
    first, second = pairs(20)

    def each(track, leaf, event):
        errors = (w[event][None] for w in (track.var_position, track.var_slope, track.covariance))
        return Tracks(
            *(leaf[k : k + 1] for k in range(4)), track.z[:1], *errors, track.found[:1], track.probability[:1]
        )

    def place(numbers, event):
        one, two = (each(t, leaf, event) for t, leaf in ((first, numbers[:4]), (second, numbers[4:])))
        found = closest_approach(one, two)
        return jnp.stack([found.x[0], found.y[0], found.z[0]])

    numbers = jnp.stack([t for s in (first, second) for t in (s.x, s.y, s.tx, s.ty)])
    jacobians = jax.jit(jax.vmap(jax.jacfwd(place), in_axes=(1, 0)))(numbers, jnp.arange(20))
    found = FIND(first, second)
    covariance = np.zeros((20, 8, 8))
    for offset, t in ((0, first), (4, second)):
        for axis in (0, 1):
            place_, slope = offset + axis, offset + axis + 2
            covariance[:, place_, place_], covariance[:, slope, slope] = t.var_position, t.var_slope
            covariance[:, place_, slope] = covariance[:, slope, place_] = t.covariance
    expected = np.einsum("eip,epq,eiq->ei", jacobians, covariance, jacobians)
    sigmas = np.stack([found.sigma_x, found.sigma_y, found.sigma_z], 1)
    np.testing.assert_allclose(sigmas**2, expected, rtol=1e-8)


def test_pulls_where_the_angle_is_above_five_times_its_error():
    count, random = 40_000, np.random.default_rng(3)
    place = random.uniform(0.4, 1.4, (3, count))
    slope = random.uniform(-0.5, 0.5, (2, count))
    kicked = slope + random.normal(size=(2, count)) * 0.02
    errors = (4e-9, 1e-6)  # 60 um at the track's centre, 1 mrad
    noisy = lambda t, z: tracks(
        place[:2] + (z - place[2]) * t + random.normal(size=(2, count)) * np.sqrt(errors[0]),
        t + random.normal(size=(2, count)) * np.sqrt(errors[1]), z, (*errors, 0.0),
    )  # fmt: skip
    found = FIND(noisy(slope, 1.6), noisy(kicked, 0.2))
    clear = np.asarray(found.angle > 5 * found.sigma_angle)
    assert clear.sum() > 20_000
    assert np.median(found.sigma_angle) == pytest.approx(np.sqrt(2) * 1e-3, rel=0.2)
    for here, true, sigma in zip(
        (found.x, found.y, found.z), place, (found.sigma_x, found.sigma_y, found.sigma_z), strict=True
    ):
        pull = ((here - true) / sigma)[clear]
        assert np.std(pull) == pytest.approx(1.0, abs=0.05)
        assert np.mean(pull) == pytest.approx(0.0, abs=0.05)


def test_derivatives_equal_finite_differences():
    first, second = pairs(20)

    @jax.jit
    def total(numbers):
        one, two = (
            Tracks(*part, t.z, t.var_position, t.var_slope, t.covariance, t.found, t.probability)
            for t, part in ((first, numbers[:4]), (second, numbers[4:]))
        )
        found = closest_approach(one, two)
        parts = (
            found.x,
            found.y,
            found.z,
            found.sigma_x,
            found.sigma_z,
            found.angle,
            found.sigma_angle,
            found.distance,
        )
        return sum(jnp.mean(part * (k + 1)) for k, part in enumerate(parts))

    numbers = jnp.stack([t for s in (first, second) for t in (s.x, s.y, s.tx, s.ty)])
    slope = jax.jit(jax.grad(total))(numbers)
    for row in range(8):
        for event in (0, 7):
            move = lambda h, row=row, event=event: total(numbers.at[row, event].add(h))
            expected = float(8 * (move(1e-6) - move(-1e-6)) - (move(2e-6) - move(-2e-6))) / 12e-6
            assert float(slope[row, event]) == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_parallel_and_missing_tracks_are_not_found_but_finite():
    same = tracks(np.zeros((2, 2)), np.full((2, 2), 0.2), 1.6)
    found = FIND(same, tracks(np.zeros((2, 2)), np.full((2, 2), 0.2), 0.2))
    assert not np.any(found.found)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(found))
    slopes = jax.grad(
        lambda t: jnp.sum(closest_approach(same, tracks(np.zeros((2, 2)), np.full((2, 2), 0.2), 0.2)).x + t)
    )(0.0)
    assert np.isfinite(slopes)
    missing = tracks(np.zeros((2, 2)), np.full((2, 2), 0.3), 0.2, found=False)
    record = blank_events(jnp.arange(2, dtype=jnp.uint32)).add(same, "upper").add(missing, "lower")
    after = ClosestApproach()(record, key=jax.random.key(0))
    assert not np.any(after.alive)
    assert not np.any(after[Scatterings].found)
