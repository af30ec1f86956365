"""Muons from a file: CSV, Parquet or ROOT with named columns and units in the header."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.core.stage import Derivative, Stage
from daedalus.errors import StageError, ValidityWarning
from daedalus.events import Events, Particles
from daedalus.sources.muon_columns import Columns, read_columns

_POSITION = ("x", "y", "z")
_CARTESIAN = ("px", "py", "pz")
_POLAR = ("theta", "phi", "p")
LEAST = 1e-9  # momentum of a muon, 1 eV: below it a unit is wrong [GeV]


class MuonFile(Stage):
    """The source of muons listed in a file, event ``i`` being row ``first + i`` modulo the number of rows.

    The first row is drawn from the key unless it is given, so that scans and rounds read different stretches of
    the file. A file should hold many times the muons of a scan.

    Columns: ``x``, ``y``, ``z`` and either ``px``, ``py``, ``pz`` or ``theta``, ``phi``, ``p``, optionally
        ``weight`` and ``time``; others are ignored. theta is the zenith angle, 0 for a muon that falls
        straight down; phi the azimuth into which it travels: u = (sin(theta) cos(phi), sin(theta) sin(phi),
        -cos(theta)). Units stand in the header, ``x [cm]``; a column without one is in house units (m, rad,
        GeV, ns). Nothing depends on a design; the derivative is exact, and zero.
    """

    name: ClassVar[str] = "muon_file"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    position: Float[np.ndarray, "3 row"]  # [m]
    direction: Float[np.ndarray, "3 row"]  # direction cosines [1]
    momentum: Float[np.ndarray, "row"]  # [GeV]
    weight: Float[np.ndarray, "row"]  # [1]
    interval: float | None = eqx.field(static=True)  # mean time between rows [s], if the file has times
    first: int | None = eqx.field(static=True)  # row of event 0; None: drawn from the key

    def __init__(
        self,
        path: str | Path,
        *,
        units: Mapping[str, str] | None = None,
        tree: str = "",
        events: int | None = None,
        first: int | None = None,
    ) -> None:
        """Reads the file.

        Args:
            path: file ending in .csv, .parquet or .root.
            units: units of columns whose header has none, by column name, e.g. {"x": "cm"}.
            tree: name of the tree in a ROOT file; "muons", or the only one there is, by default.
            events: number of events that will be asked for, if known; a warning is given if the file is
                shorter.
            first: row of event 0, counted from 0; drawn from the key by default.

        Raises:
            StageError: the file cannot be read, or a row is not a downward-going muon; names file, row and
                column.
        """
        columns = read_columns(Path(path), dict(units or {}), tree)
        self.position = np.stack([columns.values(name) for name in _POSITION])
        self.direction, self.momentum = _kinematics(columns)
        self.weight = columns.values("weight") if "weight" in columns else np.ones_like(self.momentum)
        columns.need(self.weight >= 0.0, "weight", "a weight of zero or more")
        self.interval = _interval(columns)
        self.first = first
        if events is not None and events > len(self.momentum):
            warnings.warn(
                f"{path} holds {len(self.momentum)} muons and {events} events are asked for: rows repeat, "
                "so the events are not independent. Ask for fewer events or supply a longer file.",
                ValidityWarning,
                stacklevel=2,
            )

    def __len__(self) -> int:
        """Number of muons in the file."""
        return len(self.momentum)

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with the muon of their row each, and its weight."""
        rows = len(self.momentum)
        first = jax.random.randint(key, (), 0, rows) if self.first is None else self.first % rows
        row = (events.index + jnp.asarray(first, jnp.uint32)) % jnp.uint32(rows)
        dtype = jnp.result_type(float)
        x, y, z = (jnp.asarray(values, dtype)[row] for values in self.position)
        ux, uy, uz = (jnp.asarray(values, dtype)[row] for values in self.direction)
        momentum = jnp.asarray(self.momentum, dtype)[row]
        particles = Particles(x=x, y=y, z=z, ux=ux, uy=uy, uz=uz, momentum=momentum)
        return events.add(particles).reweight(jnp.asarray(self.weight, dtype)[row])

    def exposure(self, events: int | float) -> float:
        """Time [s] in which that many muons come, from the file's column of times.

        Raises:
            StageError: the file has no times, or fewer than two.
        """
        if self.interval is None:
            raise StageError(
                "the muon file has no usable column 'time', so a number of muons is no exposure; "
                "add a column 'time [s]' with two rows or more."
            )
        return events * self.interval


def _kinematics(columns: Columns) -> tuple[Float[np.ndarray, "3 row"], Float[np.ndarray, "row"]]:
    """Direction cosines [1] and momenta [GeV]; only downward-going muons of positive momentum pass."""
    if all(name in columns for name in _CARTESIAN):
        vector = np.stack([columns.values(name) for name in _CARTESIAN])
        columns.need(vector[2] < 0.0, "pz", "a downward-going muon (pz < 0)")
        momentum = np.sqrt((vector**2).sum(axis=0))
        columns.need(momentum >= LEAST, "pz", f"a momentum of at least {LEAST:g} GeV")
        return vector / momentum, momentum
    if all(name in columns for name in _POLAR):
        theta, phi, momentum = (columns.values(name) for name in _POLAR)
        columns.need((theta >= 0.0) & (theta < np.pi / 2), "theta", "a zenith angle from 0 to below 90 deg")
        columns.need(momentum >= LEAST, "p", f"a positive momentum of at least {LEAST:g} GeV")
        sine = np.sin(theta)
        return np.stack([sine * np.cos(phi), sine * np.sin(phi), -np.cos(theta)]), momentum
    raise columns.missing(_CARTESIAN, _POLAR)


def _interval(columns: Columns) -> float | None:
    """Mean time between rows [s], if there are times."""
    if "time" not in columns or len(columns.values("time")) < 2:
        return None
    time = columns.values("time")
    return float(np.ptp(time) / (len(time) - 1)) * _SECONDS


_SECONDS = 1e-9  # s per ns, the house unit of time
