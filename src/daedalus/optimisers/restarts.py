"""Restarts: where and how large the next run of an evolution strategy is."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

SMALLER = 2.0  # decades by which a small run's first step may be below the usual one [1]


class Run(eqx.Module):
    """One run of an evolution strategy, and what the runs before it used up."""

    number: Int[Array, ""]
    size: Int[Array, ""]  # population [smallest populations]
    mean: Float[Array, "param"]  # middle of the first draws
    sigma: Float[Array, ""]  # their standard deviation
    large: Int[Array, ""]  # size of the largest run so far
    small: Bool[Array, ""]  # whether this run is one of the small ones
    used: Int[Array, "2"]  # rows of the large and of the small runs before


def first_run(mean: Float[Array, "param"], sigma: float) -> Run:
    """The run a search begins with."""
    whole = lambda number: jnp.asarray(number, jnp.int32)
    return Run(whole(0), whole(1), mean, jnp.asarray(sigma, mean.dtype), whole(1), jnp.zeros((), bool), whole([0, 0]))


def next_run(run: Run, rows: int, sigma: float, *, alternate: bool, key: Key[Array, ""]) -> Run:
    """The run after one that took so many rows, from a random place.

    The population doubles (IPOP: Auger and Hansen, IEEE CEC 2005, 1769), or runs of doubled population alternate with
    small ones of random population and step, whichever has used fewer rows (BIPOP: Hansen, GECCO 2009, 2389).

    Args:
        run: the run that is over.
        rows: evaluations it used [1].
        sigma: the usual standard deviation of first draws [1].
        alternate: BIPOP instead of IPOP.
        key: decides place, and population and step of small runs.
    """
    place, spread, size = jax.random.split(key, 3)
    used = run.used.at[jnp.where(run.small, 1, 0)].add(rows)
    small = jnp.asarray(alternate) & (run.number > 0) & (used[1] < used[0])
    share = jax.random.uniform(size, ()) ** 2
    fewer = jnp.maximum(1, jnp.floor((0.5 * run.large) ** share)).astype(jnp.int32)
    large = jnp.where(small, run.large, 2 * run.large)
    lower = 10 ** (-SMALLER * jax.random.uniform(spread, (), run.mean.dtype))
    return Run(
        number=run.number + 1,
        size=jnp.where(small, fewer, large),
        mean=jax.random.uniform(place, run.mean.shape, run.mean.dtype),
        sigma=jnp.where(small, sigma * lower, sigma).astype(run.mean.dtype),
        large=large,
        small=small,
        used=used,
    )
