"""Tracks: straight lines fitted to hits, with their covariance."""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, Bool, Float


class Tracks(eqx.Module):
    """Straight lines x = x0 + tx (z - z0), y = y0 + ty (z - z0), one per event.

    The covariance is that of (x0, tx), and equally that of (y0, ty); the two projections are independent.
    """

    x: Float[Array, "event"]  # x0 [m]
    y: Float[Array, "event"]  # y0 [m]
    tx: Float[Array, "event"]  # slope dx/dz [1]
    ty: Float[Array, "event"]  # slope dy/dz [1]
    z: Float[Array, "event"]  # reference height z0 [m]
    var_position: Float[Array, "event"]  # variance of x0 [m2]
    var_slope: Float[Array, "event"]  # variance of tx [1]
    covariance: Float[Array, "event"]  # of x0 and tx [m]
    found: Bool[Array, "event"]  # False: too few hits, the other fields are finite but mean nothing
    probability: Float[Array, "event"]  # that enough hits are recorded for a fit [1]
