"""Opacities: ranges and least energies against tables from elsewhere, and exact derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.physics.constants import MUON_MASS
from daedalus.physics.energy_loss import stopping_power
from daedalus.physics.materials import material
from daedalus.physics.opacity import csda_range, minimum_energy

KINETIC = jnp.array([0.1, 1.0, 10.0, 100.0, 1000.0])  # GeV
# Ranges [g/cm2] of the PUMAS tables (Niess 2022), at these kinetic energies.
PUMAS = {
    "standard rock": (36.96, 551.8, 4906.0, 40760.0, 245000.0),
    "water": (31.24, 470.8, 4263.0, 36280.0, 242100.0),
    "iron": (43.98, 642.3, 5537.0, 43100.0, 205100.0),
    "lead": (59.14, 816.4, 6677.0, 44280.0, 145500.0),
}


@pytest.mark.parametrize("name", PUMAS)
def test_ranges_are_those_of_the_tables_and_least_energies_undo_them(name):
    found, back = jax.jit(lambda T: (csda_range(T, name), minimum_energy(csda_range(T, name), name)))(KINETIC)
    np.testing.assert_allclose(100.0 * found, PUMAS[name], rtol=6e-3)
    np.testing.assert_allclose(back, KINETIC + MUON_MASS, rtol=3e-4)  # one MeV is left


def test_standard_rock_against_other_tables_and_its_derivative():
    kinetic = jnp.array([0.1, 1.0, 10.0, 100.0, 400.0])
    opacity = jnp.array([1.0, 50.0, 200.0, 1000.0, 2000.0])
    rock = material("standard rock")

    @jax.jit
    def run(T, X):
        least = lambda x: minimum_energy(x, threshold=0.5)
        energy = least(X)
        slope = jax.vmap(jax.grad(lambda x: least(x[None])[0]))(X)
        loss = stopping_power(rock, jnp.sqrt(energy**2 - MUON_MASS**2)) / rock.density
        finite = (least(X + 1e-4) - least(X - 1e-4)) / 2e-4
        left = csda_range(energy - MUON_MASS) - X, csda_range(jnp.array([0.5]))
        return csda_range(T), minimum_energy(X), least(0.0 * X), left, (slope, finite, loss)

    ranges, energies, nothing, left, (slope, finite, loss) = run(kinetic, opacity)
    # Groom, Mokhov & Striganov (2001), standard rock [g/cm2]
    np.testing.assert_allclose(100.0 * ranges, [36.96, 553.4, 4920.0, 40840.0, 130200.0], rtol=1.5e-3)
    # constant losses a = 2.17 MeV cm2/g, b = 4e-6 cm2/g, in closed form: near up to 1 km w.e.
    closed = 2.17e-3 / 4e-6 * np.expm1(4e-6 * 100 * np.asarray(opacity[1:4]))
    np.testing.assert_allclose(energies[1:4], closed, rtol=0.11)
    # a threshold is what is left
    np.testing.assert_allclose(nothing, 0.5 + MUON_MASS, rtol=1e-6)
    np.testing.assert_allclose(left[0], left[1][0] * np.ones(5), rtol=1e-4)
    np.testing.assert_allclose(slope, finite, rtol=1e-6)
    np.testing.assert_allclose(slope, loss, rtol=2e-3)
