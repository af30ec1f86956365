"""Templates of two classes: errors of their fluxes where closed forms or an integral say what they must be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from daedalus.inference.class_templates import BINS, class_templates, flux_errors

EXPECTED = jnp.array([700.0, 2000.0])
EVENTS = 40


def gaussian(apart, spread):
    """The templates of two classes that are seen always, at +apart and -apart with one spread."""
    return class_templates(jnp.ones(2), jnp.array([apart, -apart]), jnp.full(2, spread), jnp.array([0, 1]))


def integrated(apart, spread, expected=EXPECTED):
    """The relative flux errors without bins: the information is an integral over the statistic."""
    grid = np.linspace(-apart - 12 * spread, apart + 12 * spread, 200001)
    density = np.stack([n * stats.norm.pdf(grid, at, spread) for n, at in zip(np.asarray(expected), (apart, -apart))])
    information = np.trapezoid(density[:, None] * density[None] / np.sum(density, 0), grid)
    return np.sqrt(np.diag(np.linalg.inv(information)))


def mixed():
    """Weights, statistics, spreads and classes of some events, near and far from zero."""
    a, b, c = jax.random.normal(jax.random.key(1), (3, EVENTS))
    return jax.nn.sigmoid(a), 2.0 * b * jnp.exp(1.5 * c), jnp.exp(0.7 * c), jnp.arange(EVENTS) % 2


def test_every_event_is_counted_once():
    weight, statistic, spread, number = mixed()
    templates = class_templates(weight, statistic, spread, number)
    assert templates.shape == (2, BINS)
    assert float(templates.min()) >= 0
    for each in (0, 1):
        assert float(templates[each].sum()) == pytest.approx(float(weight[number == each].sum()), rel=1e-12)
    ends = class_templates(jnp.ones(2), jnp.array([1e7, -1e7]), jnp.ones(2), jnp.array([0, 1]))
    np.testing.assert_allclose(ends[0, -1], 1.0, rtol=1e-12)  # the bins are open at the ends
    np.testing.assert_allclose(ends[1, 0], 1.0, rtol=1e-12)


def test_sums_of_blocks_are_the_sums_of_all():
    given = mixed()
    whole = class_templates(*given)
    parts = [class_templates(*(each[rows] for each in given)) for rows in (slice(0, 13), slice(13, EVENTS))]
    np.testing.assert_allclose(sum(parts), whole, rtol=1e-12, atol=1e-15)


def test_three_classes_and_a_zero_between_two_bins():
    templates = class_templates(jnp.ones(3), jnp.array([30.0, 0.0, -30.0]), jnp.ones(3), jnp.arange(3), classes=3)
    upper = templates[:, BINS // 2 :].sum(1)
    np.testing.assert_allclose(upper, [1.0, 0.5, 0.0], atol=1e-12)


@pytest.mark.parametrize("seen", [(1.0, 1.0), (0.3, 0.05)])
def test_separated_classes_are_counted_each_by_itself(seen):
    seen = jnp.array(seen)
    templates = class_templates(seen, jnp.array([300.0, -300.0]), jnp.full(2, 5.0), jnp.array([0, 1]))
    np.testing.assert_allclose(flux_errors(templates, EXPECTED), 1 / np.sqrt(EXPECTED * seen), rtol=1e-9)


@pytest.mark.parametrize("double", [True, False])
def test_classes_that_look_alike_cannot_be_measured_apart(double):
    """Infinite, or as large as rounding allows: never a small error by accident, and no derivative that is not one."""
    with jax.enable_x64(double):
        statistic = jnp.array([1.3, 1.3, -0.4, -0.4])
        errors = lambda s: flux_errors(class_templates(jnp.ones(4), s, jnp.ones(4), jnp.array([0, 1, 0, 1])), expected)
        expected = jnp.asarray(EXPECTED, statistic.dtype)
        found, slopes = jax.jit(lambda s: (errors(s), jax.jacrev(errors)(s)))(statistic)
        least = 1 / np.sqrt(np.asarray(expected)) * (1e6 if double else 100.0)  # of what counts alone would give
        assert np.all(np.asarray(found) > least)
        assert bool(jnp.all(jnp.isfinite(slopes)))


def test_a_class_that_is_never_seen_has_no_error_and_does_not_harm_the_other():
    templates = class_templates(jnp.array([0.8, 0.0]), jnp.array([2.0, -2.0]), jnp.ones(2), jnp.array([0, 1]))
    gamma, proton = flux_errors(templates, EXPECTED)
    assert float(gamma) == pytest.approx(1 / np.sqrt(0.8 * 700.0), rel=1e-6)
    assert np.isinf(proton)


@pytest.mark.parametrize(("apart", "spread"), [(0.5, 1.0), (2.0, 2.0), (5.0, 3.0), (12.0, 9.0), (60.0, 40.0)])
def test_shifted_gaussians_against_the_integral(apart, spread):
    binned, exact = np.asarray(flux_errors(gaussian(apart, spread), EXPECTED)), integrated(apart, spread)
    assert np.all(binned >= exact * (1 - 1e-6))  # bins only lose
    np.testing.assert_allclose(binned, exact, rtol=5e-3)


def test_finer_bins_converge_to_the_integral():
    templates, exact = gaussian(1.5, 1.8), integrated(1.5, 1.8)
    lost = []
    for merged in (16, 8, 4, 2, 1):  # of neighbours
        coarse = templates.reshape(2, BINS // merged, merged).sum(2)
        lost.append(np.asarray(flux_errors(coarse, EXPECTED)) / exact - 1)
    lost = np.array(lost)
    assert np.all(lost > -1e-6)
    assert np.all(lost[1:] < 0.5 * lost[:-1])  # halved bins lose about a quarter
    assert np.all(lost[-1] < 2e-3)


def test_errors_fall_with_the_root_of_the_number_and_with_separation():
    once, fourfold = (flux_errors(gaussian(2.0, 2.0), n * EXPECTED) for n in (1.0, 4.0))
    np.testing.assert_allclose(fourfold, once / 2, rtol=1e-9)
    by_distance = np.array([flux_errors(gaussian(apart, 2.0), EXPECTED) for apart in (0.5, 1.0, 2.0, 4.0, 8.0)])
    assert np.all(np.diff(by_distance, axis=0) < 0)


def test_it_is_the_spread_of_fits():
    """Pseudo-experiments with maximum-likelihood fits of both fluxes in the bins; 4 standard errors of a spread."""
    templates = np.asarray(gaussian(2.0, 2.0))
    rows = np.asarray(EXPECTED)[:, None] * templates * 100.0  # many events: few empty bins, no flux below zero
    data = np.random.default_rng(2).poisson(rows.sum(0), (2000, BINS))
    flux = np.ones((len(data), 2))
    for _ in range(8):  # Fisher scoring
        expected = np.maximum(flux @ rows, 1e-12)
        slope = (data / expected - 1) @ rows.T
        matrix = np.einsum("ib,jb,eb->eij", rows, rows, 1 / expected)
        flux = flux + np.linalg.solve(matrix, slope[..., None])[..., 0]
    law = np.asarray(flux_errors(jnp.asarray(templates), 100.0 * EXPECTED))
    np.testing.assert_allclose(np.std(flux, 0) / law, 1.0, atol=4 / np.sqrt(2 * len(data)))


def test_derivatives_equal_finite_differences():
    weight, statistic, spread, number = mixed()
    run = jax.jit(lambda *given: flux_errors(class_templates(*given, number), EXPECTED))
    slopes = jax.jit(jax.jacrev(run, argnums=(0, 1, 2)))(weight, statistic, spread)
    given = [weight, statistic, spread]
    for axis, slope in enumerate(slopes):
        for event in (0, 5, 12, 29):
            ends = []
            for step in (1e-5, -1e-5):
                others = list(given)
                others[axis] = given[axis].at[event].add(step)
                ends.append(run(*others))
            expected = (ends[0] - ends[1]) / 2e-5
            np.testing.assert_allclose(slope[:, event], expected, rtol=1e-5, atol=1e-10)


def test_precision_is_kept():
    with jax.enable_x64(False):
        templates = class_templates(*mixed())
        assert templates.dtype == jnp.float32
        assert flux_errors(templates, jnp.asarray(EXPECTED, jnp.float32)).dtype == jnp.float32
