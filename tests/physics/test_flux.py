"""The intensities of sea-level muons against integrals and values from elsewhere."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from daedalus.errors import StageError, ValidityWarning
from daedalus.physics.constants import MUON_MASS
from daedalus.physics.flux import FLUX_MODELS, EcoMug2021, Guan2015, Reyna2006, ShuklaSankrith2016, flux_model

MODELS = [model() for model in FLUX_MODELS.values()]
by_name = pytest.mark.parametrize("flux", MODELS, ids=lambda flux: flux.name)


def integral(function, low, high=1e6):
    """Integral over a logarithmic range."""
    return quad(lambda log: function(np.exp(log)) * np.exp(log), np.log(low), np.log(high), limit=200)[0]


def horizontal_rate(flux, low):
    """Muons per cm2 and minute through a horizontal plane, all zenith angles."""
    cosine = np.linspace(0.0, 1.0, 401)
    log = np.linspace(np.log(low), np.log(1e6), 4001)
    energy = np.exp(log)
    intensity = np.trapezoid(flux.intensity(energy[None, :], cosine[:, None]) * energy, log, axis=1)
    return 2.0 * np.pi * np.trapezoid(intensity * cosine, cosine) * 60.0 / 1e4


# Vertical integral intensities [m^-2 s^-1 sr^-1] above 0.5, 1, 10 and 100 GeV, rates [cm^-2 min^-1] above 0.5
# and 1 GeV, ratios to the vertical at 30, 60, 75 degrees above 1 GeV: independent integrations.
REFERENCE = {
    "guan": ((74.07, 60.50, 8.451, 0.12959), (0.702, 0.600), (0.7778, 0.2792, 0.0793)),
    "shukla_sankrith": ((87.52, 70.39, 8.508, 0.12860), (0.830, 0.667), (0.7514, 0.2543, 0.0722)),
}


@pytest.mark.parametrize("name", REFERENCE)
def test_integrals_are_the_references(name):
    flux = flux_model(name)
    vertical, rates, ratios = REFERENCE[name]
    for low, expected in zip((0.5, 1.0, 10.0, 100.0), vertical):
        assert integral(lambda e: flux.intensity(e, 1.0), low) == pytest.approx(expected, rel=4e-4)
    for low, expected in zip((0.5, 1.0), rates):
        assert horizontal_rate(flux, low) == pytest.approx(expected, rel=1e-3)
    upright = integral(lambda e: flux.intensity(e, 1.0), 1.0)
    for degrees, expected in zip((30.0, 60.0, 75.0), ratios):
        inclined = integral(lambda e: flux.intensity(e, np.cos(np.deg2rad(degrees))), 1.0)  # noqa: B023
        assert inclined / upright == pytest.approx(expected, abs=1e-4)


def test_reyna_integrals_over_momentum_are_the_references():
    flux = Reyna2006()
    for low, expected in zip((0.5, 1.0, 10.0, 100.0), (82.78, 70.16, 8.923, 0.14135)):
        assert integral(lambda p: flux.per_momentum(p, 1.0), low) == pytest.approx(expected, rel=1e-4)


def test_reyna_is_per_energy():
    """A range of momentum holds as many muons as the range of energy that belongs to it."""
    flux = Reyna2006()
    momenta = np.array([1.0, 3.0])
    energies = np.sqrt(momenta**2 + MUON_MASS**2)
    per_momentum = quad(lambda p: flux.per_momentum(p, 0.7), *momenta)[0]
    assert quad(lambda e: flux.intensity(e, 0.7), *energies)[0] == pytest.approx(per_momentum, rel=1e-10)


def test_reyna_scales_with_momentum_times_cosine():
    """Reyna 2006, equation 2: I(p, theta) = cos^3(theta) I_v(p cos(theta))."""
    flux = Reyna2006()
    assert flux.per_momentum(20.0, 0.4) == pytest.approx(0.4**3 * flux.per_momentum(8.0, 1.0), rel=1e-12)


def test_shukla_sankrith_factorises_and_guan_hardens():
    """At 10 GeV and 75 degrees: 0.090 factorised, 0.154 for Guan (m^-2 s^-1 sr^-1 GeV^-1)."""
    cosine = float(np.cos(np.deg2rad(75.0)))
    assert ShuklaSankrith2016()(10.0, cosine) == pytest.approx(0.090, abs=5e-4)
    assert Guan2015()(10.0, cosine) == pytest.approx(0.154, abs=5e-4)
    flux = ShuklaSankrith2016()
    assert flux(3.0, 0.3) * flux(30.0, 0.9) == pytest.approx(flux(3.0, 0.9) * flux(30.0, 0.3), rel=1e-12)


def test_guan_tends_to_the_gaisser_formula_at_high_energy():
    """0.14 E^-2.7 [1/(1 + 1.1 E/115) + 0.054/(1 + 1.1 E/850)] cm^-2 s^-1 sr^-1 GeV^-1, vertical (PDG)."""
    energy = 1e5
    gaisser = 0.14 * energy**-2.7 * (1 / (1 + 1.1 * energy / 115) + 0.054 / (1 + 1.1 * energy / 850))
    assert Guan2015()(energy, 1.0) == pytest.approx(1e4 * gaisser, rel=2e-4)


def test_production_cosine_is_one_overhead_and_positive_at_the_horizon():
    """Guan 2015, equation 2: c* = 1 at c = 1, and P1 / sqrt(1 + P1^2 + P2 + P4) = 0.10346 at c = 0."""
    flux = Guan2015()
    assert flux.production_cosine(1.0) == pytest.approx(1.0, abs=1e-12)
    assert flux.production_cosine(0.0) == pytest.approx(0.102573 / 0.99144315, rel=1e-6)


@by_name
def test_models_agree_within_the_systematic_error(flux):
    """World average of Hebbeker and Timmermans, hep-ph/0102042, at 10 and 100 GeV; errors 7 to 17 %.

    EcoMug is known to lie 30 % below at 10 GeV.
    """
    for energy, average in ((10.0, 1.36), (100.0, 3.0e-3)):
        assert flux(energy, 1.0) == pytest.approx(average, rel=0.31 if flux.name == "ecomug" else 0.15)


def leaves(flux):
    """Every constant of a model as (path, value)."""
    return jax.tree_util.tree_leaves_with_path(flux)


@by_name
def test_every_constant_matters(flux):
    """Each constant changed by 1 % moves the intensity at some point by more than the tests allow."""
    energy, cosine = np.meshgrid([0.7, 2.0, 20.0, 500.0], [1.0, 0.5, 0.2])
    values, structure = jax.tree_util.tree_flatten(flux)
    for i, (path, value) in enumerate(leaves(flux)):
        changed = structure.unflatten([*values[:i], 1.01 * value, *values[i + 1 :]])
        shift = changed.intensity(energy, cosine) / flux.intensity(energy, cosine) - 1.0
        assert np.abs(shift).max() > 1e-5, path


# Intensities [m^-2 s^-1 sr^-1 GeV^-1] at three energies [GeV] and cosines, from the printed formulas in
# 50-digit decimal arithmetic.
POINTS = ((2.0, 1.0), (20.0, 0.5), (500.0, 0.2))
PINNED = {
    "guan": (13.5722627731, 0.15454017862, 3.38238417688e-05),
    "shukla_sankrith": (16.5785042145, 0.0613982532294, 7.51025943982e-07),
    "reyna": (16.6143674515, 0.158909388203, 2.35944874219e-05),
    "ecomug": (14.4989801171, 0.0986052502883, 0.0000204472449971),
}


@by_name
def test_values_are_pinned(flux):
    for (energy, cosine), expected in zip(POINTS, PINNED[flux.name]):
        assert flux(energy, cosine) == pytest.approx(expected, rel=1e-9)


@by_name
def test_numpy_and_jax_agree_and_derivatives_are_exact(flux):
    energy, cosine = np.array([1.5, 5.0, 80.0]), np.array([0.9, 0.6, 0.3])
    np.testing.assert_allclose(jax.jit(flux)(energy, cosine), flux(energy, cosine), rtol=1e-12)
    assert jnp.asarray(flux(jnp.float32(3.0), jnp.float32(0.5))).dtype == jnp.float32
    slope = jax.vmap(jax.grad(flux))(jnp.asarray(energy), jnp.asarray(cosine))
    step = 1e-6 * energy
    finite = (flux(energy + step, cosine) - flux(energy - step, cosine)) / (2.0 * step)
    np.testing.assert_allclose(slope, finite, rtol=1e-6)


@by_name
def test_use_outside_the_range_warns_with_its_name(flux):
    with pytest.warns(ValidityWarning, match=type(flux).__name__):
        flux(0.12 if flux.name == "ecomug" else 0.4, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flux(1.2, 0.8)
        jax.jit(flux)(0.4, 1.0)  # traced: no check, no warning


def test_ecomug_integrals_are_the_references():
    """Independent integrations, and the rate of 129.0827 Hz/m2 its authors' code (EcoMug.h) states up to 3 TeV."""
    flux = EcoMug2021()
    for low, expected in zip((0.5, 1.0, 10.0, 100.0), (73.65, 58.89, 6.555, 0.1289)):
        assert integral(lambda p: flux.per_momentum(p, 1.0), low) == pytest.approx(expected, rel=4e-4)
    power = lambda p: max(0.1, 2.856 - 0.655 * np.log(p))  # the integral of c^(n + 1) over c is 1 / (n + 2)
    rate = integral(lambda p: 2 * np.pi * flux.per_momentum(p, 1.0) / (power(p) + 2.0), 0.01, 3000.0)
    assert rate == pytest.approx(129.0827, rel=5e-4)
    with pytest.warns(ValidityWarning, match="100 GeV"):
        flux(150.0, 1.0)


def test_reyna_ends_where_its_source_says():
    with pytest.warns(ValidityWarning, match="2000 GeV"):
        Reyna2006()(4100.0, 0.5)
    assert bool(Reyna2006().valid(3900.0, 0.5))


@by_name
def test_intensity_stays_finite_down_to_rest_and_to_the_horizon(flux):
    values = np.asarray(flux.intensity(np.array([MUON_MASS, 0.2, 1.0, 1e4])[:, None], np.array([0.0, 1e-9, 1.0])))
    assert np.isfinite(values).all()
    assert (values >= 0.0).all()


def test_unknown_model_suggests_the_near_name():
    assert flux_model("reyna") == Reyna2006()
    with pytest.raises(StageError, match="Did you mean 'guan'"):
        flux_model("Guam")
