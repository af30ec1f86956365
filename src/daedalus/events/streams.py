"""Random numbers that belong to particles: counter-based streams keyed by (key, event index, draw).

The generator is Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
1, 2, 3", SC11, 2011, section 4), the same bijection JAX uses, evaluated in one fused pass: the key is the block
cipher's key, the event's index and the number of the draw are its counter. A particle therefore keeps its numbers
whatever the batch, the order or the device. Known answers and the statistical battery are in
``tests/events/test_streams.py``.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, UInt32

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))  # Salmon et al. 2011, table 2, Threefry-2x32
_PARITY = 0x1BD11BDA  # Salmon et al. 2011, section 4.2, C240 folded to 32 bits as in Skein 1.3
_ROUNDS_OF_FOUR = 5  # 20 rounds: the authors' recommendation; 13 is the fewest that passed BigCrush
_WRITTEN_OUT = 16  # pairs of draws that are so many operations of a program; more are one operation on an array
_LANE_BITS = 16  # draws per lane: 2**16 pairs of words


def threefry_words(
    key_words: UInt32[Array, "2"], first: UInt32[Array, "*shape"], second: UInt32[Array, "*shape"]
) -> tuple[UInt32[Array, "*shape"], UInt32[Array, "*shape"]]:
    """Two random 32-bit words for every counter (first, second): Threefry-2x32 with 20 rounds.

    Args:
        key_words: the two words of the key [1].
        first: first counter word, e.g. the event's index [1].
        second: second counter word, e.g. the number of the draw [1].

    Returns:
        The two words of the enciphered counter, elementwise.
    """
    schedule = (key_words[0], key_words[1], key_words[0] ^ key_words[1] ^ jnp.uint32(_PARITY))
    left, right = first + schedule[0], second + schedule[1]
    for block in range(_ROUNDS_OF_FOUR):
        for distance in _ROTATIONS[block % 2]:
            left = left + right
            right = (right << jnp.uint32(distance)) | (right >> jnp.uint32(32 - distance))
            right = right ^ left
        left = left + schedule[(block + 1) % 3]
        right = right + schedule[(block + 2) % 3] + jnp.uint32(block + 1)
    return left, right


def key_words(key: Key[Array, ""]) -> UInt32[Array, "2"]:
    """The two words of a key, whichever generator it was made for."""
    data = jax.random.key_data(key)
    return jnp.stack([data[0], data[-1]])


def _pairs(key: Key[Array, ""], index: UInt32[Array, "event"], count: int, lane: int | Array):
    """Words for ``count`` draws per event, as pairs."""
    words = key_words(key)
    base = jnp.asarray(lane, jnp.uint32) << jnp.uint32(_LANE_BITS)
    if count > _WRITTEN_OUT:
        draws = jnp.broadcast_to(base + jnp.arange(count, dtype=jnp.uint32)[:, None], (count, len(index)))
        return [threefry_words(words, jnp.broadcast_to(index, draws.shape), draws)]
    return [threefry_words(words, index, jnp.full_like(index, base + jnp.uint32(draw))) for draw in range(count)]


def unit_interval(word: UInt32[Array, "*shape"]) -> Float[Array, "*shape"]:
    """A word mapped to the open interval (0, 1): 23 bits in float32, 32 in float64."""
    if jnp.result_type(float) == jnp.float64:
        return (word.astype(jnp.float64) + 0.5) * 2.0**-32
    return ((word >> jnp.uint32(9)).astype(jnp.float32) + 0.5) * jnp.float32(2.0**-23)


def uniforms(
    key: Key[Array, ""], index: UInt32[Array, "event"], count: int, *, lane: int | Array = 0
) -> Float[Array, "{count} event"]:
    """Uniform numbers in the open interval (0, 1), ``count`` for every event.

    Args:
        key: stream's key, already folded with the run, round, scenario and stage.
        index: the events' indices; equal indices get equal numbers.
        count: draws per event [1].
        lane: number of an independent stream under the same key, below 2**16 [1].

    Returns:
        Array of shape (count, event) [1].
    """
    pairs = _pairs(key, index, (count + 1) // 2, lane)
    return settled([unit_interval(word) for pair in pairs for word in pair], count)


def normals(
    key: Key[Array, ""], index: UInt32[Array, "event"], count: int, *, lane: int | Array = 0
) -> Float[Array, "{count} event"]:
    """Standard normal numbers, ``count`` for every event.

    Box and Muller's transformation (Ann. Math. Statist. 29 (1958) 610): sqrt(-2 ln u) (cos 2 pi v, sin 2 pi v),
    with u from all 32 bits of a word, so that the tail reaches 6.7 standard deviations.

    Args:
        key: stream's key, already folded with the run, round, scenario and stage.
        index: the events' indices; equal indices get equal numbers.
        count: draws per event [1].
        lane: number of an independent stream under the same key, below 2**16 [1].

    Returns:
        Array of shape (count, event) [1].
    """
    rows = []
    dtype = jnp.result_type(float)
    for radial, angular in _pairs(key, index, (count + 1) // 2, lane):
        radius = jnp.sqrt(-2.0 * jnp.log((radial.astype(dtype) + 0.5) * dtype.type(2.0**-32)))
        cosine, sine = _circle(unit_interval(angular))
        rows += [radius * cosine, radius * sine]
    return settled(rows, count)


def _circle(turn: Float[Array, "*shape"]) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    """Cosine and sine of 2 pi times a fraction of a turn, by quadrant and Taylor series (error below 2e-9)."""
    quadrant = jnp.round(4.0 * turn)
    angle = (4.0 * turn - quadrant) * (jnp.pi / 2)
    square = angle * angle
    sine = angle * (1 + square * (-1 / 6 + square * (1 / 120 + square * (-1 / 5040 + square / 362880))))
    cosine = 1 + square * (-1 / 2 + square * (1 / 24 + square * (-1 / 720 + square * (1 / 40320 - square / 3628800))))
    turns = quadrant.astype(jnp.int32)
    odd = (turns & 1) == 1
    across, up = jnp.where(odd, sine, cosine), jnp.where(odd, cosine, sine)
    return jnp.where(((turns + 1) & 2) != 0, -across, across), jnp.where((turns & 2) != 0, -up, up)


def settled(rows: list[Float[Array, "*pair event"]], count: int | None = None) -> Float[Array, "draw event"]:
    """The first rows as one array, computed once: the compiler would repeat the cipher for every reader of a number.

    Args:
        rows: one number for every event each, or the numbers of all pairs of draws, first and second ones.
        count: how many are wanted [1].
    """
    stacked = jnp.stack(rows, -2)
    return jax.lax.optimization_barrier(stacked.reshape(-1, stacked.shape[-1])[:count])
