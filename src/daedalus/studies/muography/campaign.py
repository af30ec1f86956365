"""A campaign: telescopes, hill and flux put together, and what its sums are worth."""

from __future__ import annotations

import dataclasses
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from daedalus.core import Pipeline, Summaries
from daedalus.detectors.acceptance import PlaneTelescope
from daedalus.errors import ProblemError
from daedalus.events import Events
from daedalus.geometry.solids import Cone, Ellipsoid
from daedalus.geometry.terrain import Terrain
from daedalus.geometry.terrain_files import read_terrain
from daedalus.inference.fisher import covariance, exposure_for
from daedalus.physics.flux import flux_model
from daedalus.physics.transmission import IntegralIntensity, Transmission
from daedalus.studies.muography.crossing import Muograph, RockCrossing
from daedalus.studies.muography.design import TelescopeSites
from daedalus.studies.muography.options import MuographyOptions
from daedalus.studies.muography.rays import Rays, SkyRays
from daedalus.studies.muography.scenario import DEPTHS, Interior, random_interior, stratum
from daedalus.units import day, s

Place = tuple[Float[Array, "telescope"], Float[Array, "telescope"], Float[Array, "telescope"]]
HEIGHT, FOOT = 120.0, 250.0  # of the default hill, a cone [m]
RIM = 0.1  # softening of voids at their rim; their middle chord is 0.5 % too short [1]
SMOOTHED = 0.02  # of the foot: chords below 5 m are rounded off, so that gradients are not noisy along the skyline [1]
MOUNT = 1.5  # height of a telescope's middle above the ground [m]
STEPS = 128  # points at which a ray is compared with a terrain of a file
_PER_DAY = day / s  # fluxes are per second, exposures in the sums' functions in days: numbers near one
_LEAST_EVENTS = 1e-6  # floor of a scenario's events, so that an empty one has a derivative
_UNSEEN = 1e-6  # 1/day; floor of the information of a void that no telescope sees


@dataclasses.dataclass(frozen=True, eq=False)
class Campaign:
    """All that does not depend on the design."""

    options: MuographyOptions

    @cached_property
    def surface(self) -> Cone | Terrain:
        """The hill: a cone, or the terrain of a file.

        Raises:
            StageError: the file holds no usable terrain.
            ProblemError: the terrain ends within reach of the hill's axis.
        """
        o = self.options
        if not o.terrain_file:
            return Cone((0.0, 0.0), base=0.0, height=HEIGHT, radius=FOOT, softening=SMOOTHED)
        found = read_terrain(o.terrain_file, STEPS)
        x, y, _ = found.summit
        (west, east), (south, north) = found.extent
        room = min(x - west, east - x, y - south, north - y)
        if room < o.reach:
            raise ProblemError(
                f"the terrain of {o.terrain_file} ends {room:.6g} m from its highest point (x = {x:.6g} m, "
                f"y = {y:.6g} m); expected at least reach = {o.reach:g} m to all sides. Choose a smaller reach or a "
                "larger map."
            )
        return found

    @cached_property
    def floor(self) -> float:
        """Height of the lowest ground [m]."""
        surface = self.surface
        return 0.0 if isinstance(surface, Cone) else float(np.min(np.asarray(surface.heights)))

    @cached_property
    def transmission(self) -> Transmission:
        """Intensities behind rock."""
        o = self.options
        return Transmission(IntegralIntensity(flux_model(o.flux)), o.material, o.threshold)

    @property
    def tracker(self) -> PlaneTelescope:
        """One telescope."""
        o = self.options
        return PlaneTelescope(o.side, o.gap, 3, o.efficiency)

    @property
    def widths(self) -> Float[np.ndarray, "row"]:
        """What is known beforehand: standard deviations of both rows of density, of flux and of its tilt [1]."""
        o = self.options
        return np.array([o.density_error, o.density_error, o.flux_error, o.tilt_error])

    def positions(self, design: TelescopeSites) -> Place:
        """Places x, y, z of the telescopes [m], on their mounts."""
        axis_x, axis_y, _ = self.surface.summit
        x, y = axis_x + design.x, axis_y + design.y
        return x, y, self.surface.elevation(x, y) + MOUNT

    def truth(self, key: Key[Array, ""], index: Int[Array, ""], count: int) -> Interior:
        """The hill's inside in scenario ``index`` of ``count``."""
        o = self.options
        share = stratum(key, index, count)
        radii = (o.smallest, o.largest)
        return random_interior(
            key, share, self.surface, suspected=(o.east, o.north, o.spread), radii=radii, floor=self.floor
        )

    def build(self, design: TelescopeSites, truth: Interior) -> Pipeline:
        """The pipeline: directions, what comes through the rock, and sums of Fisher information and counts.

        Args:
            design: the telescopes.
            truth: the hill's inside.
        """
        o = self.options
        place = self.positions(design)
        radii = truth.radius, truth.radius, truth.radius
        void = Ellipsoid((truth.x, truth.y, truth.z), radii, RIM) if o.goal == "void" else None
        towards = jnp.arctan2(-design.y, -design.x)
        sky = SkyRays(place, towards + design.azimuth, design.elevation, self.tracker, void)
        rock = RockCrossing(
            place=place,
            surface=self.surface,
            void=void,
            axis=(float(self.surface.summit[0]), float(self.surface.summit[1])),
            strike=truth.strike,
            transmission=self.transmission,
            density=o.density,
            contrast=o.contrast,
        )
        return Pipeline([sky, rock], {"information": self.information, "counts": self.counts})

    def information(self, events: Events, earlier: dict[str, Array]) -> Float[Array, "telescope row row"]:
        """Fisher information of counts in all directions: sum of slope slope^T / (expected counts), by telescope.

        Area times solid angle times intensity, summed over events [1/s times events]. What concerns a void comes from
        the rays towards it, all else from those over the field of view.
        """
        sky = self._information(events, "sky")
        if self.options.goal == "density":
            return sky
        first = jnp.arange(len(self.widths)) == 0
        return jnp.where(first[:, None] | first, self._information(events, "void"), sky)

    def _information(self, events: Events, label: str) -> Float[Array, "telescope row row"]:
        seen = events[Muograph, label]
        weight = events.effective_weight * events[Rays, label].measure / (seen.intensity + self.options.background)
        return jnp.einsum("te,ite,jte->tij", weight, seen.slopes, seen.slopes)

    def counts(self, events: Events, earlier: dict[str, Array]) -> dict[str, Float[Array, "telescope"]]:
        """Counts by telescope [1/s times events]: muons, those through the void, its signal, background there."""
        total = lambda label, value: jnp.sum(events.effective_weight * events[Rays, label].measure * value, 1)
        muons = {"muons": total("sky", events[Muograph, "sky"].intensity)}
        if self.options.goal == "density":
            return muons
        seen = events[Muograph, "void"]
        return muons | {
            "through": total("void", seen.intensity),
            "signal": total("void", jnp.abs(seen.slopes[0])),
            "background": total("void", self.options.background),
        }

    def rate(self, summaries: Summaries) -> Float[Array, "scenario row row"]:
        """Fisher information of all telescopes together [1/day]."""
        number = jnp.maximum(summaries.accepted, _LEAST_EVENTS)[:, None, None]
        return _PER_DAY * jnp.sum(summaries["information"], 1) / number

    def days(self, summaries: Summaries) -> Float[Array, "scenario"]:
        """Days until each void has the wanted significance, density and flux profiled."""
        rate = self.rate(summaries).at[:, 0, 0].add(_UNSEEN)
        return jax.vmap(lambda J: exposure_for(J, self.widths[1:], self.options.significance))(rate)

    def density_errors(self, summaries: Summaries) -> Float[Array, "scenario"]:
        """Relative errors of the halves' densities after the exposure [1]: A, root of the mean square; D, geometric."""
        o = self.options
        found = jax.vmap(lambda J: covariance(J, self.widths, o.exposure / day))(self.rate(summaries))[:, :2, :2]
        if o.optimality == "A":
            return jnp.sqrt(0.5 * (found[:, 0, 0] + found[:, 1, 1]))
        return (found[:, 0, 0] * found[:, 1, 1] - found[:, 0, 1] ** 2) ** 0.25

    def pointing(self, distance: float) -> float:
        """Elevation [rad] of the middle of the voids' heights, from a place on the lowest ground at a distance [m]."""
        middle = 0.5 * (DEPTHS[0] + DEPTHS[1]) * (float(self.surface.summit[2]) - self.floor)
        return float(np.arctan2(middle - MOUNT, distance))
