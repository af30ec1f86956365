"""g06: the published optimum, which constraints are active there, and a start for each form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Point, Status
from daedalus.studies.test_functions.crescent import cubic, g06, inside, outside

KEY = jax.random.key(4)
BEST = -6961.81388  # Liang et al. 2006, g06


def values(function, x):
    """A figure at places (row, 2)."""
    return np.asarray(jax.vmap(lambda row: function(g06().space.filled(row)))(jnp.asarray(x)))


def test_the_optimum_is_the_published_one_with_both_constraints_active():
    problem = g06()
    found = problem.evaluate(problem.references["optimum"], key=KEY)
    assert float(found.values["cubic"]) == pytest.approx(BEST, abs=1e-5)
    np.testing.assert_allclose(found.excess, 0.0, atol=1e-8)
    assert int(found.status) == Status.OK
    np.testing.assert_allclose(problem.references["optimum"].x, [14.095, 0.84296], atol=1e-6)


def test_the_optimum_is_stationary_with_positive_multipliers():
    design = g06().references["optimum"]
    slopes = [jax.grad(lambda d, f=f: f(d))(design).x for f in (cubic, outside, inside)]
    # cubic' = m1 outside' - m2 inside': one constraint holds from below, the other from above
    multipliers = np.linalg.solve(np.stack([slopes[1], -slopes[2]], 1), slopes[0])
    np.testing.assert_allclose(multipliers, [1097.12, 1229.54], rtol=1e-4)


def test_no_feasible_place_is_better():
    first, second = np.meshgrid(np.linspace(14.0, 15.2, 1201), np.linspace(0.0, 10.0, 1001), indexing="ij")
    feasible = ((first - 5) ** 2 + (second - 5) ** 2 >= 100) & ((first - 6) ** 2 + (second - 5) ** 2 <= 82.81)
    assert 0.04 < np.mean(feasible) < 0.05  # a thin crescent: 0.57 of an area of 12
    value = ((first - 10) ** 3 + (second - 20) ** 3)[feasible]
    assert BEST < value.min() < BEST + 60


def test_measured_constraints_are_rows_and_the_customary_start_violates_one():
    problem = g06()
    found = problem.evaluate(problem.start, key=KEY)
    assert problem.goals.constraints == 2
    assert int(found.status) == Status.INFEASIBLE
    assert (np.asarray(found.excess) > 0).tolist() == [False, True]
    assert float(found.loss) == pytest.approx((10.1**3 - 14.16**3) / 1000)


def test_known_constraints_have_a_start_that_meets_them_and_every_wish_is_moved_inside():
    problem = g06(known=True)
    assert problem.goals.constraints == 0
    assert int(problem.evaluate(problem.start, key=KEY).status) == Status.OK
    wishes = Point(jax.random.uniform(KEY, (16, 2)), problem.space.point(problem.start).learned)
    cube = jax.jit(lambda points: problem.admitted(points, whole=True))(wishes).cube
    x = np.asarray(problem.space.lower + (problem.space.upper - problem.space.lower) * cube)
    assert np.all(values(outside, x) >= 100 - 1e-8)
    assert np.all(values(inside, x) <= 82.81 + 1e-8)
