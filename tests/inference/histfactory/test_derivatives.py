"""Derivatives of what an experiment quotes, by a template's parameter and by bin edges, against finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.stats import norm

from daedalus.inference.histfactory.asymptotics import discovery, expected_discovery, hypothesis_test
from daedalus.inference.histfactory.fits import fit
from daedalus.inference.histfactory.limits import upper_limit
from daedalus.inference.histfactory.model import BinnedModel
from daedalus.inference.histfactory.templates import (
    Channel,
    HistoSys,
    NormFactor,
    NormSys,
    Sample,
    ShapeSys,
    StatError,
)
from daedalus.inference.histfactory.uncertainties import expected_uncertainty, fitted_covariance
from inference.histfactory.compiled import compiled

# width of the signal, its efficiency's error, and two bin edges
DESIGN = jnp.array([0.6, 0.08, 0.9, 2.1])
COUNTS = jnp.array([94.0, 70.0, 31.0])


def model_of(design):
    """A peak at 1.3 on an exponential in three bins between 0 and 4: densities integrated between the edges."""
    width, error, low, high = design
    edges = jnp.stack([jnp.zeros_like(low), low, high, jnp.full_like(low, 4.0)])
    peak = lambda place: 20.0 * jnp.diff(norm.cdf(edges, place, width))
    fall = lambda slope: 180.0 * -jnp.diff(jnp.exp(-edges / slope))
    signal = Sample("s", peak(1.3), (NormFactor("mu"), NormSys("efficiency", 1 - error, 1 + error),
                                     HistoSys("scale", peak(1.25), peak(1.35))))  # fmt: skip
    background = Sample("b", fall(1.5), (HistoSys("slope", fall(1.4), fall(1.63)),
                                         StatError("simulation", 0.3 * jnp.sqrt(fall(1.5)))))  # fmt: skip
    other = Sample("c", 0.1 * fall(3.0), (ShapeSys("fakes", 0.3 * jnp.sqrt(fall(3.0))),))
    return BinnedModel.of((Channel("only", (signal, background, other)),), "mu")


FITTED = ("fitted uncertainty", "expected uncertainty", "best fit", "nuisance")
TESTED = ("log CLs", "log p0", "expected log p0", *(f"expected log CLs {band}" for band in range(5)))


def from_fits(design):
    """What a fit quotes, the data held, or is expected to; and whether it converged."""
    model = model_of(design)
    data = model.observed(COUNTS)
    found = fit(model, data)
    widths = jnp.sqrt(fitted_covariance(model, data, found)[0, 0]), expected_uncertainty(model)
    return jnp.stack([*widths, found.value[0], found.value[model.number("slope")]]), found.converged


def from_tests(design):
    """What tests quote, the data held, or are expected to; and whether all fits converged."""
    model = model_of(design)
    data = model.observed(COUNTS)
    test, seen, expected = hypothesis_test(model, data, 1.5), discovery(model, data), expected_discovery(model)
    values = jnp.stack([test.log_cls, seen.log_p0, expected.log_p0, *test.log_expected])
    return values, test.converged & seen.converged & expected.converged


def differences(function, design, step=1e-3):
    """The derivative by all numbers of a design, from four places each."""
    weights = {-2: 1 / 12, -1: -8 / 12, 1: 8 / 12, 2: -1 / 12}
    along = lambda unit: sum(w / step * function(design + n * step * unit) for n, w in weights.items())
    return np.transpose([along(unit) for unit in np.eye(len(design))])


@pytest.mark.parametrize(
    ("quoted", "names"), [(from_fits, FITTED), pytest.param(from_tests, TESTED, marks=pytest.mark.slow)]
)
def test_what_is_quoted_has_the_derivatives_of_finite_differences(quoted, names):
    run = jax.jit(quoted, compiler_options={"xla_backend_optimization_level": 0})
    assert bool(run(DESIGN)[1])
    finite = differences(lambda design: np.asarray(run(design)[0]), DESIGN)
    slopes = compiled(jax.jacrev(lambda design: quoted(design)[0]))(DESIGN)
    for name, exact, measured in zip(names, slopes, finite, strict=True):
        np.testing.assert_allclose(exact, measured, rtol=1e-5, atol=1e-7, err_msg=name)
        assert np.abs(measured).max() > 1e-3, name


@pytest.mark.slow
def test_upper_limits_have_the_derivatives_of_finite_differences():
    def limits(design):
        model = model_of(design)
        found = upper_limit(model, model.observed(COUNTS))
        return jnp.append(found.observed, found.expected), found.converged

    run = jax.jit(limits, compiler_options={"xla_backend_optimization_level": 0})
    assert run(DESIGN)[1].all()
    finite = differences(lambda d: np.asarray(run(d)[0]), DESIGN)
    slopes = compiled(jax.jacrev(lambda design: limits(design)[0]))(DESIGN)
    np.testing.assert_allclose(slopes, finite, rtol=1e-5, atol=1e-7)


def test_the_likelihood_has_the_derivatives_of_finite_differences():
    point = jnp.array([0.8, 0.3, -0.6, 0.4, 1.02, 0.97, 1.05, 0.9, 1.1, 1.2])

    @jax.jit
    def value(design):
        model = model_of(design)
        return model.log_likelihood(point, model.observed(COUNTS))

    finite = differences(lambda d: np.atleast_1d(value(d)), DESIGN)[0]
    np.testing.assert_allclose(jax.grad(value)(DESIGN), finite, rtol=1e-8)
