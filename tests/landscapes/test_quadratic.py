"""Quadratics: Hessians, widths and volumes of a bowl, their errors, and their words."""

from math import pi, sqrt

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.landscapes import LandscapeError
from daedalus.landscapes.quadratic import quadratic
from daedalus.landscapes.surface import Height, Surface, analytic
from landscapes.valleys import BENT, bowl

PLACE = np.array([0.5, 0.4])


def test_the_bowl():
    found = quadratic([bowl()], PLACE)
    assert found.hessian == pytest.approx(BENT)
    assert found.gradient == pytest.approx(np.zeros(2), abs=1e-12)
    assert found.curvatures == pytest.approx([390.0, 10.0])
    assert np.abs(found.directions) == pytest.approx(np.full((2, 2), sqrt(0.5)))
    assert found.volume(0.5) == pytest.approx(pi / sqrt(3900.0))  # pi 2 a / sqrt(det H)
    assert found.alone(0.5) == pytest.approx(np.full(2, 1 / sqrt(200.0)))
    # inv(H)_ii = 200 / 3900
    assert found.reoptimised(0.5) == pytest.approx(np.full(2, sqrt(200.0 / 3900.0)))
    assert found.extents(0.5) == pytest.approx([1 / sqrt(390.0), 1 / sqrt(10.0)])
    assert np.isnan(found.hessian_error).all()
    assert found.evaluations == 2


def test_the_volume_in_more_dimensions():
    """The 4-ball's volume is pi^2 / 2."""
    curved = np.array([10.0, 20.0, 30.0, 40.0])
    surface = analytic(lambda x: 0.5 * jnp.sum(curved * (x - 0.5) ** 2), tuple("abcd"))
    expected = pi**2 / 2 * 0.2**2 / sqrt(np.prod(curved))
    assert quadratic([surface], np.full(4, 0.5)).volume(0.1) == pytest.approx(expected)


def test_directions_speak_of_the_parameters():
    scaled = np.array([50.0, 50.0, 4.0])
    loss = lambda cube: 100 * (cube[0] - cube[1]) ** 2 + (cube[0] + cube[1] - 1) ** 2 + 9 * (cube[2] - 0.5) ** 2
    height = lambda cube: Height(loss(cube), jnp.zeros(()), jnp.full((), -jnp.inf))
    surface = Surface(height, ("z[0]", "z[1]", "gap"), np.zeros(3), scaled, ("cm", "cm", "m"))
    found = quadratic([surface], np.full(3, 0.5))
    assert found.curvatures == pytest.approx([400.0, 18.0, 4.0])
    # sqrt(2 a / curvature) times the range: 50 cm / sqrt(200), 4 m / 3, 50 cm / sqrt(2)
    assert found.described(1.0) == (
        "z[0] +0.71, z[1] -0.71; +-3.5 cm",
        "gap +1.00; +-1.3 m",
        "z[0] +0.71, z[1] +0.71; +-35 cm",
    )
    assert found.alone(1.0)[2] == pytest.approx(4 / 3)


def test_unlike_ranges_are_said_one_by_one():
    loss = lambda cube: 50 * (cube[0] + cube[1] - 1) ** 2 + 0.5 * (cube[0] - cube[1]) ** 2
    height = lambda cube: Height(loss(cube), jnp.zeros(()), jnp.full((), -jnp.inf))
    surface = Surface(height, ("z", "cost"), np.zeros(2), np.array([10.0, 200.0]), ("cm", "EUR"))
    # 0.707 * sqrt(2 / 200) = 0.0707 of each range, and ten times that
    assert quadratic([surface], np.full(2, 0.5)).described(1.0) == (
        "z +0.71, cost +0.71; +-0.71 cm, +-14 EUR",
        "z +0.71, cost -0.71; +-7.1 cm, +-1.4e+02 EUR",
    )


def test_surfaces_of_several_keys_give_errors():
    slopes = np.array([90.0, 100.0, 110.0, 100.0])
    many = [analytic(lambda x, k=k: 0.5 * k * x[0] ** 2 + 0.05 * (k - 100) * x[1] ** 2, ("a", "b")) for k in slopes]
    found = quadratic(many, np.full(2, 0.5))
    error = np.std(slopes, ddof=1) / 2
    assert found.hessian == pytest.approx(np.diag([100.0, 0.0]))
    assert found.hessian_error == pytest.approx(np.diag([error, 0.1 * error]))
    assert found.curvature_errors == pytest.approx([error, 0.1 * error])
    assert found.gradient_error[0] == pytest.approx(0.5 * error)
    assert found.evaluations == 8
    assert found.described(1.0) == ("a +1.00; +-0.14", "b +1.00; flat")


def test_a_saddle_has_no_ellipsoid():
    surface = analytic(lambda x: (x[0] - 0.5) ** 2 - (x[1] - 0.5) ** 2, ("a", "b"))
    found = quadratic([surface], np.full(2, 0.5))
    assert found.volume(0.1) == np.inf
    assert found.alone(0.1) == pytest.approx([sqrt(0.1), np.inf])
    assert np.isinf(found.reoptimised(0.1)).all()


def test_a_derivative_that_is_not_there_is_said():
    surface = analytic(lambda x: jnp.sqrt(jnp.abs(x[0] - 0.5)), ("a",))
    with pytest.raises(LandscapeError, match="softness"):
        quadratic([surface], np.array([0.5]))
    with pytest.raises(LandscapeError, match="at least one"):
        quadratic([], np.array([0.5]))


def test_the_hessian_of_a_formula():
    loss = lambda x: jnp.exp(x[0] * x[1]) + x[2] ** 3
    place = np.array([0.3, 0.6, 0.2])
    expected = np.asarray(jax.hessian(loss)(jnp.asarray(place)))
    assert quadratic([analytic(loss, tuple("abc"))], place).hessian == pytest.approx(expected)
