"""Utilities: what sums over showers are worth, against hand-made sums and closed forms."""

import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Summaries
from daedalus.events import ShowerEstimates, Showers, blank_events
from daedalus.inference.class_templates import BINS
from daedalus.studies.ground_array import utilities
from daedalus.studies.ground_array.design import ArrayDesign
from daedalus.units import mrad

SQUARE = ArrayDesign(jnp.array([0.0, 100.0, 100.0, 0.0, 50.0]), jnp.array([0.0, 0.0, 100.0, 100.0, 50.0]))


def summaries(seen=(0.4, 0.3), called=(1.0, 0.0), *, pointing=0.0, log_energy=0.0, label="array"):
    """Sums of one scenario: of 200 gamma rays and 500 protons, shares seen, and shares of those called gamma rays.

    All that are called the same are in one bin.
    """
    made = np.array([200.0, 500.0])
    templates = np.zeros((2, BINS))
    templates[:, BINS - 1] = made * seen * np.array(called)
    templates[:, 0] = made * seen * (1 - np.array(called))
    gamma = made[0] * seen[0]
    sums = {
        "made": made, "lost": made * 0.1, "templates": templates, "gamma": gamma,
        "log_energy": gamma * log_energy, "pointing": gamma * pointing,
    }  # fmt: skip
    return Summaries({label: {name: jnp.asarray(value)[None] for name, value in sums.items()}}, jnp.ones(1))


def test_flux_error_of_separated_primaries_is_that_of_the_gamma_rays_seen():
    found = utilities.gamma_flux_error(SQUARE, summaries(), None)
    assert float(found) == pytest.approx(1 / np.sqrt(1000 * 0.4), rel=1e-9)


def test_flux_error_of_a_cut_is_that_of_two_counts():
    """Two bins and two unknowns: the counts say it all, by propagation of their errors."""
    called, seen = np.array([0.8, 0.1]), np.array([0.4, 0.3])
    matrix = 1000 * seen * np.stack([called, 1 - called])  # of the fluxes, to the counts of either bin
    inverse = np.linalg.inv(matrix)
    law = np.sqrt(inverse[0] ** 2 @ matrix.sum(1))
    found = utilities.gamma_flux_error(SQUARE, summaries(seen, called), None)
    assert float(found) == pytest.approx(law, rel=1e-9)


def test_staged_error_is_the_geometric_mean():
    both = Summaries({**summaries().sums, **summaries((0.1, 0.1), label="first 6").sums}, jnp.ones(1))
    found = utilities.staged_flux_error(("array", "first 6"), SQUARE, both, None)
    assert float(found) == pytest.approx(1000**-0.5 * (0.4 * 0.1) ** -0.25, rel=1e-9)


def test_errors_are_means_over_detected_gamma_rays():
    given = summaries(pointing=3 * mrad, log_energy=0.2)
    assert float(utilities.energy_error(SQUARE, given, None)) == pytest.approx(0.2, rel=1e-12)
    assert float(utilities.pointing_error(SQUARE, given, None)) == pytest.approx(3 * mrad, rel=1e-12)
    for number, share in enumerate((0.4, 0.3)):
        assert float(utilities.detected(number, SQUARE, given, None)) == pytest.approx(share, rel=1e-12)
        assert float(utilities.lost(number, SQUARE, given, None)) == pytest.approx(0.1, rel=1e-12)


@pytest.mark.parametrize(("pointing", "called"), [(0.0, (0.7, 0.2)), (5 * mrad, (0.7, 0.2)), (0.1, (0.9, 0.9))])
def test_source_flux_is_five_standard_deviations(pointing, called):
    sky, seen = 3.6, (0.4, 0.3)
    flux = float(utilities.source_flux(sky, SQUARE, summaries(seen, called, pointing=pointing), None))
    # in the circle of 1.585 standard deviations of one coordinate, pointing being the root mean square of both
    radius = 1.585 * pointing / np.sqrt(2)
    signal = flux * seen[0] * called[0] * (1 - np.exp(-(1.585**2) / 2))
    background = 1000 * seen[1] * called[1] * np.pi * radius**2 / sky
    assert signal / np.sqrt(signal + background) == pytest.approx(5.0, rel=1e-9)


def test_the_circle_is_the_best_one_where_background_dominates():
    radius = np.linspace(0.5, 3.0, 100001)  # signal over the root of the background, Gaussian in two coordinates
    best = radius[np.argmax((1 - np.exp(-(radius**2) / 2)) / radius)]
    assert best == pytest.approx(utilities.CUT, abs=1e-3)


def test_area_and_cable_of_a_square_with_a_unit_in_its_middle():
    assert float(utilities.area(SQUARE, summaries(), None)) == pytest.approx(1e4, rel=1e-9)
    assert float(utilities.cable(SQUARE, summaries(), None)) == pytest.approx(4 * np.hypot(50, 50), rel=1e-9)


def test_sums_weigh_showers_that_are_detected_and_sound():
    events = blank_events(jnp.arange(4, dtype=jnp.uint32)).reweight(jnp.array([1.0, 2.0, 3.0, 4.0]))
    ones = jnp.ones(4)
    events = events.add(Showers(jnp.array([0, 1, 0, 1]), 1e6 * ones, ones, ones, 0.1 * ones, 0.1 * ones))
    estimates = ShowerEstimates(
        detected=jnp.array([0.5, 0.5, 1.0, 1.0]),
        statistic=jnp.array([40.0, -40.0, 40.0, -40.0]),
        spread=0.1 * ones,
        log_energy_error=jnp.array([0.1, 9.0, 0.3, 9.0]),
        pointing_error=jnp.array([2e-3, 9.0, 4e-3, 9.0]),
        sound=jnp.array([1.0, 1.0, 1.0, 0.0]),
    )
    found = utilities.shower_sums("", events.add(estimates), None)
    np.testing.assert_allclose(found["made"], [4.0, 6.0])
    np.testing.assert_allclose(found["lost"], [0.0, 4.0])
    np.testing.assert_allclose(found["templates"].sum(1), [0.5 + 3.0, 1.0], rtol=1e-12)
    np.testing.assert_allclose(found["gamma"], 3.5)
    np.testing.assert_allclose(found["log_energy"], 0.5 * 0.1 + 3.0 * 0.3, rtol=1e-12)
    np.testing.assert_allclose(found["pointing"], 0.5 * 2e-3 + 3.0 * 4e-3, rtol=1e-12)
    labelled = utilities.shower_sums("some", events.add(estimates, "some"), None)
    np.testing.assert_allclose(labelled["templates"], found["templates"])


def test_nothing_seen_is_an_infinite_error_and_no_trouble():
    given = summaries((0.0, 0.0))
    assert np.isinf(utilities.gamma_flux_error(SQUARE, given, None))
    assert float(utilities.energy_error(SQUARE, given, None)) == 0.0
    assert float(utilities.source_flux(3.6, SQUARE, given, None)) > 1e6
