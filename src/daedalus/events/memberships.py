"""Memberships: how much of every event each bin of a histogram gets."""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, Float


class Memberships(eqx.Module):
    """The shares of every event in the bins of a histogram, and their derivatives by nuisance parameters.

    Shares are 0 or 1 for sharp bins and between them for soft ones. A slope is what has to be summed for the derivative
    of a count: the derivative of the share, or the share times the score of what was drawn.
    """

    share: Float[Array, "bin event"]  # [1]
    slopes: Float[Array, "nuisance bin event"]  # [1 / the nuisance parameter's unit]
