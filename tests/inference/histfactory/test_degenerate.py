"""Empty bins, bounds, impossible data and searches that end badly: each has a name, and nothing is NaN."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.errors import LikelihoodError
from daedalus.gradients.bounded_minimum import Outcome
from daedalus.inference.histfactory.asymptotics import discovery, hypothesis_test
from daedalus.inference.histfactory.fits import check_data, fit, interest
from daedalus.inference.histfactory.limits import upper_limit
from daedalus.inference.histfactory.model import BinnedModel, Observation
from daedalus.inference.histfactory.templates import Channel, HistoSys, NormFactor, Sample
from daedalus.inference.histfactory.uncertainties import expected_uncertainty, fisher_information
from daedalus.inference.histfactory.workspace import workspace_of
from inference.histfactory import workspaces
from inference.histfactory.compiled import compiled


def two_bins(signal, background, settings=None):
    samples = Sample("s", jnp.asarray(signal), (NormFactor("mu"),)), Sample("b", jnp.asarray(background))
    return BinnedModel.of((Channel("c", samples),), "mu", settings=settings)


def no_nan(tree):
    return not any(np.isnan(leaf).any() for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_inexact_array)))


def test_a_bin_in_which_nothing_is_expected_nor_seen_does_not_count():
    with_it, without = two_bins([3.0, 0.0], [9.0, 0.0]), two_bins([3.0], [9.0])
    for mu in (0.0, 1.0, 2.5):
        point = jnp.array([mu])
        values = [
            (m.log_likelihood(point, d), jax.grad(m.log_likelihood)(point, d), fisher_information(m, point))
            for m, d in ((with_it, with_it.observed([11.0, 0.0])), (without, without.observed([11.0])))
        ]
        for ours, alone in zip(*values, strict=True):
            np.testing.assert_allclose(ours, alone, rtol=1e-14)
    check_data(with_it, with_it.observed([11.0, 0.0]))


def test_something_seen_where_nothing_is_expected_is_impossible_and_explained():
    model = two_bins([3.0, 0.0], [9.0, 0.0])
    data = model.observed([11.0, 2.0])
    loss, slope = jax.value_and_grad(model.negative_log_likelihood)(model.start, data)
    assert float(loss) == np.inf
    assert np.isfinite(slope).all()
    found = compiled(fit)(model, data)
    assert found.outcome == Outcome.NOT_FINITE
    assert no_nan(found)
    np.testing.assert_array_equal(found.value, model.start)
    with pytest.raises(LikelihoodError, match=r"bin 1 of channel 'c' has the count 2, but 0 are expected"):
        check_data(model, data)


STRANGE = {"negative": [11.0, -1.0], "not a number": [11.0, np.nan], "infinite": [np.inf, 1.0]}


@pytest.mark.parametrize("name", STRANGE)
def test_counts_that_are_none_are_explained(name):
    model = two_bins([3.0, 1.0], [9.0, 2.0])
    with pytest.raises(LikelihoodError, match="expected a finite number, zero or more"):
        check_data(model, model.observed(STRANGE[name]))
    with pytest.raises(LikelihoodError, match="auxiliary"):
        check_data(model, Observation(jnp.array([11.0, 1.0]), jnp.array([jnp.nan])))
    with pytest.raises(LikelihoodError, match="found 3 counts; expected 2"):
        model.observed([1.0, 2.0, 3.0])


def test_counts_without_a_background_are_an_infinite_discovery_and_no_nan():
    model = two_bins([3.0, 1.0], [9.0, 0.0])
    data = model.observed([11.0, 2.0])

    def both(model, data):
        return discovery(model, data), hypothesis_test(model, data)

    found, test = compiled(both)(model, data)
    assert found.held.outcome == test.background.outcome == Outcome.NOT_FINITE
    assert (float(found.significance), float(found.p0)) == (np.inf, 0.0)
    assert not found.converged
    assert not test.converged
    assert no_nan((found, test))
    slope = compiled(jax.grad(lambda counts: discovery(model, model.observed(counts)).log_p0))(data.counts)
    assert not np.isnan(slope).any()


def test_no_background_at_all():
    model = two_bins([3.0, 1.0], [0.0, 0.0])
    run = compiled(lambda m, *data: [(fit(m, d), hypothesis_test(m, d)) for d in data])
    (seen, _), (none, test) = run(model, model.observed([4.0, 2.0]), model.observed([0.0, 0.0]))
    np.testing.assert_allclose(seen.value, [1.5], rtol=1e-9)
    assert none.converged
    np.testing.assert_array_equal(none.value, [0.0])  # at its bound
    assert not none.free.any()
    # -2 ln L(mu) / L(0) = 2 mu s
    assert float(test.statistic) == pytest.approx(8.0, rel=1e-12)
    assert no_nan((seen, none, test))


def test_a_strength_at_its_bound_is_held_and_has_the_projected_derivative():
    model = two_bins([6.0], [20.0])
    data = model.observed([12.0])

    def value(lower, count):
        moved = eqx.tree_at(lambda m: m.lower, model, lower[None])
        return fit(moved, model.observed(count[None])).value[0]

    found, slopes = compiled(jax.value_and_grad(value, (0, 1)))(jnp.array(0.0), data.counts[0])
    assert (float(found), *map(float, slopes)) == (0.0, 1.0, 0.0)


def test_a_parameter_that_does_not_matter_is_flat_and_its_uncertainty_infinite():
    samples = (
        Sample("s", [4.0], (NormFactor("mu"),)),
        Sample("nothing", [0.0], (NormFactor("k"),)),
        Sample("b", [9.0]),
    )
    model = BinnedModel.of((Channel("c", samples),), "mu")
    data = model.observed([12.0])
    found = compiled(fit)(model, data)
    assert found.outcome == Outcome.FLAT
    assert no_nan(found)
    np.testing.assert_allclose(found.value[0], 0.75, rtol=1e-7)
    assert float(expected_uncertainty(model)) == np.inf
    fixed = BinnedModel.of((Channel("c", samples),), "mu", settings={"k": {"fixed": True}})
    assert float(expected_uncertainty(fixed)) == pytest.approx(np.sqrt(13.0) / 4.0, rel=1e-12)


def test_two_strengths_of_one_sample_are_flat():
    samples = (Sample("s", [4.0, 8.0], (NormFactor("mu"), NormFactor("k"))), Sample("b", [9.0, 6.0]))
    model = BinnedModel.of((Channel("c", samples),), "mu")
    assert compiled(fit)(model, model.observed([12.0, 17.0])).outcome == Outcome.FLAT


def test_too_few_steps_are_told():
    model = workspace_of(workspaces.regions()).model()
    found = compiled(partial(fit, steps=1))(model, workspace_of(workspaces.regions()).data(model))
    assert found.outcome == Outcome.STEPS_EXHAUSTED
    assert no_nan(found)
    assert float(found.distance) > 1e-6


def test_a_minimum_in_a_kink_is_not_called_converged():
    background = np.array([40.0, 30.0, 20.0])
    tilted = HistoSys("tilt", background * [0.9, 1.0, 1.15], background * [1.3, 0.9, 0.9])
    samples = Sample("s", [1.0, 2.0, 1.0], (NormFactor("mu"),)), Sample("b", background, (tilted,))
    settings = {"mu": {"start": 0.0, "fixed": True}}
    kinked = BinnedModel.of((Channel("c", samples),), "mu", settings=settings, shapes="code0")
    data = kinked.observed([38.0, 30.0, 18.0])
    run = compiled(fit)
    slopes = [float(jax.grad(kinked.negative_log_likelihood)(jnp.array([0.0, a]), data)[1]) for a in (-1e-6, 1e-6)]
    assert slopes[0] < 0 < slopes[1]
    found = run(kinked, data)
    assert found.outcome == Outcome.STEPS_EXHAUSTED
    assert abs(float(found.value[1])) < 1e-6
    smooth = BinnedModel.of((Channel("c", samples),), "mu", settings=settings)
    assert run(smooth, data).converged


def test_templates_that_fall_below_zero_are_a_wall():
    # nothing is seen in the last bin, whose expectation 1 - 0.8 alpha the data of the first want below zero
    background = np.array([10.0, 1.0])
    samples = (
        Sample("s", [1.0, 0.0], (NormFactor("mu"),)),
        Sample("b", background, (HistoSys("h", [7.0, 1.8], [13.0, 0.2]),)),
    )
    settings = {"mu": {"start": 0.0, "fixed": True}}
    model = BinnedModel.of((Channel("c", samples),), "mu", settings=settings)
    found = compiled(fit)(model, model.observed([25.0, 0.0]))
    assert found.outcome == Outcome.STEPS_EXHAUSTED
    assert no_nan(found)
    rate = float(model.expected(found.value)[1])
    assert 0 <= rate < 1e-3


def test_no_parameter_of_interest_is_told():
    model = BinnedModel.of((Channel("c", (Sample("b", [9.0], (NormFactor("k"),)),)),))
    for function in (lambda m: interest(m), lambda m: hypothesis_test(m, m.observed([9.0])), expected_uncertainty):
        with pytest.raises(LikelihoodError, match="no parameter of interest"):
            function(model)
    with pytest.raises(LikelihoodError, match="no parameter is called 'nu'"):
        fit(model, model.observed([9.0]), held={"nu": 1.0})


@pytest.mark.slow
def test_no_sensitivity_has_no_limit_and_a_cls_of_one():
    model = two_bins([0.0, 0.0], [9.0, 6.0])
    data = model.observed([12.0, 5.0])
    test, limit = compiled(lambda m, d: (hypothesis_test(m, d), upper_limit(m, d)))(model, data)
    assert float(test.cls) == pytest.approx(1.0)
    assert test.free.outcome == Outcome.FLAT
    assert not test.converged
    assert not limit.converged.any()
    assert no_nan((test, limit))


@pytest.mark.slow
def test_single_precision_gives_the_same_to_its_rounding():
    document = workspaces.regions()
    double = workspace_of(document).model()
    single = jax.tree.map(lambda leaf: leaf.astype(jnp.float32) if eqx.is_inexact_array(leaf) else leaf, double)
    data = workspace_of(document).data(double)
    run = compiled(hypothesis_test)
    fine = run(double, data)
    coarse = run(single, Observation(data.counts.astype(jnp.float32), data.auxiliary.astype(jnp.float32)))
    assert coarse.log_cls.dtype == jnp.float32
    assert coarse.converged
    np.testing.assert_allclose(coarse.free.value, fine.free.value, atol=5e-3)
    np.testing.assert_allclose(coarse.expected, fine.expected, rtol=2e-3)
