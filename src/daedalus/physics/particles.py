"""Particles: name, mass and charge, and the kinematics that follow from a mass."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.physics import constants


@dataclass(frozen=True)
class Particle:
    """A particle species; masses from PDG 2024, see `daedalus.physics.constants`.

    Attributes:
        name: its name in words.
        mass: rest mass [GeV].
        charge: electric charge [elementary charges], of the species named.
    """

    name: str
    mass: float
    charge: float

    def energy(self, momentum: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Total energy [GeV], sqrt(p^2 + m^2), of a momentum p [GeV]; smooth at p = 0 unless massless."""
        return jnp.sqrt(momentum**2 + self.mass**2)

    def beta(self, momentum: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Velocity over that of light [1], p / E, of a momentum p [GeV]."""
        return momentum / self.energy(momentum)

    def beta_momentum(self, momentum: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Beta times momentum [GeV], p^2 / E: what multiple scattering asks for, of a momentum p [GeV]."""
        return momentum**2 / self.energy(momentum)


muon = Particle("muon", constants.MUON_MASS, -1.0)
electron = Particle("electron", constants.ELECTRON_MASS, -1.0)
pion = Particle("pion", constants.PION_MASS, 1.0)
kaon = Particle("kaon", constants.KAON_MASS, 1.0)
proton = Particle("proton", constants.PROTON_MASS, 1.0)
