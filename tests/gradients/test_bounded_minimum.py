"""Minima within bounds: known answers, outcomes that are named, and derivatives by finite differences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.gradients.bounded_minimum import Outcome, bounded_minimum

INFINITE = jnp.array([jnp.inf, jnp.inf])
SEARCH = eqx.filter_jit(bounded_minimum)


def found(loss, start, theta=(), *, lower=-INFINITE, upper=INFINITE, **settings):
    return SEARCH(loss, jnp.asarray(start), theta, lower=jnp.asarray(lower), upper=jnp.asarray(upper), **settings)


def valley(y, theta):
    """Rosenbrock's, whose minimum is (1, 1)."""
    return (1 - y[0]) ** 2 + 100 * (y[1] - y[0] ** 2) ** 2


def test_a_quadratic_within_bounds_has_its_known_active_set():
    # by hand: y0 at its bound 1, and y1 where 2 (y1 + 2) + y0 = 0, which the unbounded minimum is not
    loss = lambda y, theta: (y[0] - 3) ** 2 + (y[1] + 2) ** 2 + y[0] * y[1]
    got = found(loss, [0.0, 0.0], upper=[1.0, 5.0])
    np.testing.assert_allclose(got.value, [1.0, -2.5], rtol=1e-14)
    np.testing.assert_array_equal(got.free, [False, True])
    np.testing.assert_allclose(got.hessian, [[2.0, 1.0], [1.0, 2.0]])
    assert got.outcome == Outcome.CONVERGED
    free = found(loss, [0.0, 0.0])
    np.testing.assert_allclose(free.value, [16 / 3, -14 / 3], rtol=1e-14)
    assert free.free.all()


@pytest.mark.parametrize(
    ("upper", "minimum"), [(INFINITE, [1.0, 1.0]), ([0.5, 9.0], [0.5, 0.25]), ([9.0, 0.16], None), ([-0.2, -0.5], None)]
)
def test_a_curved_valley_in_a_box(upper, minimum):
    got = found(valley, [-1.2, 1.0], upper=upper)
    if minimum is None:  # where y1 is held, the minimum is the root of a cubic
        held = float(upper[1])
        roots = np.roots([400, 0, 2 - 400 * held, -2])
        real = np.minimum(roots[np.abs(roots.imag) < 1e-9].real, float(upper[0]))
        minimum = [real[np.argmin([float(valley([r, held], ())) for r in real])], held]
    np.testing.assert_allclose(got.value, minimum, rtol=1e-8)
    assert got.outcome == Outcome.CONVERGED
    assert got.loss == pytest.approx(float(valley(minimum, ())), rel=1e-9, abs=1e-15)


def test_a_minimum_exactly_at_a_bound_is_found():
    got = found(lambda y, theta: jnp.sum((y - 1.0) ** 2), [0.3, 0.4], upper=[1.0, 2.0])
    np.testing.assert_allclose(got.value, 1.0, rtol=1e-14)
    assert got.converged


def test_fixed_parameters_stay_where_they_are_even_beyond_their_bounds():
    loss = lambda y, theta: (y[0] - 3) ** 2 + (y[1] + 2) ** 2 + y[0] * y[1]
    got = found(loss, [7.0, 0.0], upper=[1.0, 5.0], fixed=jnp.array([True, False]))
    np.testing.assert_allclose(got.value, [7.0, -5.5], rtol=1e-14)
    np.testing.assert_array_equal(got.free, [False, True])
    everything = found(loss, [7.0, 0.0], fixed=jnp.array([True, True]))
    np.testing.assert_array_equal(everything.value, [7.0, 0.0])
    assert everything.converged


def test_a_saddle_on_the_way_does_not_attract():
    # two minima at y0 = +-1; from its ridge a plain Newton step leads to the saddle at the origin
    loss = lambda y, theta: (y[0] ** 2 - 1) ** 2 + 2 * y[1] ** 2 + 0.1 * y[0] * y[1]
    got = found(loss, [1e-6, 3.0])
    assert int(got.steps) < 30
    assert got.converged
    assert np.linalg.eigvalsh(got.hessian)[0] > 0
    assert abs(float(got.value[0])) == pytest.approx(1.0, abs=0.01)


ENDINGS = {
    "one step is not enough": (valley, [-1.2, 1.0], {"steps": 1}, Outcome.STEPS_EXHAUSTED),
    "a maximum": (lambda y, t: jnp.sum(jnp.cos(y)), [0.0, 0.0], {}, Outcome.STEPS_EXHAUSTED),
    "a parameter that does not matter": (lambda y, t: y[0] ** 2 + 0 * y[1], [1.0, 1.0], {}, Outcome.FLAT),
    "only a product matters": (lambda y, t: (y[0] * y[1] - 3) ** 2, [1.0, 1.0], {}, Outcome.FLAT),
    "only a sum matters": (lambda y, t: (y[0] + y[1] - 3) ** 2, [1.0, 1.0], {}, Outcome.FLAT),
    "infinite at the start": (lambda y, t: jnp.where(y[0] > 0, jnp.inf, y @ y), [1.0, 1.0], {}, Outcome.NOT_FINITE),
    "an infinite slope at the start": (lambda y, t: jnp.sum(jnp.sqrt(y)), [0.0, 1.0], {}, Outcome.NOT_FINITE),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDINGS)
def test_what_is_no_minimum_is_named_and_has_derivative_zero(name):
    loss, start, settings, outcome = ENDINGS[name]
    scaled = lambda y, theta: theta * loss(y, theta)

    def total(theta, lower):
        ended = bounded_minimum(scaled, jnp.array(start), theta, lower=lower, upper=INFINITE, **settings)
        return ended.value.sum(), ended

    (_, ended), slopes = eqx.filter_jit(jax.value_and_grad(total, (0, 1), has_aux=True))(1.3, jnp.array([-20.0, 0.0]))
    assert Outcome(int(ended.outcome)) == outcome
    assert not ended.converged
    assert np.isfinite(ended.value).all()
    assert not np.isnan(ended.loss)
    for each in slopes:
        np.testing.assert_array_equal(each, 0.0)
    assert outcome.meaning


def test_infinite_walls_inside_the_box_are_avoided():
    loss = lambda y, theta: jnp.where(y[0] > 0, y[0] - 3 * jnp.log(jnp.where(y[0] > 0, y[0], 1.0)), jnp.inf) + y[1] ** 2
    got = found(loss, [9.0, 1.0])
    np.testing.assert_allclose(got.value, [3.0, 0.0], atol=1e-9)
    assert got.converged


def counts_of(y, theta):
    """-ln L of counts that a scale and a slope explain."""
    rate = 40.0 * y[0] * (1.0 + 0.1 * y[1] * jnp.linspace(-1, 1, 12, dtype=y.dtype))
    return jnp.sum(rate - theta * jnp.log(rate))


def test_single_precision_finds_the_same_minimum():
    counts = np.random.default_rng(2).poisson(40.0, 12)
    single, double = (
        SEARCH(counts_of, *(jnp.asarray(v, kind) for v in ([1.5, 0.0], counts)),
               lower=jnp.asarray([0.1, -5], kind), upper=jnp.asarray([9, 5], kind))
        for kind in (jnp.float32, jnp.float64)
    )  # fmt: skip
    assert single.value.dtype == jnp.float32
    assert single.converged
    np.testing.assert_allclose(single.value, double.value, atol=1e-3)


def test_many_at_once_are_as_one_by_one():
    upper = jnp.array([[9.0, 9.0], [0.5, 9.0], [9.0, 0.16]])
    one = lambda upper: bounded_minimum(valley, jnp.array([-1.2, 1.0]), (), lower=-INFINITE, upper=upper)
    many = jax.jit(jax.vmap(one))(upper)
    for number, each in enumerate(upper):
        alone = found(valley, [-1.2, 1.0], upper=each)
        np.testing.assert_allclose(many.value[number], alone.value, rtol=1e-12)
        assert int(many.steps[number]) == int(alone.steps)
    assert many.converged.all()


def curved(y, theta):
    """Four coupled parameters: with the settings below one is fixed, one at its lower and one at its upper bound."""
    model = y[0] * jnp.exp(-y[1] * jnp.linspace(0, 2, 9)) + 0.3 * y[2] + theta[2] * y[3] * jnp.linspace(0, 1, 9) ** 2
    data = theta[0] * jnp.exp(-theta[1] * jnp.linspace(0, 2, 9)) + 0.1
    return jnp.sum((model - data) ** 2) + 0.05 * jnp.sum((y - theta[0]) ** 2) + 0.01 * jnp.sum(y**4)


GIVEN = jnp.array([1.2, 0.8, 0.4, 0.5, 1.4, 0.35])  # theta, the upper bound, the lower bound, and the fixed start


@jax.jit
def solved(given):
    lower = jnp.array([-9.0, 0.0, -9.0, 0.0]).at[1].set(given[4])
    upper = jnp.array([9.0, 9.0, 0.0, 9.0]).at[2].set(given[3])
    start = jnp.array([1.0, 2.0, 0.0, 0.0]).at[3].set(given[5])
    held = jnp.array([False, False, False, True])
    return bounded_minimum(curved, start, given[:3], lower=lower, upper=upper, fixed=held)


def test_derivatives_are_those_of_finite_differences():
    numbers = lambda given: jnp.append((got := solved(given)).value, got.loss)
    got = solved(GIVEN)
    np.testing.assert_array_equal(got.free, [True, False, False, False])
    assert got.converged
    step, weights = 1e-3, {-2: 1 / 12, -1: -8 / 12, 1: 8 / 12, 2: -1 / 12}
    differences = [sum(w * numbers(GIVEN + n * step * unit) for n, w in weights.items()) / step for unit in jnp.eye(6)]
    forward, backward = jax.jacfwd(numbers)(GIVEN), jax.jacrev(numbers)(GIVEN)
    np.testing.assert_allclose(forward, np.transpose(differences), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(backward, forward, rtol=1e-11, atol=1e-13)
    # projected: who is held moves with what holds it, and with nothing else
    np.testing.assert_allclose(forward[1:4], np.eye(6)[[4, 3, 5]], atol=1e-12)
    assert np.abs(forward[0]).min() > 1e-4
