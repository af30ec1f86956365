"""Interpolation of templates: by the codes' definitions, smooth where they are, and by value as pyhf."""

import jax
import jax.numpy as jnp
import numpy as np
import pyhf
import pytest

from daedalus.inference.histfactory.interpolation import FactorCurves, even_part, interpolated

ALPHAS = np.array([-3.7, -1.0, -0.6, -0.1, 0.0, 0.3, 0.8, 1.0, 1.4, 4.2])
LOW, NOMINAL, HIGH = jnp.array([7.0, 12.0, 4.0]), jnp.array([10.0, 10.0, 5.0]), jnp.array([14.0, 9.0, 4.5])
DOWN, UP = jnp.array([0.8, 1.1, 0.95]), jnp.array([1.3, 1.2, 0.9])
ADDITIVE, FACTORS = ("code0", "code2", "code4p"), ("code1", "code4")


def by_pyhf(code, alphas, low, nominal, high):
    """Shifts or factors of their interpolator, one row per alpha."""
    name = {"code4p": "4p"}.get(code) or int(code[-1])
    found = pyhf.interpolators.get(name)(np.asarray([[[low, nominal, high]]]))
    return np.asarray(found(np.asarray([alphas])))[0, 0]


def shifted(code):
    return jax.vmap(lambda alpha: interpolated(alpha, NOMINAL, LOW, HIGH, code))


def factors(code):
    curves = FactorCurves.of(DOWN, UP, code)
    return jax.vmap(lambda alpha: curves(jnp.full(3, alpha)))


@pytest.mark.parametrize("code", ADDITIVE)
def test_shapes_are_those_of_pyhf(code):
    alphas = ALPHAS[np.abs(ALPHAS) < 1] if code == "code2" else ALPHAS  # theirs jumps at one
    theirs = NOMINAL + by_pyhf(code, alphas, LOW, NOMINAL, HIGH)
    np.testing.assert_allclose(shifted(code)(jnp.asarray(alphas)), theirs, rtol=1e-13)


@pytest.mark.parametrize("code", FACTORS)
def test_norms_are_those_of_pyhf(code):
    theirs = by_pyhf(code, ALPHAS, DOWN, jnp.ones(3), UP)
    np.testing.assert_allclose(factors(code)(jnp.asarray(ALPHAS)), theirs, rtol=1e-13)


@pytest.mark.parametrize("code", ADDITIVE)
def test_shapes_pass_through_their_templates(code):
    found = shifted(code)(jnp.array([-1.0, 0.0, 1.0]))
    np.testing.assert_allclose(found, [LOW, NOMINAL, HIGH], rtol=1e-14)


@pytest.mark.parametrize("code", FACTORS)
def test_norms_pass_through_their_factors(code):
    found = factors(code)(jnp.array([-1.0, 0.0, 1.0]))
    np.testing.assert_allclose(found, [DOWN, jnp.ones(3), UP], rtol=1e-13)


def test_a_norm_is_a_power_beyond_one_and_its_inverse_where_it_is_symmetric():
    alpha = 2.5
    np.testing.assert_allclose(factors("code4")(jnp.array([alpha, -alpha])), [UP**alpha, DOWN**alpha], rtol=1e-13)
    curve = FactorCurves.of(jnp.array(1 / 1.3), jnp.array(1.3))
    product = float(curve(jnp.array(0.7)) * curve(jnp.array(-0.7)))
    assert product == pytest.approx(1.0, abs=1e-3)  # exact for an exponential, nearly for the polynomial


SMOOTH = {"code0": 0, "code2": 1, "code4p": 2, "code1": 0, "code4": 2}  # continuous derivatives at +-1


@pytest.mark.parametrize("code", SMOOTH)
@pytest.mark.parametrize("end", [-1.0, 1.0])
def test_value_slope_and_curvature_are_continuous_at_one(code, end):
    function = lambda alpha: (shifted(code) if code in ADDITIVE else factors(code))(alpha[None])[0]
    for _ in range(SMOOTH[code] + 1):
        either = [np.asarray(function(jnp.array(end * (1 + side)))) for side in (-1e-9, 1e-9)]
        np.testing.assert_allclose(either[0], either[1], rtol=1e-6, atol=1e-6)
        function = jax.jacfwd(function)


@pytest.mark.parametrize("code", ["code4p", "code4", "code2"])
def test_the_origin_is_smooth_and_the_slope_there_is_half_the_difference(code):
    function = lambda alpha: (shifted(code) if code in ADDITIVE else factors(code))(alpha[None])[0]
    slopes = [np.asarray(jax.jacfwd(function)(jnp.array(a))) for a in (-1e-9, 0.0, 1e-9)]
    np.testing.assert_allclose(slopes[0], slopes[2], rtol=1e-6)
    if code != "code4":
        np.testing.assert_allclose(slopes[1], 0.5 * (HIGH - LOW), rtol=1e-13)


def test_straight_lines_meet_in_a_kink_where_the_derivative_is_their_mean():
    slope = jax.grad(lambda alpha: interpolated(alpha, *(jnp.array(v) for v in (10.0, 7.0, 14.0)), "code0"))
    np.testing.assert_allclose([slope(a) for a in (-0.1, 0.0, 0.1)], [3.0, 3.5, 4.0], rtol=1e-13)


def test_the_even_parts_are_even_and_one_at_one():
    for code in ADDITIVE:
        alphas = jnp.asarray(ALPHAS)
        np.testing.assert_array_equal(even_part(alphas, code), even_part(-alphas, code))
        np.testing.assert_allclose(even_part(jnp.array([0.0, 1.0]), code), [0.0, 1.0], atol=1e-15)


def test_derivatives_by_the_templates_are_those_of_finite_differences():
    curve = lambda given: FactorCurves.of(given[:1], given[1:2])(given[2:])[0]
    for alpha in (-1.7, -0.4, 0.0, 0.6, 2.2):
        given = jnp.array([0.9, 1.2, alpha])
        step = 1e-6 * jnp.eye(3)
        finite = [(curve(given + h) - curve(given - h)) / 2e-6 for h in step]
        np.testing.assert_allclose(jax.grad(curve)(given), finite, rtol=1e-7, atol=1e-9)
