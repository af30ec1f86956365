"""Learned leaves: their derivative is exact however events are cut, and they are never copied."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from app import curve
from daedalus.core import Partition, Point, Status, Summaries

KEY = jax.random.key(11)
EVENTS, SCENARIOS, WIDTH = 50, 3, 5


@pytest.fixture(scope="module", params=[False, True], ids=["alone", "with hardware"])
def problem(request):
    """A network of two hidden layers, with and without a sensor in front."""
    task = curve.fit(WIDTH, SCENARIOS, hardware=request.param)
    return dataclasses.replace(task, start=dataclasses.replace(task.start, net=curve.network(WIDTH, depth=2)))


def plain(problem, point):
    """The loss from the definition: every scenario's events at once, no parts, no blocks, no checkpoints."""
    design, weights, sums = problem.space.design(point), [], []
    for number in range(SCENARIOS):
        chain, key = problem.scenario_pipeline(design, number, SCENARIOS, key=KEY, softness=1.0)
        found = chain.sums(chain.events(jnp.arange(EVENTS), EVENTS, key=key), 0, {})
        sums.append(found)
        weights.append(1.0)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *sums)
    whole = Summaries(stacked, jnp.array(weights))
    return problem.machine_loss({o.name: o.function(design, whole, None) for o in problem.objectives})


@pytest.fixture(scope="module")
def expected(problem):
    point = problem.space.point(problem.start)
    return eqx.filter_jit(eqx.filter_value_and_grad(lambda p: plain(problem, p)))(point)


def measured(problem, partition, point, softness=1.0):
    return problem.measure(point, key=KEY, partition=partition, softness=softness, gradient=True)


# one part; groups; groups in blocks; blocks of more than one part and less than all; parts one by one
CUTS = [(1, 1000), (7, 1000), (7, 4), (16, 12), (5, 10), (1, 9)]


@pytest.mark.parametrize(("groups", "block"), CUTS)
def test_the_gradient_is_that_of_the_definition(groups, block, problem, expected):
    partition = Partition(EVENTS, SCENARIOS, groups, block)
    found = eqx.filter_jit(lambda point: measured(problem, partition, point))(problem.space.point(problem.start))
    assert float(found.loss) == pytest.approx(float(expected[0]), rel=1e-12)
    one, other = jax.tree.leaves(found.gradient.value), jax.tree.leaves(expected[1])
    assert len(one) == len(other) == 7
    for leaf, known in zip(one, other, strict=True):
        np.testing.assert_allclose(leaf, known, rtol=1e-10, atol=1e-13)
    assert any(np.abs(leaf).max() > 0.1 for leaf in one[1:])


def test_designs_mapped_together_have_each_their_own_gradient(problem):
    partition, start = Partition(EVENTS, SCENARIOS, 7, 12), problem.space.point(problem.start)
    shifted = Point(start.cube * 0.9, jax.tree.map(lambda leaf: leaf + 0.1, start.learned))
    both = jax.tree.map(lambda *leaves: jnp.stack(leaves), start, shifted)
    together = eqx.filter_jit(jax.vmap(lambda point: measured(problem, partition, point)))(both)
    for number, point in enumerate((start, shifted)):
        alone = eqx.filter_jit(lambda point: measured(problem, partition, point))(point)
        for leaf, known in zip(jax.tree.leaves(together.gradient), jax.tree.leaves(alone.gradient), strict=True):
            np.testing.assert_allclose(leaf[number], known, rtol=1e-9, atol=1e-13)


def test_no_part_has_a_copy_of_the_network_or_of_its_gradient():
    task, groups, width = curve.fit(), 13, 23
    task = dataclasses.replace(task, start=dataclasses.replace(task.start, net=curve.network(width, depth=2)))
    run = lambda point: measured(task, Partition(130, 1, groups, 1000), point).gradient.value
    text = str(jax.make_jaxpr(run)(task.space.point(task.start)))
    assert f"[{width},{width}]" in text
    assert f"{groups},{width},{width}]" not in text
    assert f"{groups},1,{width},{width}]" not in text


def test_a_gradient_by_leaves_that_is_not_finite_is_a_failure():
    def root(design, sums, truths):  # zero, with an infinite slope by one leaf
        first = design.net.layers[0].bias[0]
        return jnp.sqrt(first - jax.lax.stop_gradient(first))

    task = curve.fit()
    objective = dataclasses.replace(task.objectives[0], function=root)
    found = dataclasses.replace(task, objectives=(objective,)).evaluate(task.start, key=KEY, gradient=True)
    assert float(found.loss) == 0.0
    assert int(found.status) == Status.FAILED


def test_an_empty_cube_has_a_place_and_a_gradient():
    task = curve.fit()
    space = task.space
    assert (space.size, space.names, space.learned_size) == (0, (), 8 + 8 + 8 + 1)
    assert eqx.tree_equal(space.design(space.point(task.start)), task.start)
    found = task.evaluate(task.start, key=KEY, gradient=True)
    assert found.gradient.value.cube.shape == (0,)
    assert found.gradient.covariance.shape == (0, 0)
    assert float(found.loss_error) > 0
