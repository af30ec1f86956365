"""Hodoscopes: planes of rigid boxes, gaps between boxes, and constraints known beforehand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Constraint, Design, Space, parameter
from daedalus.core.admission import admitted
from daedalus.detectors.hodoscopes import Hodoscopes, least_clearance, least_separation
from daedalus.geometry.boxes import Box

GAPS = jnp.array([0.05, 0.1])


def boxes(x, z, span=0.4, y=0.0, casing=0.02):
    x, z = jnp.asarray(x), jnp.asarray(z)
    return Hodoscopes(x, jnp.full(x.shape, y), z, jnp.full(x.shape, span), GAPS, casing)


def test_planes_move_with_their_boxes():
    arm = boxes([0.1, 0.5], [1.0, 2.0])
    stack = arm.panels("upper", 1e-3, 0.9, price=2.0, thickness=0.01)
    np.testing.assert_allclose(stack.z, [0.925, 0.975, 1.075, 1.925, 1.975, 2.075])
    np.testing.assert_allclose(stack.x, [0.1] * 3 + [0.5] * 3)
    assert float(arm.height) == pytest.approx(0.19)
    assert float(stack.cost) == pytest.approx(2.0 * 6 * 0.16)
    assert stack.thickness == 0.01
    np.testing.assert_allclose(arm.corners[0][:, 0], [-0.1, -0.2, 0.905])
    np.testing.assert_allclose(arm.corners[1][:, 1], [0.7, 0.2, 2.095])
    wide = Hodoscopes(arm.x, arm.y, arm.z, jnp.array([[0.4, 0.6], [0.2, 0.3]]), GAPS)
    np.testing.assert_allclose(wide.panels("upper", 1e-3, 0.9).span[:, 3], [0.6, 0.3])


def test_gaps_by_hand():
    height = 0.19
    assert float(least_separation(boxes([0.0, 0.0], [1.0, 1.5]))) == pytest.approx(0.5 - height)
    assert float(least_separation(boxes([0.0, 1.0], [1.0, 1.0]))) == pytest.approx(0.6)
    assert float(least_separation(boxes([0.0, 0.1], [1.0, 1.1]))) == pytest.approx(0.1 - height)  # overlap: way out
    assert float(least_separation(boxes([0.0], [1.0]), boxes([0.0], [-1.0]))) == pytest.approx(2.0 - height)
    assert float(least_separation(boxes([0.0], [1.0]))) == np.inf
    ladle = Box(jnp.array([-0.5, -0.5, 0.0]), jnp.array([0.5, 0.5, 0.8]))
    assert float(least_clearance(boxes([0.0, 0.9], [1.0, 0.3]), ladle)) == pytest.approx(0.105)
    assert float(least_clearance(boxes([0.6], [0.4]), ladle)) == pytest.approx(-0.1)


def test_gaps_are_negative_exactly_where_boxes_overlap_and_softened_ones_are_smaller():
    random = np.random.default_rng(2)
    inside, separation = random.uniform(size=(20_000, 3)), eqx.filter_jit(least_separation)
    for _ in range(10):
        arm = boxes(random.uniform(-0.4, 0.4, 2), random.uniform(0.8, 1.2, 2), span=random.uniform(0.3, 0.7), y=0.1)
        (low, high), sharp = np.asarray(arm.corners), float(separation(arm))
        points = low[:, 0] + inside * (high - low)[:, 0]
        assert (sharp < 0) == np.any(np.all((points > low[:, 1]) & (points < high[:, 1]), 1))
        soft = [float(separation(arm, softness=s)) for s in (0.05, 1e-4)]
        assert soft[0] <= soft[1] <= sharp
        assert soft[1] == pytest.approx(sharp, abs=2e-4)


def test_derivatives_of_softened_gaps_equal_central_differences():
    def gap(numbers):
        arm = boxes(numbers[0], numbers[1], span=numbers[2, 0])
        return least_separation(arm, softness=0.05)

    numbers = jnp.array([[0.0, 0.35, -0.1], [1.0, 1.15, 1.3], [0.4, 0.4, 0.4]])
    gap = jax.jit(gap)
    slope = jax.jit(jax.grad(gap))(numbers)
    for place in ((0, 1), (1, 0), (2, 0)):
        difference = (gap(numbers.at[place].add(1e-6)) - gap(numbers.at[place].add(-1e-6))) / 2e-6
        assert float(slope[place]) == pytest.approx(float(difference), rel=1e-5, abs=1e-8)


class Arm(Design):
    x: jax.Array = parameter(-0.5, 0.5, "m", doc="centres of the boxes")
    z: jax.Array = parameter(0.5, 2.0, "m", doc="heights of the boxes")


def test_designs_are_moved_until_boxes_do_not_overlap():
    ladle = Box(jnp.array([-0.5, -0.5, 0.0]), jnp.array([0.5, 0.5, 0.8]))
    rules = {
        "no overlap": lambda design: least_separation(boxes(design.x, design.z)),
        "ladle": lambda design: least_clearance(boxes(design.x, design.z), ladle),
    }
    constraints = [Constraint(n, rule, lower=0.0, unit="m", scale=0.01, known=True) for n, rule in rules.items()]
    good = Arm(jnp.array([0.0, 0.1]), jnp.array([1.0, 1.5]))
    space = Space.of(good)
    beyond = jax.jit(
        lambda cube: jnp.concatenate([c.excess(c.read(space.design(cube), None, None)) for c in constraints])
    )
    wish = space.cube(Arm(jnp.array([0.0, 0.05]), jnp.array([0.85, 0.9])))
    assert np.all(beyond(wish) > 0)
    there = jax.jit(lambda wish, anchor: admitted(wish, anchor, beyond, lambda cube: cube))(wish, space.cube(good))
    assert np.all(beyond(there) <= 0)
    assert float(jnp.linalg.norm(there - wish)) < 0.5 * float(jnp.linalg.norm(space.cube(good) - wish))
