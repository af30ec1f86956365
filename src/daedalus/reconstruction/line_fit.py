"""The weighted straight-line fit, in closed form with its covariance."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.errors import StageError
from daedalus.events import Events, Hits, Tracks

SHORTEST_LEVER = 1e-3  # rms distance of the hits' heights below which they give no direction [m]


class LineFit(Stage):
    """A straight line through the hits of one stack, in each projection, by weighted least squares.

    With weights w = 1 / sigma^2 and zbar = sum w z / sum w, the line is x = xbar + t (z - zbar) with
    xbar = sum w x / sum w, t = sum w (z - zbar) x / sum w (z - zbar)^2, var xbar = 1 / sum w and
    var t = 1 / sum w (z - zbar)^2, uncorrelated at zbar (Bevington and Robinson, Data Reduction and Error Analysis,
    3rd ed. 2003, section 6.3, about the weighted centre). Independent errors; heights are exact. The derivative is
    that of the closed form: for hits on an exact line it is zero with respect to the heights.
    Tracks with fewer recorded hits than ``least``, or hits at practically one height, are not found. The probability
    is that of so many recorded hits.
    """

    label: str = eqx.field(static=True)
    least: int = eqx.field(static=True, default=2)  # hits a track needs [1]
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __check_init__(self) -> None:
        """Checks that the hits can make a line.

        Raises:
            StageError: fewer than two hits are asked for.
        """
        if self.least < 2:
            raise StageError(f"a line is asked of {self.least} hits; expected two or more.")

    @property
    def name(self) -> str:
        """The stage's name, "line_fit:label"."""
        return f"line_fit:{self.label}"

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with tracks of this label."""
        return events.add(line_fit(events[Hits, self.label], self.least), self.label)


def line_fit(hits: Hits, least: int = 2) -> Tracks:
    """The tracks fitted to ``least`` or more hits; see `LineFit`."""
    centre = jnp.mean(hits.z)
    weight = jnp.where(hits.recorded, 1.0 / hits.sigma**2, 0.0)
    scale = jnp.maximum(jnp.sum(weight, 0), 1e-30)
    share = weight / scale
    height = hits.z[:, None] - centre
    mean_height = jnp.sum(share * height, 0)
    arm = height - mean_height
    spread = jnp.sum(share * arm**2, 0)
    found = (jnp.sum(hits.recorded, 0) >= least) & (spread > SHORTEST_LEVER**2)
    safe = jnp.where(found, spread, 1.0)
    x, y = jnp.sum(share * hits.x, 0), jnp.sum(share * hits.y, 0)
    tx = jnp.sum(share * arm * (hits.x - x), 0) / safe
    ty = jnp.sum(share * arm * (hits.y - y), 0) / safe
    chance = at_least(least, hits.probability)
    nothing = jnp.zeros_like(x)
    variances = (jnp.where(found, 1.0 / scale, 1.0), jnp.where(found, 1.0 / (scale * safe), 1.0))
    return Tracks(x, y, tx, ty, centre + mean_height, *variances, nothing, found, chance)


def at_least(count: int, probability: Float[Array, "plane event"]) -> Float[Array, "event"]:
    """The probability that at least ``count`` of several independent hits are recorded [1]."""
    exactly = [jnp.ones_like(probability[0])] + (count - 1) * [jnp.zeros_like(probability[0])]
    for p in probability:
        more = [jnp.zeros_like(p), *exactly[:-1]]
        exactly = [same * (1.0 - p) + fewer * p for same, fewer in zip(exactly, more, strict=True)]
    return 1.0 - sum(exactly, start=jnp.zeros_like(exactly[0]))
