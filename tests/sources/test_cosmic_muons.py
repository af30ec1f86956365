"""Samples of sea-level muons against quadrature, and the time they stand for."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

from daedalus.errors import StageError, ValidityWarning
from daedalus.events import Particles, blank_events
from daedalus.physics.constants import MUON_MASS
from daedalus.physics.flux import FLUX_MODELS, flux_model
from daedalus.sources import CosmicMuons, FluxTable, HorizontalWindow, ThroughBox, WindowAndBox

WINDOW = HorizontalWindow((0.0, 1.0), (-0.5, 1.5), 1.8)
BOX = ThroughBox((0.0, 0.0, 0.4), (1.0, 1.0, 1.4), 1.8)
STEEPEST = float(np.deg2rad(70.0))
KEY = jax.random.key(20240917)
pytestmark = pytest.mark.filterwarnings("ignore::daedalus.errors.ValidityWarning")

draw = eqx.filter_jit(lambda source, index, key: source(blank_events(index), key=key))


def sample(source, number, key=KEY):
    """The particles of a source."""
    return draw(source, jnp.arange(number, dtype=jnp.uint32), key)[Particles]


class Quadrature:
    """Means over flux x area x sin(theta) dE dtheta by nested adaptive quadrature."""

    def __init__(self, name, area, energies=(0.5, 500.0), zenith=STEEPEST):
        self.flux, self.area, self.energies, self.zenith = flux_model(name), area, energies, zenith

    def spectrum(self, theta, weight, low=None):
        """Integral over energy at a zenith angle."""

        def integrand(log):
            energy = np.exp(log)
            momentum = np.sqrt(energy**2 - MUON_MASS**2)
            return weight(momentum) * self.flux.intensity(energy, np.cos(theta)) * energy

        return quad(integrand, np.log(low or self.energies[0]), np.log(self.energies[1]), epsrel=1e-7)[0]

    def integral(self, weight=lambda p: 1.0, angular=lambda t: 1.0, low=None):
        """Integral over energy and solid angle, per azimuth."""
        return quad(
            lambda t: angular(t) * self.spectrum(t, weight, low) * self.area(t) * np.sin(t),
            0.0,
            self.zenith,
            epsrel=1e-6,
        )[0]

    def mean(self, **weights):
        """Mean of a weight."""
        return self.integral(**weights) / self.integral()


by_name = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "ecomug" else ()) for name in FLUX_MODELS]
)


def area_of_box(zenith):
    """Area of the unit cube perpendicular to a direction, averaged over azimuth."""
    return np.cos(zenith) + 4.0 * np.sin(zenith) / np.pi


@by_name
def test_tables_agree_with_quadrature(name):
    """Rate to 1e-5; moments of momentum and zenith angle, their product and the tails to 0.2 and 0.5 %."""
    table = FluxTable(flux_model(name), (0.5, 500.0), (0.0, STEEPEST), BOX.proposed_area)
    exact = Quadrature(name, area_of_box)
    assert table.rate == pytest.approx(2.0 * np.pi * exact.integral(), rel=1e-5)

    u, v = np.meshgrid((np.arange(300) + 0.5) / 300, (np.arange(4000) + 0.5) / 4000)
    theta = np.arccos(1.0 - np.asarray(table.versine(jnp.asarray(u.ravel()))))
    p = np.asarray(table.momentum(jnp.asarray(u.ravel()), jnp.asarray(v.ravel())))
    assert p.mean() == pytest.approx(exact.mean(weight=lambda p: p), rel=2e-3)
    assert (p**-2).mean() == pytest.approx(exact.mean(weight=lambda p: p**-2), rel=2e-3)
    assert theta.mean() == pytest.approx(exact.mean(angular=lambda t: t), rel=5e-4)
    assert (theta**2).mean() == pytest.approx(exact.mean(angular=lambda t: t**2), rel=1e-3)
    product = exact.mean(weight=lambda p: p, angular=np.cos)
    assert (p * np.cos(theta)).mean() == pytest.approx(product, rel=2e-3)
    for low, part, tolerance in ((10.0, 0.5, 2e-3), (100.0, 0.02, 5e-3)):
        p = table.momentum(jnp.asarray(u.ravel()), jnp.asarray(part * v.ravel()))
        tail = part * float(jnp.mean(p > np.sqrt(low**2 - MUON_MASS**2)))
        assert tail == pytest.approx(exact.mean(low=low), rel=tolerance)


def test_means_of_reference():
    """Independent integrations, 0.5 to 500 GeV, 0 to 70 degrees, horizontal plane."""
    for name, expected in (("shukla_sankrith", 4.68), ("guan", 6.77)):
        assert Quadrature(name, np.cos).mean(weight=lambda p: p) == pytest.approx(expected, abs=0.006)
    assert Quadrature("guan", np.cos).mean(angular=lambda t: t) == pytest.approx(0.580, abs=5e-4)


@by_name
def test_samples_agree_with_quadrature(name):
    """Mean momentum within 4 standard errors, zenith within 0.5 %; false alarms of the rest 1e-4 each."""
    number = 200_000
    muons = sample(CosmicMuons(WINDOW, name), number)
    exact = Quadrature(name, np.cos)
    momentum, theta = np.asarray(muons.momentum), np.arccos(-np.asarray(muons.uz))
    error = momentum.std() / np.sqrt(number)
    assert abs(momentum.mean() - exact.mean(weight=lambda p: p)) < 4.0 * error
    assert theta.mean() == pytest.approx(exact.mean(angular=lambda t: t), rel=5e-3)

    grid = np.linspace(0.0, STEEPEST, 61)
    density = [exact.spectrum(t, lambda p: 1.0) * np.sin(t) * np.cos(t) for t in grid]
    cumulative = np.concatenate([[0.0], np.cumsum(np.convolve(density, [0.5, 0.5], "valid"))])
    assert kstest(theta, lambda t: np.interp(t, grid, cumulative / cumulative[-1])).pvalue > 1e-4
    azimuth = np.arctan2(muons.uy, muons.ux)
    assert kstest(azimuth, "uniform", args=(-np.pi, 2.0 * np.pi)).pvalue > 1e-4
    assert kstest(muons.x, "uniform", args=(0.0, 1.0)).pvalue > 1e-4
    assert kstest(muons.y, "uniform", args=(-0.5, 2.0)).pvalue > 1e-4
    assert np.all(np.asarray(muons.z) == 1.8)


def test_spectrum_hardens_with_zenith_angle_as_the_model_says():
    """Median momentum of muons near 10 and near 65 degrees, Guan 2015."""
    muons = sample(CosmicMuons(WINDOW), 200_000)
    theta = np.arccos(-np.asarray(muons.uz))
    exact = Quadrature("guan", np.cos)
    for centre in np.deg2rad([10.0, 65.0]):
        near = np.abs(theta - centre) < 0.02
        median = np.median(np.asarray(muons.momentum)[near])
        above = exact.spectrum(centre, lambda p: 1.0, low=np.hypot(median, MUON_MASS))
        # near a median the share above has the standard error 0.5 / sqrt(n); 4 of them
        assert above / exact.spectrum(centre, lambda p: 1.0) == pytest.approx(0.5, abs=2.0 / np.sqrt(near.sum()))


def test_nothing_sits_on_bin_centres():
    """As good as every muon has a momentum and an angle of its own, within the range."""
    number = 100_000
    muons = sample(CosmicMuons(WINDOW), number)
    for values in (muons.momentum, muons.uz, muons.ux):
        assert len(np.unique(np.asarray(values))) > 0.999 * number
    low, high = (np.sqrt(e**2 - MUON_MASS**2) for e in (0.5, 500.0))
    assert bool(jnp.all((muons.momentum >= low) & (muons.momentum <= high)))
    assert np.arccos(-np.asarray(muons.uz)).max() <= STEEPEST + 1e-9


@pytest.mark.parametrize("energies", [(3.0, 5.0), (0.2, 50.0), (100.0, 10_000.0)])
def test_other_ranges_are_kept(energies):
    source = CosmicMuons(WINDOW, energies=energies, zeniths=(0.3, np.pi / 2))
    momentum = np.asarray(sample(source, 100_000).momentum)
    exact = Quadrature("guan", np.cos, energies)
    cut = np.exp(np.mean(np.log(energies)))
    share = quad(lambda t: exact.spectrum(t, lambda p: 1.0, low=cut) * np.sin(2 * t), 0.3, np.pi / 2)[0]
    share /= quad(lambda t: exact.spectrum(t, lambda p: 1.0) * np.sin(2 * t), 0.3, np.pi / 2)[0]
    error = np.sqrt(share * (1.0 - share) / len(momentum))
    assert abs((momentum > np.hypot(cut, 0.0)).mean() - share) < 4.0 * error + 1e-3 * share


def test_muons_keep_their_numbers_in_any_batch():
    for aperture in (
        WINDOW,
        BOX,
        WindowAndBox(HorizontalWindow((-0.4, 1.4), (-0.4, 1.4), 1.8), BOX.lower, BOX.upper),
    ):
        source = CosmicMuons(aperture)
        whole = draw(source, jnp.arange(512, dtype=jnp.uint32), KEY)[Particles]
        some = jnp.array([511, 3, 77] + [3] * 509, jnp.uint32)
        part = draw(source, some, KEY)[Particles]
        for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(part)):
            np.testing.assert_array_equal(a[some], b)


def test_fixed_momentum_leaves_angles_and_rate():
    free, fixed = CosmicMuons(WINDOW), CosmicMuons(WINDOW, momentum=5.0)
    muons = sample(fixed, 512)
    assert np.all(np.asarray(muons.momentum) == 5.0)
    np.testing.assert_array_equal(muons.uz, sample(free, 512).uz)
    assert fixed.rate() == free.rate()


def test_exposure_is_number_over_rate():
    """Guan 2015 above 1 GeV through a horizontal plane: 0.600 per cm2 and minute over all zenith angles."""
    square = HorizontalWindow((0.0, 0.01), (0.0, 0.01), 0.0)
    source = CosmicMuons(square, energies=(1.0, 1e6), zeniths=(0.0, np.pi / 2))
    assert 60.0 * source.rate() == pytest.approx(0.600, abs=1e-3)
    assert source.exposure(1000) == pytest.approx(1000.0 / source.rate())
    assert CosmicMuons(square, "reyna", energies=(1.0057, 1e5), zeniths=(0.0, np.pi / 2)).rate() * 60.0 == (
        pytest.approx(0.709, abs=2e-3)
    )


def test_single_precision_keeps_the_distribution():
    with jax.enable_x64(False):
        muons = draw(CosmicMuons(BOX), jnp.arange(100_000, dtype=jnp.uint32), jax.random.key(5))[Particles]
        assert muons.momentum.dtype == jnp.float32
        momentum, uz = np.asarray(muons.momentum, float), np.asarray(muons.uz, float)
        norm = np.asarray(muons.ux**2 + muons.uy**2 + muons.uz**2)
    assert np.abs(norm - 1.0).max() < 1e-6
    exact = Quadrature("guan", area_of_box)
    share = exact.mean(low=10.0)
    assert abs((momentum > 10.0).mean() - share) < 4.0 * np.sqrt(share / 100_000) + 1e-3 * share
    assert uz.mean() == pytest.approx(-exact.mean(angular=np.cos), rel=5e-3)


def test_a_gradient_passes_beside_the_source():
    """The source is constant in the design, repeated attempts included."""
    source = CosmicMuons(WindowAndBox(HorizontalWindow((-0.4, 1.4), (-0.4, 1.4), 1.8), BOX.lower, BOX.upper))

    def mean_offset(shift):
        muons = source(blank_events(jnp.arange(64, dtype=jnp.uint32)), key=KEY)[Particles]
        return jnp.mean((muons.x - shift) ** 2)

    slope = jax.jit(jax.vmap(jax.grad(mean_offset)))(jnp.array([0.1, 0.7]))
    assert slope[1] - slope[0] == pytest.approx(2.0 * 0.6, rel=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"energies": (5.0, 5.0)}, "total energy from 5.0 to 5.0 GeV is empty"),
        ({"energies": (0.05, 5.0)}, "above the muon's mass"),
        ({"energies": (0.5, float("inf"))}, "finite"),
        ({"zeniths": (0.0, 70.0)}, "in radians"),
        ({"zeniths": (0.5, 0.2)}, "lower bound first"),
        ({"momentum": 0.0}, "positive finite number"),
        ({"flux": "shukla"}, "Did you mean 'shukla_sankrith'"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(StageError, match=message):
        CosmicMuons(WINDOW, **options)


def test_a_window_off_the_box_is_refused():
    beside = HorizontalWindow((9.0, 9.5), (0.0, 1.0), 1.8)
    with pytest.raises(StageError, match="widen or move the window"):
        CosmicMuons(WindowAndBox(beside, BOX.lower, BOX.upper))


def test_a_range_beyond_the_flux_model_warns():
    with pytest.warns(ValidityWarning, match="Reyna2006"):
        CosmicMuons(WINDOW, "reyna")


@pytest.mark.parametrize("aperture", [WINDOW, BOX], ids=["window", "box"])
def test_quasi_random_muons_are_the_same_muons_with_less_noise(aperture):
    plain, quasi = CosmicMuons(aperture, "guan"), CosmicMuons(aperture, "guan", quasi=True)
    many, few = sample(plain, 2**18), sample(quasi, 2**14)
    for name in ("x", "y", "z", "ux", "uy", "uz", "momentum"):
        one, other = (np.asarray(getattr(muons, name)) for muons in (many, few))
        if one.std() > 0:
            assert kstest(one, other).pvalue > 1e-4
    np.testing.assert_array_equal(sample(quasi, 100).momentum, few.momentum[:100])

    def spread(source):
        figures = lambda p: jnp.stack(
            [p.uz.mean(), (p.ux**2).mean(), jnp.log(p.momentum).mean(), p.at_z(1.0)[0].mean()]
        )
        means = [figures(sample(source, 1024, key)) for key in jax.random.split(KEY, 16)]
        return np.std(np.array(means), 0)

    assert (spread(plain) / spread(quasi) > 2.0).all()  # 3 to 800: the box has edges


def test_quasi_random_muons_need_an_aperture_that_accepts_all():
    with pytest.raises(StageError, match="rejects"):
        CosmicMuons(WindowAndBox(WINDOW, BOX.lower, BOX.upper), quasi=True)
