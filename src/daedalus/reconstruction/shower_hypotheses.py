"""Shower hypotheses: what the units of an array expect of a shower if it was a gamma ray's, or a proton's."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.geometry.stations import Stations
from daedalus.physics.air_showers import Primary, ShowerModel
from daedalus.physics.constants import SPEED_OF_LIGHT

# what the parameters are counted in, so that all matrices are well scaled: typical errors [m, m, 1, 1, 1, ns]
STEPS = np.array([10.0, 10.0, 0.1, 1e-3, 1e-3, 3.0])
# what is known of a shower without any signal: standard deviations of the generated range [same units]
RANGES = np.array([2000.0, 2000.0, 1.3, 0.4, 0.4, 1e4])


class Hypotheses(eqx.Module):
    """Expected counts under both hypotheses, or one, and how they and arrival times change with the shower.

    The signals of an array are the counts of electrons of all units, and then those of muons. Parameters are those of
    `daedalus.physics.shower_signals.PARAMETERS` in `STEPS`; the time is that at the place where the core is assumed,
    which does not move with it.
    """

    counts: Float[Array, "*primary signal"]  # [1]
    slopes: Float[Array, "*primary param signal"]  # of ln(counts) [1 / step]
    times: Float[Array, "param unit"]  # slopes of arrival times [time resolutions / step]


def hypotheses(
    shower: Float[Array, "param"], stations: Stations, model: ShowerModel, primary: Primary | None = None
) -> Hypotheses:
    """The hypotheses of one shower, of the same parameters under both.

    Args:
        shower: its parameters.
        stations: the array.
        model: lateral profiles.
        primary: the only hypothesis, without an axis then; both by default.
    """
    signals = lambda own: stations.expected(own, model, primary)
    steps = jnp.asarray(STEPS, shower.dtype)
    moving = jnp.eye(len(STEPS), dtype=shower.dtype)[:5] * steps[:5, None]
    counts, along = jax.linearize(signals, shower)
    slopes = jax.vmap(along)(moving) / counts
    slopes = jnp.concatenate([slopes, jnp.zeros_like(slopes[:1])])  # counts do not depend on the time
    slopes = jnp.moveaxis(slopes, 0, -3)
    apart = (stations.places - shower[:2]).T / (-SPEED_OF_LIGHT * stations.time_resolution)
    early = jnp.full_like(apart[:1], 1.0 / stations.time_resolution)
    times = jnp.concatenate([jnp.zeros((3, apart.shape[1]), apart.dtype), apart, early]) * steps[:, None]
    flat = lambda array: array.reshape(*array.shape[:-2], -1)
    return Hypotheses(flat(counts), flat(slopes), times)


def prior_information(dtype: jnp.dtype) -> Float[Array, "param param"]:
    """What is known of a shower's parameters without any signal [1 / step^2]."""
    return jnp.diag(jnp.asarray((STEPS / RANGES) ** 2, dtype))
