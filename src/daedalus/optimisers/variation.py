"""Variation: children of points of the cube, by crossover and mutation."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.errors import OptimiserError
from daedalus.optimisers.levels import Levels

ALIKE = 1e-12  # parents this near to each other have no spread to hand on [1]

Cubes = Float[Array, "pair param"]


class Variation(eqx.Module):
    """How children are made of two parents.

    Simulated binary crossover (Deb and Agrawal, Complex Systems 9 (1995) 115), then polynomial mutation (Deb and Goyal,
    Comput. Sci. Informatics 26 (1996) 30), both within the bounds. Whole numbers end on levels and mutate by one at
    least; choices come from either parent and mutate to any other value. No child is the copy of a parent.
    """

    crossover: float  # probability that two parents cross; a parameter then does with one half
    crossover_index: float  # the larger, the nearer are children to their parents
    mutation: float | None  # probability that a parameter mutates; None: one over their number
    mutation_index: float  # the larger, the smaller are mutations

    def __check_init__(self) -> None:
        rates = [self.crossover, 0.0 if self.mutation is None else self.mutation]
        if not all(0 <= rate <= 1 for rate in rates) or min(self.crossover_index, self.mutation_index) < 0:
            raise OptimiserError(
                f"crossover is {self.crossover}, mutation {self.mutation}, their indices {self.crossover_index} and "
                f"{self.mutation_index}; expected probabilities and numbers not below zero."
            )

    def __call__(
        self, one: Cubes, other: Cubes, levels: Levels, *, key: Key[Array, ""]
    ) -> Float[Array, "2*pair param"]:
        """Two children for each pair of parents, those of the first kind in front."""
        cross, change, copied = jax.random.split(key, 3)
        children = jnp.concatenate(self.crossed(one, other, levels, key=cross))
        parents = jnp.concatenate([one, other]), jnp.concatenate([other, one])
        copies = jnp.any(jnp.stack([jnp.all(children == parent, -1) for parent in parents]), 0)
        where, anyhow = jax.random.split(copied)
        size = one.shape[-1]
        forced = jax.random.randint(anyhow, children.shape[:1], 0, size)[:, None] == jnp.arange(size)
        rate = 1 / size if self.mutation is None else self.mutation
        chosen = jax.random.bernoulli(where, rate, children.shape) | (forced & copies[:, None])
        return jnp.where(chosen, self.mutated(children, levels, key=change), children)

    def crossed(self, one: Cubes, other: Cubes, levels: Levels, *, key: Key[Array, ""]) -> tuple[Cubes, Cubes]:
        """Two children for each pair of parents, around these."""
        pairs, each, spread, swap = jax.random.split(key, 4)
        low, high = jnp.minimum(one, other), jnp.maximum(one, other)
        gap = high - low
        apart = gap > ALIKE
        gap = jnp.where(apart, gap, 1.0)
        uniform = jax.random.uniform(spread, one.shape, one.dtype)
        below = self._spread(uniform, 1 + 2 * low / gap)
        above = self._spread(uniform, 1 + 2 * (1 - high) / gap)
        crosses = jax.random.bernoulli(pairs, self.crossover, one.shape[:1])[:, None]
        crosses &= jax.random.bernoulli(each, 0.5, one.shape)
        blended = crosses & apart & ~levels.unordered
        middle = 0.5 * (low + high)
        first = levels.snapped(jnp.clip(middle - 0.5 * below * gap, 0.0, 1.0))
        second = levels.snapped(jnp.clip(middle + 0.5 * above * gap, 0.0, 1.0))
        swapped = jax.random.bernoulli(swap, 0.5, one.shape)
        pick = lambda mine, a, b, theirs: jnp.where(
            blended, jnp.where(swapped, b, a), jnp.where(crosses & levels.unordered & swapped, theirs, mine)
        )
        return pick(one, first, second, other), pick(other, second, first, one)

    def mutated(
        self, cube: Float[Array, "start param"], levels: Levels, *, key: Key[Array, ""]
    ) -> Float[Array, "start param"]:
        """The points with every parameter mutated."""
        near, level = jax.random.split(key)
        uniform = jax.random.uniform(near, cube.shape, cube.dtype)
        power = self.mutation_index + 1
        down = (2 * uniform + (1 - 2 * uniform) * (1 - cube) ** power) ** (1 / power) - 1
        up = 1 - (2 * (1 - uniform) + (2 * uniform - 1) * cube**power) ** (1 / power)
        moved = jnp.clip(cube + jnp.where(uniform < 0.5, down, up), 0.0, 1.0)
        return levels.moved(cube, moved, key=level)

    def _spread(self, uniform: Cubes, room: Cubes) -> Cubes:
        """The spread of children over that of their parents, cut off at a bound: room is its largest value [1]."""
        power = self.crossover_index + 1
        scale = 2 - room**-power
        inner = (uniform * scale) ** (1 / power)
        outer = (1 / jnp.maximum(2 - uniform * scale, ALIKE)) ** (1 / power)
        return jnp.where(uniform * scale <= 1, inner, outer)
