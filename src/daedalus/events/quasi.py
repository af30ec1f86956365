"""Quasi-random numbers that belong to particles: Sobol's sequence by the event's index, scrambled by key.

The points of any 2**k events in a row that start at a multiple of 2**k fill the cube evenly: every elementary interval
of the Sobol' sequence's quality holds its exact share. The mean of a smooth function of a few numbers therefore
converges faster than with independent numbers, at best with the power -3/2 of the number of events instead of -1/2
(A. B. Owen, Ann. Statist. 25 (1997) 1541). Less is gained where a function jumps, or where many numbers act together.
Each number by itself is uniform and every mean unbiased over keys, whatever the number of events. A particle keeps
its numbers whatever the batch, the order or the device.

**Events are no longer independent of each other.** A standard error from the spread of single events says nothing.
One from groups of events in a row, such as the jackknife of an evaluation, treats the groups as independent, while for
smooth functions they compensate each other's errors. It is an upper bound there: with 16 groups of 64 events and four
normal numbers it was 2.2 to 4.6 times the true spread for smooth functions and one with a kink, and 1.9 times for one
with a jump, and their spreads were 2.6 to 26 times below those of independent numbers. Where nothing is gained, it is
right. Best have 2**k events per group.

Scrambling is nested in Owen's sense (Monte Carlo and Quasi-Monte Carlo Methods in Scientific Computing, 1995, p. 299):
each digit is flipped or not as a hash of the digits before it says. The hash is of the kind of S. Laine and T. Karras
(Comput. Graph. Forum 30 (2011) 1197) with the multipliers of B. Burley (J. Comput. Graph. Tech. 9 no. 4 (2020) 1), and
a random odd factor in front, without which the variance is not that of Owen's scrambling. The index is scrambled too,
with the key of the lane, as Burley does to pad sets of dimensions: two stages, or two lanes of one, would otherwise
share one sequence, and functions of both would not converge. They meet at random instead, and means of products of
their numbers have 8/5 of the variance of independent ones: keep what acts together in one lane.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtri
from jaxtyping import Array, Float, Key, UInt32

from daedalus.errors import StageError
from daedalus.events.direction_numbers import DIMENSIONS, WORD_BITS, direction_numbers
from daedalus.events.streams import key_words, settled, threefry_words, unit_interval

_MULTIPLIERS = (0x6C50B47C, 0xB82F1E52, 0xC7AFE638, 0x8D22F6E6)  # Burley 2020, listing 1; even, hence nested
_SWAPS = ((1, 0x55555555), (2, 0x33333333), (4, 0x0F0F0F0F), (8, 0x00FF00FF), (16, 0x0000FFFF))
_APART = 0xFFFFFFFF  # counter that no event and no draw of the plain streams reaches


def quasi_uniforms(
    key: Key[Array, ""], index: UInt32[Array, "event"], count: int, *, lane: int | Array = 0
) -> Float[Array, "{count} event"]:
    """Quasi-random uniform numbers in the open interval (0, 1), ``count`` for every event.

    The first numbers of an event are the best distributed jointly: give them to what matters most.

    Args:
        key: stream's key, already folded with the run, round, scenario and stage.
        index: the events' indices; equal indices get equal numbers.
        count: numbers per event, 16 at most [1].
        lane: number of another scrambling under the same key; events meet at random across lanes [1].

    Returns:
        Array of shape (count, event) [1].

    Raises:
        StageError: more numbers than dimensions are known for.
    """
    return settled(list(unit_interval(_scrambled_points(key, index, count, lane))))


def quasi_normals(
    key: Key[Array, ""], index: UInt32[Array, "event"], count: int, *, lane: int | Array = 0
) -> Float[Array, "{count} event"]:
    """Quasi-random standard normal numbers, ``count`` for every event: the inverse distribution of `quasi_uniforms`.

    The lower half of the words is read from its own end, so that both tails are equally fine and reach 6.3 standard
    deviations, in float32 too; never infinite. (Box and Muller's transformation would fold the even filling.)

    Args:
        key: stream's key, already folded with the run, round, scenario and stage.
        index: the events' indices; equal indices get equal numbers.
        count: numbers per event, 16 at most [1].
        lane: number of another scrambling under the same key; events meet at random across lanes [1].

    Returns:
        Array of shape (count, event) [1].

    Raises:
        StageError: more numbers than dimensions are known for.
    """
    return settled(list(_normal(_scrambled_points(key, index, count, lane))))


def quasi_normals_and_uniforms(
    key: Key[Array, ""], index: UInt32[Array, "event"], normals: int, uniforms: int, *, lane: int | Array = 0
) -> tuple[Float[Array, "{normals} event"], Float[Array, "{uniforms} event"]]:
    """Standard normal and uniform numbers of one quasi-random point per event: they fill their space together.

    The first coordinates are those of `quasi_normals`, the others those of `quasi_uniforms`, of the same lane.

    Args:
        key: stream's key, already folded with the run, round, scenario and stage.
        index: the events' indices; equal indices get equal numbers.
        normals: normal numbers per event [1].
        uniforms: uniform numbers per event; with the normal ones 16 at most [1].
        lane: number of another scrambling under the same key; events meet at random across lanes [1].

    Returns:
        Arrays of shapes (normals, event) and (uniforms, event) [1].

    Raises:
        StageError: more numbers than dimensions are known for.
    """
    words = _scrambled_points(key, index, normals + uniforms, lane)
    numbers = settled([*_normal(words[:normals]), *unit_interval(words[normals:])])
    return numbers[:normals], numbers[normals:]


def _normal(word: UInt32[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The quantile of the normal distribution at (word + 1/2) / 2**32."""
    upper = word >= jnp.uint32(2 ** (WORD_BITS - 1))
    dtype = jnp.result_type(float)
    rest = (jnp.where(upper, ~word, word).astype(dtype) + dtype.type(0.5)) * dtype.type(2.0**-WORD_BITS)
    quantile = ndtri(rest)
    return jnp.where(upper, -quantile, quantile)


def _scrambled_points(
    key: Key[Array, ""], index: UInt32[Array, "event"], count: int, lane: int | Array
) -> UInt32[Array, "{count} event"]:
    """Coordinates times 2**32 of the scrambled points of the events."""
    if count > DIMENSIONS:
        raise StageError(
            f"{count} quasi-random numbers per event; expected at most {DIMENSIONS}. "
            "Draw the others from another lane, or as independent numbers."
        )
    words = jnp.stack(threefry_words(key_words(key), jnp.uint32(_APART), jnp.uint32(_APART)))
    seeds = jnp.arange(1 + count, dtype=jnp.uint32)
    added, factor = threefry_words(words, seeds, jnp.broadcast_to(jnp.asarray(lane, jnp.uint32), seeds.shape))
    shuffled = _nested(_mirrored(index), added[0], factor[0])
    return _mirrored(_nested(_sobol(shuffled, count), added[1:, None], factor[1:, None]))


def _sobol(mirrored_index: UInt32[Array, "event"], count: int) -> UInt32[Array, "{count} event"]:
    """The Sobol' points of mirrored indices; coordinates mirrored, their first digit in the lowest bit."""
    numbers = _mirrored_directions()[:count]
    point = jnp.zeros((count, *mirrored_index.shape), jnp.uint32)
    for digit in range(WORD_BITS):
        chosen = mirrored_index >> jnp.uint32(WORD_BITS - 1 - digit) & jnp.uint32(1)
        point = point ^ chosen * jnp.asarray(numbers[:, digit, None])
    return point


def _nested(
    mirrored: UInt32[Array, "*shape"], added: UInt32[Array, "*#shape"], factor: UInt32[Array, "*#shape"]
) -> UInt32[Array, "*shape"]:
    """A bijection in which each bit depends on the bits below it only: a nested scrambling of mirrored digits."""
    mirrored = (mirrored + added) * (factor | jnp.uint32(1))
    for multiplier in _MULTIPLIERS:
        mirrored = mirrored ^ mirrored * jnp.uint32(multiplier)
    return mirrored


def _mirrored(word: UInt32[Array, "*shape"]) -> UInt32[Array, "*shape"]:
    """Words with the order of their 32 bits turned round."""
    for distance, mask in _SWAPS:
        step, kept = jnp.uint32(distance), jnp.uint32(mask)
        word = ((word >> step) & kept) | ((word & kept) << step)
    return word


def _mirrored_directions() -> UInt32[np.ndarray, "dimension digit"]:
    """The direction numbers with the order of their bits turned round."""
    numbers = direction_numbers()
    for distance, mask in _SWAPS:
        step, kept = np.uint32(distance), np.uint32(mask)
        numbers = ((numbers >> step) & kept) | ((numbers & kept) << step)
    return numbers
