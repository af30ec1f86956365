"""Fits: the most likely parameters of a binned model, all free or some held."""

from __future__ import annotations

from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from daedalus.errors import LikelihoodError
from daedalus.gradients.bounded_minimum import STEPS, BoundedMinimum, bounded_minimum
from daedalus.inference.histfactory.model import BinnedModel, Observation

Held = Mapping[str, Float[Array, ""] | float]


def fit(
    model: BinnedModel,
    data: Observation,
    *,
    held: Held | None = None,
    start: Float[Array, "param"] | None = None,
    steps: int = STEPS,
) -> BoundedMinimum:
    """The parameters of greatest likelihood within their bounds; compiled, mapped and differentiated as you like.

    The derivative by whatever the model and the data depend on is implicit, see `bounded_minimum`; ``outcome`` says how
    the search ended. ``loss`` is -ln L without the terms that the parameters do not enter.

    Args:
        model: the statistical model.
        data: what was measured.
        held: parameters that keep a value, by name; a profile fit.
        start: where the search begins; the model's own start by default.
        steps: at most so many [1].

    Raises:
        LikelihoodError: a held name that the model does not have.
    """
    begin = model.start if start is None else start
    mask = np.zeros(len(model.names), bool)
    for name, value in (held or {}).items():
        begin = begin.at[model.number(name)].set(value)
        mask[model.number(name)] = True
    loss = lambda parameters, given: given[0].negative_log_likelihood(parameters, given[1])
    bounds = {"lower": model.lower, "upper": model.upper}
    return bounded_minimum(loss, begin, (model, data), **bounds, fixed=model.fixed | mask, steps=steps)


def profile_fits(
    model: BinnedModel, data: Observation, tested: Float[Array, "tested"]
) -> tuple[BoundedMinimum, BoundedMinimum]:
    """The free fit, and the fits with the parameter of interest held at tested values (leading axis), side by side.

    Args:
        model: the statistical model.
        data: what was measured.
        tested: values of the parameter of interest.

    Raises:
        LikelihoodError: the model has no parameter of interest.
    """
    own = jnp.arange(len(model.names)) == interest(model)
    starts = jnp.concatenate([model.start[None], jnp.where(own, tested[:, None], model.start)])
    holds = jnp.arange(len(starts)) > 0
    each = lambda start, holds: fit(with_fixed(model, own & holds), data, start=start)
    every = jax.vmap(each)(starts, holds)
    return jax.tree.map(lambda leaf: leaf[0], every), jax.tree.map(lambda leaf: leaf[1:], every)


def with_fixed(model: BinnedModel, mask: Bool[Array, "param"]) -> BinnedModel:
    """The model with more parameters fixed."""
    return eqx.tree_at(lambda m: m.fixed, model, model.fixed | mask)


def interest(model: BinnedModel) -> int:
    """The number of the parameter of interest.

    Raises:
        LikelihoodError: the model has none.
    """
    if model.poi is None:
        raise LikelihoodError("the model has no parameter of interest; name one: BinnedModel.of(channels, poi=...).")
    return model.poi


def check_data(model: BinnedModel, data: Observation) -> None:
    """Checks before a fit that data are possible: finite, not negative, and expected where they are found.

    Raises:
        LikelihoodError: they are not; the text names channel and bin.
    """
    counts, rate = np.asarray(data.counts, float), np.asarray(model.expected(model.start), float)
    places = [(name, number) for name, bins in model.channels for number in range(bins)]
    for (name, number), count, expected in zip(places, counts, rate, strict=True):
        where = f"bin {number} of channel {name!r}"
        if not (np.isfinite(count) and count >= 0):
            raise LikelihoodError(f"{where} has the count {count:g}; expected a finite number, zero or more.")
        if not np.isfinite(expected) or expected < 0 or (expected == 0 and count > 0):
            raise LikelihoodError(
                f"{where} has the count {count:g}, but {expected:g} are expected at the start: the likelihood is zero. "
                "Give the bin a background, join it with its neighbour, or start elsewhere."
            )
    if not np.isfinite(np.asarray(data.auxiliary, float)).all():
        raise LikelihoodError("an auxiliary measurement is not finite; expected one number per parameter.")
