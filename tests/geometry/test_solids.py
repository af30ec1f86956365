"""Cones and ellipsoids: chords by hand and against small steps, and derivatives at grazing rays too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.geometry.solids import Cone, Ellipsoid

CONE = Cone((3.0, -4.0), 10.0, 120.0, 250.0, softening=0.0)


def one(*numbers):
    return tuple(jnp.array([float(n)]) for n in numbers)


def random_rays(count, low, high):
    random = np.random.default_rng(2)
    away, turn = random.uniform(low, high, count), random.uniform(0, 2 * np.pi, count)
    up, azimuth = random.uniform(-0.2, 1.3, count), turn + np.pi + random.uniform(-1.0, 1.0, count)
    position = 3 + away * np.cos(turn), -4 + away * np.sin(turn)
    direction = np.cos(up) * np.cos(azimuth), np.cos(up) * np.sin(azimuth), np.sin(up)
    return tuple(map(jnp.asarray, position)), tuple(map(jnp.asarray, direction))


def test_sphere_by_hand():
    sphere = Ellipsoid((0.0, 0.0, 0.0), (5.0, 5.0, 5.0), softening=0.0)
    assert float(sphere.chord(one(-20, 0, 3), one(1, 0, 0))[0]) == pytest.approx(8.0)
    assert float(sphere.chord(one(-20, 0, 5.01), one(1, 0, 0))[0]) == 0.0
    assert float(sphere.chord(one(20, 0, 0), one(1, 0, 0))[0]) == 0.0  # it lies behind


def test_ellipsoid_by_hand():
    body = Ellipsoid((1.0, 2.0, 3.0), (2.0, 4.0, 6.0), softening=0.0)
    assert float(body.chord(one(1, 2, -40), one(0, 0, 1))[0]) == pytest.approx(12.0)
    assert float(body.chord(one(1, -40, 6), one(0, 1, 0))[0]) == pytest.approx(8 * np.sqrt(0.75))


def test_grazing_rays_have_bounded_derivatives():
    chord = lambda z, s: Ellipsoid((0.0, 0.0, 0.0), (5.0, 5.0, 5.0), softening=s).chord(
        (*one(-20, 0, 0)[:2], z), one(1, 0, 0)
    )
    slope = jax.jit(jax.vmap(jax.grad(lambda z: chord(z[None], 0.02)[0])))(jnp.array([5.0, 5.0 - 1e-12, 5.1, 4.0, 0.0]))
    assert np.isfinite(slope).all()
    assert float(slope[0]) == float(slope[2]) == 0.0
    assert abs(float(slope[1])) <= 2 * 2 * 5.0 / 0.02 / 5.0 * 1.01
    sharp = float(chord(jnp.zeros(1), 0.0)[0])
    assert float(chord(jnp.zeros(1), 0.02)[0]) == pytest.approx(sharp, rel=2.1e-4)


@pytest.mark.parametrize(("low", "high", "above"), [(255.0, 480.0, 2.0), (20.0, 240.0, 0.5)])
def test_cone_lengths_are_those_of_small_steps(low, high, above):
    (x, y), direction = random_rays(60, low, high)
    position = (x, y, CONE.elevation(x, y) + above)
    found = np.asarray(jax.jit(lambda *ray: CONE.length(*ray))(position, direction))
    run = np.linspace(0.0, 1000.0, 20001)
    points = [np.asarray(p)[:, None] + run * np.asarray(u)[:, None] for p, u in zip(position, direction)]
    inside = (points[2] >= 10) & (points[2] <= 10 + 120 * (1 - np.hypot(points[0] - 3, points[1] + 4) / 250))
    np.testing.assert_allclose(found, inside.sum(1) * (run[1] - run[0]), atol=0.12)
    assert 5 < (found > 0).sum() < 60


def test_cone_by_hand():
    cone = Cone((0.0, 0.0), 0.0, 100.0, 200.0, softening=0.0)
    assert float(cone.length(one(-300, 0, 50), one(1, 0, 0))[0]) == pytest.approx(200.0)
    assert float(cone.length(one(0, 0, 300), one(0, 0, -1))[0]) == pytest.approx(100.0)
    assert float(cone.length(one(-300, 0, 50), one(1, 0, 0), jnp.array([250.0]))[0]) == pytest.approx(50.0)
    assert float(cone.length(one(-300, 0, 150), one(1, 0, 0))[0]) == 0.0  # above the summit: not the mirror cone
    assert float(cone.slope(*one(100, 0))[0]) == pytest.approx(0.5)
    assert cone.summit == (0.0, 0.0, 100.0)


def test_lengths_have_exact_derivatives():
    cone = Cone((0.0, 0.0), 0.0, 100.0, 200.0)
    body = Ellipsoid((10.0, 5.0, 40.0), (20.0, 25.0, 15.0))

    def length(numbers):
        x, y, azimuth, up = numbers
        direction = [jnp.cos(up) * jnp.cos(azimuth), jnp.cos(up) * jnp.sin(azimuth), jnp.sin(up)]
        place, way = tuple(c[None] for c in (x, y, jnp.array(1.5))), tuple(c[None] for c in direction)
        return jnp.stack([cone.length(place, way)[0], body.chord(place, way)[0]])

    at = jnp.array([-230.0, 20.0, -0.05, 0.15])
    length = jax.jit(length)
    slope = jax.jacobian(length)(at)
    finite = np.stack([(length(at + h) - length(at - h)) / 2e-5 for h in 1e-5 * jnp.eye(4)], 1)
    assert np.all(np.asarray(length(at)) > 20)
    np.testing.assert_allclose(slope, finite, rtol=1e-5, atol=1e-6)
