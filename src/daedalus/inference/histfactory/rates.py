"""Rates: the expected counts of all bins as one array program over tables of templates and parameter numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from daedalus.inference.histfactory.interpolation import AdditiveCode, FactorCode, FactorCurves, even_part
from daedalus.inference.histfactory.templates import (
    Channel,
    HistoSys,
    Lumi,
    NormFactor,
    NormSys,
    Sample,
    ShapeFactor,
    ShapeSys,
    StatError,
)


class Rates(eqx.Module):
    """The expected counts of a measurement: (nominal + shape shifts) times all factors, summed over samples.

    Samples of all channels stand one after another, bin by bin: a *cell* is a bin of a sample. A cell's shift is linear
    in the templates, alpha S + h(alpha) D, so that all shape systematics are two small matrix products.
    """

    nominal: Float[Array, "cell"]  # [events]
    odd: Float[Array, "shape cell"]  # S of every shape systematic [events]
    even: Float[Array, "shape cell"]  # D of every shape systematic [events]
    curves: FactorCurves  # of the normalisation systematics
    shape_parameter: Int[np.ndarray, "shape"] | Int[Array, "shape"]  # whose alpha
    curve_parameter: Int[np.ndarray, "sys"] | Int[Array, "sys"]  # whose alpha
    # numbers in (parameters, 1, curves) that multiply a sample, and in (parameters, 1) that multiply a cell
    sample_factors: Int[np.ndarray, "sample most"] | Int[Array, "sample most"]
    cell_factors: Int[np.ndarray, "cell several"] | Int[Array, "cell several"]
    blocks: tuple[tuple[int, int], ...] = eqx.field(static=True)  # samples and bins of every channel
    code: AdditiveCode = eqx.field(static=True)

    def cells(self, parameters: Float[Array, "param"]) -> Float[Array, "cell"]:
        """The expected counts of every sample and bin [events]."""
        one = jnp.ones(1, parameters.dtype)
        counts = self.nominal
        if len(self.shape_parameter):
            alpha = parameters[self.shape_parameter]
            counts = counts + alpha @ self.odd + even_part(alpha, self.code) @ self.even
        known = [parameters, one]
        if len(self.curve_parameter):
            known.append(self.curves(parameters[self.curve_parameter]))
        if self.sample_factors.shape[1]:
            factor = jnp.prod(jnp.concatenate(known)[self.sample_factors], 1)
            counts = counts * factor[self._sample_of_cell]
        if self.cell_factors.shape[1]:
            counts = counts * jnp.prod(jnp.concatenate(known[:2])[self.cell_factors], 1)
        return counts

    def __call__(self, parameters: Float[Array, "param"]) -> Float[Array, "bin"]:
        """The expected counts of every bin, channel after channel [events]."""
        cells, first, sums = self.cells(parameters), 0, []
        for samples, bins in self.blocks:
            sums.append(jnp.sum(cells[first : first + samples * bins].reshape(samples, bins), 0))
            first += samples * bins
        return jnp.concatenate(sums)

    @property
    def _sample_of_cell(self) -> Int[np.ndarray, "cell"]:
        bins = np.concatenate([np.full(samples, bins) for samples, bins in self.blocks])
        return np.repeat(np.arange(len(bins)), bins)


def rates(
    channels: Sequence[Channel],
    first: Mapping[str, int],
    size: int,
    *,
    shapes: AdditiveCode = "code4p",
    norms: FactorCode = "code4",
) -> Rates:
    """The rates of channels.

    Args:
        channels: whose shapes and names fit (see `BinnedModel.of`).
        first: number of the first parameter of every set.
        size: number of parameters [1].
        shapes: code of the shape systematics.
        norms: code of the normalisation systematics.
    """
    samples = [(channel, sample) for channel in channels for sample in channel.samples]
    curves = [(row, m) for row, (_, s) in enumerate(samples) for m in s.modifiers if isinstance(m, NormSys)]
    down, up = (jnp.stack([getattr(m, side) for _, m in curves]) if curves else jnp.ones(0) for side in ("down", "up"))
    odd, even, names = _shifts(samples)
    number = {id(m): size + 1 + i for i, (_, m) in enumerate(curves)}
    whole = [
        [first[m.name] if isinstance(m, NormFactor | Lumi) else number[id(m)]
         for m in sample.modifiers if isinstance(m, NormFactor | Lumi | NormSys)]
        for _, sample in samples
    ]  # fmt: skip
    return Rates(
        nominal=jnp.concatenate([sample.counts for _, sample in samples]),
        odd=odd,
        even=even,
        curves=FactorCurves.of(down, up, norms),
        shape_parameter=np.array([first[name] for name in names], int),
        curve_parameter=np.array([first[m.name] for _, m in curves], int),
        sample_factors=_table(whole, size),
        cell_factors=_cell_factors(channels, first, size),
        blocks=tuple((len(c.samples), c.bins) for c in channels),
        code=shapes,
    )


def _shifts(samples: Sequence[tuple[Channel, Sample]]) -> tuple[Array, Array, list[str]]:
    """Odd and even shifts of every shape systematic over all cells, and the systematics' names."""
    names = list(dict.fromkeys(m.name for _, s in samples for m in s.modifiers if isinstance(m, HistoSys)))
    part: dict[str, Callable[[Sample, HistoSys], Array]] = {
        "odd": lambda sample, m: 0.5 * (m.up - m.down),
        "even": lambda sample, m: 0.5 * (m.up + m.down) - sample.counts,
    }

    def line(name: str, of: Callable[[Sample, HistoSys], Array]) -> Array:
        own = lambda s: [of(s, m) for m in s.modifiers if isinstance(m, HistoSys) and m.name == name]
        return jnp.concatenate([sum(own(s), start=jnp.zeros_like(s.counts)) for _, s in samples])

    cells = sum(s.counts.shape[0] for _, s in samples)
    odd, even = (jnp.stack([line(n, of) for n in names]) if names else jnp.zeros((0, cells)) for of in part.values())
    return odd, even, names


def _cell_factors(channels: Sequence[Channel], first: Mapping[str, int], size: int) -> Int[np.ndarray, "cell several"]:
    """Which parameters multiply every cell: those of modifiers with one factor per bin."""
    table: list[list[int]] = []
    used: dict[str, int] = {}  # bins of statistical errors in the channels before
    for channel in channels:
        own = {m.name for s in channel.samples for m in s.modifiers if isinstance(m, StatError)}
        for sample in channel.samples:
            by_bin = [m for m in sample.modifiers if isinstance(m, ShapeSys | StatError | ShapeFactor)]
            start = [first[m.name] + used.get(m.name, 0) * isinstance(m, StatError) for m in by_bin]
            table += [[place + number for place in start] for number in range(channel.bins)]
        for name in own:
            used[name] = used.get(name, 0) + channel.bins
    return _table(table, size)


def _table(rows: Sequence[Sequence[int]], one: int) -> Int[np.ndarray, "row most"]:
    """Rows of numbers, filled up with the number of the constant one."""
    most = max(map(len, rows), default=0)
    return np.array([[*row, *[one] * (most - len(row))] for row in rows], int).reshape(len(rows), most)
