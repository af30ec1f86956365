"""One scan: the chain from a muon through both arms of a detector and what is scanned, to its deflection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from daedalus.core import Scenarios, Stage
from daedalus.detectors.accidental_particle import AccidentalParticle
from daedalus.detectors.dead_time import DeadTime
from daedalus.detectors.knock_on_electrons import KnockOnElectrons
from daedalus.detectors.misalignment import Misalignment
from daedalus.detectors.noise_hits import NoiseHits
from daedalus.detectors.panels import Panels
from daedalus.detectors.spectrometer import Spectrometer
from daedalus.physics.flux import flux_model
from daedalus.reconstruction.closest_approach import ClosestApproach
from daedalus.reconstruction.deflections import BoxDeflections
from daedalus.reconstruction.line_fit import LineFit
from daedalus.reconstruction.momentum_from_scattering import MomentumFromScattering, node_probabilities
from daedalus.reconstruction.unknown_momentum import UnknownMomentum
from daedalus.sources.cosmic_muons import CosmicMuons
from daedalus.sources.electrons import Electrons
from daedalus.sources.spectrum_variation import SpectrumTilt
from daedalus.studies.muon_tomography.options import ScanOptions
from daedalus.transport.multiple_scattering import MultipleScattering
from daedalus.transport.volume import Volume
from daedalus.units import GeV, cm, s

REACH = 1.0 * cm  # mean distance of a knock-on electron from its muon; a convention
ELECTRONS = 0.3 * GeV  # mean momentum of electrons at sea level; PDG 2024, section 30.3: mostly below 1 GeV
ASSUMED = 1.8 * GeV  # 1 / sqrt(<1/p^2>) of sea-level muons of more than 0.5 GeV (Guan 2015), where nothing is known
ADMITTED = 1.0  # relative error of that [1]
GRID = np.geomspace(0.4, 60.0, 40)  # of inferred momenta [GeV]


class Flaws(eqx.Module):
    """How a detector and the muons differ from what one believes, in one scan."""

    shift: Float[Array, "*scenario 3 plane"]  # of the panels in x, y and z, upper ones first [m]
    index: Float[Array, "*scenario"]  # power of the momentum [1]


class Scan(eqx.Module):
    """The truth of one scan: what is scanned, and the flaws."""

    contents: Any
    flaws: Flaws


def with_flaws(contents: Scenarios, panels: int, options: ScanOptions) -> Scenarios:
    """The scenarios with flaws drawn beside what is scanned, for so many panels [1]."""

    def draw(key: Key[Array, ""], index: Int[Array, ""], count: int) -> Scan:
        own, shifts, tilt = jax.random.split(key, 3)
        shift = options.misalignment * jax.random.normal(shifts, (3, panels))
        flaws = Flaws(shift, options.spectrum_index * jax.random.normal(tilt))
        return Scan(contents.draw(own, index, count), flaws)

    return Scenarios(draw, contents.count, contents.random)


def scan_stages(
    arms: tuple[Panels, Panels], volume: Volume, flaws: Flaws, source: CosmicMuons, options: ScanOptions
) -> list[Stage]:
    """The stages of a scan behind the source, up to closest approaches and deflections across the volume.

    Args:
        arms: the panels above and below.
        volume: what is scanned.
        flaws: of this scan.
        source: of the muons; second ones come from it too.
        options: what is on.
    """
    upper, lower = arms
    through = MultipleScattering(
        volume,
        law=options.scattering,
        segments=1,
        energy_loss=options.energy_loss,
        tail_fraction=options.tail_fraction,
    )
    above = flaws.shift[:, : len(upper.z)], flaws.shift[:, len(upper.z) :]
    stages: list[Stage] = [*_before(flaws, source, options), upper, *_flawed(upper, above[0], options), through]
    if options.accidentals:
        stages.append(AccidentalParticle(source, options.accidentals))
    stages += [lower, *_flawed(lower, above[1], options)]
    if options.momentum == "inferred":
        stages.append(_inferred(arms, options))
    fits = LineFit("upper", options.least_hits), LineFit("lower", options.least_hits)
    return [*stages, *fits, ClosestApproach(), BoxDeflections(volume.voxels.box)]


def _before(flaws: Flaws, source: CosmicMuons, options: ScanOptions) -> Iterator[Stage]:
    """What happens to the muons before the first panel."""
    if options.dead_time:
        yield DeadTime(source.accepted_rate / s, options.dead_time)
    if options.electrons:
        yield Electrons(options.electrons, ELECTRONS)
    if options.spectrum_index:
        yield SpectrumTilt(flaws.index)
    if options.momentum == "unknown":
        yield UnknownMomentum(ASSUMED, ADMITTED)
    elif options.momentum != "inferred":
        yield Spectrometer(options.momentum_resolution if options.momentum == "measured" else 0.0)


def _flawed(panels: Panels, shift: Float[Array, "3 plane"], options: ScanOptions) -> Iterator[Stage]:
    """What is wrong with the hits of an arm."""
    if options.misalignment:
        yield Misalignment(panels.label, shift[0], shift[1], shift[2])
    if options.knock_ons:
        yield KnockOnElectrons(panels.label, options.knock_ons, REACH)
    if options.noise:
        yield NoiseHits(panels.label, options.noise, panels.x, panels.y, panels.span)


def _inferred(arms: tuple[Panels, Panels], options: ScanOptions) -> MomentumFromScattering:
    stacks = {arm.label: jnp.broadcast_to(jnp.asarray(options.thickness, float), arm.z.shape) for arm in arms}
    prior = node_probabilities(flux_model(options.flux), GRID, 0.85)
    return MomentumFromScattering(stacks, GRID, prior, mean="inverse_square")
