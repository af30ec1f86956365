"""Quasi-random numbers: Sobol's sequence, nested scrambling, convergence, and errors from groups of events."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.stats import qmc

from daedalus.core.stage import stage_key
from daedalus.errors import StageError
from daedalus.events import normals, quasi_normals, quasi_uniforms
from daedalus.events.direction_numbers import DIMENSIONS, JOE_KUO
from daedalus.events.quasi import _mirrored, _nested, _normal, _sobol, quasi_normals_and_uniforms

KEY = jax.random.key(11)
PER_KEY = jax.jit(
    lambda draw, keys, index, count: jax.vmap(lambda key: draw(key, index, count))(keys), static_argnums=(0, 3)
)


def indices(number, first=0):
    return jnp.arange(first, first + number, dtype=jnp.uint32)


def drawn(draw, *, keys, events, count):
    """Numbers of many keys: shape (key, draw, event)."""
    return np.asarray(PER_KEY(draw, jax.random.split(KEY, keys), indices(events), count))


def plain_points(index, count=DIMENSIONS):
    """Sobol' points without scrambling, shape (draw, event)."""
    return np.asarray(_mirrored(_sobol(_mirrored(jnp.asarray(index, jnp.uint32)), count))) * 2.0**-32


def filling(points, digits):
    """The numbers of points in all elementary intervals with so many binary digits along each axis."""
    cell = np.zeros(points.shape[1], np.int64)
    for axis, k in zip(points, digits, strict=True):
        cell = (cell << k) + np.floor(axis * 2**k).astype(np.int64)
    return np.bincount(cell, minlength=2 ** sum(digits))


def test_the_polynomials_are_primitive():
    for coefficients, first in JOE_KUO:
        degree = len(first)
        polynomial = (1 << degree) | (coefficients << 1) | 1
        power, order = 1, 0
        while order == 0 or power != 1:  # the order of x among the remainders
            power <<= 1
            power ^= polynomial if power >> degree else 0
            order += 1
        assert order == 2**degree - 1
        assert all(m % 2 == 1 and m < 2 ** (k + 1) for k, m in enumerate(first))


def test_the_points_are_those_of_scipy():
    index = np.arange(2048)  # SciPy goes through them in the order of Gray's code
    theirs = qmc.Sobol(DIMENSIONS, scramble=False, bits=32).random(2048)
    np.testing.assert_array_equal(plain_points(index ^ (index >> 1)).T, theirs)


def scrambled_points(index):
    return np.asarray(quasi_uniforms(KEY, jnp.asarray(index, jnp.uint32), DIMENSIONS))


@pytest.mark.parametrize("points", [plain_points, scrambled_points])
@pytest.mark.parametrize("first", [0, 256, 2**31 + 3 * 256])
def test_elementary_intervals_hold_their_share(points, first):
    found = points(np.arange(first, first + 256))
    for axis in found:  # every projection on one axis
        assert (filling(axis[None], (8,)) == 1).all()
    for k in range(9):  # the first two dimensions are a (0, 8, 2)-net
        assert (filling(found[:2], (k, 8 - k)) == 1).all()
    for digits in itertools.product(range(6), repeat=4):  # four are a (3, 8, 4)-net: sum of degrees less one
        if sum(digits) == 5:
            assert (filling(found[:4], digits) == 8).all()


def test_scrambling_is_nested():
    words = jax.random.bits(KEY, (2, 4000), jnp.uint32)
    near = words[0] ^ (words[1] >> jnp.uint32(1) << (indices(4000) % 32))  # share their lowest digits
    scramble = lambda w: np.asarray(_nested(w, jnp.uint32(0x9E3779B9), jnp.uint32(0x85EBCA6B)))
    lowest = lambda w: w & (~w + np.uint32(1))  # the first digit in which two differ
    before, after = np.asarray(words[0] ^ near), scramble(words[0]) ^ scramble(near)
    np.testing.assert_array_equal(lowest(before), lowest(after))
    assert len(np.unique(scramble(indices(2**16)))) == 2**16


def test_the_variance_is_that_of_owens_scrambling():
    for events in (16, 128):  # one point in each of N intervals: variance of the mean of u = 1 / (12 N^3)
        means = drawn(quasi_uniforms, keys=400, events=events, count=8).mean(2).ravel()
        ratio = np.mean((means - 0.5) ** 2) * 12 * events**3
        assert abs(ratio - 1) < 4 * np.sqrt(2 / means.size)


def test_pairs_within_a_key_are_scrambled_independently():
    numbers = drawn(quasi_uniforms, keys=4000, events=2, count=1)[:, 0]  # a pair, in opposite halves
    within = np.sort(numbers, 1) * 2 % 1  # places within the halves
    assert abs(np.corrcoef(within.T)[0, 1]) < 4 / np.sqrt(4000)
    assert stats.kstest(numbers[:, 0], "uniform").pvalue > 1e-4
    assert stats.kstest(within[:, 1], "uniform").pvalue > 1e-4


def test_keys_stages_and_lanes_do_not_know_each_other():
    index, events = indices(4096), 4096
    streams = [quasi_uniforms(key, index, 3) for key in jax.random.split(KEY, 3)]
    streams += [quasi_uniforms(stage_key(KEY, name), index, 3) for name in ("beam", "strips")]
    streams += [quasi_uniforms(KEY, index, 3, lane=lane) for lane in (0, 1, 2)]
    numbers = np.asarray(jnp.concatenate(streams)) - 0.5
    correlation = 12 * numbers @ numbers.T / events
    # the limit: 5 standard deviations of products across lanes, see the next test
    assert np.abs(correlation - np.eye(len(numbers))).max() < 5 * np.sqrt(8 / 5 / events)
    digits = np.where(numbers > 0, 1, -1)
    assert np.abs(digits @ digits.T / events - np.eye(len(numbers))).max() < 5 * np.sqrt(2 / events)


def test_products_across_lanes_have_eight_fifths_of_the_variance():
    # of the digits j and k of two lanes, 1 / 2^j and 1 / 2^k worth, equal ones agree by pairs: twice the variance.
    # (sum over all of 16^-j, and once more where j = k) / (sum of 4^-j)^2 = (1/9 + 1/15) / (1/9)
    index = indices(64)
    pair = lambda key: (quasi_uniforms(key, index, 3), quasi_uniforms(key, index, 3, lane=1))
    one, other = (np.asarray(u) - 0.5 for u in jax.jit(jax.vmap(pair))(jax.random.split(KEY, 2000)))
    products = 12 * np.einsum("kie,kje->kij", one, other) / np.sqrt(64)
    assert np.mean(products**2) == pytest.approx(8 / 5, rel=4 * np.sqrt(2 / products.size))


@pytest.mark.parametrize("draw", [quasi_normals, quasi_uniforms])
def test_numbers_belong_to_the_event(draw):
    index = jnp.array([5, 7, 4_000_000_000, 0, 5], jnp.uint32)
    numbers = draw(KEY, index, 3)
    assert numbers.shape == (3, 5)
    assert (numbers[:, 0] == numbers[:, 4]).all()
    assert (draw(KEY, index[2:3], 3)[:, 0] == numbers[:, 2]).all()
    assert (draw(KEY, index, 2) == numbers[:2]).all()
    assert len(np.unique(np.asarray(numbers[:, :4]))) == 12
    assert (draw(KEY, index, 3, lane=1) != numbers).all()
    compiled = jax.jit(jax.vmap(lambda i: draw(KEY, i, 3), out_axes=1))(index.reshape(5, 1))[..., 0]
    np.testing.assert_allclose(compiled, numbers, rtol=1e-14)


SMOOTH = {
    "product": (lambda u: np.prod(1 + (u - 0.5), 1), 1.0),
    "hump": (lambda u: np.exp(-np.sum((u - 0.3) ** 2, 1)), None),
    "ellipse": (lambda u: np.sum(u**2 * np.arange(1, 5)[:, None], 1), 10 / 3),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_means_converge_faster_than_with_independent_numbers(name):
    function, truth = SMOOTH[name]
    if truth is None:
        truth = (np.sqrt(np.pi) / 2 * (stats.norm.cdf(0.7 * np.sqrt(2)) - stats.norm.cdf(-0.3 * np.sqrt(2))) * 2) ** 4
    sizes, spreads = 2 ** np.arange(6, 15, 2), []
    for events in sizes:
        means = function(drawn(quasi_uniforms, keys=32, events=int(events), count=4)).mean(1)
        assert abs(means.mean() - truth) < 4 * means.std(ddof=1) / np.sqrt(32)  # no bias over keys
        spreads.append(np.sqrt(np.mean((means - truth) ** 2)))
    assert np.polyfit(np.log(sizes), np.log(spreads), 1)[0] < -1.2  # -3/2 in theory, -1/2 for independent numbers


def test_no_bias_where_the_number_of_events_is_odd():
    means = drawn(quasi_uniforms, keys=2000, events=3, count=4)[:, :2].prod(1).mean(1)
    assert abs(means.mean() - 0.25) < 4 * means.std(ddof=1) / np.sqrt(2000)


def test_normals_have_the_moments_and_the_distribution():
    numbers = np.asarray(quasi_normals(KEY, indices(2**16), 4))
    np.testing.assert_allclose(numbers.mean(1), 0.0, atol=1e-4)
    np.testing.assert_allclose(numbers.var(1), 1.0, atol=1e-3)
    np.testing.assert_allclose((numbers**4).mean(1), 3.0, atol=2e-2)
    np.testing.assert_allclose(np.corrcoef(numbers), np.eye(4), atol=1e-3)
    order = stats.norm.ppf((np.arange(2**16) + 0.5) / 2**16)
    assert np.abs(np.sort(numbers[0]) - order)[1000:-1000].max() < 1e-3
    np.testing.assert_allclose(numbers, stats.norm.ppf(quasi_uniforms(KEY, indices(2**16), 4)), atol=1e-9)


@pytest.mark.parametrize("double", [True, False])
def test_normals_are_never_infinite_and_symmetric(double):
    words = np.array([0, 1, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1], np.uint32)
    with jax.enable_x64(double):
        numbers = np.asarray(_normal(jnp.asarray(words)))
        assert numbers.dtype == (np.float64 if double else np.float32)
    np.testing.assert_allclose(numbers, -numbers[::-1])
    expected = stats.norm.ppf((words[:3] + 0.5) / 2**32)
    np.testing.assert_allclose(numbers[:3], expected, rtol=1e-14 if double else 1e-5, atol=1e-6)
    assert numbers[0] < -6.2


def test_single_precision_keeps_the_intervals():
    with jax.enable_x64(False):
        numbers = quasi_uniforms(jax.random.key(11), indices(256), 4)
        assert numbers.dtype == jnp.float32
        assert all((filling(np.asarray(axis)[None], (8,)) == 1).all() for axis in numbers)
        assert quasi_normals(jax.random.key(11), indices(4), 2).dtype == jnp.float32


def jackknife(values, groups=16):
    """The jackknife error of the mean over groups of events in a row, by key."""
    means = values.reshape(len(values), groups, -1).mean(2)
    return means.std(1, ddof=1) / np.sqrt(groups)


SHAPES = {
    "square": (lambda n: (3 * n[:, 0] + 5 * n[:, 2]) ** 2, 2.5),  # the least factor by which the error is too large
    "hump": (lambda n: np.exp(-np.sum(n**2, 1) / 2), 2.5),
    "kink": (lambda n: np.abs(3 * n[:, 0] + 5 * n[:, 2]), 2.5),
    "edge": (lambda n: (np.abs(3 * n[:, 0] + 5 * n[:, 2]) < 8.0).astype(float), 1.2),
}


@pytest.mark.parametrize("name", SHAPES)
def test_errors_from_groups_are_upper_bounds(name):
    function, factor = SHAPES[name]
    values = function(drawn(quasi_normals, keys=64, events=1024, count=4))
    spread = values.mean(1).std(ddof=1)
    assert jackknife(values).mean() > factor * spread
    assert function(drawn(normals, keys=64, events=1024, count=4)).mean(1).std(ddof=1) > 2 * spread


def test_normal_and_uniform_numbers_are_of_one_point():
    normal, uniform = quasi_normals_and_uniforms(KEY, indices(64), 3, 2, lane=5)
    assert (normal == quasi_normals(KEY, indices(64), 3, lane=5)).all()
    assert (uniform == quasi_uniforms(KEY, indices(64), 5, lane=5)[3:]).all()
    alone, none = quasi_normals_and_uniforms(KEY, indices(64), 3, 0, lane=5)
    assert (alone == normal).all()
    assert none.shape == (0, 64)


def test_too_many_numbers_are_refused():
    with pytest.raises(StageError, match="at most 16"):
        quasi_uniforms(KEY, indices(2), DIMENSIONS + 1)
    with pytest.raises(StageError, match="at most 16"):
        quasi_normals_and_uniforms(KEY, indices(2), DIMENSIONS // 2, DIMENSIONS // 2 + 1)


def test_derivatives_pass_by_the_numbers():
    square = jnp.sum(quasi_normals(KEY, indices(64), 2) ** 2)
    slope = jax.grad(lambda scale: jnp.sum((scale * quasi_normals(KEY, indices(64), 2)) ** 2))(2.0)
    assert float(slope) == pytest.approx(4.0 * float(square), rel=1e-12)
