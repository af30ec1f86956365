"""The laws behind the imaging of radiation lengths, against textbooks: part A of ``validation/imaging.py``.

Scattering in slabs against Highland's formula (PDG 2024, eqs. 34.16 to 34.22); radiation lengths inferred from
homogeneous slabs; constructed closest approaches; integrals of the flux models; what non-Gaussian tails do.
"""

from __future__ import annotations

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import simpson

from daedalus.events import Deflections, Events, Momenta, Particles, Scatterings, Tracks
from daedalus.geometry import Voxels
from daedalus.inference.poca_density import density_map, poca_density_passes
from daedalus.inference.scattering_likelihood import ScatteringModel, fitted_map
from daedalus.physics.energy_loss import minimum_loss
from daedalus.physics.flux import FLUX_MODELS
from daedalus.physics.materials import material
from daedalus.physics.particles import muon
from daedalus.physics.scattering import exit_covariance, highland_variance, lynch_dahl_variance, path_moments
from daedalus.reconstruction.closest_approach import closest_approach
from daedalus.reconstruction.deflections import box_deflections
from daedalus.studies.muon_tomography.imaging import LOSS
from daedalus.transport.multiple_scattering import MultipleScattering
from daedalus.transport.volume import Volume

KEY = 20261201
SLAB = 0.1  # m
HALF = 2.0  # half width of slabs [m]
LAYERS = 4  # of the maps of slabs [1]
SCATTERERS, MOMENTA = ("iron", "lead", "uranium"), (1.0, 3.0, 10.0)
INVERTED, DEPTHS = ("beryllium", "graphite", "aluminium", "iron", "lead", "uranium"), (0.1, 1.0)
PERFECT = 1e-12  # variance of the slopes [1] and positions [m2] of tracks without error
TAIL = 0.02  # of muons, scattered three times more widely [1]
LEAST_ENERGIES = (0.5, 1.0, 10.0, 100.0)  # GeV


def matter(name: str) -> tuple[float, ...]:
    """What fills a slab: inverse radiation length [1/m], loss [GeV/m], densities of Lynch and Dahl's path integrals."""
    one = material(name)
    return 1.0 / one.X0, minimum_loss(one), one.characteristic_density, one.screening_density


def slab(fields: tuple[float, ...], depth: float, layers: int) -> Volume:
    """A slab of one material on z = 0, cut into layers."""
    side = jnp.array([-HALF, HALF])
    voxels = Voxels(side, side, depth * jnp.linspace(0.0, 1.0, layers + 1))
    return Volume(voxels, *(jnp.broadcast_to(jnp.asarray(f, float), voxels.shape) for f in fields))


def through(volume: Volume, momentum: float, count: int, **options) -> tuple[Particles, Particles, jax.Array]:
    """Vertical muons before and behind a slab, and whether they live."""
    zero, one = jnp.zeros(count), jnp.ones(count)
    before = Particles(zero, zero, zero + volume.voxels.z[-1], zero, zero, -one, momentum * one)
    events = Events(jnp.arange(count, dtype=jnp.uint32), one, one > 0, {}).add(before)
    after = MultipleScattering(volume, **options)(events, key=jax.random.key(KEY))
    return before, after[Particles], after.alive


@partial(jax.jit, static_argnames=("layers", "count", "options"))
def plane_moments(fields: tuple, layers: int, momentum: float, count: int, options: tuple) -> jax.Array:
    """Means of squared plane angle, squared plane displacement and their product, both planes together."""
    _, after, _ = through(slab(fields, SLAB, layers), momentum, count, **dict(options))
    across = jnp.hypot(after.ux, after.uy)
    angle = jnp.arctan2(across, -after.uz)
    along = (after.x * after.ux + after.y * after.uy) / jnp.maximum(across, 1e-12)
    return 0.5 * jnp.stack([jnp.mean(angle**2), jnp.mean(after.x**2 + after.y**2), jnp.mean(angle * along)])


def scattering(count: int) -> list[dict]:
    """Simulated against Highland's widths, displacements and correlations, in 10 cm."""
    ways = {
        "one draw": (1, ()),
        "ten draws": (1, (("segments", 10),)),
        "ten voxels": (10, ()),
        "lynch_dahl": (1, (("law", "lynch_dahl"),)),
        "tails": (1, (("tail_fraction", TAIL),)),
    }
    rows = []
    for name, momentum in itertools.product(SCATTERERS, MOMENTA):
        fields = matter(name)
        bp = float(muon.beta_momentum(jnp.asarray(momentum)))
        beta = bp / momentum
        theta = float(np.sqrt(highland_variance(jnp.asarray(SLAB * fields[0]), bp)))
        paths = (jnp.asarray(SLAB * f) for f in fields[2:])
        other = float(np.sqrt(lynch_dahl_variance(*paths, momentum, beta=beta)))
        expected = {way: other if way == "lynch_dahl" else theta for way in ways}
        row = {"material": name, "momentum": momentum, "highland": theta, "lynch_dahl_width": other}
        for way, (layers, options) in ways.items():
            a, b, c = (float(v) for v in plane_moments(fields, layers, momentum, count, options))
            row[way] = {
                "angle": np.sqrt(a) / expected[way],
                "displacement": np.sqrt(3.0 * b) / (SLAB * expected[way]),
                "correlation": c / np.sqrt(a * b),
            }
        rows.append(row)
    return rows


def lines(particles: Particles, found: jax.Array) -> Tracks:
    """The tracks of particles that are measured without error."""
    p, one = particles, jnp.ones_like(particles.x)
    z = p.z[0]  # all start on one plane, and end on one
    return Tracks(p.x, p.y, p.ux / p.uz, p.uy / p.uz, z, PERFECT * one, PERFECT * one, 0.0 * one, found, one)


@partial(jax.jit, static_argnames=("count", "loss", "options"))
def inferred(fields: tuple, depth: float, momentum: float, count: int, loss: float, options: tuple) -> dict:
    """Inferred over true inverse radiation length of a slab, by method, from muons with perfect tracks."""
    volume = slab(fields, depth, LAYERS)
    before, after, alive = through(volume, momentum, count, **dict(options))
    end = lines(after, alive & (after.z < 1e-4))
    first = lines(before, alive)
    points = closest_approach(first, end)
    chords = box_deflections(first, end, volume.voxels.box, points)
    return ratios(volume, chords, points, momentum, jnp.ones(count), loss)


def ratios(volume: Volume, chords: Deflections, points: Scatterings, momentum, weight, loss: float) -> dict:
    """Inferred over true inverse radiation length, mean over voxels, by method."""
    momenta = Momenta(momentum * weight, 0.0 * weight)
    events = Events(jnp.arange(len(weight), dtype=jnp.uint32), weight, weight > 0, {})
    events = events.add(chords).add(points).add(momenta)
    found = {}
    for shared in (False, True):
        sums: dict = {}
        for step in poca_density_passes(volume.voxels, shared=shared, loss=loss):
            sums |= {name: summary(events, sums) for name, summary in step.items()}
        density = density_map(sums["density"]).density
        found["shared" if shared else "poca"] = jnp.mean(density)
    found["start"] = 0.0 * density + jnp.mean(density)
    model = ScatteringModel(volume.voxels, loss=loss, prior_particles=0.0)
    fit = fitted_map(model, chords, momenta.value, weight, start=found.pop("start"), tolerance=1e-3, most=90)
    found["likelihood"] = jnp.mean(fit.map.density)
    return {method: value / volume.inverse_radiation_length.ravel()[0] for method, value in found.items()}


def noise_free(fields: tuple[float, ...], depth: float, momentum: float) -> dict:
    """The same from two deflections whose mean squares are exactly the law's covariance."""
    bp = float(muon.beta_momentum(jnp.asarray(momentum)))
    moments = path_moments(jnp.array([depth]), jnp.array([fields[0]]))
    c = exit_covariance(highland_variance(jnp.asarray(depth * fields[0]), bp), moments)
    root = np.linalg.cholesky(np.array([[c.angle, c.mixed], [c.mixed, c.displacement]], float)) * np.sqrt(2.0)
    return exact_ratios(fields, depth, momentum, jnp.asarray(root))


@jax.jit
def exact_ratios(fields: tuple[float, ...], depth: float, momentum: float, root: jax.Array) -> dict:
    """Inferred over true from two muons, whose angles and offsets are the rows of ``root``."""
    volume, one, zero, both = slab(fields, depth, 1), jnp.ones(2), jnp.zeros(2), jnp.full((2, 2), PERFECT)
    angle, offset = (jnp.stack([row, row]) for row in root)
    place, way = (zero, zero, depth * one), (zero, zero, -one)
    legs = [part[None] for part in (*place, *way, depth * one)]
    chords = Deflections(*legs, zero, angle, offset, both, 0.0 * both, both, one > 0, one)
    tiny = 1e-6 * one
    points = Scatterings(zero, zero, 0.5 * depth * one, tiny, tiny, tiny, angle[0], tiny, zero, one > 0, one)
    return ratios(volume, chords, points, momentum, one, 0.0)


def plain(found: dict) -> dict[str, float]:
    """Numbers by method."""
    return {method: float(value) for method, value in found.items()}


def inversions(count: int) -> list[dict]:
    """True over inferred ratios of the inverse radiation length of slabs, without and with noise, tails and losses."""
    rows = []
    for name, depth in itertools.product(INVERTED, DEPTHS):
        fields = matter(name)
        read = lambda momentum, loss, fields=fields, depth=depth, **options: plain(
            inferred(fields, depth, momentum, count, loss, tuple(options.items()))
        )
        rows.append(
            {
                "material": name,
                "depth": depth,
                "noise_free": plain(noise_free(fields, depth, 10.0)),
                "sampled": read(10.0, 0.0),
                "tails": read(10.0, 0.0, tail_fraction=TAIL),
                "with_loss": read(3.0, LOSS, energy_loss=True) if depth < 0.5 else None,
            }
        )
    return rows


def constructed_lines(count: int = 20000) -> dict:
    """Largest deviations [m] of closest approaches of lines built around known midpoints, by float type."""
    rng = np.random.default_rng(KEY)
    middle, gap = rng.uniform(0.0, 1.0, (count, 3)), rng.uniform(0.0, 0.01, count)
    slope = rng.uniform(-1.5, 1.5, (count, 2))
    angle, turn = np.exp(rng.uniform(np.log(1e-3), np.log(0.5), count)), rng.uniform(0.0, 2.0 * np.pi, count)
    u = np.column_stack([slope, np.ones(count)])
    v = np.column_stack([slope + angle[:, None] * np.column_stack([np.cos(turn), np.sin(turn)]), np.ones(count)])
    normal = np.cross(u, v)
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    ends = [(middle + 0.5 * sign * gap[:, None] * normal, way) for sign, way in ((1.0, u), (-1.0, v))]

    def deviation(dtype) -> float:
        make = lambda point, way, z: Tracks(
            *(
                jnp.asarray(c, dtype)
                for c in (*(point[:, :2] + (z - point[:, 2:]) * way[:, :2]).T, *way[:, :2].T, np.full((), z))
            ),
            *jnp.full((2, count), 1e-8, dtype), jnp.zeros(count, dtype), jnp.ones(count, bool), jnp.ones(count, dtype),
        )  # fmt: skip
        found = closest_approach(make(*ends[0], 1.8), make(*ends[1], -0.4))
        place = np.stack([np.asarray(getattr(found, axis), float) for axis in "xyz"], 1)
        assert bool(found.found.all())
        return float(np.abs(place - middle).max())

    with jax.enable_x64(True):
        double = deviation(np.float64)
    return {"float64": double, "float32": deviation(np.float32), "lines": count, "least_angle": 1e-3}


def flux_integrals() -> dict:
    """Vertical integral intensities [m^-2 s^-1 sr^-1] and rates through a horizontal plane [cm^-2 min^-1], by model."""
    zenith = np.linspace(0.0, 0.5 * np.pi, 721)
    found = {}
    for name, kind in FLUX_MODELS.items():
        model, rows = kind(), []
        for least in LEAST_ENERGIES:
            own = np.geomspace(least, 1e6, 4001)  # of the law's own variable, energy or momentum
            law = getattr(model, "per_momentum", model.intensity)
            read = lambda c, law=law, own=own: simpson(law(own, np.full_like(own, max(c, 1e-6))) * own, x=np.log(own))
            by_zenith = np.array([read(c) for c in np.cos(zenith[::4])])
            rate = 2.0 * np.pi * simpson(by_zenith * np.cos(zenith[::4]) * np.sin(zenith[::4]), x=zenith[::4])
            rows.append({"above": least, "vertical": float(read(1.0)), "rate": float(rate * 60.0 / 1e4)})
        found[name] = rows
    return found


def laws(quick: bool) -> dict:
    """All of part A, with the statistical errors of what is simulated."""
    many, slabs = (40_000, 10_000) if quick else (400_000, 60_000)
    return {
        "scattering": {"rows": scattering(many), "muons": many, "error": float(1.0 / np.sqrt(4.0 * many))},
        "inversion": {"rows": inversions(slabs), "muons": slabs, "error": float(1.0 / np.sqrt(slabs))},
        "closest_approach": constructed_lines(),
        "flux": flux_integrals(),
    }
