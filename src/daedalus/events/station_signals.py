"""Station signals: what every unit of a ground array counted in every event, and when."""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, Float


class StationSignals(eqx.Module):
    """Counts of electrons and of muons in every unit, and the mean arrival time of each kind where there are any."""

    counts: Float[Array, "secondary unit event"]  # [1]
    times: Float[Array, "secondary unit event"]  # means nothing where nothing was counted [ns]
