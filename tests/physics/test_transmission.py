"""Integral intensities: the table against quadrature, depth curves against published ones, exact derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from daedalus.physics.flux import FLUX_MODELS
from daedalus.physics.transmission import IntegralIntensity, Transmission

TABLES = {name: IntegralIntensity(model()) for name, model in FLUX_MODELS.items()}
by_name = pytest.mark.parametrize("name", FLUX_MODELS)


@by_name
def test_the_table_is_the_integral(name):
    flux = FLUX_MODELS[name]()
    points = ((0.2, 0.9), (1.7, 0.31), (40.0, 1.0), (300.0, 0.12), (9e3, 0.055), (3e5, 0.7))
    found = TABLES[name](*jnp.array(points).T)
    for (energy, cosine), value in zip(points, found):
        density = lambda log, c=cosine: flux.intensity(np.exp(log), c) * np.exp(log)
        expected = quad(density, np.log(energy), np.log(1e9), limit=400, epsrel=1e-8)[0]
        assert float(value) == pytest.approx(expected, rel=1e-3)


def test_vertical_integrals_are_the_references():
    """Independent integrations, m^-2 s^-1 sr^-1 above 0.5, 1, 10 and 100 GeV."""
    found = TABLES["guan"](jnp.array([0.5, 1.0, 10.0, 100.0]), jnp.ones(4))
    np.testing.assert_allclose(found, [74.07, 60.50, 8.451, 0.12959], rtol=4e-4)


def test_depth_curve_follows_published_ones():
    """Under 1 km w.e. of standard rock: Mei & Hime (2006), eq. 1, and Heisinger et al. (2002), eq. 1.

    They differ by a sixth; Guan's flux with mean losses lies between them.
    """
    mei_hime = 1e4 * (8.60e-6 * np.exp(-1.0 / 0.45) + 0.44e-6 * np.exp(-1.0 / 0.87))
    heisinger = 1e4 * 258.5 * np.exp(-0.55) / (1210.0 * (1010.0**1.66 + 75.0))
    found = float(Transmission(TABLES["guan"])(jnp.array([1000.0]), jnp.ones(1))[0])
    assert found == pytest.approx(mei_hime, rel=0.1)
    assert found == pytest.approx(heisinger, rel=0.1)
    assert mei_hime < found < heisinger


def test_inclined_intensity_agrees_with_another_code():
    """1 km w.e. at 60 degrees: MUTE 3 with daemonflux and PROPOSAL, 1.809e-6 cm^-2 s^-1 sr^-1 (its tests)."""
    found = Transmission(TABLES["guan"])(jnp.array([1000.0]), jnp.array([0.5]))
    assert float(found[0]) == pytest.approx(1.809e-2, rel=0.05)


def test_no_rock_is_open_sky():
    transmission = Transmission(TABLES["guan"], threshold=1.0)
    energy = transmission.least_energy(jnp.zeros(1))
    assert float(transmission(jnp.zeros(1), jnp.full(1, 0.5))[0]) == pytest.approx(
        float(TABLES["guan"](energy, jnp.full(1, 0.5))[0]), rel=1e-12
    )


def test_derivatives_equal_differences():
    transmission = Transmission(TABLES["guan"], threshold=1.0)
    opacity, cosine = jnp.array([3.0, 60.0, 700.0]), jnp.array([0.8, 0.3, 0.06])
    one = jax.vmap(jax.grad(lambda x, c: transmission(x[None], c[None])[0], (0, 1)))
    slopes, read = jax.jit(one)(opacity, cosine), jax.jit(lambda x, c: transmission(x, c))
    h = 1e-5
    by_opacity = (read(opacity * (1 + h), cosine) - read(opacity * (1 - h), cosine)) / (2 * h * opacity)
    by_cosine = (read(opacity, cosine + h) - read(opacity, cosine - h)) / (2 * h)
    np.testing.assert_allclose(slopes[0], by_opacity, rtol=1e-5)
    np.testing.assert_allclose(jax.jit(lambda x, c: transmission.slope(x, c))(opacity, cosine), by_opacity, rtol=3e-5)
    np.testing.assert_allclose(slopes[1], by_cosine, rtol=1e-5)


def test_second_derivatives_are_continuous():
    table = TABLES["guan"]
    second = jax.jit(jax.vmap(jax.grad(jax.grad(lambda log: jnp.log(table(jnp.exp(log), jnp.array(0.4)))))))
    node = table.first[0] + 60 * table.step[0]
    low, high = second(jnp.array([node - 1e-9, node + 1e-9]))
    assert float(low) == pytest.approx(float(high), rel=1e-5)
