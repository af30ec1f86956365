"""What may vary: the network, the edges of the bins of its output, and how far these are blurred in training."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.core import Design, learned, parameter
from daedalus.inference.bin_edges import broken_stick


class BlobsDesign(Design):
    """An analysis: a network with an output between 0 and 1, and the histogram of that output."""

    network: eqx.nn.MLP = learned(doc="from the two observables to one number between 0 and 1")
    fractions: Float[Array, "inner"] = parameter(
        0.02, 0.98, "1", doc="of what is left of the output's range, where the next edge stands: edges cannot cross"
    )
    bandwidth: Float[Array, ""] = parameter(
        0.01, 0.3, "1", doc="of the Gaussian that blurs the output in soft bins: from sharp to a whole bin"
    )

    @property
    def edges(self) -> Float[Array, "edge"]:
        """The edges of the bins of the output, from 0 to 1 [1]."""
        return broken_stick(jnp.asarray(self.fractions))
