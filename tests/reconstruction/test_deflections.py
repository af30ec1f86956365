"""Deflections: exact lines give exact angles, offsets and chords; errors are propagated; the derivative is right."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.events import Tracks
from daedalus.geometry import Box
from daedalus.reconstruction.closest_approach import closest_approach
from daedalus.reconstruction.deflections import box_deflections, deviations

BOX = Box(jnp.array([0.0, 0.0, 0.0]), jnp.array([1.0, 1.0, 1.0]))


def track(x, y, tx, ty, z, errors=(1e-8, 1e-8, 0.0)):
    line = [jnp.atleast_1d(jnp.asarray(v, float)) for v in (x, y, tx, ty, z, *errors)]
    one = jnp.ones_like(line[0])
    return Tracks(*line, one > 0, one)


def test_a_straight_track_is_not_deflected_and_its_chord_is_its_path():
    upper = track(0.3, 0.4, 0.1, -0.2, 1.5)
    lower = track(0.3 - 0.1 * 2.0, 0.4 + 0.2 * 2.0, 0.1, -0.2, -0.5)
    found = box_deflections(upper, lower, BOX)
    np.testing.assert_allclose(found.angle, 0, atol=1e-12)
    np.testing.assert_allclose(found.offset, 0, atol=1e-12)
    start = [0.3 - 0.05, 0.4 + 0.1, 1.0]
    np.testing.assert_allclose([found.x[0, 0], found.y[0, 0], found.z[0, 0]], start)
    assert float(found.length[0]) == pytest.approx(np.sqrt(1 + 0.01 + 0.04))
    assert float(found.beyond[0]) == pytest.approx(0.0, abs=1e-12)
    assert bool(found.found[0])


def test_a_chord_that_leaves_by_a_side_goes_on_to_the_reference_plane():
    upper = track(0.9, 0.5, -0.5, 0.0, 1.0)  # slope dx/dz: going down, x grows
    found = box_deflections(upper, track(0.9 + 0.5, 0.5, -0.5, 0.0, 0.0), BOX)
    secant = np.sqrt(1.25)
    assert float(found.length[0]) == pytest.approx(0.2 * secant)
    assert float(found.beyond[0]) == pytest.approx(0.8 * secant)


@pytest.mark.parametrize("slope", [(0.0, 0.0), (0.4, 0.3), (-1.0, 0.5)])
def test_small_turns_come_out_as_angles_in_space(slope):
    """The angle in space of a small turn, and the distance of the lines across the track at the reference plane."""
    upper = track(0.5, 0.5, *slope, 1.0)
    change = (3e-4, -2e-4)
    lower = track(0.5 - slope[0] + 1e-3, 0.5 - slope[1] + 2e-3, slope[0] + change[0], slope[1] + change[1], 0.0)
    pair = deviations(upper, lower, 0.0)
    direction = lambda tx, ty: np.array([-tx, -ty, -1.0]) / np.sqrt(1 + tx**2 + ty**2)
    first = direction(*slope)
    second = direction(slope[0] + change[0], slope[1] + change[1])
    space = np.linalg.norm(np.cross(first, second))
    assert float(jnp.hypot(pair[0].angle, pair[1].angle)[0]) == pytest.approx(space, rel=1e-3)
    shift = np.array([1e-3, 2e-3, 0.0])
    across = np.linalg.norm(shift - (shift @ first) * first)
    assert float(jnp.hypot(pair[0].offset, pair[1].offset)[0]) == pytest.approx(across, rel=1e-6)


def test_errors_are_those_of_many_smeared_tracks():
    key, count = jax.random.key(0), 40000
    errors = (1e-6, 4e-6, 1e-6)  # variances of position and slope, and their covariance
    root = np.linalg.cholesky([[errors[0], errors[2]], [errors[2], errors[1]]])
    z = jax.random.normal(key, (2, 2, 2, count))  # arm, axis, position and slope

    def smeared(arm, x, y, tx, ty, height):
        dx, dy = root @ z[arm, 0], root @ z[arm, 1]
        full = lambda v: jnp.full(count, v)
        return track(x + dx[0], y + dy[0], tx + dx[1], ty + dy[1], full(height), [full(e) for e in errors])

    pair = deviations(smeared(0, 0.2, 0.3, 0.5, 0.2, 1.4), smeared(1, 0.2 - 0.85, 0.3 - 0.34, 0.5, 0.2, -0.3), 0.0)
    for found in pair:
        claimed = np.array([found.var_angle[0], found.covariance[0], found.var_offset[0]])
        seen = np.cov(found.angle, found.offset)
        np.testing.assert_allclose([seen[0, 0], seen[0, 1], seen[1, 1]], claimed, rtol=0.04)


def test_what_is_missing_flat_or_past_the_box_is_not_found_and_finite():
    good = track([0.5, 0.5, 5.0, 0.5], [0.5] * 4, [0.0, 20.0, 0.0, 0.0], [0.0] * 4, [1.5] * 4, [[1e-8] * 4] * 3)
    upper = eqx.tree_at(lambda t: t.found, good, jnp.array([True, True, True, False]))
    lower = track([0.5] * 4, [0.5] * 4, [0.0] * 4, [0.0] * 4, [-0.5] * 4, [[1e-8] * 4] * 3)
    found = box_deflections(upper, lower, BOX)
    assert found.found.tolist() == [True, False, False, False]
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(found))
    slopes = jax.grad(lambda x: jnp.sum(box_deflections(eqx.tree_at(lambda t: t.tx, upper, x), lower, BOX).length))
    assert np.all(np.isfinite(slopes(upper.tx)))


def test_the_path_bends_where_the_particle_scattered():
    """In at the top, turned at (0.5, 0.4, 0.3) in the box, out at the bottom: both legs lie on their lines."""
    upper = track(0.5 + 0.1 * 1.2, 0.4, 0.1, 0.0, 1.5)
    lower = track(0.5 - 0.4 * 0.8, 0.4 - 0.3 * 0.8, 0.4, 0.3, -0.5)
    found = box_deflections(upper, lower, BOX, closest_approach(upper, lower))
    np.testing.assert_allclose([found.x[:, 0], found.y[:, 0], found.z[:, 0]], [[0.57, 0.5], [0.4, 0.4], [1.0, 0.3]])
    np.testing.assert_allclose(found.legs[:, 0], [0.7 * np.sqrt(1.01), 0.3 * np.sqrt(1.25)])
    np.testing.assert_allclose(found.ux[:, 0] / found.uz[:, 0], [0.1, 0.4])
    np.testing.assert_allclose(found.uy[:, 0] / found.uz[:, 0], [0.0, 0.3], atol=1e-12)


@pytest.mark.parametrize(("height", "cut"), [(1.3, 0.0), (-0.2, 1.0)])
def test_a_point_outside_bends_nothing(height, cut):
    upper = track(0.5, 0.5, 0.0, 0.0, 1.5)
    lower = track(0.5 + 0.1 * (height + 0.5), 0.5, -0.1, 0.0, -0.5)
    found = box_deflections(upper, lower, BOX, closest_approach(upper, lower))
    straight = box_deflections(upper, lower, BOX)
    assert float(found.length[0]) == pytest.approx(float(straight.length[0]))
    assert float(found.legs[0, 0] / found.length[0]) == pytest.approx(cut)
    np.testing.assert_allclose(found.ux, jnp.broadcast_to(straight.ux, (2, 1)), atol=1e-12)


@pytest.mark.parametrize("bent", [False, True])
def test_derivative(bent):
    def reading(v):
        upper, lower = track(v[0], 0.4, v[1], 0.1, 1.5), track(v[2], 0.45, v[3], 0.12, v[4])
        found = box_deflections(upper, lower, BOX, closest_approach(upper, lower) if bent else None)
        terms = (found.angle, found.offset, found.legs, found.x, found.ux, found.var_offset, found.beyond)
        return sum(jnp.sum((k + 1) * term) for k, term in enumerate(terms))

    start = jnp.array([0.4, 0.2, 0.1, 0.25, -0.3])
    slope = jax.grad(reading)(start)
    for axis, unit in enumerate(jnp.eye(5)):
        numeric = (reading(start + 1e-6 * unit) - reading(start - 1e-6 * unit)) / 2e-6
        assert float(slope[axis]) == pytest.approx(float(numeric), rel=1e-6, abs=1e-8)
