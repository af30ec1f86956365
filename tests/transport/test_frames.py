"""Frames across a track: orthonormal everywhere, and turns that keep angles angles."""

import jax
import jax.numpy as jnp
import numpy as np

from daedalus.transport.frames import across, turned


def directions():
    random = np.random.default_rng(1).normal(size=(3, 200))
    poles = np.array([[0, 0, 1], [0, 0, -1], [1, 0, 0], [1e-9, 0, -1]], float).T
    both = np.concatenate([random, poles], axis=1)
    return both / np.linalg.norm(both, axis=0)


def vectors(rows):
    return tuple(jnp.asarray(row) for row in rows)


def test_frames_are_orthonormal_and_right_handed():
    u = directions()
    right, up = (np.array(v) for v in across(vectors(u)))
    for a, b, product in ((right, right, 1), (up, up, 1), (right, up, 0), (right, u, 0), (up, u, 0)):
        np.testing.assert_allclose(np.sum(a * b, 0), product, atol=1e-12)
    np.testing.assert_allclose(np.cross(right, up, axis=0), u, atol=1e-12)


def test_a_turn_is_by_its_angle_however_large():
    u = directions()
    right, up = across(vectors(u))
    for one, two in ((3e-6, 4e-6), (3e-5, -9e-5), (0.3, 0.4), (1.5, -2.0)):
        a, b = jnp.full(u.shape[1], one), jnp.full(u.shape[1], two)
        new = np.array(turned(vectors(u), right, up, a, b))
        size = np.hypot(one, two)
        np.testing.assert_allclose(np.linalg.norm(new, axis=0), 1.0, atol=1e-12)
        np.testing.assert_allclose(np.sum(new * np.array(right), 0), np.sin(size) * one / size, rtol=1e-9)
        np.testing.assert_allclose(np.sum(new * np.array(up), 0), np.sin(size) * two / size, rtol=1e-9)
        np.testing.assert_allclose(np.sum(new * u, 0), np.cos(size), rtol=1e-9, atol=1e-12)


def test_no_turn_has_a_derivative():
    u = vectors([[0.0], [0.6], [-0.8]])
    right, up = across(u)
    zero = jnp.zeros(1)
    slope = jax.jacfwd(lambda a: jnp.stack(turned(u, right, up, a, zero)))(zero)
    np.testing.assert_allclose(slope[:, 0, 0], np.array(right)[:, 0], atol=1e-12)
