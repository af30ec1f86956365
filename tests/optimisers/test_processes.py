"""Gaussian processes against dense algebra and finite differences, and the improvement they promise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from daedalus.optimisers.acquisition import Scalar, fantasies, log_improvement, outlook
from daedalus.optimisers.observations import Buffers, Figures, bent_excess, bent_objective, sloped
from daedalus.optimisers.processes import KERNELS, Covariance, Data, Process, Rows, evidence
from daedalus.optimisers.surrogate import prior
from daedalus.optimisers.warping import POWERS, Warping

LENGTHS = np.array([0.4, 0.7])
ONE = Scalar(jnp.ones(1), jnp.zeros(1), jnp.ones(1))


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def covariance(kind, choices=()):
    return Covariance(jnp.asarray(LENGTHS), jnp.asarray(1.7), kind, choices)


def correlation(kind, square):
    """The formulae once more, in numpy (Rasmussen and Williams 2006, equations 4.9 and 4.17)."""
    if kind == "squared_exponential":
        return np.exp(-0.5 * square)
    root = np.sqrt(5 * square)
    return (1 + root + root**2 / 3) * np.exp(-root)


@pytest.mark.parametrize("kind", KERNELS)
def test_covariances_of_slopes_are_derivatives_of_those_of_values(kind):
    value = lambda a, b: 1.7 * correlation(kind, np.sum(((a - b) / LENGTHS) ** 2))
    a, b, step = np.array([0.3, 0.8]), np.array([0.5, 0.1]), 1e-4
    shift = lambda axis: step * np.eye(2)[axis] if axis >= 0 else np.zeros(2)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            rows = [Rows(jnp.asarray(point[None]), jnp.asarray([axis])) for point, axis in ((a, i), (b, j))]
            found = float(covariance(kind).between(*rows)[0, 0])
            signs = [(s, t, s * t) for s in ((1, -1) if i >= 0 else (1,)) for t in ((1, -1) if j >= 0 else (1,))]
            differences = sum(sign * value(a + s * shift(i), b + t * shift(j)) for s, t, sign in signs)
            assert found == pytest.approx(differences / (2 * step) ** ((i >= 0) + (j >= 0)), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("kind", KERNELS)
def test_values_and_slopes_at_one_place_have_a_covariance(kind):
    rows = Rows(jnp.full((3, 2), 0.4), jnp.array([-1, 0, 1]))
    found = np.asarray(covariance(kind).between(rows, rows))
    curvature = {"squared_exponential": 1.0, "matern": 5 / 3}[kind]
    np.testing.assert_allclose(found, np.diag([1.7, *(1.7 * curvature / LENGTHS**2)]), atol=1e-12)


def test_choices_are_equal_or_a_length_apart():
    points = jnp.array([[0.2, 0.0], [0.2, 0.5], [0.2, 1.0]])
    found = covariance("squared_exponential", (1,)).between(Rows(points), Rows(points))
    apart = 1.7 * np.exp(-0.5 / LENGTHS[1] ** 2)
    np.testing.assert_allclose(found, np.where(np.eye(3), 1.7, apart))


def noisy_rows(count=12, unknown=3):
    """Places, values, variances; the last ones are not measured, whatever stands there."""
    generator = np.random.default_rng(0)
    points, noise = generator.random((count, 2)), 0.01 * np.exp(generator.normal(size=count))
    values = np.sin(5 * points[:, 0]) + points[:, 1] + np.sqrt(noise) * generator.normal(size=count)
    known = np.arange(count) < count - unknown
    return points, np.where(known, values, np.nan), noise, known


def test_evidence_is_the_normal_density_times_the_prior():
    points, values, noise, known = noisy_rows()
    vector = np.concatenate([np.log(LENGTHS), np.log([1.7, 0.02]), [0.3]])
    data = Data(Rows(jnp.asarray(points)), *map(jnp.asarray, (np.where(known, values, 0.0), noise, known)))
    square = np.sum(((points[:, None] - points) / LENGTHS) ** 2, -1)[np.ix_(known, known)]
    dense = 1.7 * correlation("matern", square) + np.diag(noise[known] + 0.02 + 1e-8 * 1.7)
    expected = stats.multivariate_normal(np.full(9, 0.3), dense).logpdf(values[known])
    # rows that were not measured are standard normal numbers that are zero
    expected -= 3 * 0.5 * np.log(2 * np.pi)
    before = prior(2)
    expected -= 0.5 * np.sum(((vector - before.centre) / before.deviation) ** 2)
    assert float(evidence(jnp.asarray(vector), data, before, "matern")) == pytest.approx(float(expected), rel=1e-9)


def drawn(points, values, noise, known, *, samples, pending=None):
    process = Process(covariance("matern"), jnp.asarray(0.3), jnp.asarray(1e-6))
    data = Data(Rows(jnp.asarray(points)), *map(jnp.asarray, (np.where(known, values, 0.0), noise, known)))
    normals = jax.random.normal(jax.random.key(1), (1, samples, len(points)))
    waiting = jnp.zeros(len(points), bool) if pending is None else jnp.asarray(pending)
    return fantasies((process,), (data,), waiting, ONE, normals)


def dense_posterior(points, values, noise, known, places):
    kernel = lambda a, b: 1.7 * correlation("matern", np.sum(((a[:, None] - b) / LENGTHS) ** 2, -1))
    rows = points[known]
    gain = kernel(places, rows) @ np.linalg.inv(kernel(rows, rows) + np.diag(noise[known] + 1e-6 + 1.7e-8))
    mean = 0.3 + gain @ (values[known] - 0.3)
    return mean, 1.7 - np.sum(gain * kernel(places, rows), 1)


@pytest.mark.slow
def test_draws_have_the_posterior_mean_and_variance():
    rows = noisy_rows()
    places = np.random.default_rng(1).random((7, 2))
    mean, variance = dense_posterior(*rows, places)
    means, deviations = drawn(*rows, samples=4000)(jnp.asarray(places))
    np.testing.assert_allclose(means[0, :, 0], mean, atol=1e-4)
    # the law of total variance, over draws of the values at the measured places
    total = jnp.var(means[0, :, 1:], axis=1) + deviations[0] ** 2
    np.testing.assert_allclose(total, variance, rtol=0.1, atol=1e-5)
    error = np.sqrt(variance / 4000)
    assert np.all(np.abs(jnp.mean(means[0, :, 1:], 1) - mean) < 4.5 * error + 1e-4)


def test_a_place_still_to_be_measured_is_drawn_and_shrinks_the_deviation():
    points, values, noise, known = noisy_rows()
    pending = np.arange(len(points)) == len(points) - 1
    there = jnp.asarray(points[-1:])
    before = drawn(points, values, noise, known, samples=8)(there)[1]
    after, deviation = drawn(points, values, noise, known, samples=8, pending=pending)(there)
    assert before[0, 0] > 10 * deviation[0, 0]
    assert np.ptp(after[0, 0, 1:]) > 0.1 * float(before[0, 0])


@pytest.mark.slow
def test_slopes_are_data():
    # a plane 2 x0 - x1 known at one place with its slopes is known around it
    points, steep = np.array([[0.5, 0.5], [0.9, 0.9]]), np.arange(2)
    figures = Figures(
        points,
        np.array([[0.5], [0.9]]),
        np.zeros((2, 1)),
        np.zeros((2, 0)),
        np.zeros((2, 0)),
        np.ones(2, bool),
    )
    warping, values, variances = bent_objective(figures, 0, 1.0)
    buffers = Buffers.of(points, steep, 0)
    slopes, none = np.tile([2.0, -1.0], (2, 1)), np.zeros((2, 2, 2))
    data = buffers.data(values, variances, figures.sound)
    data = sloped(data, buffers, warping, figures.objectives[:, 0], value=slopes, covariance=none)
    process = Process(covariance("squared_exponential"), jnp.zeros(()), jnp.zeros(()))
    none_pending, normals = jnp.zeros(len(buffers.place), bool), jnp.zeros((1, 1, len(buffers.place)))
    model = fantasies((process,), (data,), none_pending, ONE, normals)
    places = np.array([[0.5, 0.5], [0.51, 0.5], [0.5, 0.52]])
    mean = np.asarray(model(jnp.asarray(places))[0])[0, :, 0]
    np.testing.assert_allclose(mean, warping(2 * places[:, 0] - places[:, 1]), atol=2e-3 / warping.spread)


def test_a_covariance_of_slopes_counts():
    # of two parameters, one slope is exact and the other worthless
    points = np.array([[0.5, 0.5]])
    nothing = np.zeros((1, 0))
    figures = Figures(points, np.zeros((1, 1)), np.full((1, 1), 0.01), nothing, nothing, np.ones(1, bool))
    buffers = Buffers.of(points, np.arange(2), 0)
    warping = Warping(1.0, 0.0, 1.0, 0.0, 1.0)
    data = buffers.data(np.zeros(1), np.full(1, 1e-4), figures.sound)
    noise = np.diag([1e-6, 1e6])[None]
    data = sloped(data, buffers, warping, np.zeros(1), value=np.array([[1.0, 1.0]]), covariance=noise)
    process = Process(covariance("squared_exponential"), jnp.zeros(()), jnp.zeros(()))
    rest = (jnp.zeros(len(buffers.place), bool), ONE, jnp.zeros((1, 1, len(buffers.place))))
    mean = fantasies((process,), (data,), *rest)(jnp.array([[0.51, 0.5], [0.5, 0.51]]))[0][0, :, 0]
    np.testing.assert_allclose(mean, [0.01, 0.0], atol=1e-4)


@pytest.mark.parametrize("z", [-30.0, -12.0, -9.0, -3.0, -1.1, -0.9, 0.0, 2.0, 8.0])
def test_the_logarithm_of_the_improvement(z):
    # E max(z - x, 0), x standard normal, over its density at z, which underflows nowhere
    integrand = lambda t: t * np.exp(z * t - 0.5 * t**2)
    scaled = integrate.quad(integrand, 0, 80.0, points=[1 / abs(z)] if z else None, epsabs=0, epsrel=1e-11, limit=200)[
        0
    ]
    expected = np.log(scaled) + stats.norm.logpdf(z)
    assert float(log_improvement(jnp.asarray(z))) == pytest.approx(expected, abs=3e-6)
    slope = float(jax.grad(log_improvement)(jnp.asarray(z)))
    step = 1e-4
    both = [float(log_improvement(jnp.asarray(z + s * step))) for s in (1, -1)]
    assert slope == pytest.approx((both[0] - both[1]) / (2 * step), rel=1e-3)


def test_the_promise_is_the_mean_improvement_of_draws():
    points, values, noise, known = noisy_rows()
    model = drawn(points, values, noise, known, samples=64)
    place = jnp.array([[0.95, 0.05]])
    means, deviations = model(place)
    generator = np.random.default_rng(2)
    seen = np.asarray(means[0, 0, 1:]) + float(deviations[0, 0]) * generator.normal(size=(20000, 64))
    expected = np.mean(np.maximum(np.asarray(model.best) - seen, 0.0))
    assert float(jnp.exp(outlook(model, place).promise[0])) == pytest.approx(expected, rel=0.05)


def test_several_objectives_promise_the_mean_improvement_of_their_largest():
    scalar = Scalar(jnp.array([0.3, 0.7]), jnp.array([-1.0, 0.5]), jnp.array([2.0, 1.0]))
    means, deviations = jnp.array([0.0, 1.0])[:, None, None], jnp.array([0.5, 0.4])[:, None]
    best = jnp.array([0.3])
    drawn = np.asarray(means)[:, 0] + np.asarray(deviations) * np.random.default_rng(3).normal(size=(2, 200_000))
    expected = np.mean(np.maximum(0.3 - np.asarray(scalar(jnp.asarray(drawn))), 0.0))
    found = float(jnp.exp(scalar.log_improvement(best, means, deviations)[0, 0]))
    assert found == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("power", POWERS["auto"])
def test_warpings_rise_and_know_their_slope(power):
    values = np.array([0.1, 0.2, 0.5, 3.0, 80.0])
    warping = Warping.of(values, np.full(5, 0.01), power)
    bent = warping(values)
    assert np.all(np.diff(bent) > 0)
    assert np.mean(bent) == pytest.approx(0.0, abs=1e-12)
    assert np.std(bent) == pytest.approx(1.0)
    step = 1e-6
    differences = (warping(values + step) - warping(values - step)) / (2 * step)
    np.testing.assert_allclose(warping.slope(values), differences, rtol=1e-6)


def test_an_excess_keeps_its_sign():
    excess = np.array([[-2.0], [0.0], [1e-3], [500.0]])
    figures = Figures(np.zeros((4, 1)), excess, excess, excess, np.full((4, 1), 0.1), np.ones(4, bool))
    bent, variances = bent_excess(figures, 0)
    assert np.all(np.sign(bent) == np.sign(excess[:, 0]))
    step = np.array([[1e-6]])
    moved = bent_excess(Figures(np.zeros((4, 1)), excess, excess, excess, excess, np.ones(4, bool)), 0)[0]
    np.testing.assert_allclose(moved, bent)
    size = np.median(np.abs(excess))
    slope = (bent[3] - bent[1]) / np.arcsinh(500.0 / size) / np.hypot(size, excess[:, 0])
    np.testing.assert_allclose(np.sqrt(variances), 0.1 * slope)
    assert step.size == 1
