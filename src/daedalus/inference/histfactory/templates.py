"""Templates: channels of samples with their modifiers, as HistFactory describes a measurement.

Numbers are arrays that may depend on a design and carry its derivative; names and shapes are fixed.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

_array = lambda value: jnp.asarray(value, jnp.result_type(float))


class NormFactor(eqx.Module):
    """A free factor on all bins of a sample; parameters of interest are of this kind."""

    name: str = eqx.field(static=True)


class NormSys(eqx.Module):
    """A systematic uncertainty of a sample's normalisation, with a Gaussian constraint of width one."""

    name: str = eqx.field(static=True)
    down: Float[Array, ""] = eqx.field(converter=_array)  # factor at -1, positive [1]
    up: Float[Array, ""] = eqx.field(converter=_array)  # factor at +1, positive [1]


class HistoSys(eqx.Module):
    """A systematic uncertainty of a sample's shape, with a Gaussian constraint of width one."""

    name: str = eqx.field(static=True)
    down: Float[Array, "bin"] = eqx.field(converter=_array)  # template at -1 [events]
    up: Float[Array, "bin"] = eqx.field(converter=_array)  # template at +1 [events]


class ShapeSys(eqx.Module):
    """A factor per bin of one sample whose counts were measured elsewhere: constrained by a Poisson law."""

    name: str = eqx.field(static=True)
    uncertainty: Float[Array, "bin"] = eqx.field(converter=_array)  # standard deviations [events]; zero: exact


class StatError(eqx.Module):
    """A factor per bin, common to the samples of a channel that name it, for the size of the simulation.

    Its Gaussian width is the root of the summed squares over the sum of their counts (Barlow and Beeston, Comput. Phys.
    Commun. 77 (1993) 219, in the light form of Conway, arXiv:1103.0354).
    """

    name: str = eqx.field(static=True)
    uncertainty: Float[Array, "bin"] = eqx.field(converter=_array)  # standard deviations [events]; all zero: exact


class Lumi(eqx.Module):
    """A factor common to samples that scale with the luminosity, with a Gaussian constraint set by the measurement."""

    name: str = eqx.field(static=True)


class ShapeFactor(eqx.Module):
    """A free factor per bin; channels that name the same one share its bins."""

    name: str = eqx.field(static=True)


Modifier = NormFactor | NormSys | HistoSys | ShapeSys | StatError | Lumi | ShapeFactor


class Sample(eqx.Module):
    """A process: its expected counts and what changes them."""

    name: str = eqx.field(static=True)
    counts: Float[Array, "bin"] = eqx.field(converter=_array)  # [events]
    modifiers: tuple[Modifier, ...] = ()


class Channel(eqx.Module):
    """A histogram that is fitted: the sum of its samples."""

    name: str = eqx.field(static=True)
    samples: tuple[Sample, ...]

    @property
    def bins(self) -> int:
        """The number of bins [1]."""
        return self.samples[0].counts.shape[0]
