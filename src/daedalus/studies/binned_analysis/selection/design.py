"""What may vary: a cut, and the edges of the bins of what passes it."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.core import Design, parameter
from daedalus.inference.bin_edges import broken_stick
from daedalus.units import GeV

WINDOW = (100.0 * GeV, 160.0 * GeV)  # of masses that are looked at


class SelectionDesign(Design):
    """A selection: events whose score is above a cut, in bins of their mass."""

    cut: Float[Array, ""] = parameter(0.0, 0.95, "1", doc="least score that passes: from no cut to hardly any event")
    fractions: Float[Array, "inner"] = parameter(
        0.02, 0.98, "1", doc="of what is left of the mass window, where the next edge stands: edges cannot cross"
    )

    @property
    def edges(self) -> Float[Array, "edge"]:
        """The edges of the bins of the mass [GeV]."""
        return broken_stick(jnp.asarray(self.fractions), *WINDOW)
