"""Binned models: the likelihood of a measurement's channels and of its auxiliary measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Bool, Float

from daedalus.errors import LikelihoodError
from daedalus.inference.histfactory.interpolation import AdditiveCode, FactorCode
from daedalus.inference.histfactory.parameter_sets import ParameterSet, parameter_sets
from daedalus.inference.histfactory.rates import Rates, rates
from daedalus.inference.histfactory.templates import Channel, HistoSys, Lumi, ShapeSys, StatError

_HALF_LOG_TWO_PI = 0.5 * float(np.log(2.0 * np.pi))


class Observation(eqx.Module):
    """What was measured: the counts of all bins, and the outcomes of the auxiliary measurements."""

    counts: Float[Array, "*toy bin"]  # channel after channel [events]
    auxiliary: Float[Array, "*toy param"]  # one per parameter; those without a measurement are ignored


class BinnedModel(eqx.Module):
    """The statistical model of a binned measurement: a pytree whose arrays may depend on a design.

    L(theta) = prod_bins P(n_b | nu_b(theta)) prod_constrained f(a_k | theta_k), f normal or Poisson. Source: Cranmer et
    al., HistFactory, CERN-OPEN-2012-016. Parameters are one vector, in the order of ``names``.
    """

    rates: Rates
    start: Float[Array, "param"]
    lower: Float[Array, "param"]
    upper: Float[Array, "param"]
    fixed: Bool[Array, "param"]
    auxiliary: Float[Array, "param"]  # nominal outcomes of the auxiliary measurements
    width: Float[Array, "param"]  # standard deviations of normal ones, scales of Poisson ones
    gaussian: Bool[np.ndarray, "param"] | Bool[Array, "param"]
    poisson: Bool[np.ndarray, "param"] | Bool[Array, "param"]
    names: tuple[str, ...] = eqx.field(static=True)
    channels: tuple[tuple[str, int], ...] = eqx.field(static=True)  # name and bins
    poi: int | None = eqx.field(static=True)  # number of the parameter of interest

    @staticmethod
    def of(
        channels: Sequence[Channel],
        poi: str | None = None,
        *,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        shapes: AdditiveCode = "code4p",
        norms: FactorCode = "code4",
    ) -> BinnedModel:
        """The model of channels; traceable: their numbers may depend on a design.

        Args:
            channels: the histograms.
            poi: name of the parameter of interest.
            settings: start, lower, upper, fixed, auxiliary or width of parameters, by the name of their set; gives a
                free parameter a Gaussian prior by ``{"prior": (mean, width)}``.
            shapes: code of the shape systematics' interpolation.
            norms: code of the normalisation systematics' interpolation.

        Raises:
            LikelihoodError: shapes or names that do not fit.
        """
        channels = tuple(channels)
        _check(channels)
        _check_luminosity(channels, settings or {})
        sets = _configured(parameter_sets(channels), settings or {})
        first = dict(zip(sets, np.cumsum([0, *(s.size for s in sets.values())]).tolist()))
        names = tuple(name for s in sets.values() for name in s.names)
        if poi is not None and poi not in names:
            raise LikelihoodError(
                f"the parameter of interest {poi!r} is none of the model's ({', '.join(names[:12])}); give one of them."
            )
        joined = {field: jnp.concatenate([getattr(s, field) for s in sets.values()]) for field in _FIELDS}
        kinds = np.array([s.constraint for s in sets.values() for _ in s.names])
        return BinnedModel(
            rates=rates(channels, first, len(names), shapes=shapes, norms=norms),
            **joined,
            gaussian=kinds == "gaussian",
            poisson=kinds == "poisson",
            names=names,
            channels=tuple((c.name, c.bins) for c in channels),
            poi=None if poi is None else names.index(poi),
        )

    def expected(self, parameters: Float[Array, "param"]) -> Float[Array, "bin"]:
        """The expected counts of all bins, channel after channel [events]."""
        return self.rates(parameters)

    def asimov(self, parameters: Float[Array, "param"]) -> Observation:
        """The observation in which everything is as expected, auxiliary measurements included.

        Cowan, Cranmer, Gross and Vitells, Eur. Phys. J. C 71 (2011) 1554, section 3.2.
        """
        outcome = jnp.where(self.poisson, parameters * self.width, parameters)
        return Observation(self.expected(parameters), jnp.where(self.gaussian | self.poisson, outcome, 0.0))

    def observed(self, counts: Float[Array, "bin"] | Float[np.ndarray, "bin"] | Sequence[float]) -> Observation:
        """The observation of counts, with auxiliary measurements as they came out.

        Raises:
            LikelihoodError: another number of counts than of bins.
        """
        counts = jnp.asarray(counts, self.start.dtype)
        bins = sum(number for _, number in self.channels)
        if counts.shape != (bins,):
            told = ", ".join(f"{name}: {number}" for name, number in self.channels)
            raise LikelihoodError(f"found {counts.size} counts; expected {bins}, one per bin ({told}).")
        return Observation(counts, self.auxiliary)

    def negative_log_likelihood(
        self, parameters: Float[Array, "param"], data: Observation, *, normalised: bool = False
    ) -> Float[Array, ""]:
        """-ln L [1]; infinite where the data are impossible, never NaN.

        Args:
            parameters: all of them, in the order of ``names``.
            data: what was measured.
            normalised: with the terms that depend on the data and the widths only, as pyhf's; they cost time and do not
                move a fit (but by a design that changes the widths). Without them -ln L is measured from that of a
                model which foretells each count exactly.
        """
        rate = self.expected(parameters)
        bins = jnp.sum(_poisson(data.counts, rate, normalised))
        pull = (data.auxiliary - parameters) / self.width
        normal = 0.5 * pull**2 + (jnp.log(self.width) + _HALF_LOG_TWO_PI if normalised else 0.0)
        scale = jnp.where(self.poisson, self.width, 1.0)
        counted = _poisson(jnp.where(self.poisson, data.auxiliary, 1.0), jnp.abs(parameters) * scale, normalised)
        return bins + jnp.sum(jnp.where(self.gaussian, normal, 0.0) + jnp.where(self.poisson, counted, 0.0))

    def log_likelihood(self, parameters: Float[Array, "param"], data: Observation) -> Float[Array, ""]:
        """Ln L with all its terms [1]."""
        return -self.negative_log_likelihood(parameters, data, normalised=True)

    def number(self, name: str) -> int:
        """The number of a parameter.

        Raises:
            LikelihoodError: there is none of that name.
        """
        if name not in self.names:
            raise LikelihoodError(f"no parameter is called {name!r}; the model has {', '.join(self.names[:12])}.")
        return self.names.index(name)


_FIELDS = ("start", "lower", "upper", "fixed", "auxiliary", "width")


def _poisson(count: Array, rate: Array, normalised: bool) -> Array:
    """-ln P(count | rate), or ln P(count | count) - ln P(count | rate); 0 ln 0 = 0, infinite where it cannot be.

    The difference is zero at its minimum and keeps its digits around it: a profile's small changes are not lost in the
    rounding of large numbers.
    """
    possible = rate > 0
    log_rate = jnp.log(jnp.where(possible, rate, 1.0))
    if normalised:
        value = rate - count * log_rate + gammaln(count + 1.0)
    else:
        some = jnp.where(count > 0, count, 1.0)
        excess = (rate - count) / some
        near = (count > 0) & (jnp.abs(excess) < 0.5)
        far = rate - count * log_rate - jnp.where(count > 0, count - count * jnp.log(some), 0.0)
        value = jnp.where(near, rate - count - count * jnp.log1p(jnp.where(near, excess, 0.0)), far)
    return jnp.where(possible | ((count == 0) & (rate == 0)), value, jnp.inf)


def _configured(sets: Mapping[str, ParameterSet], settings: Mapping[str, Mapping[str, Any]]) -> dict[str, ParameterSet]:
    strange = [name for name in settings if name not in sets]
    if strange:
        raise LikelihoodError(
            f"settings name the parameter {', '.join(strange)}, which no modifier has; expected some of "
            f"{', '.join(list(sets)[:12])}."
        )
    return {name: found.configured(settings.get(name, {})) for name, found in sets.items()}


def _check_luminosity(channels: Sequence[Channel], settings: Mapping[str, Mapping[str, Any]]) -> None:
    names = {m.name for channel in channels for s in channel.samples for m in s.modifiers if isinstance(m, Lumi)}
    for name in sorted(names):
        missing = {"auxiliary", "width"} - set(settings.get(name, {}))
        if missing:
            raise LikelihoodError(
                f"the luminosity {name!r} has no {' and no '.join(sorted(missing))}; expected its measured value and "
                "its standard deviation in the settings."
            )


def _check(channels: Sequence[Channel]) -> None:
    """Checks what can be checked without the numbers' values, which may be traced.

    Raises:
        LikelihoodError: no channel, an empty channel, shapes that do not fit, or a name that occurs twice.
    """
    if not channels or any(not channel.samples for channel in channels):
        raise LikelihoodError("found no channel, or one without samples; expected at least one of each.")
    _once("channel", [channel.name for channel in channels], "the model")
    for channel in channels:
        _once("sample", [sample.name for sample in channel.samples], f"channel {channel.name!r}")
        for sample in channel.samples:
            where = f"sample {sample.name!r} of channel {channel.name!r}"
            _once("modifier", [f"{type(m).__name__.lower()} {m.name}" for m in sample.modifiers], where)
            shapes = {where: sample.counts.shape}
            for m in sample.modifiers:
                if isinstance(m, HistoSys):
                    shapes |= {f"{m.name} down in {where}": m.down.shape, f"{m.name} up in {where}": m.up.shape}
                if isinstance(m, ShapeSys | StatError):
                    shapes[f"{m.name} in {where}"] = m.uncertainty.shape
            for name, shape in shapes.items():
                if shape != (channel.bins,):
                    raise LikelihoodError(f"{name} has shape {shape}; expected {channel.bins} bins, as its channel.")


def _once(what: str, names: Sequence[str], where: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise LikelihoodError(f"{what} {', '.join(twice)} occurs twice in {where}; give each a name of its own.")
