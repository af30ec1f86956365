"""Derivatives of what is solved: against finite differences, forwards and backwards, and honest where there is none."""

import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
import pytest
from jax.flatten_util import ravel_pytree

from daedalus.gradients import fixed_point, implicit, minimum, root

THETA = jnp.array([0.7, 1.3])
TIMES = jnp.linspace(0, 2, 9)


def equations(y, theta):
    return {"a": y["a"] - jnp.cos(theta[0] * y["b"]), "b": y["b"] ** 3 + y["b"] - theta[1] * y["a"]}


def misfit(y, theta):
    """A fit of amplitude and decay to data that depend on theta."""
    data = theta[0] * jnp.exp(-theta[1] * TIMES) + 0.1 * TIMES * theta[0] ** 2
    return jnp.sum((data - y[0] * jnp.exp(-y[1] * TIMES)) ** 2)


def kepler(y, theta):
    """The eccentric anomaly of the mean anomaly theta[1] at the eccentricity theta[0]/2."""
    return theta[1] + 0.5 * theta[0] * jnp.sin(y)


SOLVED = {
    "root": lambda theta: root(equations, {"a": jnp.array(0.9), "b": jnp.array(0.5)}, theta),
    "minimum": lambda theta: minimum(misfit, jnp.array([0.5, 1.0]), theta),
    "minimum, another solver": lambda theta: minimum(
        misfit, jnp.array([0.5, 1.0]), theta, solver=optx.NelderMead(1e-9, 1e-9), steps=2000
    ),
    "fixed point": lambda theta: fixed_point(kepler, jnp.array(1.0), theta),
}


@pytest.mark.parametrize("name", SOLVED)
def test_derivatives_are_those_of_finite_differences(name):
    numbers = lambda theta: ravel_pytree(SOLVED[name](theta).value)[0]
    step, places, weights = 1e-3, jnp.array([-2, -1, 1, 2]), jnp.array([1, -8, 8, -1]) / 12
    moved = THETA + step * places[:, None, None] * jnp.eye(2)  # place, parameter moved, parameter

    @jax.jit
    def everything(theta):
        there = jax.vmap(jax.vmap(numbers))(moved)
        differences = jnp.tensordot(weights / step, there, 1).T
        return jax.jacfwd(numbers)(theta), jax.jacrev(numbers)(theta), differences, SOLVED[name](theta).converged

    forward, backward, differences, converged = everything(THETA)
    np.testing.assert_allclose(forward, differences, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(backward, forward, rtol=1e-12, atol=1e-14)
    assert bool(converged)


def test_the_last_step_polishes_the_solution():
    coarse = fixed_point(kepler, jnp.array(1.0), THETA, solver=optx.FixedPointIteration(1e-4, 1e-4)).value
    assert float(jnp.abs(kepler(coarse, THETA) - coarse)) < 1e-8


def test_a_closed_form():
    # the minimum of (y - theta0^2)^2 + theta1 (y - 1)^2
    loss = lambda y, theta: (y - theta[0] ** 2) ** 2 + theta[1] * (y - 1) ** 2
    slope = jax.jit(jax.grad(lambda theta: minimum(loss, jnp.array(0.0), theta).value))(THETA)
    a, b = THETA
    np.testing.assert_allclose(slope, [2 * a / (1 + b), (1 - a**2) / (1 + b) ** 2], rtol=1e-10)


def test_many_at_once():
    solve = jax.jit(jax.vmap(lambda theta: fixed_point(kepler, jnp.array(1.0), theta).value))
    many = solve(jnp.stack([THETA, 0.5 * THETA]))
    np.testing.assert_allclose(many - 0.5 * jnp.array([0.7, 0.35]) * jnp.sin(many), [1.3, 0.65], rtol=1e-12)


def test_any_way_of_solving_will_do():
    golden = lambda theta: implicit(lambda y, t: y**2 - y - t, jnp.asarray((1 + np.sqrt(5)) / 2), theta).value
    assert float(jax.grad(golden)(1.0)) == pytest.approx(1 / np.sqrt(5), rel=1e-12)


LOST = {
    "no root": lambda theta: root(lambda y, t: y**2 + t[0], jnp.array(1.0), theta, steps=30),
    "out of its domain": lambda theta: root(lambda y, t: jnp.sqrt(y) + t[0], jnp.array(1.0), theta),
    "a double root": lambda theta: implicit(lambda y, t: y**2 * t[0], jnp.array(0.0), theta),
    "a maximum": lambda theta: minimum(lambda y, t: t[0] * jnp.cos(y), jnp.array(0.0), theta),
    "a flat direction": lambda theta: minimum(lambda y, t: t[0] * y[0] ** 2 + 0 * y[1], jnp.array([1.0, 1.0]), theta),
    "no fixed point": lambda theta: fixed_point(lambda y, t: 2 * y + t[0], jnp.array(1.0), theta, steps=2000),
}


@pytest.mark.parametrize("name", LOST)
def test_what_does_not_converge_says_so_and_has_derivative_zero(name):
    summed = lambda theta: (jnp.sum((found := LOST[name](theta)).value), found.converged)
    (value, converged), slope = jax.jit(jax.value_and_grad(summed, has_aux=True))(THETA)
    assert not bool(converged)
    np.testing.assert_array_equal(slope, 0.0)
    assert np.isfinite(value)
