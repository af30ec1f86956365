"""Particles and constants: against the PDG's machine-readable listing and printed numbers."""

import jax
import jax.numpy as jnp
import pytest
from particle import Particle as Listed

from daedalus.physics import constants
from daedalus.physics.particles import electron, kaon, muon, pion, proton


@pytest.mark.parametrize(("ours", "code"), [(muon, 13), (electron, 11), (pion, 211), (kaon, 321), (proton, 2212)])
def test_masses_and_charges_are_those_of_the_pdg(ours, code):
    listed = Listed.from_pdgid(code)
    assert ours.mass == pytest.approx(listed.mass * 1e-3, rel=1e-6)
    assert ours.charge == listed.charge


def test_constants_are_the_printed_ones():
    assert constants.SPEED_OF_LIGHT == 0.299792458
    assert pytest.approx(137.035999, rel=1e-9) == 1.0 / constants.FINE_STRUCTURE
    assert pytest.approx(0.10565837, rel=1e-7) == constants.MUON_MASS
    assert pytest.approx(1.77693, rel=1e-4) == constants.TAU_MASS
    assert pytest.approx(1.293332e-3, rel=1e-5) == constants.NEUTRON_MASS - constants.PROTON_MASS
    # K = 4 pi N_A r_e^2 m_e c^2 and 28.816 eV = hbar c sqrt(4 pi N_A r_e), from N_A, r_e, hbar c.
    avogadro, radius, hbar_c = 6.02214076e23, 2.8179403205e-13, 197.3269804e-7
    assert pytest.approx(4 * jnp.pi * avogadro * radius**2 * 0.51099895, rel=1e-6) == constants.BETHE_K
    plasma = hbar_c * (4 * jnp.pi * avogadro * radius) ** 0.5
    assert pytest.approx(plasma, rel=2e-5) == constants.PLASMA_ENERGY


def test_kinematics_of_a_muon():
    p = jnp.array([0.1056583755, 3.0])
    assert muon.beta(p)[0] == pytest.approx(2**-0.5)
    assert muon.energy(p)[1] == pytest.approx((9 + 0.1056583755**2) ** 0.5)
    assert muon.beta_momentum(p) == pytest.approx(muon.beta(p) * p)
    assert jax.grad(muon.energy)(3.0 + jnp.zeros(())) == pytest.approx(float(muon.beta(p)[1]))
