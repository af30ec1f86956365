"""Stand-ins are exact where they say so, and have the derivative they say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from daedalus.gradients import GradientError, pick, soft_step, straight_through
from daedalus.gradients.relaxations import KERNELS

TABLE = jnp.array([[0.0, 1.0], [2.0, -1.0], [3.0, 5.0]])


def test_straight_through_rounds_with_the_derivative_of_the_identity():
    x = jnp.array([0.4, 1.6, -2.3])
    np.testing.assert_array_equal(straight_through(x), [0, 2, -2])
    np.testing.assert_array_equal(jax.jacobian(straight_through)(x), np.eye(3))
    _, tangent = jax.jvp(straight_through, (x,), (2 * x,))
    np.testing.assert_array_equal(tangent, 2 * x)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_picks_are_exact_at_whole_numbers(index):
    np.testing.assert_array_equal(pick(TABLE, index), TABLE[index])
    np.testing.assert_array_equal(pick(TABLE, jnp.asarray(index)), TABLE[index])


def test_picks_lie_on_straight_lines_between():
    np.testing.assert_allclose(pick(TABLE, 0.25), [0.5, 0.5])
    np.testing.assert_allclose(pick(TABLE, 1.5), [2.5, 2.0])


@pytest.mark.parametrize(
    ("index", "slope"),
    [(0.0, [2, -2]), (0.7, [2, -2]), (1.0, [1, 6]), (1.2, [1, 6]), (2.0, [1, 6]), (-0.5, [0, 0]), (2.5, [0, 0])],
)
def test_the_derivative_of_a_pick_is_that_of_its_line(index, slope):
    np.testing.assert_allclose(jax.jit(jax.jacfwd(lambda at: pick(TABLE, at)))(index), slope)


def test_picks_outside_are_the_nearest_row_and_one_row_is_enough():
    np.testing.assert_array_equal(pick(TABLE, -3.0), TABLE[0])
    np.testing.assert_array_equal(pick(TABLE, 9.0), TABLE[2])
    np.testing.assert_array_equal(pick(TABLE[:1], 0.0), TABLE[0])


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_soft_step_is_a_step_convolved_with_a_kernel(kernel):
    width = 0.3
    step = lambda x: float(soft_step(jnp.asarray(x), width, kernel))
    density = jax.jit(jax.grad(lambda x: soft_step(x, width, kernel)))
    edges = [-width, width]
    for x in (-0.7, -0.2, 0.0, 0.11, 2.0):
        area, _ = quad(lambda u: float(density(u)), -12.0, x, points=[e for e in (*edges, 0.0) if e < x] or None)
        assert step(x) == pytest.approx(area, abs=1e-6)
        assert step(x) + step(-x) == pytest.approx(1)  # symmetric kernels
    assert step(40.0) == 1.0


@pytest.mark.parametrize(("kernel", "variance"), [("gaussian", 1), ("logistic", np.pi**2 / 3), ("uniform", 1 / 3),
                                                  ("epanechnikov", 1 / 5)])  # fmt: skip
def test_kernels_have_the_width_of_their_name(kernel, variance):
    u = jnp.linspace(-40, 40, 40_001)
    density = jax.jit(jax.vmap(jax.grad(lambda x: soft_step(x, 2.0, kernel))))(u)
    assert float(jnp.trapezoid(u**2 * density, u)) == pytest.approx(4 * variance, rel=2e-3)


def test_an_unknown_kernel_is_told():
    with pytest.raises(GradientError, match="logistic, gaussian, uniform, epanechnikov"):
        soft_step(jnp.zeros(2), 1.0, "box")
