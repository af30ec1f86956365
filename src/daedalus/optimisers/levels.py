"""Levels: where whole numbers and choices may stand in the unit cube."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from daedalus.core import Space


class Levels(eqx.Module):
    """The values of every whole number and choice, as places on the axes of the cube."""

    first: Float[Array, "param"]  # place of the lowest value [1]
    step: Float[Array, "param"]  # from one value to the next; 0 where continuous [1]
    count: Int[Array, "param"]  # number of values; 0 where continuous [1]
    unordered: Bool[Array, "param"]  # choices, none of whose values is between two others

    @staticmethod
    def of(space: Space) -> Levels:
        """The levels of a space."""
        lowest, highest = np.ceil(space.lower), np.floor(space.upper)
        span = np.where(space.whole, space.upper - space.lower, 1.0)
        fill = lambda values: np.where(space.whole, values, 0.0)
        return Levels(
            jnp.asarray(fill((lowest - space.lower) / span), jnp.result_type(float)),
            jnp.asarray(fill(1 / span), jnp.result_type(float)),
            jnp.asarray(fill(highest - lowest + 1), jnp.int32),
            jnp.asarray([entry.kind == "choice" for entry in space.entries], bool),
        )

    @property
    def whole(self) -> Bool[Array, "param"]:
        """Which parameters have levels."""
        return self.count > 0

    @property
    def ordered(self) -> Bool[Array, "param"]:
        """Which parameters are whole numbers."""
        return self.whole & ~self.unordered

    def index(self, cube: Float[Array, "*start param"]) -> Int[Array, "*start param"]:
        """The number of the level nearest to a place, counted from 0; 0 where continuous."""
        level = jnp.round((cube - self.first) / jnp.where(self.whole, self.step, 1.0))
        return jnp.where(self.whole, jnp.clip(level, 0, self.count - 1), 0).astype(jnp.int32)

    def place(
        self, index: Int[Array, "*start param"], cube: Float[Array, "*start param"]
    ) -> Float[Array, "*start param"]:
        """The places of levels; those of a cube where continuous."""
        return jnp.where(self.whole, self.first + index * self.step, cube)

    def snapped(self, cube: Float[Array, "*start param"]) -> Float[Array, "*start param"]:
        """The nearest places where all have a level."""
        return self.place(self.index(cube), cube)

    def spread(self, uniform: Float[Array, "*start param"]) -> Float[Array, "*start param"]:
        """Uniform numbers in [0, 1) with equal shares of them for every level."""
        index = jnp.clip(jnp.floor(uniform * self.count), 0, jnp.maximum(self.count - 1, 0))
        return self.place(index.astype(jnp.int32), uniform)

    def moved(
        self, cube: Float[Array, "*start param"], wished: Float[Array, "*start param"], *, key: Key[Array, ""]
    ) -> Float[Array, "*start param"]:
        """Places that differ from those of a cube: where wished, but whole numbers by one at least, choices anyhow."""
        sign, value = jax.random.split(key)
        old, new = self.index(cube), self.index(wished)
        step = jnp.where(jax.random.bernoulli(sign, 0.5, cube.shape), 1, -1)
        step = jnp.where((old + step < 0) | (old + step >= self.count), -step, step)
        others = 1 + jax.random.randint(value, cube.shape, 0, jnp.maximum(self.count - 1, 1))
        other = (old + others) % jnp.maximum(self.count, 1)
        number = jnp.where(self.unordered, other, jnp.where(new == old, old + step, new))
        return self.place(jnp.clip(number, 0, jnp.maximum(self.count - 1, 0)), wished)
