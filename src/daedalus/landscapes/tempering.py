"""Tempering: populations that cool from the whole cube to a surface's low places, basins in their right shares."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from daedalus.landscapes.charts import log_jacobian
from daedalus.landscapes.errors import LandscapeError
from daedalus.landscapes.sampling import Samples, log_density, samples_of
from daedalus.landscapes.surface import Surface

TEMPERATURES = 200  # most of a population


def tempered_samples(
    surface: Surface,
    *,
    temperature: float,
    key: Key[Array, ""],
    populations: int = 4,
    members: int = 256,
    moves: int = 8,
    share: float = 0.5,
    pressure: float = 10.0,
) -> Samples:
    """Draws of tempered sequential Monte Carlo from the whole cube: several basins in their right shares, no gradients.

    Populations go from the uniform density to exp(-loss / T), each temperature so chosen that the effective share of
    its members is ``share`` (Del Moral, Doucet and Jasra, JRSS B 68 (2006) 411; Stat. Comput. 22 (2012) 1009); members
    move by random-walk Metropolis steps in the logits, of lengths drawn between the population's spread and a hundredth
    of it, so that narrow basins are explored beside wide ones. (moves + 3) * members * populations evaluations per
    temperature. It also finds the mean of exp(-loss / T) over the cube, from which volumes follow.

    Args:
        surface: any, smooth or not.
        temperature: of the last density [loss].
        key: decides the draws.
        populations: independent ones, at least two [1].
        members: of a population [1].
        moves: steps of a member at each temperature [1].
        share: effective share of the members at the next temperature, between 0 and 1.
        pressure: of the constraints [loss per scale].

    Raises:
        LandscapeError: fewer than two populations, or no temperature.
    """
    _check(populations, members, temperature)
    begin, keys = jax.random.split(key)
    rng = np.random.default_rng(np.asarray(jax.random.bits(begin, (4,), jnp.uint32)))
    logits = jnp.asarray(rng.logistic(size=(populations, members, surface.size)), jnp.result_type(float))
    weights = jnp.asarray(np.full((populations, members), 1 / members), logits.dtype)
    state = (logits, weights, jnp.asarray(np.zeros(populations), logits.dtype))
    heat = jnp.asarray([temperature, pressure], logits.dtype)
    evidence, made, rates, worth = np.zeros(populations), 0, 0.0, np.zeros(populations)
    for _ in range(TEMPERATURES):
        settled = bool(np.all(np.asarray(state[2]) >= 1.0))  # one more time at the last one, with equal weights after
        worth = 1 / np.sum(np.asarray(state[1], float) ** 2, 1)
        fold = jax.random.split(jax.random.fold_in(keys, made), populations)
        state, gain, rates = _tempered(surface, state, heat, fold, (moves, share))
        evidence = evidence + np.asarray(gain)
        made += (moves + 3) * members * populations
        if settled:
            break
    else:
        raise LandscapeError(
            f"after {TEMPERATURES} temperatures some population is not at {temperature:g}; expected fewer. Take more "
            "members or a higher temperature, and see that the loss is finite somewhere."
        )
    facts = (float(jnp.mean(rates)), 0, made)
    found = samples_of("SMC", surface, state[0], None, heat=temperature, facts=facts)
    effective = np.full(surface.size, float(np.sum(worth)))
    return dataclasses.replace(found, log_evidence=evidence, effective=effective)


def _check(populations: int, members: int, temperature: float) -> None:
    if not temperature > 0 or populations < 2 or members < 4:
        raise LandscapeError(
            f"{populations} populations of {members} at temperature {temperature:g}; expected at least two of four, "
            "and a temperature above zero."
        )


@eqx.filter_jit
def _tempered(
    surface: Surface, state: tuple[Array, Array, Array], heat: Array, keys: Array, how: tuple[int, float]
) -> tuple[tuple[Array, Array, Array], Array, Array]:
    """The populations at their next temperature, what each gains in log evidence, and the acceptance."""
    import blackjax.smc.adaptive_tempered as adaptive
    from blackjax.mcmc import random_walk
    from blackjax.smc import resampling, solver
    from blackjax.smc.tempered import TemperedSMCState

    (moves, share), whole = how, log_density(surface, heat[0], heat[1])
    walk = random_walk.build_additive_step()

    def step(key: Array, state: Any, density: Callable, root: Array) -> Any:
        def jump(key: Array, position: Array) -> Array:
            long, across = jax.random.split(key)
            length = 2.38 / position.size**0.5 * 10 ** jax.random.uniform(long, minval=-2.0, maxval=0.0)
            return length * root @ jax.random.normal(across, position.shape, position.dtype)

        return walk(key, state, density, jump)

    kernel = adaptive.build_kernel(
        log_jacobian,
        lambda logit: whole(logit) - log_jacobian(logit),
        step,
        random_walk.init,
        resampling.systematic,
        share,
        solver.dichotomy,
    )

    def one(key: Array, logits: Array, weights: Array, power: Array) -> tuple:
        centred = logits - weights @ logits
        spread = (weights[:, None] * centred).T @ centred + 1e-9 * jnp.eye(logits.shape[1], dtype=logits.dtype)
        root = jnp.linalg.cholesky(spread)
        after, info = kernel(key, TemperedSMCState(logits, weights, power), moves, {"root": root[None]})
        rate = jnp.mean(info.update_info.acceptance_rate)
        return (after.particles, after.weights, after.tempering_param), info.log_likelihood_increment, rate

    return jax.vmap(one)(keys, *state)
