"""Cosmic-ray muons at sea level, drawn continuously from flux x area x sin(theta) dE dtheta dphi."""

from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, UInt32

from daedalus.core.stage import Derivative, Stage
from daedalus.errors import StageError
from daedalus.events import Events, Particles, quasi_uniforms, uniforms
from daedalus.physics.constants import MUON_MASS
from daedalus.physics.flux import Flux, flux_model
from daedalus.sources.apertures import Aperture, Start
from daedalus.sources.flux_table import FluxTable, simpson

ENERGIES = (0.5, 500.0)  # GeV; default range of total energy, that of the TomOpt generator
ZENITHS = (0.0, float(np.deg2rad(70.0)))  # rad; default range of zenith angle, that of the TomOpt generator
_ATTEMPTS = 256  # most repetitions where an aperture rejects
_LEAST_SHARE = 0.05  # 1; acceptance at which 2e-6 of the muons are left unplaced after all attempts

# Number of the zenith angle, start, and whether the aperture accepts it.
Tried = tuple[Float[Array, "slot"], Start, Bool[Array, "slot"]]
Step = Callable[[UInt32[Array, "slot"], Int[Array, ""], Tried], Tried]
Again = Callable[[UInt32[Array, "slot"], Int[Array, ""]], Tried]


class CosmicMuons(Stage):
    """The source of sea-level muons through an aperture.

    Each muon keeps its numbers whatever the batch, for they are drawn by event index. Zenith angle and
    momentum come from inverse cumulative tables (see FluxTable) and are continuous; p = sqrt(E^2 - m^2);
    azimuth as the aperture has it. ``rate`` and ``exposure`` make a number of muons a time. Nothing here
    depends on a design; the derivative is exact, and zero.

    Quasi-random numbers (`daedalus.events.quasi`) fill zenith angle, start and momentum evenly together. They need an
    aperture that accepts every muon it places: a muon tried again would have numbers that no longer match the others'.
    """

    name: ClassVar[str] = "cosmic_muons"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    aperture: Aperture
    table: FluxTable
    fixed_momentum: float | None = eqx.field(static=True)  # [GeV]
    accepted_rate: float = eqx.field(static=True)  # [1/s]
    quasi: bool = eqx.field(static=True)  # quasi-random numbers instead of independent ones

    def __init__(
        self,
        aperture: Aperture,
        flux: Flux | str = "guan",
        *,
        energies: tuple[float, float] = ENERGIES,
        zeniths: tuple[float, float] = ZENITHS,
        momentum: float | None = None,
        quasi: bool = False,
    ) -> None:
        """Builds the tables.

        Args:
            aperture: what the muons pass through.
            flux: model of the intensity, or its name.
            energies: least and largest total energy [GeV].
            zeniths: least and largest zenith angle, within 0 to pi/2 [rad].
            momentum: the same momentum [GeV] for all muons, for comparison with older work; the zenith
                angles and the rate remain those of the whole range of energy.
            quasi: draw quasi-random numbers, which converge faster but are not independent.

        Raises:
            StageError: a range is empty or unphysical, the flux model's name is unknown, the aperture accepts
                almost nothing, or quasi-random numbers meet an aperture that rejects.
        """
        model = flux_model(flux) if isinstance(flux, str) else flux
        _need_ranges(energies, zeniths, momentum)
        _need_acceptance(aperture, quasi)
        model.warn_outside(np.asarray(energies)[:, None], np.cos(np.asarray(zeniths)))
        self.aperture = aperture
        self.fixed_momentum = momentum
        self.quasi = quasi
        self.table = FluxTable(model, energies, zeniths, aperture.proposed_area)
        self.accepted_rate = self.table.rate
        if not aperture.exact:
            share = _accepted_share(model, energies, zeniths, aperture)
            _need_share(share)
            self.accepted_rate *= share

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with a downward-going muon each; a muon that no attempt could place is not alive."""
        if self.quasi:
            draw, *others = quasi_uniforms(key, events.index, 2 + self.aperture.draws)
            uniform_zenith, start, placed = self._placed(jnp.stack(others))
        else:
            (draw,) = uniforms(key, events.index, 1)
            uniform_zenith, start, placed = self._starts(events.index, key)
        if self.fixed_momentum is None:
            momentum = self.table.momentum(uniform_zenith, draw)
        else:
            momentum = jnp.full_like(start.x, self.fixed_momentum)
        particles = Particles(x=start.x, y=start.y, z=start.z, ux=start.ux, uy=start.uy, uz=start.uz, momentum=momentum)
        muons = events.add(particles)
        return muons if self.aperture.exact else muons.accept(placed)

    def rate(self) -> float:
        """Muons per second through the aperture in the range of energy and zenith angle [1/s]."""
        return self.accepted_rate

    def exposure(self, events: int | float) -> float:
        """Time [s] in which that many muons (or that sum of weights) pass the aperture: events / rate."""
        return events / self.accepted_rate

    def _starts(self, index: UInt32[Array, "event"], key: Key[Array, ""]) -> Tried:
        """The first attempt that the aperture accepts, for every event, whatever the other events need.

        Rejected events are tried again in half as many slots, then in a quarter until all are accepted;
        only what found no slot, which is rare, makes another turn over all events.
        """
        if self.aperture.exact:
            return self._attempt(index, key, 1)

        def attempt(some: UInt32[Array, "slot"], lane: Int[Array, ""], kept: Tried) -> Tried:
            return _filled(kept, self._attempt(some, key, lane))

        def last(some: UInt32[Array, "slot"], lane: Int[Array, ""]) -> Tried:
            return _until_accepted(some, lane, attempt)

        def second(some: UInt32[Array, "slot"], lane: Int[Array, ""]) -> Tried:
            return _refilled(some, lane, self._attempt(some, key, lane), last)

        def turn(some: UInt32[Array, "event"], lane: Int[Array, ""], kept: Tried) -> Tried:
            return _refilled(some, lane, attempt(some, lane, kept), second)

        return _until_accepted(index, jnp.int32(1), turn)

    def _attempt(self, index: UInt32[Array, "event"], key: Key[Array, ""], lane: int | Array) -> Tried:
        """One draw of zenith angle and start; each attempt is a lane of the events' streams."""
        # the barrier keeps the compiler from making the random numbers anew for each of their uses
        return self._placed(jax.lax.optimization_barrier(uniforms(key, index, 1 + self.aperture.draws, lane=lane)))

    def _placed(self, numbers: Float[Array, "draw slot"]) -> Tried:
        """The zenith angle's number, the start and whether it is accepted, from uniform numbers."""
        zenith, *others = numbers
        start = self.aperture.place(self.table.versine(zenith), jnp.stack(others))
        return zenith, start, self.aperture.accepts(start)


def _filled(kept: Tried, fresh: Tried) -> Tried:
    """What was kept where it is accepted, fresh tries elsewhere."""
    return jax.tree.map(lambda old, new: jnp.where(kept[2], old, new), kept, fresh)


def _until_accepted(index: UInt32[Array, "slot"], lane: Int[Array, ""], step: Step) -> Tried:
    """Steps at one lane after the other until all events are accepted or attempts run out."""
    zero = jnp.zeros(index.shape)
    nothing = (zero, Start(zero, zero, zero, zero, zero, zero), jnp.zeros(index.shape, bool))
    return jax.lax.while_loop(
        lambda carry: (carry[0] <= _ATTEMPTS) & ~jnp.all(carry[1][2]),
        lambda carry: (carry[0] + 1, step(index, carry[0], carry[1])),
        (lane, nothing),
    )[1]


def _refilled(index: UInt32[Array, "slot"], lane: Int[Array, ""], tried: Tried, again: Again) -> Tried:
    """Rejected events replaced by tries from the next lane on, as many as half the slots can take."""
    number = index.shape[0]
    slots = max(number // 2, 1)
    place = jnp.where(tried[2], slots, jnp.cumsum(~tried[2]) - 1)
    pending = jnp.full(slots, number).at[place].set(jnp.arange(number), mode="drop")
    fresh = again(index.at[pending].get(mode="clip"), lane + 1)
    return jax.tree.map(lambda old, new: old.at[pending].set(new, mode="drop"), tried, fresh)


def _accepted_share(
    flux: Flux, energies: tuple[float, float], zeniths: tuple[float, float], aperture: Aperture
) -> float:
    """Rate of the muons an aperture accepts over that of the ones it proposes [1]."""
    energy, zenith = np.geomspace(*energies, 401), np.linspace(*zeniths, 129)
    spectra = flux.intensity(energy[None, :], np.cos(zenith)[:, None]) * energy
    density = np.trapezoid(spectra, np.log(energy), axis=1) * np.sin(zenith)
    return simpson(density * aperture.accepted_area(zenith), zenith) / simpson(
        density * aperture.proposed_area(zenith), zenith
    )


def _need_share(share: float) -> None:
    """Raises a StageError where an aperture accepts too few of the muons it proposes."""
    if share < _LEAST_SHARE:
        raise StageError(
            f"the window sees {100.0 * share:.2g} % of the muons through the box, expected at least "
            f"{100.0 * _LEAST_SHARE:.0f} %; widen or move the window, or use ThroughBox without a window."
        )


def _need_acceptance(aperture: Aperture, quasi: bool) -> None:
    """Raises a StageError where quasi-random numbers meet an aperture that rejects."""
    if quasi and not aperture.exact:
        raise StageError(
            f"quasi-random muons through a {type(aperture).__name__}, which rejects some of those it places; expected "
            "an aperture that accepts all, HorizontalWindow or ThroughBox, or quasi=False."
        )


def _need_ranges(energies: tuple[float, float], zeniths: tuple[float, float], momentum: float | None) -> None:
    """Raises a StageError for ranges that are empty or unphysical."""
    low, high = energies
    if not (MUON_MASS < low < high and np.isfinite(high)):
        raise StageError(
            f"the range of total energy from {low} to {high} GeV is empty or not physical; expected finite "
            f"bounds, lower first, above the muon's mass of {MUON_MASS:.4f} GeV."
        )
    low, high = zeniths
    if not 0.0 <= low < high <= np.pi / 2:
        raise StageError(
            f"the range of zenith angle from {low} to {high} rad is empty or not within 0 to pi/2; "
            "give it in radians, lower bound first."
        )
    if momentum is not None and not (momentum > 0.0 and np.isfinite(momentum)):
        raise StageError(f"the fixed momentum is {momentum} GeV; expected a positive finite number.")
