"""The selection: closed forms of what passes, the known best cut, derivatives, and what systematics do to bins."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from daedalus.errors import ProblemError
from daedalus.inference.bin_edges import even_fractions, fractions_of
from daedalus.inference.histfactory.figures_of_merit import MERITS, expected_exclusion
from daedalus.search import optimise
from daedalus.studies.binned_analysis.selection.design import WINDOW, SelectionDesign
from daedalus.studies.binned_analysis.selection.problem import (
    FIGURES,
    YIELDS,
    Systematics,
    cut_and_binning,
    merit,
    selection_model,
    selection_recipe,
)
from daedalus.studies.binned_analysis.selection.source import POWER, expected_shares, passing

KEY = jax.random.key(8)
EXACT = {"slope": 0.0, "normalisation": 0.0, "luminosity": 0.0, "simulated": None}
COUNTING = cut_and_binning("uncertainty", bins=1, **EXACT)


def law(cut, edges, known=None, loss="uncertainty"):
    """The figure of merit with the expected counts in closed form."""
    known = Systematics() if known is None else known
    return MERITS[loss](selection_model(expected_shares(cut, jnp.asarray(edges), known.slope), known)).value


def even(bins):
    return np.linspace(*WINDOW, bins + 1)


def spread(cut):
    """Ln of the uncertainty of a counting experiment."""
    signal, background = (float(n * share) for n, share in zip(YIELDS, passing(cut)))
    return np.log(np.sqrt(signal + background) / signal)


def test_what_passes_is_in_closed_form():
    problem = cut_and_binning()
    design = SelectionDesign(0.55, fractions_of(np.array([100.0, 112.0, 121.0, 124.0, 130.0, 140.0, 160.0])))
    summaries, _ = problem.summaries(problem.space.point(design), key=KEY, partition=problem.partition(80_000, 1))
    found, expected = summaries["templates"].shares[0], expected_shares(design.cut, design.edges, 0.1)
    error = np.sqrt(expected * (1 - expected) / 20_000)
    np.testing.assert_array_less(np.abs(found - expected), 4.5 * error + 1e-12)
    # by numerical integration of the densities that the source's text gives
    score, mass = np.linspace(0.55, 1, 2001), np.linspace(100, 160, 60_001)
    np.testing.assert_allclose(passing(0.55)[1], np.trapezoid(2 * (1 - score), score), rtol=1e-9)
    density = np.exp(-mass / 33.0)  # the length of 30 GeV, up by a tenth
    inside = (mass >= 112) & (mass <= 121)
    share = np.trapezoid(density[inside], mass[inside]) / np.trapezoid(density, mass)
    assert float(expected[2, 1]) == pytest.approx(share * float(passing(0.55)[1]), rel=1e-4)


def test_counting_has_the_uncertainty_of_the_root_of_signal_and_background():
    found = COUNTING.evaluate(SelectionDesign(0.5, jnp.zeros(0)), key=KEY, events=40_000)
    value, error = float(found.values["log_uncertainty"]), float(found.errors["log_uncertainty"])
    assert value == pytest.approx(spread(0.5), abs=4 * error)
    assert error < 0.02
    assert float(law(0.5, WINDOW, Systematics(0, 0, 0, None))) == pytest.approx(spread(0.5), abs=1e-4)  # the floor


def test_the_search_finds_the_cut_that_the_formula_has():
    best = minimize_scalar(spread, bounds=(0.01, 0.95), method="bounded", options={"xatol": 1e-9}).x
    # where the derivative of s / sqrt(s + b) vanishes: s' (s + 2 b) = s b', with the densities at the cut
    s, b = YIELDS[0] * (1 - best**POWER), YIELDS[1] * (1 - best) ** POWER
    slopes = -YIELDS[0] * POWER * best ** (POWER - 1), -YIELDS[1] * POWER * (1 - best) ** (POWER - 1)
    assert slopes[0] * (s + 2 * b) == pytest.approx(s * slopes[1], rel=1e-5)
    recipe = selection_recipe(COUNTING)
    history = optimise(COUNTING, recipe.optimiser, key=KEY, rounds=120, events=32_000, chunk=40)
    assert set(history["status"]) == {"ok"}
    found = history.design(COUNTING, len(history) - 1)
    assert spread(float(found.cut)) == pytest.approx(spread(best), abs=0.003)
    assert float(found.cut) == pytest.approx(best, abs=0.06)
    measured = COUNTING.evaluate(found, key=jax.random.key(99), events=40_000)
    assert float(measured.values["log_uncertainty"]) == pytest.approx(
        spread(float(found.cut)), abs=4 * float(measured.errors["log_uncertainty"])
    )


def test_derivatives_by_the_cut_and_the_edges():
    problem, known = cut_and_binning(bins=4), Systematics()
    partition = problem.partition(2000, 1)

    @jax.jit
    def run(cube):
        point = problem.space.point(problem.space.design(cube))
        summaries, truths = problem.summaries(point, key=KEY, partition=partition, softness=1.0)
        return jnp.stack([merit(name, known, problem.start, summaries, truths) for name in FIGURES])

    cube, step = problem.space.cube(problem.start), 3e-5
    gradient = jax.jit(jax.jacrev(run))(cube)
    assert problem.space.names == ("cut", "fractions[0]", "fractions[1]", "fractions[2]")
    for axis in range(4):
        move = jnp.zeros(4).at[axis].set(step)
        difference = (run(cube + move) - run(cube - move)) / (2 * step)
        np.testing.assert_allclose(gradient[:, axis], difference, rtol=1e-5)


@pytest.mark.slow
def test_soft_bins_become_sharp_ones():
    problem = cut_and_binning("uncertainty")
    losses = [
        float(problem.evaluate(problem.start, key=KEY, events=8000, softness=softness).loss)
        for softness in (1.0, 0.1, 1e-3, None)
    ]
    off = np.abs(np.array(losses[:3]) - losses[3])
    assert off[0] > off[1] > off[2]
    assert off[2] < 0.01 * off[0]


def test_fits_of_noisy_templates_converge():
    exact = expected_shares(jnp.asarray(0.9), jnp.array([100.0, 121.5, 129.0, 160.0]), 0.1)
    noisy = jax.random.poisson(jax.random.key(0), exact * 8000, (6000, *exact.shape)) / 8000
    fits = jax.jit(jax.vmap(lambda shares: expected_exclusion(selection_model(shares, Systematics())).held))(noisy)
    mirrored = np.all(noisy[:, 2] == noisy[:, 3], 1)  # up as down: the start is a saddle, which says so
    assert mirrored.sum() < 30
    assert np.all(fits.converged | mirrored)


@pytest.mark.slow
def test_every_uncertainty_costs_something():
    nothing = float(law(0.4, even(8), Systematics(**EXACT)))
    for name, value in {"slope": 0.1, "normalisation": 0.1, "luminosity": 0.02, "simulated": 20_000.0}.items():
        assert float(law(0.4, even(8), Systematics(**{**EXACT, name: value}))) > nothing + 1e-6
    assert float(law(0.4, even(8))) > nothing + 1e-2


def test_a_finite_simulation_adds_its_variance_whatever_the_bins():
    simulated = 3000.0
    known = Systematics(**{**EXACT, "simulated": simulated})
    signal, background = (float(n * share) for n, share in zip(YIELDS, passing(0.4)))
    one = np.log(np.sqrt(signal + background * (1 + YIELDS[1] / simulated)) / signal)
    assert float(law(0.4, WINDOW, known)) == pytest.approx(one, abs=1e-4)
    # every bin's variance grows by the same share of its background: halving bins gains what it gains without
    gains = [
        float(law(0.4, even(12), each)) - float(law(0.4, even(24), each)) for each in (known, Systematics(**EXACT))
    ]
    assert gains[0] > 0.05
    assert gains[0] == pytest.approx(gains[1], abs=0.03)


@pytest.mark.slow
def test_a_search_beats_even_bins_and_is_a_minimum():
    problem = cut_and_binning("uncertainty", bins=3)
    recipe = selection_recipe(problem)
    history = optimise(problem, recipe.optimiser, key=KEY, rounds=recipe.rounds, events=8000, chunk=50)
    assert set(history["status"]) == {"ok"}
    found = history.design(problem, len(history) - 1)
    value = float(law(found.cut, found.edges))
    run = jax.jit(law)
    assert value < min(float(run(cut, even(3))) for cut in np.linspace(0.0, 0.9, 19)) - 0.2
    for edge, moves in ((1, (-4.0, 4.0)), (2, (-4.0, 4.0))):
        for move in moves:
            assert float(run(found.cut, found.edges.at[edge].add(move))) > value
    for move in (-0.2, 0.2):
        assert float(run(found.cut + move, found.edges)) > value


def test_even_bins_are_the_reference_and_bounds_keep_edges_in_order():
    problem = cut_and_binning(bins=5)
    np.testing.assert_allclose(problem.references["even"].edges, even(5))
    np.testing.assert_allclose(problem.start.fractions, even_fractions(5))
    for corner in (0.0, 1.0):
        design = problem.space.design(jnp.full(problem.space.size, corner))
        assert np.all(np.diff(design.edges) > 0)


@pytest.mark.parametrize("options", [{"loss": "power"}, {"bins": 0}, {"slope": 0.7}, {"simulated": -1.0}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ProblemError, match="expected"):
        cut_and_binning(**options)
