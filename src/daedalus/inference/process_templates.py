"""Process templates: what every process contributes to the bins of a histogram, as sums over simulated events."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from daedalus.events import Events, Memberships, Processes


class Templates(eqx.Module):
    """Histograms of simulated processes, their errors and their derivatives by nuisance parameters.

    All are weighted sums over events, so that they add up over blocks and groups of events.
    """

    counts: Float[Array, "*scenario process bin"]  # [events]
    squares: Float[Array, "*scenario process bin"]  # of weight times share: variances of the counts [events squared]
    slopes: Float[Array, "*scenario process nuisance bin"]  # of the counts [events / the nuisance parameter's unit]
    number: Float[Array, "*scenario process"]  # of all events of the process, in whatever bin [events]

    @property
    def shares(self) -> Float[Array, "*scenario process bin"]:
        """The probability that an event of a process falls in a bin [1]; zero for a process without events."""
        return self.counts / self._safe[..., None]

    @property
    def share_slopes(self) -> Float[Array, "*scenario process nuisance bin"]:
        """Derivatives of the shares by the nuisance parameters [1 / the parameter's unit]."""
        return self.slopes / self._safe[..., None, None]

    @property
    def share_errors(self) -> Float[Array, "*scenario process bin"]:
        """Standard errors of the shares from the number of simulated events [1]."""
        return jnp.sqrt(self.squares) / self._safe[..., None]

    @property
    def _safe(self) -> Array:
        return jnp.where(self.number > 0, self.number, 1.0)


class ProcessTemplates(eqx.Module):
    """Pass: the `Templates` of so many processes, from every event's `Memberships` and its number in `Processes`."""

    processes: int = eqx.field(static=True)
    label: str = eqx.field(static=True, default="")  # of the memberships

    def __call__(self, events: Events, earlier: PyTree) -> Templates:
        """The sums over events."""
        bins = events[Memberships, self.label] if self.label else events[Memberships]
        own = events[Processes].number == jnp.arange(self.processes)[:, None]
        weight = jnp.where(own & events.alive, events.effective_weight, 0.0)
        alive = lambda rows: jnp.where(events.alive, rows, 0.0)  # what is not alive need not be finite
        share, slopes = alive(bins.share), alive(bins.slopes)
        return Templates(
            counts=jnp.einsum("pe,be->pb", weight, share),
            squares=jnp.einsum("pe,be->pb", weight**2, share**2),
            slopes=jnp.einsum("pe,nbe->pnb", weight, slopes),
            number=jnp.sum(weight, -1),
        )
