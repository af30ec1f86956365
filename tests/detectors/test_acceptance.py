"""Acceptance: the integral over directions is the geometric factor of Thomas and Willis."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.detectors.acceptance import PlaneTelescope, geometric_factor


def test_configuration_factor_of_two_squares():
    """Equal unit squares one side apart: F = 0.1998 (tables of radiative exchange), G = pi A F."""
    assert geometric_factor((1.0, 1.0), (1.0, 1.0), 1.0) == pytest.approx(np.pi * 0.19982, rel=1e-4)


def test_far_apart_it_is_area_times_solid_angle():
    assert geometric_factor((0.3, 0.4), (0.2, 0.5), 100.0) == pytest.approx(0.12 * 0.1 / 100.0**2, rel=2e-4)


def test_integral_over_directions_is_the_geometric_factor():
    tracker = PlaneTelescope(0.8, 0.5, 3, 0.9)
    middle = (jnp.arange(1000) + 0.5) / 1000
    t = tracker.widest * (2 * middle - 1)
    tx, ty = t[:, None], t[None, :]
    area = tracker.area(tx, ty) / tracker.efficiency_of_all
    solid_angle = (1 + tx**2 + ty**2) ** -1.5 * (2 * tracker.widest / 1000) ** 2
    assert float(jnp.sum(area * solid_angle)) == pytest.approx(tracker.geometric_factor, rel=1e-5)
    assert tracker.efficiency_of_all == pytest.approx(0.729)


def test_drawn_slopes_carry_the_same_integral():
    tracker = PlaneTelescope(0.8, 0.5)
    number = (jnp.arange(600) + 0.5) / 600
    slope = tracker.slopes(number)
    assert float(jnp.mean(tracker.measure(slope[:, None], slope[None, :]))) == pytest.approx(
        tracker.geometric_factor, rel=1e-4
    )
    assert float(jnp.max(jnp.abs(slope))) < tracker.widest


def test_unequal_rectangles_against_their_overlap():
    first, second, distance = (1.0, 2.0), (0.7, 0.4), 0.8
    middle = (np.arange(800) + 0.5) / 800
    spans = [(a + b) / 2 / distance for a, b in zip(first, second)]
    tx, ty = (s * (2 * middle - 1) for s in spans)
    overlap = lambda a, b, t: np.clip(np.minimum(min(a, b), (a + b) / 2 - distance * np.abs(t)), 0, None)
    grid = overlap(first[0], second[0], tx)[:, None] * overlap(first[1], second[1], ty)
    value = (grid / (1 + tx[:, None] ** 2 + ty**2) ** 2).mean() * 4 * spans[0] * spans[1]
    assert geometric_factor(first, second, distance) == pytest.approx(value, rel=1e-5)


def test_area_has_an_exact_derivative():
    tracker = PlaneTelescope(1.0, 0.8)
    slope = jax.grad(lambda t: tracker.area(t[0], t[1]))(jnp.array([0.3, -0.5]))
    f = lambda x, y: float(tracker.area(jnp.array(x), jnp.array(y)))
    h = 1e-6
    finite = [(f(0.3 + h, -0.5) - f(0.3 - h, -0.5)) / (2 * h), (f(0.3, -0.5 + h) - f(0.3, -0.5 - h)) / (2 * h)]
    np.testing.assert_allclose(slope, finite, rtol=1e-7)
    assert float(tracker.area(jnp.array(2.0), jnp.array(0.0))) == 0.0
