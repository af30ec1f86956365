"""The site: where units may stand, and layouts made admissible there."""

from __future__ import annotations

from pathlib import Path

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Bool, Float

from daedalus.errors import DesignError, ProblemError
from daedalus.geometry.polygons import place, polygon
from daedalus.geometry.region_files import read_region
from daedalus.geometry.regions import Region, region
from daedalus.geometry.separation import SWEEPS, most_points, nearest_distances, separated
from daedalus.geometry.stations import TANK_RADIUS
from daedalus.units import km, m

# Pampa La Bola, Chile: east and north of the origin [m] (SWGO layout optimiser, github.com/tdorigo/SWGOLO, v148)
PAMPA_LA_BOLA = ((-3499.0 * m, 2000.0 * m), (1800.0 * m, 2000.0 * m), (1800.0 * m, -3508.0 * m))
LANE = 0.6 * m  # left between two tanks for trucks (same source)
ACROSS = 5  # tanks in the longest row of a unit of 19, a hexagon of two rings
SEPARATION = ACROSS * (2 * TANK_RADIUS + LANE)  # of units' centres: 22.1 m
TOLERANCE = 0.01 * m  # by which units may violate a bound: single precision on a site of kilometres, and files
_NAMED = 3  # units that a message names


class Site(eqx.Module):
    """Where units may stand: within a boundary, out of what is forbidden, apart from each other."""

    region: Region
    separation: float = eqx.field(static=True, default=SEPARATION)  # least distance of two units' centres [m]

    def outside(self, positions: Float[Array, "unit 2"]) -> Float[Array, "unit"]:
        """By how much each unit violates the bound it violates most [m]; negative where it may stand."""
        return self.region.outside(positions)

    def crowding(self, positions: Float[Array, "unit 2"]) -> Float[Array, "unit"]:
        """By how much the unit nearest to each one is nearer than allowed [m]; negative where there is room."""
        return self.separation - nearest_distances(positions)

    def admit(
        self,
        positions: Float[Array, "unit 2"],
        *,
        fixed: Bool[Array, "unit"] | None = None,
        fold: int = 1,
        centre: tuple[float, float] = (0.0, 0.0),
        sweeps: int = SWEEPS,
    ) -> Float[Array, "unit 2"]:
        """Units moved by little, so that the site admits them; see `daedalus.geometry.separation.separated`.

        Args:
            positions: of the units, with an n-fold symmetry those of one sector [m].
            fixed: units that stay where they are; the others give way.
            fold: order of the symmetry [1], 1 for none; see `daedalus.geometry.rotations.replicated`.
            centre: of the symmetry [m].
            sweeps: at most so many [1].
        """
        wanted = {"fixed": fixed, "fold": fold, "centre": centre, "sweeps": sweeps}
        return separated(positions, self.separation, self.region, **wanted)

    def check(self, positions: Float[Array | np.ndarray, "unit 2"]) -> None:
        """Checks that a layout is admissible, but for the tolerance that the problems' constraints have too.

        Raises:
            DesignError: units stand outside or too near each other; the text names them, numbered from 0, and where.
        """
        places = np.asarray(positions)
        for violation, what in (
            (self.outside, "outside the site or on forbidden ground"),
            (self.crowding, f"nearer to another unit than {self.separation:.6g} m"),
        ):
            by = np.asarray(jax.jit(lambda at, violation=violation: violation(at))(places))
            wrong = np.flatnonzero(by > TOLERANCE)
            if wrong.size:
                named = "; ".join(f"unit {k} at {place(places[k])} by {by[k]:.3g} m" for k in wrong[:_NAMED])
                more = f" and {wrong.size - _NAMED} more" if wrong.size > _NAMED else ""
                raise DesignError(f"units stand {what}: {named}{more}; expected none. Move them: `Site.admit` does.")

    def check_room(self, units: int) -> None:
        """Checks that so many units may fit; the densest packing there is decides, so less is comfortable.

        Raises:
            ProblemError: they cannot fit.
        """
        most = most_points(self.region, self.separation)
        if units > most:
            raise ProblemError(
                f"{units} units {self.separation:.4g} m apart on a site of {self.region.boundary.area / km**2:.4g} km2 "
                f"with {len(self.region.forbidden)} forbidden regions; expected at most {most}, in the densest "
                "packing. Place fewer, or nearer to each other."
            )


def pampa_la_bola(separation: float = SEPARATION, margin: float = 0.0) -> Site:
    """The triangle at Pampa La Bola, 14.6 km2.

    Args:
        separation: least distance of two units' centres [m].
        margin: least distance of a unit's centre from the boundary [m].
    """
    return Site(region(polygon(list(PAMPA_LA_BOLA)), margin=margin), separation)


def read_site(path: str | Path, separation: float = SEPARATION, margin: float = 0.0) -> Site:
    """The site of a GeoJSON file, see `daedalus.geometry.region_files.read_region`.

    Args:
        path: the file; coordinates in metres.
        separation: least distance of two units' centres [m].
        margin: least distance of a unit's centre from the boundary and from forbidden ground [m].

    Raises:
        StageError: the file is missing or malformed; the text names the feature and the place in it.
    """
    return Site(read_region(path, margin), separation)
