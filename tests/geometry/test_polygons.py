"""Polygons and discs: distances against dense boundaries, derivatives on edges and at corners, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daedalus.errors import StageError
from daedalus.geometry.polygons import Polygon, disc, polygon

ELL = polygon([(0.0, 0.0), (4.0, 0.0), (4.0, 1.0), (1.0, 1.0), (1.0, 3.0), (0.0, 3.0)])


def star(seed):
    """A star-shaped polygon, mostly not convex, in a random sense of rotation."""
    random, corners = np.random.default_rng(seed), 9
    angle = 2 * np.pi * (np.arange(corners) + random.uniform(0.1, 0.9, corners)) / corners
    radius = random.uniform(0.3, 3.0, corners)
    ring = random.uniform(-5, 5, 2) + np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    return ring[:: random.choice([-1, 1])]


def winding(corners, points):
    """How often a boundary goes around points, from the angles under which they see its edges."""
    way = corners - points[:, None]
    after = np.roll(way, -1, 1)
    turn = np.arctan2(way[..., 0] * after[..., 1] - way[..., 1] * after[..., 0], (way * after).sum(-1))
    return np.rint(turn.sum(1) / (2 * np.pi))


@jax.jit
def around(corners, points):
    shape = Polygon(corners)
    nearest = shape.nearest(points)
    return shape.outside(points), nearest, shape.outside(nearest)


def test_distances_by_hand():
    points = jnp.array([[2.0, 0.5], [2.0, 2.0], [0.5, 2.0], [-3.0, -4.0], [1.0, 1.0], [1.5, 1.2], [0.9, 0.9]])
    expected = [-0.5, 1.0, -0.5, 5.0, 0.0, 0.2, -np.hypot(0.1, 0.1)]
    np.testing.assert_allclose(ELL.outside(points), expected, atol=1e-15)
    assert float(ELL.area) == pytest.approx(6.0, rel=1e-15)


@given(st.integers(0, 10**6))
def test_distances_are_those_of_the_dense_boundary(seed):
    corners = star(seed)
    points = corners.mean(0) + np.random.default_rng(seed).uniform(-4, 4, (50, 2))
    share = np.linspace(0, 1, 400)[:, None, None]
    boundary = (corners + share * (np.roll(corners, -1, 0) - corners)).reshape(-1, 2)
    away = np.hypot(*np.moveaxis(points[:, None] - boundary, -1, 0)).min(1)
    found, nearest, on_boundary = map(np.asarray, around(polygon(corners).vertices, points))
    step = np.hypot(*(np.roll(corners, -1, 0) - corners).T).max() / 399
    assert np.all(np.abs(found) <= away + 1e-12)
    assert np.all(away**2 <= found**2 + (0.5 * step) ** 2 + 1e-12)
    np.testing.assert_array_equal(found < 0, winding(corners, points) != 0)
    np.testing.assert_array_equal(nearest[found < 0], points[found < 0])
    np.testing.assert_allclose(np.hypot(*(nearest - points).T), np.maximum(found, 0.0), atol=1e-12)
    np.testing.assert_allclose(on_boundary[found > 0], 0.0, atol=1e-12)


@pytest.mark.parametrize("shape", [ELL, disc((1.0, 0.5), 1.5)])
def test_derivatives_are_exact(shape):
    points = jnp.asarray(np.random.default_rng(1).uniform(-2, 6, (40, 2)))
    h = 1e-6 * jnp.eye(2)
    for values in (shape.outside, lambda points: shape.nearest(points) @ jnp.array([0.3, -0.7])):
        function = jax.jit(lambda points, values=values: values(points))
        slope = jax.vmap(jax.grad(function))(points)
        finite = jnp.stack([(function(points + e) - function(points - e)) / 2e-6 for e in h], -1)
        np.testing.assert_allclose(slope, finite, rtol=1e-6, atol=1e-8)


def test_derivatives_on_edges_are_normals_and_at_corners_finite():
    slope = jax.vmap(jax.grad(ELL.outside))
    on_edges = jnp.array([[2.0, 0.0], [4.0, 0.5], [2.0, 1.0], [1.0, 2.0], [0.0, 1.7]])
    np.testing.assert_allclose(slope(on_edges), [[0, -1], [1, 0], [0, 1], [1, 0], [-1, 0]], atol=1e-15)
    np.testing.assert_array_equal(slope(jnp.asarray(ELL.vertices)), 0.0)
    np.testing.assert_array_equal(ELL.outside(jnp.asarray(ELL.vertices)), 0.0)
    assert np.isfinite(jax.vmap(jax.jacobian(ELL.nearest))(jnp.asarray(ELL.vertices))).all()
    round_ = disc((1.0, 2.0), 3.0)
    np.testing.assert_array_equal(jax.grad(round_.outside)(jnp.array([1.0, 2.0])), 0.0)
    assert np.isfinite(jax.jacobian(round_.nearest)(jnp.array([1.0, 2.0]))).all()


def test_the_area_has_an_exact_derivative_by_the_corners():
    area = lambda corners: Polygon(corners).area
    at = jnp.asarray(ELL.vertices)
    np.testing.assert_allclose(jax.grad(area)(at)[0], [-1.5, -2.0])  # half of the line between its neighbours
    assert float(area(at + 1e6)) == pytest.approx(6.0, abs=1e-8)


def test_single_precision_and_any_shape_of_points():
    points = jnp.asarray(np.random.default_rng(2).uniform(-1, 5, (3, 4, 2)))
    single = ELL.outside(points.astype(jnp.float32))
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, ELL.outside(points), atol=1e-6)
    assert ELL.nearest(points.astype(jnp.float32)).dtype == jnp.float32


def test_the_sense_of_rotation_does_not_matter():
    clockwise = polygon(np.asarray(ELL.vertices)[::-1])
    assert float(clockwise.area) == 6.0
    np.testing.assert_array_equal(np.sort(clockwise.vertices, 0), np.sort(ELL.vertices, 0))


@pytest.mark.parametrize(
    ("corners", "ring", "match"),
    [
        ([(0, 0), (1, 0), (1, 1), (0, 2)], True, r"open: it begins at \(0, 0\) and ends, with vertex 3, at \(0, 2\)"),
        ([(0, 0), (1, 0)], False, "2 corners; expected three"),
        ([(0, 0), (1, 0), (0, 0)], True, "2 corners; expected three"),
        ([(0, 0), (1, 0), (1, 1), (1, 0), (0, 1)], False, r"vertex 3 repeats vertex 1 at \(1, 0\)"),
        ([(0, 0), (2, 2), (2, 0), (0, 2)], False, r"edge 0 .* and edge 2 .* meet at \(1, 1\)"),
        ([(0, 0), (4, 0), (4, 3), (2, 0), (0, 3)], False, r"edge 0 from \(0, 0\) to \(4, 0\) and edge 2 .*at \(2, 0\)"),
        ([(0, 0), (4, 0), (4, 4), (4, 1), (0, 1)], False, "edge 1 .* and edge 2"),
        ([(0, 0), (4, 0), (4, 2), (2, 2), (2, 0), (1, 0), (1, 2), (0, 2)], False, r"edge 0 .* and edge 3 .* \(2, 0\)"),
        ([(0, 0), (1, 1), (2, 2)], False, "crosses itself"),
        ([(0, 0), (1, 0), (2, 1e-9)], False, "area"),
        ([(0, 0), (np.nan, 1), (2, 2)], False, r"vertex 1 is \(nan, 1\)"),
        ([(0, 0), (1, 0), (2, np.inf)], False, "vertex 2"),
        ([(0, 0), (1, 0), (2, "north")], False, "pairs of numbers"),
        ([(0, 0), (1, 0), (2,)], False, "pairs of numbers"),
        ([(0, 0, 0), (1, 0, 0), (0, 1, 0)], False, r"shape \(3, 3\)"),
        ([], True, "expected pairs"),
    ],
)
def test_malformed_polygons_are_refused_with_the_place(corners, ring, match):
    with pytest.raises(StageError, match=match):
        polygon(corners, ring=ring)


@given(st.integers(0, 10**6))
def test_exchanged_corners_are_refused_only_where_edges_cross(seed):
    corners = star(seed)
    polygon(corners)
    if len(corners) > 3:
        swapped = corners[[1, 0, *range(2, len(corners))]]
        edges = [(swapped[k], swapped[(k + 1) % len(corners)]) for k in range(len(corners))]
        side = lambda a, b, c: np.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))
        apart = lambda k, l: (l - k) % len(corners) not in (0, 1, len(corners) - 1)
        crossing = [
            (k, l)
            for k, (a, b) in enumerate(edges)
            for l, (c, d) in enumerate(edges)
            if apart(k, l) and side(a, b, c) != side(a, b, d) and side(c, d, a) != side(c, d, b)
        ]
        if crossing:
            with pytest.raises(StageError, match=f"edge {crossing[0][0]} .* and edge {crossing[0][1]}"):
                polygon(swapped)
        else:
            polygon(swapped)


@pytest.mark.parametrize(("centre", "radius"), [((0.0, np.nan), 1.0), ((0.0, 0.0), 0.0), ((0.0, 0.0), np.inf)])
def test_malformed_discs_are_refused(centre, radius):
    with pytest.raises(StageError, match="expected"):
        disc(centre, radius)
