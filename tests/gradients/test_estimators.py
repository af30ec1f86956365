"""Every estimator is right within its own error, and its error is right, on expectations known in closed form."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.stats import bernoulli, expon, gamma, norm, poisson

from daedalus.gradients import (
    Bernoulli,
    Estimate,
    Exponential,
    Gamma,
    Gaussian,
    GradientError,
    Poisson,
    central_differences,
    pathwise,
    randomised_smoothing,
    score_function,
    score_weight,
    weak_derivative,
)

KEY = jax.random.key(11)
REPEATS, SAMPLES = 200, 1000
THETA = jnp.array([0.8, 0.6])


def gaussian(theta):
    return Gaussian(theta[0], theta[1])


def pair(theta):
    """Two components which share a width; the second mean is the square of a parameter."""
    return Gaussian(jnp.stack([theta[0], theta[0] ** 2]), theta[1])


FAMILIES = {
    "gaussian": (gaussian, lambda z, t: norm.logpdf(z, t[0], t[1])),
    "pair": (pair, lambda z, t: jnp.sum(norm.logpdf(z, jnp.stack([t[0], t[0] ** 2]), t[1]))),
    "exponential": (lambda t: Exponential(t[0]), lambda z, t: expon.logpdf(z, scale=1 / t[0])),
    "gamma": (lambda t: Gamma(t[0], 2.5), lambda z, t: gamma.logpdf(z, 2.5, scale=1 / t[0])),
    "poisson": (lambda t: Poisson(3 * t[0]), lambda z, t: poisson.logpmf(z, 3 * t[0])),
    "bernoulli": (lambda t: Bernoulli(t[0]), lambda z, t: bernoulli.logpmf(z, t[0])),
}


def cut(z, theta):
    return jnp.where(z > 1.0, 1.0, 0.0)


# function, family, E[f] as a function of theta
EXPECTATIONS = {
    "theta0 z^2, gaussian": (lambda z, t: t[0] * z**2, "gaussian", lambda t: t[0] * (t[0] ** 2 + t[1] ** 2)),
    "hard cut, gaussian": (cut, "gaussian", lambda t: norm.cdf((t[0] - 1) / t[1])),
    "(z0 + z1)^2, pair": (
        lambda z, t: jnp.sum(z) ** 2,
        "pair",
        lambda t: (t[0] + t[0] ** 2) ** 2 + 2 * t[1] ** 2,
    ),
    "theta1 exp(-z), exponential": (
        lambda z, t: t[1] * jnp.exp(-z),
        "exponential",
        lambda t: t[1] * t[0] / (1 + t[0]),
    ),
    "exp(-z), gamma": (lambda z, t: jnp.exp(-z), "gamma", lambda t: (t[0] / (1 + t[0])) ** 2.5),
    "z^2, poisson": (lambda z, t: z**2, "poisson", lambda t: 3 * t[0] + 9 * t[0] ** 2),
    "(1 + z)^2, bernoulli": (lambda z, t: (1 + z) ** 2 * t[1], "bernoulli", lambda t: t[1] * (1 + 3 * t[0])),
}


def sampled(family):
    return lambda theta, key: FAMILIES[family][0](theta).sample(key)


def path(f, family):
    return lambda theta, **how: pathwise(f, sampled(family), theta, **how)


def score(baseline):
    return lambda f, family: (
        lambda theta, **how: score_function(
            f, sampled(family), theta, log_density=FAMILIES[family][1], baseline=baseline, **how
        )
    )


def weak(f, family):
    return lambda theta, **how: weak_derivative(f, FAMILIES[family][0], theta, **how)


ESTIMATORS = {"pathwise": path, "weak derivative": weak} | {
    f"score, baseline {name}": score(name) for name in ("none", "mean", "optimal")
}
SMOOTH = ("gaussian", "pair", "exponential", "gamma")


def sees(estimator, expectation):
    f, family, _ = EXPECTATIONS[expectation]
    if "mean" in estimator or "optimal" in estimator:  # the families differ in their scores, not in their baselines
        return family in ("gaussian", "poisson", "bernoulli")
    return estimator != "pathwise" or (f is not cut and family in SMOOTH)


def pulls(estimate, truth):
    """Mean and standard deviation of (estimate - truth) / error over many keys, value first; and the mean error."""
    value, gradient = jax.value_and_grad(truth)(THETA)
    many = jax.jit(jax.vmap(lambda key: estimate(THETA, key=key, samples=SAMPLES)))(jax.random.split(KEY, REPEATS))
    off = jnp.concatenate([(many.value - value)[:, None], many.gradient - gradient], 1)
    errors = jnp.concatenate([many.value_error[:, None], many.gradient_error], 1)
    exact = jnp.all(errors < 1e-12, 0)
    np.testing.assert_allclose(off[:, exact], 0, atol=1e-12)  # an error of zero is a claim too
    pull = np.asarray(off / errors)[:, ~exact]
    return pull.mean(0), pull.std(0)


# 200 pulls: the mean has the error 0.071 and the spread 0.05, so that 0.25 and 0.15 are 3.5 and 3 of them.
@pytest.mark.parametrize(("estimator", "expectation"), [(e, x) for e in ESTIMATORS for x in EXPECTATIONS if sees(e, x)])
def test_estimates_are_unbiased_and_their_errors_right(estimator, expectation):
    f, family, truth = EXPECTATIONS[expectation]
    mean, spread = pulls(ESTIMATORS[estimator](f, family), truth)
    assert np.all(np.abs(mean) < 0.25), mean
    assert np.all(np.abs(spread - 1) < 0.15), spread


BLACK_BOXES = {
    # E[(theta + w e)^3] = theta^3 + 3 w^2 theta, and a cut at 1 becomes a Gaussian distribution
    "smoothed cube": (
        lambda t, **how: randomised_smoothing(lambda p, key: p[0] ** 3 + p[1] ** 2, t, width=0.3, **how),
        lambda t: t[0] ** 3 + 3 * 0.09 * t[0] + t[1] ** 2 + 0.09,
    ),
    "smoothed cut": (
        lambda t, **how: randomised_smoothing(
            lambda p, key: cut(p[0], p) * p[1], t, width=jnp.array([0.3, 0.1]), **how
        ),
        lambda t: norm.cdf((t[0] - 1) / 0.3) * t[1],
    ),
    "differences with common numbers": (
        lambda t, **how: central_differences(
            lambda p, key: (p[0] + p[1] * jax.random.normal(key)) ** 2, t, step=jnp.array([0.1, 0.05]), **how
        ),
        lambda t: t[0] ** 2 + t[1] ** 2,
    ),
    "differences with independent numbers": (
        lambda t, **how: central_differences(
            lambda p, key: (p[0] + p[1] * jax.random.normal(key)) ** 2, t, step=0.1, order=4, common=False, **how
        ),
        lambda t: t[0] ** 2 + t[1] ** 2,
    ),
    "differences at a cut": (
        lambda t, **how: central_differences(lambda p, key: cut(gaussian(p).sample(key), p), t, step=0.2, **how),
        None,
    ),
}


def at_a_cut(t):
    """What differences of step 0.2 have as expectation, with its own gradient as a linear function of theta."""
    exact = lambda p: norm.cdf((p[0] - 1) / p[1])
    slope = jnp.stack([(exact(THETA + 0.2 * e) - exact(THETA - 0.2 * e)) / 0.4 for e in jnp.eye(2)])
    return exact(THETA) + slope @ (t - THETA)


@pytest.mark.parametrize("name", BLACK_BOXES)
def test_black_boxes_estimate_what_they_say_they_do(name):
    estimate, truth = BLACK_BOXES[name]
    mean, spread = pulls(estimate, truth or at_a_cut)
    assert np.all(np.abs(mean) < 0.25), mean
    assert np.all(np.abs(spread - 1) < 0.15), spread


def once(estimate, theta=THETA, samples=20_000):
    """One compiled estimate with many samples."""
    return jax.jit(lambda point: estimate(point, key=KEY, samples=samples))(theta)


def named(estimator, expectation):
    return ESTIMATORS[estimator](*EXPECTATIONS[expectation][:2])


def test_a_hard_cut_has_no_pathwise_derivative_and_no_error_to_warn_of_it():
    trap = once(named("pathwise", "hard cut, gaussian"))
    assert float(trap.value) == pytest.approx(float(norm.cdf(-0.2 / 0.6)), abs=0.02)
    np.testing.assert_array_equal(trap.gradient, 0)
    np.testing.assert_array_equal(trap.gradient_error, 0)


@pytest.mark.parametrize("estimator", ["score, baseline optimal", "weak derivative"])
def test_a_hard_cut_has_the_derivative_of_its_probability(estimator):
    found = once(named(estimator, "hard cut, gaussian"))
    density = float(norm.pdf(0.2 / 0.6)) / 0.6
    np.testing.assert_allclose(found.gradient, [density, density * 0.2 / 0.6], atol=0.03)


def spread_per_sample(estimate):
    return np.asarray(estimate.gradient_error**2 * estimate.samples)


def test_baselines_take_away_the_variance_of_an_offset():
    # z of N(0, 1), f = 10 + z: Var(f z) = 102; with the mean as baseline Var(z^2) = 2; the optimal one does the same
    for name, variance in (("none", 102), ("mean", 2), ("optimal", 2)):
        found = once(score(name)(lambda z, t: 10 + z, "gaussian"), jnp.array([0.0, 1.0]), 40_000)
        assert float(found.gradient[0]) == pytest.approx(1, abs=4 * float(found.gradient_error[0]))
        assert spread_per_sample(found)[0] == pytest.approx(variance, rel=0.1)


def test_the_optimal_baseline_is_best_for_each_parameter():
    # f = z^2 of N(0, 1): the optimal constants are 3 for the mean and 5 for the width, while E[f] = 1.
    # With the constant b, Var = 15 - 6 b + b^2 for the mean, and 74 - 20 b + 2 b^2 for the width.
    for name, mean, width in (("none", 15, 74), ("mean", 10, 56), ("optimal", 6, 24)):
        found = once(score(name)(lambda z, t: z**2, "gaussian"), jnp.array([0.0, 1.0]), 100_000)
        np.testing.assert_allclose(spread_per_sample(found), [mean, width], rtol=0.1)


def test_coupling_the_sides_of_a_weak_derivative_has_the_variance_of_the_closed_form():
    # f = z^2: (zeta^2 + 2E) - zeta^2 = 2E has the variance 4 sigma^2; uncoupled sides would have 8
    found = once(weak(lambda z, t: z**2, "gaussian"), jnp.array([0.0, 0.6]), 40_000)
    assert spread_per_sample(found)[1] == pytest.approx(4 * 0.36, rel=0.05)


def test_common_random_numbers_reduce_the_variance_by_the_factor_of_the_closed_form():
    # f = (theta + e)^2: common 4, independent 2 (4 theta^2 + 2) / (2 h)^2, at theta = 1 and h = 0.1 a factor of 75
    f = lambda theta, key: (theta[0] + jax.random.normal(key)) ** 2
    ways = [partial(central_differences, f, step=0.1, common=common) for common in (True, False)]
    spreads = [spread_per_sample(once(way, jnp.ones(1), 40_000))[0] for way in ways]
    assert spreads[0] == pytest.approx(4, rel=0.05)
    assert spreads[1] / spreads[0] == pytest.approx(75, rel=0.05)


@pytest.mark.parametrize(("order", "bias"), [(2, 1 / 6), (4, -1 / 30)])
def test_differences_have_the_bias_of_their_order(order, bias):
    # exp: all derivatives are equal
    f = lambda theta, key: jnp.exp(theta[0])
    found = once(partial(central_differences, f, step=0.05, order=order), jnp.zeros(1), 2)
    assert float(found.gradient[0]) - 1 == pytest.approx(bias * 0.05**order, rel=1e-2)


def test_smoothing_shares_the_random_numbers_of_a_pair():
    f = lambda theta, key: theta[0] + 100 * jax.random.normal(key)
    found = once(partial(randomised_smoothing, f, width=0.1), jnp.zeros(1), 1000)
    assert float(found.gradient_error[0]) < 0.1  # 100 / 0.1 / sqrt(1000) = 32 without


def test_the_weight_of_a_stage_carries_the_score():
    def counted(theta):
        """Events pass with the probability theta; a hard decision, reweighted."""
        draws = jax.random.uniform(KEY, (20_000,)) < jax.lax.stop_gradient(theta)
        chance = jnp.where(draws, theta, 1 - theta)
        return jnp.mean(score_weight(jnp.log(chance)) * draws)

    value, slope = jax.jit(jax.value_and_grad(counted))(0.3)
    assert float(value) == pytest.approx(0.3, abs=0.02)
    assert float(slope) == pytest.approx(float(value) / 0.3, rel=1e-6)  # each event that passed counts 1 / theta


def test_covariances_are_those_of_the_mean():
    values, contributions = jax.random.normal(KEY, (50,)), jax.random.normal(KEY, (50, 3))
    found = Estimate.of(values, contributions)
    np.testing.assert_allclose(found.covariance, np.cov(contributions.T) / 50)
    np.testing.assert_allclose(found.gradient_error, np.std(contributions, 0, ddof=1) / 50**0.5)
    assert float(found.value_error) == pytest.approx(np.std(values, ddof=1) / 50**0.5)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("family", ["gaussian", "exponential"])
def test_single_precision_stays_single(estimator, family):
    estimate = partial(ESTIMATORS[estimator](lambda z, t: t[0] * z**2, family), key=KEY, samples=8)
    found = jax.eval_shape(estimate, THETA.astype(jnp.float32))
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {jnp.dtype("float32")}


MISUSED = {
    "at least 2": partial(central_differences, lambda theta, key: theta[0], step=0.1, samples=1),
    "expected one of 2, 4": partial(central_differences, lambda theta, key: theta[0], step=0.1, samples=4, order=3),
    "none, mean, optimal": partial(score("median")(cut, "gaussian"), samples=4),
}


@pytest.mark.parametrize("text", MISUSED)
def test_misuse_is_told(text):
    with pytest.raises(GradientError, match=text):
        jax.eval_shape(partial(MISUSED[text], key=KEY), THETA)
