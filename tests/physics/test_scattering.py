"""Multiple scattering: published numbers, the slab's exact moments, inverses and derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.errors import ValidityWarning
from daedalus.physics import scattering as ms
from daedalus.physics.materials import material

LEAD = jnp.array(0.10 / 0.005612)  # radiation lengths in 10 cm of lead


def slope(function, x, step=1e-6):
    return (function(x + step * x) - function(x - step * x)) / (2 * step * x)


def test_three_gev_muons_in_ten_centimetres_of_lead():
    # 13.6 MeV / 3 GeV sqrt(17.819) (1 + 0.038 ln 17.819), by hand: 21.2 mrad
    assert float(ms.highland_angle(LEAD, 3.0)) == pytest.approx(0.0212308, rel=1e-5)
    assert float(ms.highland_variance(LEAD, 3.0)) == pytest.approx(0.0212308**2, rel=1e-5)


def test_one_radiation_length_leaves_no_logarithm():
    assert float(ms.highland_angle(jnp.array(1.0), 1.0)) == pytest.approx(0.0136, rel=1e-12)
    # The logarithm holds z^2 / beta^2: t z^2 / beta^2 = 1 for t = 1/16, z = 2, beta = 1/2.
    slow = ms.highland_angle(jnp.array(1 / 16), 1.0, charge=2.0, beta=0.5)
    assert float(slow) == pytest.approx(0.0068, rel=1e-12)
    ratio = ms.highland_angle(jnp.array(np.e), 1.0) / ms.highland_angle(jnp.array(1.0), 1.0)
    assert float(ratio) == pytest.approx(np.e**0.5 * 1.038, rel=1e-12)


def test_nothing_scatters_nothing():
    zero = jnp.zeros(3)
    assert jnp.all(ms.highland_variance(zero, 3.0) == 0.0)
    assert jnp.all(ms.highland_angle(zero, 3.0) == 0.0)
    assert jnp.isfinite(jax.grad(ms.highland_variance)(zero[0], 3.0))
    assert jax.grad(ms.highland_angle)(zero[0], 3.0) == 0.0
    thin = jnp.geomspace(1e-30, 1e-6, 20)
    assert jnp.all(jnp.diff(ms.highland_variance(thin, 3.0)) > 0.0)


def test_a_stopped_particle_breaks_nothing():
    rest = jnp.array([0.0, 3.0])
    assert ms.highland_variance(jnp.ones(2), rest)[0] == 0.0
    assert ms.lynch_dahl_variance(jnp.ones(2), jnp.ones(2), rest)[0] == 0.0
    for law in (ms.highland_variance, lambda t, p: ms.lynch_dahl_variance(t, t, p)):
        slopes = jax.grad(lambda t, p, law=law: jnp.sum(law(t, p)), (0, 1))(jnp.ones(2), rest)
        assert jnp.all(jnp.isfinite(jnp.stack(slopes)))


def test_the_range_of_the_law_is_told():
    with pytest.warns(ValidityWarning, match="radiation lengths"):
        ms.highland_angle(jnp.array([1e-5, 1.0]), 3.0)


@pytest.mark.parametrize(("charge", "beta"), [(1.0, 1.0), (2.0, 0.6)])
def test_the_inverse_undoes_the_law(charge, beta):
    t = jnp.geomspace(1e-9, 1e3, 60).at[0].set(0.0)
    p = jnp.linspace(0.3, 20.0, 60)
    variance = ms.highland_variance(t, p, charge=charge, beta=beta)
    inverse = jax.jit(lambda v, p: ms.radiation_lengths_from_variance(v, p, charge=charge, beta=beta))
    np.testing.assert_allclose(inverse(variance, p), t, rtol=1e-10, atol=0.0)


def test_the_inverse_has_the_inverse_derivative():
    variance = ms.highland_variance(LEAD, 3.0)
    forward = jax.grad(ms.highland_variance)(LEAD, 3.0)
    backward = jax.grad(ms.radiation_lengths_from_variance)(variance, 3.0)
    assert float(forward * backward) == pytest.approx(1.0, rel=1e-10)
    path = jax.jit(lambda momentum, beta: ms.radiation_lengths_from_variance(variance, momentum, beta=beta))
    x = jnp.array(0.8)
    by_momentum, by_beta = jax.grad(path, (0, 1))(x, x)
    assert float(by_momentum) == pytest.approx(float(slope(lambda p: path(p, x), x)), rel=1e-6)
    assert float(by_beta) == pytest.approx(float(slope(lambda beta: path(x, beta), x)), rel=1e-6)


def test_highland_derivatives():
    for x in (1e-3, 0.3, 17.8):
        t = jnp.array(x)
        assert float(jax.grad(ms.highland_variance)(t, 3.0)) == pytest.approx(
            float(slope(lambda t: ms.highland_variance(t, 3.0), t)), rel=1e-6
        )


def test_lynch_and_dahl_by_hand():
    # 1 g/cm2 of a Z = 1, A = 1 medium, p = 1 GeV, beta = 1, z = 1, in MeV:
    chi_c2 = 0.157 * 2.0 / 1000.0**2
    chi_a2 = 2.007e-5 * (1 + 3.34 / 137.036**2) / 1000.0**2
    v = chi_c2 / chi_a2 / (2 * 0.02)
    expected = chi_c2 / (1 + 0.98**2) * ((1 + v) / v * np.log(1 + v) - 1)
    screening = 2.0 * np.log(1 + 3.34 / 137.036**2)
    fast = ms.lynch_dahl_variance(jnp.array(2.0), jnp.array(screening), 1.0)
    assert float(fast) == pytest.approx(expected, rel=1e-6)
    half = ms.lynch_dahl_variance(jnp.array(2.0), jnp.array(screening), 1.0, beta=0.5)
    v = 4 * v
    expected = 4 * chi_c2 / (1 + 0.98**2) * ((1 + v) / v * np.log(1 + v) - 1)
    assert float(half) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["beryllium", "aluminium", "iron", "lead", "uranium", "water", "concrete"])
def test_the_two_laws_agree_to_eleven_per_cent(name):
    # Lynch & Dahl (1991), abstract: the form with radiation lengths is good to 11 %, theirs to 2 %.
    matter = material(name)
    t = jnp.geomspace(1e-3, 100.0, 6)
    length = t * matter.X0
    precise = ms.lynch_dahl_variance(
        length * matter.characteristic_density, length * matter.screening_density, jnp.full(6, 3.0)
    )
    np.testing.assert_allclose(jnp.sqrt(precise / ms.highland_variance(t, 3.0)), 1.0, atol=0.12)


def test_lynch_and_dahl_vanish_smoothly():
    variance = lambda s: ms.lynch_dahl_variance(s, 3.0 * s, 3.0)
    assert variance(jnp.array(0.0)) == 0.0
    assert jnp.isfinite(jax.grad(variance)(jnp.array(0.0)))
    # Both branches of the bracket meet where v = 1e-3.
    meet = 1e-3 * 2 * 2.007e-11 * np.exp(3.0) * 0.02 / 0.157e-6
    near = variance(meet * jnp.array([1 - 1e-9, 1 + 1e-9]))
    assert float(near[1] / near[0]) == pytest.approx(1.0, abs=1e-6)
    x = jnp.array(5.0)
    assert float(jax.grad(variance)(x)) == pytest.approx(float(slope(variance, x)), rel=1e-6)


def slab(pieces):
    return jnp.full(pieces, 0.1 / pieces), jnp.full(pieces, 1 / 0.005612)


@pytest.mark.parametrize("pieces", [1, 10, 100])
def test_a_slab_is_the_same_however_it_is_cut(pieces):
    @jax.jit
    def covariance_of(lengths, inverse):
        moments = ms.path_moments(lengths, inverse)
        return ms.exit_covariance(ms.highland_variance(moments.A0, 3.0), moments)

    covariance = covariance_of(*slab(pieces))
    angle, displacement = np.sqrt(covariance.angle), np.sqrt(covariance.displacement)
    assert float(angle) == pytest.approx(0.0212308, rel=1e-5)
    assert float(displacement) == pytest.approx(0.1 * 0.0212308 / 3**0.5, rel=1e-5)  # 1.23 mm
    assert float(covariance.mixed) / (angle * displacement) == pytest.approx(3**0.5 / 2, rel=1e-12)


def test_moments_are_those_of_the_integral():
    lengths, inverse = jnp.array([0.2, 0.0, 0.5]), jnp.array([3.0, 9.0, 0.5])
    weights = jnp.array([1.0, 7.0, 2.0])
    moments = ms.path_moments(lengths, inverse, weights)
    u = (np.arange(70000) + 0.5) * 1e-5
    w = np.where(u < 0.2, 3.0, 1.0)
    for k, moment in enumerate(moments):
        assert float(moment) == pytest.approx(float(np.sum(w * (0.7 - u) ** k) * 1e-5), rel=1e-8)
    plain = ms.path_moments(lengths, inverse)
    assert float(plain.A0) == pytest.approx(0.2 * 3.0 + 0.5 * 0.5)


def test_a_drift_after_a_thin_foil_is_a_lever():
    moments = ms.path_moments(jnp.array([1e-9, 2.0]), jnp.array([1e9, 0.0]))
    covariance = ms.exit_covariance(jnp.array(1e-4), moments)
    np.testing.assert_allclose(covariance, 1e-4 * np.array([1, 2, 4]), rtol=1e-8)


def test_two_normals_make_the_slab_formula_of_the_pdg():
    # theta = z2 theta0, dx = L theta0 (z1 / sqrt(12) + z2 / 2)
    L, theta0, z1, z2 = 0.1, 0.02, 0.7, -1.3
    moments = ms.path_moments(jnp.array([L]), jnp.array([5.0]))
    covariance = ms.exit_covariance(jnp.array(theta0**2), moments)
    angle, displacement = ms.correlated_deviation(jnp.array(z1), jnp.array(z2), covariance)
    assert float(angle) == pytest.approx(z2 * theta0)
    assert float(displacement) == pytest.approx(L * theta0 * (z1 / 12**0.5 + z2 / 2), rel=1e-9)


def test_empty_space_deviates_nothing_and_has_a_derivative():
    def total(inverse):
        moments = ms.path_moments(jnp.array([0.3, 0.4]), inverse)
        covariance = ms.exit_covariance(ms.highland_variance(moments.A0, 3.0), moments)
        angle, displacement = ms.correlated_deviation(jnp.array(1.0), jnp.array(1.0), covariance)
        return angle + displacement

    assert total(jnp.zeros(2)) == 0.0
    assert jnp.all(jnp.isfinite(jax.grad(total)(jnp.zeros(2))))
    inverse = jnp.array([3.0, 50.0])
    total = jax.jit(total)
    by_hand = [slope(lambda x, k=k: total(inverse.at[k].set(x)), inverse[k]) for k in range(2)]
    np.testing.assert_allclose(jax.grad(total)(inverse), by_hand, rtol=1e-6)


def test_tails_widen_few_draws_and_keep_the_core():
    z, u = jnp.ones(1000), (jnp.arange(1000) + 0.5) / 1000
    tailed = ms.tailed_normal(z, u)
    assert int(jnp.sum(tailed == 3.0)) == 20
    assert int(jnp.sum(tailed == 1.0)) == 980
    assert float(jnp.mean(tailed**2)) == pytest.approx(1 + 0.02 * 8)
    assert jnp.all(ms.tailed_normal(z, u, fraction=0.0) == z)


def test_single_precision_stays_single():
    t = jnp.array([0.0, 1e-4, 17.8], jnp.float32)
    variance = ms.highland_variance(t, 3.0)
    back = ms.radiation_lengths_from_variance(variance, 3.0)
    moments = ms.path_moments(t, t)
    assert {x.dtype for x in (variance, back, *moments, ms.tailed_normal(t, t))} == {jnp.dtype("float32")}
    assert ms.exit_covariance(moments.A0, moments).angle.dtype == jnp.float32
    assert ms.lynch_dahl_variance(t, t, 3.0).dtype == jnp.float32
    np.testing.assert_allclose(back, t, rtol=1e-5)


def test_moments_of_a_piece_are_integrals_and_vanish_with_it():
    d = np.linspace(0.3, 1.7, 20001)
    found = ms.piece_moments(jnp.asarray(1.4), jnp.asarray(1.7), jnp.asarray(0.3))
    for power, value in enumerate(found):
        assert float(value) == pytest.approx(np.trapezoid(d**power, d), rel=1e-6)
    far = jnp.linspace(1.0, 300.0, 1000, dtype=jnp.float32)
    nothing = jax.jit(lambda near, end: ms.piece_moments(near - near, end - near, end - near))(0.1 * far, far)
    assert all(np.all(np.asarray(value) == 0.0) for value in nothing)
