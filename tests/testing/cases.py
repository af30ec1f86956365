"""One case per class: a function that makes what the conformance checks need. Adding a class is one line.

Stages: ``"ClassName": lambda: (stage, events)``; optimisers: ``"ClassName": lambda: optimiser``. A second
case of a class has a comma and a word after its name.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp

from daedalus.core import Design, Stage, learned, parameter
from daedalus.detectors.acceptance import PlaneTelescope
from daedalus.detectors.accidental_particle import AccidentalParticle
from daedalus.detectors.dead_time import DeadTime
from daedalus.detectors.edges import SigmoidEdges
from daedalus.detectors.knock_on_electrons import KnockOnElectrons
from daedalus.detectors.misalignment import Misalignment
from daedalus.detectors.noise_hits import NoiseHits
from daedalus.detectors.panels import Panels
from daedalus.detectors.response_map import ResponseMap
from daedalus.detectors.spectrometer import Spectrometer
from daedalus.detectors.station_counts import StationCounts
from daedalus.detectors.strips import StripPlanes
from daedalus.events import Events, Particles, blank_events, uniforms
from daedalus.geometry.solids import Cone, Ellipsoid
from daedalus.geometry.stations import Stations, stations_of_tanks
from daedalus.geometry.voxels import Voxels
from daedalus.inference.binning import Bins, Intervals, Softmax
from daedalus.inference.neural_summary import LABEL, NeuralSummary, dense_network
from daedalus.optimisers import SGD, Adam, ErrorNorm, GlobalNorm, OneCycle, RandomSearch, WarmUp, optimiser
from daedalus.physics.air_showers import parametrised_profile
from daedalus.physics.flux import Guan2015, ShuklaSankrith2016
from daedalus.physics.nkg import nkg_profile
from daedalus.physics.particles import pion
from daedalus.physics.transmission import IntegralIntensity, Transmission
from daedalus.reconstruction.closest_approach import ClosestApproach
from daedalus.reconstruction.deflections import BoxDeflections
from daedalus.reconstruction.expected_shower_estimates import ExpectedShowerEstimates
from daedalus.reconstruction.line_fit import LineFit
from daedalus.reconstruction.momentum_from_scattering import MomentumFromScattering
from daedalus.reconstruction.scattered_line_fit import ScatteredLineFit
from daedalus.reconstruction.shower_fit import ShowerFit
from daedalus.reconstruction.unknown_momentum import UnknownMomentum
from daedalus.search.shrinking import Shrinking
from daedalus.sources import CosmicMuons, HorizontalWindow, MuonFile
from daedalus.sources.air_showers import AirShowers
from daedalus.sources.beam import Beam
from daedalus.sources.displaced_particles import DisplacedParticles
from daedalus.sources.electrons import Electrons
from daedalus.sources.spectrum_variation import FluxRatio, SpectrumTilt
from daedalus.studies.binned_analysis.blobs.problem import MEANS
from daedalus.studies.binned_analysis.blobs.source import Blobs
from daedalus.studies.binned_analysis.inferno.source import SignalAndBackground
from daedalus.studies.binned_analysis.selection.source import PeakOnSlope
from daedalus.studies.binned_analysis.telescope.impact import ImpactLogarithm
from daedalus.studies.muography.crossing import RockCrossing
from daedalus.studies.muography.rays import SkyRays
from daedalus.studies.test_functions.hump import Mixture, UniformComponents
from daedalus.studies.test_functions.valley import Reading, UniformLatent
from daedalus.transport.multiple_scattering import MultipleScattering
from daedalus.transport.volume import Volume

COUNT = 61  # events; prime, so that no other axis of a record is as long


def blank() -> Events:
    """Events as a source gets them."""
    return blank_events(jnp.arange(COUNT, dtype=jnp.uint32))


def particles(z: float = 1.0, momentum: float = 5.0) -> Events:
    """Particles going down from a height [m], in a square metre, slopes up to 0.3, of one momentum [GeV]."""
    x, y, ux, uy = uniforms(jax.random.key(1), blank().index, 4)
    ux, uy = 0.6 * (ux - 0.5), 0.6 * (uy - 0.5)
    uz = -jnp.sqrt(1 - ux**2 - uy**2)
    full = lambda value: jnp.full_like(x, value)
    return blank().add(Particles(x=x, y=y, z=full(z), ux=ux, uy=uy, uz=uz, momentum=full(momentum)))


class Panel(Design):
    """A design with hardware, whole numbers and software, for optimisers and spaces."""

    x: jax.Array = parameter(-1.0, 3.0, "m", doc="where")
    z: jax.Array = parameter(0.0, 1.0, "m", doc="how high")
    count: jax.Array = parameter(1.0, 5.0, "1", doc="how many", kind="whole")
    net: jax.Array = learned(doc="software")


def panel() -> Panel:
    """The design the optimisers start from."""
    return Panel(2.5, jnp.array([0.1, 0.5, 0.4]), 2.0, jnp.array([0.5, -0.5]))


def square(z: float) -> HorizontalWindow:
    """A horizontal window of a square metre at a height [m]."""
    return HorizontalWindow((0.0, 1.0), (0.0, 1.0), z)


def muon_file() -> MuonFile:
    """A file of three muons, read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "muons.csv"
        path.write_text("x [m],y [m],z [m],theta,phi,p\n0.1,0.2,1.0,0.1,0.5,3\n0.3,0.1,1,0.2,2,4\n0.4,0,1,0.3,4,5\n")
        return MuonFile(path)


def volume() -> Volume:
    """Eight voxels, no two of one material."""
    sides = jnp.array([0.0, 0.4, 1.0])
    grid = Voxels(sides, sides, jnp.array([0.2, 0.5, 0.8]))
    return Volume(grid, 1.0 + 10.0 * jnp.arange(8.0).reshape(2, 2, 2))


def panels(label: str, z: tuple[float, ...], edges: SigmoidEdges | None = None, thickness: float = 0.0) -> Panels:
    """Three panels of a metre and a half, of equal thickness [radiation lengths]."""
    middle, span = jnp.full(3, 0.5), jnp.full(3, 1.5)
    return Panels(middle, middle, jnp.array(z), span, 1e-3, 0.95, edges, label, thickness=thickness)


def response_map(*, relaxed: bool) -> ResponseMap:
    """Two planes of three components; relaxed, the response is a weight."""
    rows = lambda *values: jnp.array([values, values[::-1]])
    mixture = (rows(0.2, 0.5, 0.9), rows(0.1, 0.6, 0.4), rows(0.2, 0.3, 0.4), rows(0.5, 1.0, 0.3))
    return ResponseMap(*mixture, jnp.array([1.2, 1.0]), 1e-3, 0.95, "upper", sampled=not relaxed, relaxed=relaxed)


def stacked(*stages: Stage) -> Events:
    """Particles after some stages."""
    record = particles()
    for number, stage in enumerate(stages):
        record = stage(record, key=jax.random.fold_in(jax.random.key(2), number))
    return record


UPPER, LOWER = ("upper", (1.2, 1.1, 1.0)), ("lower", (0.1, 0.05, 0.0))
STRIPS = (jnp.array([0.5, 0.1, 0.3]), jnp.array([1e-4, 5e-5, 2e-4]), jnp.array([4e-3, 2e-3, 3e-3]))


def strips(*, hard: bool, quasi: bool = False) -> StripPlanes:
    """Three planes of strips."""
    return StripPlanes(*STRIPS, span=1.0, particle=pion, hard=hard, quasi=quasi)


def beam_through_strips() -> Events:
    """A beam that has passed three planes of strips."""
    beam = Beam(momentum=2.0, spot=3e-3, divergence=1e-2)(blank(), key=jax.random.key(3))
    return strips(hard=False)(beam, key=jax.random.key(4))


def beam() -> Events:
    """A beam."""
    return Beam(momentum=2.0, spot=3e-3, divergence=1e-2)(blank(), key=jax.random.key(3))


def sky_rays(*, void: bool) -> SkyRays:
    """Two telescopes that look up at a hill, and at a sphere in it."""
    place = (jnp.array([-270.0, 10.0]), jnp.array([5.0, 280.0]), jnp.array([1.5, 1.5]))
    sphere = Ellipsoid((jnp.asarray(20.0), jnp.asarray(10.0), jnp.asarray(40.0)), (jnp.asarray(12.0),) * 3)
    tracker = PlaneTelescope(1.0, 1.0, efficiency=0.95)
    return SkyRays(place, jnp.array([0.1, -1.6]), jnp.array([0.2, 0.3]), tracker, sphere if void else None)


def rock_crossing(*, void: bool) -> RockCrossing:
    """What those telescopes see through a hill."""
    rays = sky_rays(void=void)
    hill, transmission = Cone((0.0, 0.0), 0.0, 120.0, 250.0), Transmission(IntegralIntensity(Guan2015()), threshold=1.0)
    return RockCrossing(rays.place, hill, rays.void, (0.0, 0.0), jnp.asarray(0.4), transmission, 2.2, -1.0)


def displaced() -> DisplacedParticles:
    """Prompt particles and others that miss the vertex by a millimetre."""
    return DisplacedParticles(jnp.asarray(2.0), jnp.array([0.0, 1e-3]), jnp.asarray(1e-2))


def line_fit() -> ScatteredLineFit:
    """The fit to what the strips see."""
    return ScatteredLineFit(STRIPS[0], STRIPS[1] / 12**0.5, 1e-7 * STRIPS[2] / STRIPS[2][0])


def displaced_tracks() -> Events:
    """Those particles after the strips and the fit."""
    record = displaced()(blank(), key=jax.random.key(9))
    return line_fit()(strips(hard=False)(record, key=jax.random.key(10)), key=jax.random.key(11))


def neural_summary() -> NeuralSummary:
    """A network without kinks, whose derivative finite differences can tell."""
    network = dense_network(3, 4, width=8, key=jax.random.key(8))
    return NeuralSummary(eqx.tree_at(lambda each: each.activation, network, jnp.tanh), (0, 1, 2))


def signal_and_background() -> Events:
    """Two processes, observed."""
    return SignalAndBackground(jnp.asarray(0.1), jnp.asarray(3.0))(blank(), key=jax.random.key(7))


def summarised() -> Events:
    """Two processes, observed and summarised in four numbers."""
    return neural_summary()(signal_and_background(), key=jax.random.key(7))


def intervals() -> Bins:
    """Three bins of one of these numbers."""
    return Bins(Intervals(jnp.array([-1.0, 0.0, 0.5, 2.0]), jnp.asarray(0.3), row=2), source=LABEL)


def stations() -> Stations:
    """Twelve units of a ground array, two of them at one place."""
    places = 500.0 * jax.random.uniform(jax.random.key(2), (12, 2)) - 250.0
    return stations_of_tanks(places.at[1].set(places[0]))


def air_showers() -> Events:
    """Showers all over that array."""
    return AirShowers(radius=300.0)(blank(), key=jax.random.key(1))


def counted_showers() -> Events:
    """Showers in the middle of the array that are easy to fit, counted."""
    source = AirShowers((1e6, 1e7), zenith=0.6, radius=100.0)
    showers = source(blank(), key=jax.random.key(1))
    return StationCounts(stations(), nkg_profile)(showers, key=jax.random.key(2))


STAGES = {
    "Beam": lambda: (Beam(jnp.asarray(2.0), jnp.asarray(3e-3), jnp.asarray(1e-2)), blank()),
    "Beam, quasi-random": lambda: (Beam(jnp.asarray(2.0), jnp.asarray(3e-3), jnp.asarray(1e-2), quasi=True), blank()),
    "Beam, widened": lambda: (Beam(jnp.asarray(2.0), jnp.asarray(3e-3), jnp.asarray(1e-2), widening=2.0), blank()),
    "CosmicMuons": lambda: (CosmicMuons(square(1.8), "guan"), blank()),
    "CosmicMuons, quasi-random": lambda: (CosmicMuons(square(1.8), "guan", quasi=True), blank()),
    "MuonFile": lambda: (muon_file(), blank()),
    "MultipleScattering": lambda: (MultipleScattering(volume()), particles()),
    "MultipleScattering, three segments": lambda: (MultipleScattering(volume(), segments=3), particles()),
    "Panels": lambda: (panels(*UPPER), particles(1.5)),
    "Panels, relaxed": lambda: (panels(*UPPER, SigmoidEdges(0.5)), particles(1.5)),
    "Panels, thick": lambda: (panels(*UPPER, thickness=0.02), particles(1.5)),
    "Panels, thick and relaxed": lambda: (panels(*UPPER, SigmoidEdges(0.5), thickness=0.02), particles(1.5)),
    "ResponseMap": lambda: (response_map(relaxed=False), particles(1.5)),
    "ResponseMap, weighted": lambda: (response_map(relaxed=True), particles(1.5)),
    "NoiseHits": lambda: (NoiseHits("upper", 0.2, *(jnp.full(3, v) for v in (0.5, 0.5, 1.5))), stacked(panels(*UPPER))),
    "KnockOnElectrons": lambda: (KnockOnElectrons("upper", 0.2, jnp.asarray(0.01)), stacked(panels(*UPPER))),
    "Misalignment": lambda: (Misalignment("upper", *jnp.array([2e-3, -1e-3, 3e-3, 0.01])), stacked(panels(*UPPER))),
    "DeadTime": lambda: (DeadTime(1e-3, 300.0), particles()),
    "DeadTime, weighted": lambda: (DeadTime(jnp.asarray(1e-3), jnp.asarray(300.0), sampled=False), particles()),
    "AccidentalParticle": lambda: (AccidentalParticle(Beam(jnp.asarray(2.0), 3e-3, 1e-2), 0.3), particles()),
    "Electrons": lambda: (Electrons(0.2, jnp.asarray(0.1), jnp.asarray(0.02)), particles()),
    "SpectrumTilt": lambda: (SpectrumTilt(jnp.asarray(0.3), jnp.asarray(3.0)), particles()),
    "FluxRatio": lambda: (FluxRatio(Guan2015(), ShuklaSankrith2016(), jnp.asarray(1.1)), particles()),
    "UnknownMomentum": lambda: (UnknownMomentum(jnp.asarray(3.0), jnp.asarray(0.5)), particles()),
    "MomentumFromScattering": lambda: (
        MomentumFromScattering({"upper": jnp.array([0.02, 0.03, 0.02])}, jnp.geomspace(0.1, 30.0, 7)),
        stacked(panels(*UPPER, thickness=0.02)),
    ),
    "StripPlanes": lambda: (strips(hard=True), beam()),
    "StripPlanes, stand-in": lambda: (strips(hard=False), beam()),
    "StripPlanes, quasi-random": lambda: (strips(hard=True, quasi=True), beam()),
    "StripPlanes, quasi-random stand-in": lambda: (strips(hard=False, quasi=True), beam()),
    "Spectrometer": lambda: (Spectrometer(jnp.asarray(0.1)), particles()),
    "LineFit": lambda: (LineFit("upper"), stacked(panels(*UPPER))),
    "ScatteredLineFit": lambda: (
        line_fit(),
        beam_through_strips(),
    ),
    "ClosestApproach": lambda: (
        ClosestApproach(),
        stacked(
            panels(*UPPER), MultipleScattering(volume()), panels(*LOWER), LineFit("upper"), LineFit("lower")
        ),
    ),
    "BoxDeflections": lambda: (
        BoxDeflections(volume().voxels.box),
        stacked(
            panels(*UPPER), MultipleScattering(volume()), panels(*LOWER), LineFit("upper"), LineFit("lower"),
            ClosestApproach(),
        ),
    ),
    "SkyRays": lambda: (sky_rays(void=True), blank()),
    "RockCrossing": lambda: (rock_crossing(void=True), sky_rays(void=True)(blank(), key=jax.random.key(5))),
    "RockCrossing, halves": lambda: (rock_crossing(void=False), sky_rays(void=False)(blank(), key=jax.random.key(5))),
    "SignalAndBackground": lambda: (SignalAndBackground(jnp.asarray(0.1), jnp.asarray(3.0)), blank()),
    "Blobs": lambda: (Blobs(MEANS["demo"]), blank()),
    "Blobs, fixed sample": lambda: (Blobs(MEANS["demo"], 7).softened(1.0), blank()),
    "PeakOnSlope": lambda: (PeakOnSlope(0.1), blank()),
    "DisplacedParticles": lambda: (displaced(), blank()),
    "ImpactLogarithm": lambda: (
        ImpactLogarithm(jnp.asarray(0.6), jnp.asarray(3e-5), 0.05, 0.02),
        displaced_tracks(),
    ),
    "NeuralSummary": lambda: (neural_summary(), signal_and_background()),
    "Bins": lambda: (intervals(), summarised()),
    "Bins, soft": lambda: (intervals().softened(1.0), summarised()),
    "Bins, competing": lambda: (Bins(Softmax(), source=LABEL), summarised()),
    "Bins, competing and soft": lambda: (Bins(Softmax(), source=LABEL).softened(jnp.asarray(2.0)), summarised()),
    "AirShowers": lambda: (AirShowers(index=2.0, radius=300.0), blank()),
    "StationCounts": lambda: (StationCounts(stations(), parametrised_profile), air_showers()),
    "StationCounts, smeared": lambda: (StationCounts(stations(), nkg_profile, smearing=0.05), air_showers()),
    "StationCounts, relaxed": lambda: (StationCounts(stations(), nkg_profile, relaxed=True), air_showers()),
    "ExpectedShowerEstimates": lambda: (ExpectedShowerEstimates(stations(), parametrised_profile), air_showers()),
    "ExpectedShowerEstimates, NKG": lambda: (
        ExpectedShowerEstimates(stations(), nkg_profile, label="second"),
        air_showers(),
    ),
    "ShowerFit": lambda: (ShowerFit(stations(), nkg_profile), counted_showers()),
    "UniformComponents": lambda: (UniformComponents(), blank()),
    "Mixture": lambda: (Mixture(jnp.array([1.2, -0.7])), stacked(UniformComponents())),
    "Mixture, marginal": lambda: (Mixture(jnp.array([1.2, -0.7]), "marginal"), stacked(UniformComponents())),
    "UniformLatent": lambda: (UniformLatent(), blank()),
    "Reading": lambda: (Reading(jnp.asarray(3.0)), stacked(UniformLatent())),
    "Reading, without noise": lambda: (Reading(jnp.asarray(3.0), noise=False), blank()),
}  # fmt: skip

OPTIMISERS = {
    "Shrinking": lambda: Shrinking(Adam(starts=3, step_share=0.05)),
    "Adam": lambda: Adam(starts=3, steps={"x": 0.1}),
    "Adam, clipped": lambda: Adam(clip=GlobalNorm(0.5), schedule=OneCycle(), step_share=0.05, spread=0.1, starts=2),
    "SGD": lambda: SGD(starts=2, steps={"x": 0.1, "z": 0.02}),
    "SGD, clipped": lambda: SGD(clip=ErrorNorm(3.0), schedule=WarmUp(OneCycle()), step_share=0.05),
    "RandomSearch": lambda: RandomSearch(batch=4),
    "Grid": lambda: optimiser("grid"),
    "Sobol": lambda: optimiser("sobol", batch=4),
    "ParzenEstimator": lambda: optimiser("tpe"),
    "NSGA": lambda: optimiser("nsga2", population=8, batch=2),
    "NSGA, third": lambda: optimiser("nsga2", variant="nsga3", population=8, batch=2),
    "CMAES": lambda: optimiser("cmaes"),
    "Annealing": lambda: optimiser("annealing"),
    "LBFGS": lambda: optimiser("lbfgs", starts=2),
    "Newton": lambda: optimiser("newton", starts=2),
    "Newton, block": lambda: optimiser("newton", hessian="block", directions=2, negative="cut"),
    "Newton, diagonal": lambda: optimiser("newton", hessian="diagonal", directions=1),
    "GaussianProcess": lambda: optimiser("gp"),
    "LinearSurrogate": lambda: optimiser("linear"),
    "QuadraticSurrogate": lambda: optimiser("quadratic"),
    "GenerativeSurrogate": lambda: optimiser("generative"),
    "DifferentialEvolution": lambda: optimiser("de"),
}

ROUNDS = {  # of the check, where a hundred would take long
    "GaussianProcess": 15, "LinearSurrogate": 15, "QuadraticSurrogate": 15, "GenerativeSurrogate": 15,
    "ParzenEstimator": 30, "CMAES": 40, "NSGA": 40, "NSGA, third": 40,
}  # fmt: skip
