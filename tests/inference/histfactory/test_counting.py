"""Closed forms: counting experiments, statistical errors, Asimov significances, limits and toys."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, stats

from daedalus.inference.histfactory.asymptotics import discovery, expected_discovery, hypothesis_test
from daedalus.inference.histfactory.fits import fit
from daedalus.inference.histfactory.limits import upper_limit
from daedalus.inference.histfactory.model import BinnedModel
from daedalus.inference.histfactory.templates import Channel, NormFactor, Sample, ShapeSys, StatError
from daedalus.inference.histfactory.toys import toy_test, toys
from daedalus.inference.histfactory.uncertainties import expected_uncertainty, fitted_covariance

FIT, TEST, LIMIT = eqx.filter_jit(fit), eqx.filter_jit(hypothesis_test), eqx.filter_jit(upper_limit)
SIGNAL, BACKGROUND = 8.0, 20.0


def counting(signal=SIGNAL, background=BACKGROUND, uncertainty=None):
    """A bin with a signal above a background that is known, or measured elsewhere."""
    measured = () if uncertainty is None else (ShapeSys("b_bin", jnp.asarray([uncertainty])),)
    signals = Sample("s", jnp.asarray([signal]), (NormFactor("mu"),))
    settings = {"mu": {"lower": -2.0, "upper": 30.0}}
    backgrounds = Sample("b", jnp.asarray([background]), measured)
    return BinnedModel.of((Channel("bin", (signals, backgrounds)),), "mu", settings=settings)


def minus_two_log_ratio(count, mu, fitted):
    """-2 ln L(mu) / L(fitted) of a Poisson law."""
    rate, best = (m * SIGNAL + BACKGROUND for m in (mu, fitted))
    return 2 * (rate - best + count * np.log(best / rate))


@pytest.mark.parametrize("count", [14.0, 20.0, 23.0, 31.0])
@pytest.mark.parametrize("statistic", ["q", "qtilde"])
def test_limits_of_a_known_background(count, statistic):
    model, mu = counting(), 1.0
    found = TEST(model, model.observed([count]), mu, statistic)
    fitted = (count - BACKGROUND) / SIGNAL
    best = max(fitted, 0.0) if statistic == "qtilde" else fitted
    q = minus_two_log_ratio(count, mu, best) if best < mu else 0.0
    asimov = minus_two_log_ratio(BACKGROUND, mu, 0.0)
    assert float(found.statistic) == pytest.approx(q, rel=1e-9, abs=1e-12)
    assert float(found.asimov_statistic) == pytest.approx(asimov, rel=1e-9)
    root = np.sqrt(asimov)
    distance = (q - asimov) / (2 * root) if statistic == "qtilde" and q > asimov else np.sqrt(q) - root
    cls = stats.norm.sf(distance + root) / stats.norm.sf(distance)
    assert float(found.cls) == pytest.approx(cls, rel=1e-9)
    bands = np.array([2.0, 1.0, 0.0, -1.0, -2.0])
    np.testing.assert_allclose(found.expected, stats.norm.sf(bands + root) / stats.norm.sf(bands), rtol=1e-9)


def test_discovery_of_a_known_background():
    model = counting()
    found = eqx.filter_jit(discovery)(model, model.observed([31.0]))
    assert float(found.statistic) == pytest.approx(minus_two_log_ratio(31.0, 0.0, 11 / 8), rel=1e-9)
    assert float(found.p0) == pytest.approx(stats.norm.sf(float(found.significance)), rel=1e-12)
    few = eqx.filter_jit(discovery)(model, model.observed([17.0]))
    assert (float(few.significance), float(few.p0)) == (0.0, pytest.approx(0.5))


def test_the_expected_significance_of_a_known_background():
    # Cowan, Cranmer, Gross and Vitells (2011), equation 97
    expected = np.sqrt(2 * ((SIGNAL + BACKGROUND) * np.log(1 + SIGNAL / BACKGROUND) - SIGNAL))
    found = eqx.filter_jit(expected_discovery)(counting())
    assert float(found.significance) == pytest.approx(expected, rel=1e-9)
    small = eqx.filter_jit(expected_discovery)(counting(signal=0.1, background=1e4))
    assert float(small.significance) == pytest.approx(0.1 / 100, rel=1e-3)


@pytest.mark.parametrize("uncertainty", [0.5, 4.0, 15.0])
def test_the_expected_significance_of_a_measured_background(uncertainty):
    # Cowan, Discovery sensitivity for a counting experiment with background uncertainty (2012), equation 20:
    # the formula of Li and Ma for Asimov data
    s, b, v = SIGNAL, BACKGROUND, uncertainty**2
    first = (s + b) * np.log((s + b) * (b + v) / (b**2 + (s + b) * v))
    expected = np.sqrt(2 * (first - b**2 / v * np.log(1 + v * s / (b * (b + v)))))
    found = eqx.filter_jit(expected_discovery)(counting(uncertainty=uncertainty))
    assert float(found.significance) == pytest.approx(expected, rel=1e-8)


def test_a_measured_background_widens_the_signal_in_quadrature():
    sigma = 3.0
    model = counting(uncertainty=sigma)
    expected = np.sqrt(SIGNAL + BACKGROUND + sigma**2) / SIGNAL  # mu = (n - b) / s, b ~ sigma

    @eqx.filter_jit
    def both(model):
        data = model.asimov(model.start)
        return expected_uncertainty(model), fitted_covariance(model, data, fit(model, data))

    width, matrix = both(model)
    assert float(width) == pytest.approx(expected, rel=1e-12)
    assert float(matrix[0, 0]) == pytest.approx(expected**2, rel=1e-9)


@pytest.mark.parametrize("count", [70.0, 100.0, 144.0])
def test_statistical_errors_of_barlow_and_beeston(count):
    # d/dgamma of nu - n ln nu + (gamma - 1)^2 / 2 delta^2 with nu = 100 gamma is a quadratic equation
    b, delta = 100.0, 0.08
    model = BinnedModel.of((Channel("bin", (Sample("b", [b], (StatError("stat", [b * delta]),)),)),))
    root = 1 - b * delta**2
    gamma = 0.5 * (root + np.sqrt(root**2 + 4 * count * delta**2))
    found = FIT(model, model.observed([count]))
    np.testing.assert_allclose(found.value, [gamma], rtol=1e-10)
    np.testing.assert_allclose(found.hessian, [[count / gamma**2 + delta**-2]], rtol=1e-10)


def test_statistical_errors_of_several_samples_add_in_quadrature():
    samples = [Sample(name, [n], (StatError("stat", [e]),)) for name, n, e in (("a", 30.0, 3.0), ("b", 50.0, 4.0))]
    exact = Sample("c", [7.0])
    model = BinnedModel.of((Channel("bin", (*samples, exact)),))
    np.testing.assert_allclose(model.width, [5.0 / 80.0], rtol=1e-14)
    np.testing.assert_allclose(model.expected(jnp.array([1.1])), [80.0 * 1.1 + 7.0], rtol=1e-14)


@pytest.mark.parametrize("count", [41.0, 50.0, 66.0])
def test_a_background_measured_elsewhere_is_the_mean_of_both(count):
    b, sigma = 50.0, 6.0
    model = BinnedModel.of((Channel("bin", (Sample("b", [b], (ShapeSys("b_bin", [sigma]),)),)),))
    tau = (b / sigma) ** 2
    found = FIT(model, model.observed([count]))
    np.testing.assert_allclose(found.value, [(count + tau) / (b + tau)], rtol=1e-10)


def cls_in_closed_form(mu, count):
    best = max((count - BACKGROUND) / SIGNAL, 0.0)
    q = minus_two_log_ratio(count, mu, best) if best < mu else 0.0
    asimov = minus_two_log_ratio(BACKGROUND, mu, 0.0)
    distance = (q - asimov) / (2 * np.sqrt(asimov)) if q > asimov else np.sqrt(q) - np.sqrt(asimov)
    return stats.norm.sf(distance + np.sqrt(asimov)) / stats.norm.sf(distance)


@pytest.mark.parametrize(
    ("count", "level"),
    [
        pytest.param(14.0, 0.05, marks=pytest.mark.slow),
        (23.0, 0.05),
        (60.0, 0.05),
        pytest.param(23.0, 0.32, marks=pytest.mark.slow),
    ],
)
def test_upper_limits_of_a_known_background(count, level):
    model = counting()
    found = LIMIT(model, model.observed([count]), level=level)
    assert found.converged.all()
    observed = optimize.brentq(lambda mu: cls_in_closed_form(mu, count) - level, 1e-3, 20.0, xtol=1e-12)
    assert float(found.observed) == pytest.approx(observed, rel=1e-7)
    for limit, band in zip(found.expected, (2.0, 1.0, 0.0, -1.0, -2.0), strict=True):
        root = np.sqrt(minus_two_log_ratio(BACKGROUND, float(limit), 0.0))
        assert stats.norm.sf(band + root) / stats.norm.sf(band) == pytest.approx(level, rel=1e-7)


def test_toys_have_the_moments_of_their_laws():
    model, number = counting(uncertainty=4.0), 4000
    truth = jnp.array([1.5, 1.1])
    drawn = toys(model, truth, number, key=jax.random.key(3))
    tau = (BACKGROUND / 4.0) ** 2
    for values, mean in ((drawn.counts[:, 0], 1.5 * SIGNAL + 1.1 * BACKGROUND), (drawn.auxiliary[:, 1], 1.1 * tau)):
        assert np.mean(values) == pytest.approx(mean, abs=4 * np.sqrt(mean / number))  # false alarms: 6e-5 each
        assert np.var(values) == pytest.approx(mean, rel=4 * np.sqrt(2 / number) * 1.1)
    np.testing.assert_array_equal(drawn.auxiliary[:, 0], 0.0)


@pytest.mark.slow
def test_the_p_values_of_toys_are_those_of_poisson():
    # without nuisances the statistic orders toys by their counts
    model, count, number = counting(), 18.0, 3000
    run = eqx.filter_jit(partial(toy_test, number=number))
    found = run(model, model.observed([count]), 1.0, key=jax.random.key(1))
    exact = [stats.poisson.cdf(count, SIGNAL + BACKGROUND), stats.poisson.cdf(count, BACKGROUND)]
    for share, p in zip((found.p_signal, found.p_background), exact, strict=True):
        assert float(share) == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / number))
    np.testing.assert_array_equal(found.toys, number)
    relative = np.sqrt(sum((1 - p) / (p * number) for p in exact))
    assert float(found.cls_error) == pytest.approx(float(found.cls) * relative, rel=0.1)
    assert float(found.cls) == pytest.approx(exact[0] / exact[1], abs=4 * float(found.cls_error))
