"""Information and covariance by their definitions; pulls and impacts by refits; laws of merging and scaling."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pyhf
import pytest

from daedalus.inference.histfactory.fits import fit
from daedalus.inference.histfactory.model import BinnedModel
from daedalus.inference.histfactory.templates import Channel, HistoSys, NormFactor, NormSys, Sample
from daedalus.inference.histfactory.uncertainties import (
    covariance,
    expected_covariance,
    expected_uncertainty,
    fisher_information,
    fitted_covariance,
    hessian,
    impacts,
    log_generalised_variance,
    pulls,
)
from inference.histfactory.compiled import compiled
from inference.histfactory.peer import case, points, sharply


@pytest.mark.parametrize("name", ["exact_bins", "everything", "fixed"])
def test_fisher_information_is_the_hessian_for_asimov_data(name):
    model = case(name).model
    both = jax.jit(lambda x: (fisher_information(model, x), hessian(model, model.asimov(x), x)))
    for point in points(model, 2)[1:]:
        information, curvature = both(jnp.asarray(point))
        scale = np.sqrt(np.diagonal(curvature))
        np.testing.assert_allclose(information / np.outer(scale, scale), curvature / np.outer(scale, scale), atol=1e-12)


def gaussian(correlation):
    """Two strengths measured by two huge bins, with normal priors: a linear problem with normal errors."""
    bins = 1e10 * np.array([1.0, 1.0])
    first, second = np.array([2.0, 1.0]), np.array([correlation, 3.0])
    samples = (
        Sample("a", 1e5 * first, (NormFactor("a"),)),
        Sample("b", 1e5 * second, (NormFactor("b"),)),
        Sample("rest", bins - 1e5 * (first + second)),
    )
    settings = {name: {"prior": (1.0, width), "lower": -9.0} for name, width in (("a", 0.5), ("b", 2.0))}
    return BinnedModel.of((Channel("c", samples),), "a", settings=settings), np.stack([first, second])


def test_the_covariance_of_a_normal_problem():
    model, directions = gaussian(1.7)
    expected = np.linalg.inv(directions @ directions.T + np.diag([0.5**-2, 2.0**-2]))
    shift = np.array([0.7, -0.4])  # of the bins [their standard deviations]

    def all_of_them(model, data):
        found = fit(model, data)
        volumes = [log_generalised_variance(model, model.start, jnp.array([True, both])) for both in (True, False)]
        widths = expected_covariance(model, model.start), expected_uncertainty(model)
        return found, fitted_covariance(model, data, found), *widths, *volumes

    found, matrix, bound, width, volume, alone = compiled(all_of_them)(model, model.observed(1e10 + 1e5 * shift))
    np.testing.assert_allclose(bound, expected, rtol=1e-9)
    np.testing.assert_allclose(found.value, 1 + expected @ (directions @ shift), rtol=2e-5)
    np.testing.assert_allclose(matrix, expected, rtol=2e-4)
    assert float(width) == pytest.approx(np.sqrt(expected[0, 0]), rel=1e-9)
    assert float(volume) == pytest.approx(np.log(np.linalg.det(expected)), rel=1e-8)
    assert float(alone) == pytest.approx(np.log(expected[0, 0]), rel=1e-8)


def test_fixed_parameters_have_no_covariance_and_do_not_widen():
    information = jnp.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])
    found = covariance(information, jnp.array([True, False, True]))
    np.testing.assert_allclose(found[np.ix_([0, 2], [0, 2])], np.linalg.inv([[4.0, 0.5], [0.5, 2.0]]), rtol=1e-12)
    np.testing.assert_array_equal(found[1], 0.0)


def test_a_singular_information_is_an_infinite_covariance():
    found = covariance(jnp.array([[1.0, 2.0], [2.0, 4.0]]), jnp.array([True, True]))
    np.testing.assert_array_equal(found, np.inf)


def peaked(factor=1.0, parts=1):
    """A peak on a slope with systematics, in one channel or split into several with parts of the events."""
    signal, background = factor / parts * np.array([3.0, 9.0, 4.0]), factor / parts * np.array([50.0, 40.0, 30.0])
    one = lambda n: Channel(f"c{n}", (
        Sample("s", signal, (NormFactor("mu"), NormSys("efficiency", 0.9, 1.1))),
        Sample("b", background, (HistoSys("tilt", background * np.array([0.95, 1.0, 1.05]),
                                          background * np.array([1.06, 1.0, 0.93])),)),
    ))  # fmt: skip
    return BinnedModel.of([one(n) for n in range(parts)], "mu")


def test_two_channels_of_half_the_events_are_one():
    whole, halves = peaked(), peaked(parts=2)
    assert whole.names == halves.names
    run = compiled(lambda model, data: (fit(model, data).value, fisher_information(model, model.start)))
    counts = np.array([60.0, 48.0, 33.0])
    once, twice = run(whole, whole.observed(counts)), run(halves, halves.observed(np.tile(counts / 2, 2)))
    np.testing.assert_allclose(twice[0], once[0], atol=1e-8)
    np.testing.assert_allclose(twice[1], once[1], rtol=1e-12)


def test_statistical_errors_fall_with_the_root_of_the_exposure_and_systematic_ones_stay():
    free = lambda factor: eqx.tree_at(lambda m: m.fixed, peaked(factor), jnp.array([False, True, True]))
    ratio = expected_uncertainty(free(1.0)) / expected_uncertainty(free(16.0))
    assert float(ratio) == pytest.approx(4.0, rel=1e-12)
    limits = [float(expected_uncertainty(peaked(factor))) for factor in (1e6, 1e8)]
    # what remains is the efficiency, d ln s = 0.1 (ln 1.1 / 0.9 -> code4's slope at zero)
    assert limits[0] == pytest.approx(limits[1], rel=1e-3)
    assert limits[1] == pytest.approx(0.1, rel=0.02)


@pytest.fixture(scope="module")
def refitted():
    known = case("shared_names")

    def all_of_them(model, data):
        found = fit(model, data)
        return found, *(function(model, data, found) for function in (pulls, impacts, fitted_covariance))

    return known, *compiled(all_of_them)(known.model, known.data)


def test_pulls_are_the_shift_and_the_width_in_units_of_before(refitted):
    known, found, pulled, _, matrix = refitted
    number = known.model.number("theory")
    assert float(pulled.pull[number]) == pytest.approx(float(found.value[number]), rel=1e-12)
    assert float(pulled.constraint[number]) == pytest.approx(float(np.sqrt(matrix[number, number])), rel=1e-9)
    free = [known.model.number(name) for name in ("mu", "fraction")]
    np.testing.assert_array_equal(pulled.pull[np.array(free)], 0.0)
    np.testing.assert_array_equal(pulled.constraint[np.array(free)], 1.0)
    # the width by a parabola of the profile likelihood, refitted by theirs
    width = float(np.sqrt(matrix[number, number]))
    values = [profiled(known, number, float(found.value[number]) + h * width)[1] for h in (-0.1, 0.0, 0.1)]
    assert (values[0] - 2 * values[1] + values[2]) / 0.01 == pytest.approx(2.0, rel=0.02)


def profiled(known, number, value):
    """Their fit with one parameter held: the parameter of interest, and -2 ln L."""
    model = known.peer.model
    start, fixed = model.config.suggested_init(), model.config.suggested_fixed()
    place = known.peer.place[number]
    start[place], fixed[place] = value, True
    with sharply():
        best, twice = pyhf.infer.mle.fit(known.peer.data, model, start, fixed_params=fixed, return_fitted_val=True)
    return float(best[model.config.poi_index]), float(twice)


def test_impacts_are_the_shifts_of_refits(refitted):
    known, found, _, moved, matrix = refitted
    assert moved.converged.all()
    for name in ("theory", "fraction"):
        number = known.model.number(name)
        for side, sign in ((moved.down, -1.0), (moved.up, 1.0)):
            value = float(found.value[number] + sign * np.sqrt(matrix[number, number]))
            value = np.clip(value, known.model.lower[number], known.model.upper[number])
            theirs = profiled(known, number, value)[0] - float(found.value[known.model.poi])
            assert float(side[number]) == pytest.approx(theirs, abs=2e-5)


def test_pulls_of_counts_that_were_measured_elsewhere():
    known = case("fixed")
    run = compiled(lambda model, data: (found := fit(model, data), pulls(model, data, found)))
    found, pulled = run(known.model, known.data)
    number = known.model.number("c_bins[1]")
    tau, counted = (15.0 / 2.0) ** 2, 60.0  # scale, and the outcome of the auxiliary measurement
    expected = (float(found.value[number]) - counted / tau) * np.sqrt(tau)
    assert float(pulled.pull[number]) == pytest.approx(expected, rel=1e-12)
    assert 0.3 < float(pulled.constraint[number]) < 1.05
    held = known.model.number("off")
    assert (float(pulled.pull[held]), float(pulled.constraint[held])) == (0.5, 1.0)
