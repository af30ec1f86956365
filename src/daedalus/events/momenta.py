"""Momenta: what is known of the particles' momentum."""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, Float


class Momenta(eqx.Module):
    """Measured momenta, one per event."""

    value: Float[Array, "event"]  # measured momentum [GeV]
    relative_error: Float[Array, "event"]  # standard deviation over true value [1]
