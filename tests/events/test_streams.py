"""Random streams: known answers, and a stated statistical battery.

With fixed seeds the battery runs once and for all; for a fresh seed of a perfect generator its false-alarm
rate would be 24 p-values x 2 x 1e-6 = 5e-5.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from daedalus.events import normals, threefry_words, uniforms
from events import battery

ALARM = 1e-6  # false-alarm rate of one test, either side

# Random123, file kat_vectors, lines "threefry2x32 20": counter, key, answer (Salmon et al. 2011)
KNOWN = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_known_answers_of_random123(counter, key, answer):
    words = threefry_words(jnp.array(key, jnp.uint32), *(jnp.uint32(c) for c in counter))
    assert tuple(int(word) for word in words) == answer


def test_the_bijection_is_the_one_of_jax():
    from jax.extend.random import threefry_2x32

    key = jax.random.key_data(jax.random.key(20261123))
    first, second = jnp.arange(100, dtype=jnp.uint32), jnp.arange(1000, 1100, dtype=jnp.uint32)
    ours = jnp.concatenate(threefry_words(key, first, second))
    assert (ours == threefry_2x32(key, jnp.concatenate([first, second]))).all()


def ours(key, lane, draws, events):
    """The words behind `uniforms`, which holds all 32 bits in float64."""
    numbers = _uniforms(jax.random.key(key), jnp.arange(events, dtype=jnp.uint32), draws, lane)
    return np.floor(np.asarray(numbers) * 2.0**32).astype(np.uint32)


_uniforms = jax.jit(lambda key, index, draws, lane: uniforms(key, index, draws, lane=lane), static_argnums=2)


def counter(key, lane, draws, events):
    """Counter words as every keyed generator sees them, broadcast to (draws, events)."""
    event, draw = np.arange(events, dtype=np.uint32)[None, :], np.arange(draws, dtype=np.uint32)[:, None]
    full = lambda number: np.full((draws, events), number, np.uint32)
    return event + full(0), draw + full(lane << 16), full(key)


def congruential(key, lane, draws, events):
    """A hash that is one step of a linear congruential generator."""
    event, draw, seed = counter(key, lane, draws, events)
    return np.uint32(1664525) * (event + np.uint32(65537) * draw + np.uint32(257) * seed) + np.uint32(1013904223)


def randu(key, lane, draws, events):
    """IBM's RANDU, x <- 65539 x mod 2^31, whose triples lie in fifteen planes."""
    state, steps = 2 * key + 1, draws * events
    powers = np.empty(steps, np.uint64)
    for n in range(steps):
        powers[n] = state = (65539 * state) & 0x7FFFFFFF
    return (powers << np.uint64(1)).astype(np.uint32).reshape(events, draws).T


def few_rounds(key, lane, draws, events):
    """Threefry-2x32 cut down to two rounds."""
    left, right, seed = counter(key, lane, draws, events)
    left, right = left + seed, right + (seed ^ np.uint32(0x1BD11BDA))
    for distance in (13, 15):
        left = left + right
        right = ((right << np.uint32(distance)) | (right >> np.uint32(32 - distance))) ^ left
    return left + seed


def pcg4d(key, lane, draws, events):
    """The four-dimensional congruential hash of Jarzynski and Olano, JCGT 9 (2020) no. 3, listing 4."""
    event, draw, seed = counter(key, lane, draws // 4, events)
    x, y, z, w = (v * np.uint32(1664525) + np.uint32(1013904223) for v in (event, draw, seed, np.zeros_like(seed)))
    for last in (False, True):
        x = x + y * w
        y = y + z * x
        z = z + x * y
        w = w + y * z
        if not last:
            x, y, z, w = (v ^ (v >> np.uint32(16)) for v in (x, y, z, w))
    return np.stack([x, y, z, w], 1).reshape(draws, events)


def test_the_streams_pass_the_battery():
    found = battery.battery(ours)
    assert not battery.failures(found, ALARM), found
    assert stats.kstest(list(found.values()), "uniform").pvalue > 1e-3, found


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # some are so bad that the tests divide by zero
@pytest.mark.parametrize(
    ("bad", "caught_by"),
    [(congruential, "changed bits, adjacent event"), (randu, "serial, 3 dimensions, by draw"),
     (few_rounds, "changed bits, adjacent key"), (pcg4d, "changed bits, adjacent event")],
)  # fmt: skip
def test_the_battery_fails_bad_generators(bad, caught_by):
    assert caught_by in battery.failures(battery.battery(bad), ALARM)


def test_normals_have_normal_tails_moments_and_distribution():
    index = jnp.arange(2**21, dtype=jnp.uint32)
    numbers = np.asarray(jax.jit(lambda i: normals(jax.random.key(3), i, 4))(index))
    found = {**battery.normal_tails(numbers), **battery.normal_moments(numbers)}
    found["Kolmogorov-Smirnov"] = stats.kstest(numbers[:, : 2**17].reshape(-1), "norm").pvalue
    pairs = {"cosine and sine": (0, 1), "adjacent draws": (1, 2)}
    for name, (a, b) in pairs.items():
        found[name] = battery.two_sided(np.mean(numbers[a] * numbers[b]) * np.sqrt(len(numbers[a])))
        squares = (numbers[a] ** 2 - 1) * (numbers[b] ** 2 - 1) / 2
        found[f"{name}, squares"] = battery.two_sided(np.mean(squares) * np.sqrt(len(squares)))
    found["adjacent events"] = battery.two_sided(
        np.mean(numbers[0][1:] * numbers[0][:-1]) * np.sqrt(len(numbers[0]) - 1)
    )
    assert not battery.failures({k: min(p, 1 - ALARM * 2) for k, p in found.items()}, ALARM), found


@pytest.mark.parametrize("draw", [normals, uniforms])
def test_numbers_belong_to_the_event(draw):
    key, index = jax.random.key(8), jnp.array([5, 7, 4_000_000_000, 0, 5], jnp.uint32)
    numbers = draw(key, index, 3)
    assert numbers.shape == (3, 5)
    assert (numbers[:, 0] == numbers[:, 4]).all()
    assert (draw(key, index[2:3], 3)[:, 0] == numbers[:, 2]).all()
    assert (draw(key, index, 2) == numbers[:2]).all()
    assert len(np.unique(np.asarray(numbers[:, :4]))) == 12
    assert (draw(key, index, 3, lane=1) != numbers).all()


@pytest.mark.parametrize("extreme", [0, 2**32 - 1])
def test_uniforms_stay_inside_the_open_interval(extreme):
    from daedalus.events.streams import unit_interval

    word = jnp.uint32(extreme)
    assert 0 < float(unit_interval(word)) < 1
    with jax.enable_x64(False):
        single = unit_interval(word)
        assert single.dtype == jnp.float32
        assert 0 < float(single) < 1


def test_circle_is_cosine_and_sine():
    from daedalus.events.streams import _circle

    turn = jnp.linspace(0, 1, 10001)
    cosine, sine = _circle(turn)
    assert float(jnp.max(jnp.abs(cosine - jnp.cos(2 * jnp.pi * turn)))) < 4e-9
    assert float(jnp.max(jnp.abs(sine - jnp.sin(2 * jnp.pi * turn)))) < 4e-9


@pytest.mark.parametrize("draws", [33, 40])
def test_many_draws_are_those_of_few(draws):
    """Beyond a number of draws the program is another one; a counter keeps its numbers."""
    key, index = jax.random.key(3), jnp.arange(5, 12, dtype=jnp.uint32)
    for random in (uniforms, normals):
        many, few = random(key, index, draws, lane=1), random(key, index, 20, lane=1)
        assert many.shape == (draws, 7)
        np.testing.assert_allclose(many[:20], few, rtol=1e-15)
    pairs = threefry_words(jax.random.key_data(key), index, jnp.full_like(index, (1 << 16) + (draws - 1) // 2))
    last = np.asarray(pairs[(draws - 1) % 2], float)
    np.testing.assert_allclose(uniforms(key, index, draws, lane=1)[-1], (last + 0.5) * 2.0**-32, rtol=1e-15)
