"""A lower stack that is not where it is believed to be: its sums, and the time to find a block in spite of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.core import Metric, Objective, Summaries
from daedalus.inference.contrast_information import ContrastInformation
from daedalus.inference.movement_bias import (
    MovementInformation,
    MovementSums,
    exposure_for_strength,
    movement_left,
    strength_error,
)
from daedalus.reconstruction.rigid_movement import MOVEMENTS, MovementResponse
from daedalus.studies.muon_tomography.contents import Contents
from daedalus.studies.muon_tomography.detection import PATIENCE, SIGMAS, typical_time
from daedalus.studies.muon_tomography.imaging import model
from daedalus.studies.muon_tomography.options import MovementOptions, ScanOptions
from daedalus.studies.muon_tomography.scan import Scan
from daedalus.studies.muon_tomography.scanner import FLOOR, SIDE
from daedalus.studies.muon_tomography.target import Target
from daedalus.units import s

PIVOT = (0.5 * SIDE, 0.5 * SIDE, 0.5 * FLOOR)  # about which the stack turns: the middle of its room [m]
DENSITY_ERROR = 0.1  # relative standard deviation of the density of everything beforehand [1]
LEAST_INFORMATION = 1e-6  # of a scan that sees nothing: its time is then finite [1]
LEAST = 1e-9  # error of which a logarithm is taken [1, m and rad]
LEFT = {"aligned_shift": ("dx", "dy"), "aligned_height": ("dz",), "aligned_tilt": ("rx", "ry"), "aligned_turn": ("rz",)}


def movement_information(target: Target, contents: Contents, options: ScanOptions) -> MovementInformation:
    """The pass of a scan's contrast and movements.

    The contrast is that of the scrap with the block and without, at the strength of one: there a muon says at most 2 of
    it. Without the block, of which uranium is many hundreds of scrap's or air's radiation lengths, the first muon would
    decide.
    """
    contrast = ContrastInformation(
        model(target.voxels, loses=options.energy_loss), *target.densities(contents), strength=1.0
    )
    return MovementInformation(contrast, MovementResponse(target.voxels.box.lower[2], PIVOT))


def widths(movement: MovementOptions) -> Float[np.ndarray, "param"]:
    """The standard deviations of the movements beforehand [m and rad], in the order of `MOVEMENTS`."""
    return np.array([movement.stack_shift if name.startswith("d") else movement.stack_turn for name in MOVEMENTS])


def movement_objective(movement: MovementOptions, options: ScanOptions, seconds: float) -> Objective:
    """The scanning time after which the block is thrice its total error, what a movement does included.

    A time, like the objective that knows of no movement, so that the two compare; where the bias alone is more than a
    third it ends in the same patience, and still has a derivative. See `daedalus.inference.movement_bias`.

    Args:
        movement: what is known of the lower stack.
        options: how scans are weighed.
        seconds: a scan takes [s].
    """
    doc = "of scanning until a block at a known place is thrice its error, movement included, geometric mean"
    time = _time(movement, options, seconds, profiled=movement.movement == "profiled")
    return Objective("time_to_find", time, "s", 0.03 * seconds * s, doc=doc)


def movement_metrics(movement: MovementOptions, options: ScanOptions, seconds: float) -> tuple[Metric, ...]:
    """The time with the movement profiled and left out, its bias after a scan in either case, and what is left of it.

    Args:
        movement: what is known of the lower stack.
        options: how scans are weighed.
        seconds: a scan takes [s].
    """
    known = widths(movement)

    def after(profiled: bool, read: Callable[[MovementSums, Array], Array]) -> Callable[..., Float[Array, ""]]:
        """The geometric mean over scans of a figure of the sums and of what is left after a scan."""
        one = lambda sums: jnp.log(jnp.maximum(read(sums, movement_left(sums, known, 1.0, profiled=profiled)), LEAST))
        return lambda design, summaries, truths: jnp.exp(summaries.mean(jax.vmap(one)(sums_of(summaries))))

    def left(names: tuple[str, ...]) -> Callable[[MovementSums, Array], Array]:
        rows = [MOVEMENTS.index(name) for name in names]
        return lambda sums, moments: jnp.sqrt(jnp.mean(jnp.stack([moments[row, row] for row in rows])))

    error = lambda sums, moments: strength_error(sums, moments, 1.0, density_error=DENSITY_ERROR)
    spread = lambda sums, moments: error(sums, moments).spread
    own = lambda sums, moments: error(sums, moments).statistical
    ways = {"profiled": True, "left_out": False}
    return (
        *(Metric(f"time_{way}", _time(movement, options, seconds, profiled=value), "s",
                 f"of scanning until a block is thrice its error, movement {way.replace('_', ' ')}")
          for way, value in ways.items()),
        Metric("strength_error", after(True, own), doc="statistical error of the block's strength after a scan"),
        *(Metric(f"bias_{way}", after(value, spread),
                 doc=f"rms bias of the block's strength after a scan, movement {way.replace('_', ' ')}")
          for way, value in ways.items()),
        *(Metric(name, after(True, left(names)), "mm" if names[0] in ("dx", "dz") else "mrad",
                 f"error of {' and '.join(names)} of the lower stack after a scan, from its muons")
          for name, names in LEFT.items()),
    )  # fmt: skip


def _time(
    movement: MovementOptions, options: ScanOptions, seconds: float, *, profiled: bool
) -> Callable[[Any, Summaries, Scan], Float[Array, ""]]:
    """The typical time to find the block [ns], as a figure."""

    def time(design: Any, summaries: Summaries, truths: Scan) -> Float[Array, ""]:
        scans = scans_to_find(summaries, movement, profiled=profiled)
        return typical_time(scans, summaries, options) * seconds * s

    return time


def scans_to_find(summaries: Summaries, movement: MovementOptions, *, profiled: bool) -> Float[Array, "scenario"]:
    """The scanning time after which the block of each scan is three times the error of its strength [scans]."""
    known = widths(movement)
    one = lambda sums: exposure_for_strength(
        sums, known, z=SIGMAS, density_error=DENSITY_ERROR, profiled=profiled, longest=PATIENCE
    )
    return jax.vmap(one)(sums_of(summaries))


def sums_of(summaries: Summaries) -> MovementSums:
    """The sums of every scan, with a least information of the contrast."""
    sums = summaries["movement"]
    return sums._replace(contrast=sums.contrast + LEAST_INFORMATION * jnp.eye(2))
