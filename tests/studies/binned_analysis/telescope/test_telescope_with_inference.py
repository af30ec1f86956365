"""The telescope with its analysis: what the histogram must hold, derivatives, and what geometry does to the yield."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Point
from daedalus.errors import ProblemError
from daedalus.inference.histfactory.uncertainties import expected_uncertainty
from daedalus.studies.binned_analysis.telescope.figures import fitted_model
from daedalus.studies.binned_analysis.telescope.impact import UNIT
from daedalus.studies.binned_analysis.telescope.problem import (
    BUDGET,
    IMPACTS,
    YIELDS,
    TelescopeAnalysis,
    telescope_recipe,
    telescope_with_inference,
)

KEY = jax.random.key(3)
PROBLEM = telescope_with_inference(planes=3, bins=4)


@pytest.fixture(scope="module")
def fitted():
    return fitted_model(PROBLEM, PROBLEM.start, events=600, key=KEY)


def test_every_track_is_counted_once(fitted):
    cells = np.asarray(fitted.rates.cells(fitted.start)).reshape(3, -1)
    assert cells.sum(1) == pytest.approx(YIELDS, rel=1e-9)


def test_strange_impacts_follow_their_exponential_where_they_are_large(fitted):
    edges = np.exp(np.asarray(PROBLEM.start.edges)) * UNIT
    beyond = float(fitted.rates.cells(fitted.start)[-1]) / YIELDS[2]
    events = 600 / 3 * 32
    law = np.exp(-edges[-1] / IMPACTS[2])  # errors of some 50 um hardly matter at 1 mm
    assert beyond == pytest.approx(law, abs=4 * np.sqrt(law * (1 - law) / events) + 0.005)


def test_a_lifetime_that_is_known_better_helps_and_bins_are_sorted(fitted):
    swapped = PROBLEM.start.edges[::-1]
    other = TelescopeAnalysis(PROBLEM.start.telescope, swapped, PROBLEM.start.exponent)
    again = fitted_model(PROBLEM, other, events=600, key=KEY)
    assert np.array_equal(again.expected(again.start), fitted.expected(fitted.start))
    pinned = fitted.fixed.at[fitted.number("lifetime")].set(True)
    surer = expected_uncertainty(eqx.tree_at(lambda m: m.fixed, fitted, pinned))
    assert float(surer) < float(expected_uncertainty(fitted))


def test_derivatives_equal_finite_differences():
    partition = PROBLEM.partition(120, 4)

    def loss(cube):
        point = Point(cube, PROBLEM.space.point(PROBLEM.start).learned)
        return PROBLEM.measure(point, key=KEY, partition=partition, softness=1.0, gradient=False).values["uncertainty"]

    run, cube = jax.jit(loss), PROBLEM.space.cube(PROBLEM.start)
    slope, step = jax.jit(jax.grad(loss))(cube), 1e-6
    for number, name in enumerate(PROBLEM.space.names):
        if name == "exponent":  # at its lower bound: one side only would do
            continue
        difference = (run(cube.at[number].add(step)) - run(cube.at[number].add(-step))) / (2 * step)
        assert float(slope[number]) == pytest.approx(float(difference), rel=1e-4, abs=1e-6), name


@pytest.mark.slow  # two more evaluations to compile
def test_a_finer_first_plane_measures_the_yield_better():
    far = PROBLEM.evaluate(PROBLEM.start, key=KEY, events=600)
    telescope = PROBLEM.start.telescope
    near = type(telescope)(telescope.z.at[0].set(0.08), telescope.pitch.at[0].set(3e-5), telescope.thickness)
    moved = TelescopeAnalysis(near, PROBLEM.start.edges, PROBLEM.start.exponent)
    close = PROBLEM.evaluate(moved, key=KEY, events=600)
    assert float(close.values["impact"]) < float(far.values["impact"])
    assert float(close.values["uncertainty"]) < 0.8 * float(far.values["uncertainty"])


def test_geometry_may_stay_while_the_analysis_is_searched():
    geometry = {"z": [0.1, 0.3, 0.5], "pitch": [5e-5] * 3, "thickness": [3e-4] * 3}
    problem = telescope_with_inference(planes=3, bins=4, geometry=geometry)
    assert problem.space.names == ("edges[0]", "edges[1]", "edges[2]", "exponent")
    assert np.allclose(problem.start.telescope.z, geometry["z"])
    assert set(telescope_recipe(problem).optimiser.descent.steps) == {"edges", "exponent"}
    (cost,) = PROBLEM.constraints
    assert cost.upper == BUDGET


@pytest.mark.parametrize("options", [{"objective": "beauty"}, {"planes": 1}, {"bins": 1}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ProblemError, match="expected 'uncertainty' or 'impact'"):
        telescope_with_inference(**options)


def test_the_derivative_by_the_truth_is_that_of_the_blur():
    """The two varied templates differ from the nominal one in opposite directions where prompt tracks fall steeply."""
    fitted = fitted_model(PROBLEM, PROBLEM.start, events=600, key=KEY)
    prompt = slice(4, 8)
    odd = np.asarray(fitted.rates.odd)[0, prompt]
    assert odd[2] > 0
    assert odd.sum() == pytest.approx(0.0, abs=1e-6)
    assert jnp.isfinite(fitted.rates.even).all()
