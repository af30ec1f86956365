"""Strings: paths between two places, relaxed until they stay as low as they can."""

from __future__ import annotations

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from daedalus.landscapes.batches import mapped
from daedalus.landscapes.descents import penalised
from daedalus.landscapes.surface import Place, Surface

REACH = 0.1  # longest move of an image in one relaxation [edge of the cube]

Images = Float[Array, "image param"]


def straight(first: Float[np.ndarray, "param"], last: Float[np.ndarray, "param"], images: int) -> np.ndarray:
    """Places between two others, evenly spaced on the straight line, without its ends; axes image and param.

    Args:
        first: one end [1].
        last: the other [1].
        images: how many [1].
    """
    share = np.arange(1, images + 1)[:, None] / (images + 1)
    return (1 - share) * first + share * last


@eqx.filter_jit
def relaxed(
    surface: Surface, ends: Float[Array, "2 param"], aim: Float[Array, "2"], settings: tuple[int, int, float, int]
) -> tuple[Images, Float[Array, "image"], Int[Array, ""]]:
    """The images of a string between two ends after relaxation, their penalised losses, and how often each was found.

    The simplified string method (E, Ren and Vanden-Eijnden, J. Chem. Phys. 126 (2007) 164103): images move downhill
    across the string, then are spread evenly along it. An image above the level moves by Polyak's step towards the
    bottom, one below the level stays, so that the string ends as soon as it lies below the level, or
    when its relaxations run out.

    Args:
        surface: what the string lies on.
        ends: fixed [1].
        aim: the level that the string has to stay below, and the least loss that is known, the bottom [1].
        settings: images [1], most relaxations [1], pressure of the constraints [loss per scale], images side by side.
    """
    (images, relaxations, pressure, batch), (level, bottom) = settings, aim
    slope = jax.value_and_grad(penalised(surface, pressure), has_aux=True)
    survey = mapped(lambda cube: (lambda pair: (pair[0][0], pair[1]))(slope(cube)), batch)
    share = jnp.linspace(0.0, 1.0, images + 2, dtype=ends.dtype)[:, None]
    string = (1 - share) * ends[0] + share * ends[1]
    spread = partial(_spread, surface)

    def relax(state: tuple[Images, Array, Array, Array]) -> tuple[Images, Array, Array, Array]:
        string, values, slopes, made = state
        string = spread(_moved(string, jnp.where(values > level, values - bottom, 0.0), slopes))
        return (string, *survey(string[1:-1]), made + 1)

    high = lambda state: jnp.any(~(state[1] <= level)) & (state[3] < relaxations)
    begun = (string, *survey(string[1:-1]), jnp.ones((), jnp.int32))
    string, values, _, made = jax.lax.while_loop(high, relax, begun)
    return string[1:-1], values, made


def _moved(string: Images, above: Array, slopes: Array) -> Images:
    """The string after one move of its images downhill, across it only."""
    along = string[2:] - string[:-2]
    along = along / jnp.maximum(jnp.linalg.norm(along, axis=1, keepdims=True), 1e-12)
    across = slopes - jnp.sum(slopes * along, 1, keepdims=True) * along
    across = jnp.where(jnp.isfinite(across), across, 0.0)
    square = jnp.sum(across**2, 1)
    wanted = jnp.where(jnp.isfinite(above), above, 0.0) / jnp.maximum(square, 1e-20)
    step = jnp.minimum(wanted, REACH / jnp.sqrt(jnp.maximum(square, 1e-20)))
    return string.at[1:-1].add(-step[:, None] * across)


def _spread(surface: Surface, string: Images) -> Images:
    """The string with its images evenly spaced along it, inside the cube."""
    inner = jax.vmap(surface.admitted)(jnp.clip(string[1:-1], 0.0, 1.0))
    string = string.at[1:-1].set(inner)
    lengths = jnp.linalg.norm(jnp.diff(string, axis=0), axis=1)
    mark = jnp.concatenate([jnp.zeros(1, string.dtype), jnp.cumsum(lengths)])
    even = jnp.linspace(0.0, 1.0, len(string), dtype=string.dtype) * mark[-1]
    place: Place = jax.vmap(lambda column: jnp.interp(even, mark, column), 1, 1)(string)
    return place
