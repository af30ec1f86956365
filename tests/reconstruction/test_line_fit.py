"""The line fit: equal to weighted least squares in NumPy, with errors that cover."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.errors import StageError
from daedalus.events import Hits
from daedalus.reconstruction.line_fit import LineFit, at_least, line_fit

PLANES, TRACKS = 4, 20_000
Z = np.array([1.5, 1.45, 1.7, 1.8])


def hits(tracks=TRACKS, efficiency=1.0):
    """Hits of straight tracks with errors of their own; and the tracks' parameters at z = 0."""
    random = np.random.default_rng(1)
    truth = random.normal(size=(4, tracks)) * np.array([[0.5], [0.5], [0.3], [0.3]])
    sigma = random.uniform(0.5e-4, 3e-4, (PLANES, tracks))
    noise = random.normal(size=(2, PLANES, tracks)) * sigma
    x, y = (truth[k] + truth[k + 2] * Z[:, None] + noise[k] for k in (0, 1))
    recorded = random.uniform(size=sigma.shape) < efficiency
    columns = (x, y, Z, sigma, recorded.astype(float), recorded)
    return Hits(*map(jnp.asarray, columns)), truth


FIT = jax.jit(line_fit)


def test_equal_to_weighted_least_squares():
    found, _ = hits(300, efficiency=0.8)
    track = FIT(found)
    enough = np.sum(found.recorded, 0) >= 2
    np.testing.assert_array_equal(track.found, enough)
    assert 200 < enough.sum() < 300
    for event in np.flatnonzero(enough):
        use = np.asarray(found.recorded)[:, event]
        design = np.stack([np.ones(use.sum()), Z[use] - float(track.z[event])], 1)
        weight = 1 / np.asarray(found.sigma)[use, event] ** 2
        covariance = np.linalg.inv(design.T @ (weight[:, None] * design))
        for measured, place, slope in ((found.x, track.x, track.tx), (found.y, track.y, track.ty)):
            expected = covariance @ design.T @ (weight * np.asarray(measured)[use, event])
            np.testing.assert_allclose([place[event], slope[event]], expected, rtol=1e-8, atol=1e-12)
        claimed = [
            [track.var_position[event], track.covariance[event]],
            [track.covariance[event], track.var_slope[event]],
        ]
        scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
        np.testing.assert_allclose(claimed / scale, covariance / scale, atol=1e-8)


def test_pulls():
    found, truth = hits()
    track = FIT(found)
    for k, (place, slope) in enumerate(((track.x, track.tx), (track.y, track.ty))):
        pull = (place - (truth[k] + truth[k + 2] * track.z)) / np.sqrt(track.var_position)
        turn = (slope - truth[k + 2]) / np.sqrt(track.var_slope)
        for each in (pull, turn):  # 2e4 tracks: the width is known to 0.5 %
            assert np.std(each) == pytest.approx(1.0, abs=0.02)
            assert np.mean(each) == pytest.approx(0.0, abs=4 / np.sqrt(TRACKS))
        assert np.corrcoef(pull, turn)[0, 1] == pytest.approx(0.0, abs=4 / np.sqrt(TRACKS))


def test_two_hits_are_a_line():
    recorded = jnp.array([[True], [False], [True], [False]])
    x, y = jnp.array([[1.0], [9.0], [3.0], [9.0]]), jnp.array([[0.0], [9.0], [-1.0], [9.0]])
    sigma = jnp.array([[1e-4], [1e-4], [2e-4], [1e-4]])
    track = line_fit(Hits(x, y, jnp.asarray(Z), sigma, recorded.astype(float), recorded))
    at = lambda z: (float((track.x + (z - track.z) * track.tx)[0]), float((track.y + (z - track.z) * track.ty)[0]))
    assert at(1.5) == pytest.approx((1.0, 0.0), abs=1e-12)
    assert at(1.7) == pytest.approx((3.0, -1.0), abs=1e-12)
    # var t = (s1^2 + s2^2) / d^2
    assert float(track.var_slope[0]) == pytest.approx((1e-8 + 4e-8) / 0.2**2, rel=1e-9)
    assert bool(track.found[0])


def test_too_few_hits_or_one_height_are_not_found_but_finite():
    recorded = jnp.array([[True, False], [False, False], [False, False], [False, False]])
    x = jnp.ones((4, 2))
    track = line_fit(Hits(x, x, jnp.asarray(Z), 1e-4 * x, recorded.astype(float), recorded))
    assert not np.any(track.found)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(track))
    flat = line_fit(Hits(x, x, jnp.full(4, 1.5), 1e-4 * x, x, x > 0))
    assert not np.any(flat.found)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(flat))


@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_chance_of_enough_hits(count):
    chances = np.random.default_rng(2).uniform(size=(PLANES, 50))
    chances[:, 0], chances[:, 1] = 0.0, 1.0
    expected = sum(
        np.prod(np.where(np.array(which)[:, None], chances, 1 - chances), 0)
        for which in itertools.product((True, False), repeat=PLANES)
        if sum(which) >= count
    )
    np.testing.assert_allclose(at_least(count, jnp.asarray(chances)), expected, atol=1e-12)
    found, _ = hits(50)
    np.testing.assert_allclose(line_fit(found).probability, 1.0)


def test_a_track_may_need_more_hits():
    recorded = jnp.array([[True, True], [False, True], [True, True], [False, False]])
    x = jnp.arange(8.0).reshape(4, 2)
    found = [line_fit(Hits(x, x, jnp.asarray(Z), 1e-4 + 0 * x, recorded.astype(float), recorded), n) for n in (2, 3, 4)]
    assert [track.found.tolist() for track in found] == [[True, True], [False, True], [False, False]]
    with pytest.raises(StageError, match="asked of 1 hits"):
        LineFit("upper", 1)


def test_derivatives_equal_finite_differences():
    found, _ = hits(20)

    @jax.jit
    def total(z, sigma):
        track = line_fit(Hits(found.x, found.y, z, sigma, found.probability, found.recorded))
        run = 0.5 - track.z
        error = track.var_position + run**2 * track.var_slope
        return jnp.mean(track.x + run * track.tx) + 1e3 * jnp.mean(jnp.sqrt(error))

    z, sigma = jnp.asarray(Z), found.sigma
    by_z, by_sigma = jax.jit(jax.grad(total, (0, 1)))(z, sigma)
    for plane in range(PLANES):
        move = lambda h, plane=plane: total(z.at[plane].add(h), sigma)
        expected = (8 * (move(1e-4) - move(-1e-4)) - (move(2e-4) - move(-2e-4))) / 12e-4
        assert float(by_z[plane]) == pytest.approx(float(expected), rel=1e-6)
        move = lambda h, plane=plane: total(z, sigma.at[plane, 3].add(h))
        expected = (8 * (move(1e-7) - move(-1e-7)) - (move(2e-7) - move(-2e-7))) / 12e-7
        assert float(by_sigma[plane, 3]) == pytest.approx(float(expected), rel=1e-6)
