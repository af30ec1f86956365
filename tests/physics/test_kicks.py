"""Kicks: shares of Highland's variance, and what a small turn does to slopes."""

import jax
import jax.numpy as jnp
import numpy as np

from daedalus.physics.kicks import kick_variance, kick_width, slope_change


def test_a_slanted_path_counts_in_full():
    # by hand: 13.6 MeV / 2 GeV, t = 0.01 * 1.25: theta0^2 = (6.8e-3)^2 t (1 + 0.038 ln t)^2, shared out 1 to 4
    t = 0.0125
    found = kick_variance(jnp.array([0.002, 0.008]), jnp.array([2.0]), jnp.array([1.25]))[:, 0]
    np.testing.assert_allclose(found, 6.8e-3**2 * t * (1 + 0.038 * np.log(t)) ** 2 * np.array([0.2, 0.8]), rtol=1e-12)


def test_nothing_in_the_way_kicks_nothing_and_has_finite_derivatives():
    width = lambda thickness: kick_width(kick_variance(thickness, jnp.array([2.0])))[:, 0]
    nothing = jnp.zeros(2)
    np.testing.assert_array_equal(width(nothing), 0.0)
    assert np.all(np.isfinite(jax.jit(jax.jacfwd(width))(nothing)))


def test_a_turn_along_the_inclination_counts_more_than_one_across_it():
    for slopes in ((0.6, 0.8), (0.0, 0.0), (0.0, -0.5)):
        size = np.hypot(*slopes)
        n = np.array(slopes) / size if size else np.array([1.0, 0.0])
        m, cosine = np.array([-n[1], n[0]]), 1 / np.sqrt(1 + size**2)
        for kick, change in ((1e-3 * n, 1e-3 * n / cosine**2), (1e-3 * m, 1e-3 * m / cosine)):
            found = slope_change(tuple(map(jnp.asarray, slopes)), tuple(map(jnp.asarray, kick)))
            np.testing.assert_allclose(np.array(found), change, rtol=1e-12, atol=1e-18)


def test_a_small_turn_is_the_first_order_of_a_rotation():
    t, a = np.array([0.6, 0.8]), 1e-6
    u = np.array([*t, 1.0]) / np.sqrt(1 + t @ t)
    n = np.array([*(t / np.hypot(*t) * u[2]), -np.hypot(*u[:2])])  # across u, in the vertical plane of the inclination
    turned = np.cos(a) * u + np.sin(a) * n
    change = slope_change(tuple(map(jnp.asarray, t)), tuple(map(jnp.asarray, a * t / np.hypot(*t))))
    np.testing.assert_allclose(change, turned[:2] / turned[2] - t, rtol=1e-5)
