"""Problems: blocks, errors, gradients, empty scenarios."""

import os
import subprocess
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from core.toys import (
    OBJECTIVES,
    Coin,
    Position,
    Ruler,
    Shutter,
    Source,
    Window,
    build,
    first,
    limited,
    miss,
    place,
    ruler,
    ruler_problem,
)
from daedalus.core import Derivative, Objective, Partition, Pipeline, Problem, Scenarios, Status, summaries
from daedalus.errors import ProblemError, StageError
from daedalus.events import blank_events

KEY = jax.random.key(4)


def measured(problem, partition, key=KEY, softness=1.0):
    point = problem.space.point(problem.start)
    return eqx.filter_jit(
        lambda p, k: problem.measure(p, key=k, partition=partition, softness=softness, gradient=True)
    )(point, key)


# ------------------------------------------------------------------ blocks


@pytest.mark.parametrize(("wide", "tolerance"), [(True, 1e-12), pytest.param(False, 1e-5, marks=pytest.mark.slow)])
def test_blocked_gradient_equals_unblocked(wide, tolerance):
    with jax.enable_x64(wide):
        problem, key = ruler_problem(), jax.random.key(4)
        whole = measured(problem, Partition(10_000, 2, 1, 10_000), key)
        cut = measured(problem, Partition(10_000, 2, 16, 200), key)
        assert cut.loss.dtype == jnp.result_type(float)
        for a, b in zip(jax.tree.leaves(cut.gradient.value), jax.tree.leaves(whole.gradient.value), strict=True):
            assert np.allclose(a, b, rtol=tolerance, atol=tolerance * np.max(np.abs(b)))
        assert np.allclose(cut.loss, whole.loss, rtol=tolerance)


CUTS = (Partition(999, 6, 1, 400), Partition(999, 1, 16, 50))
SHARED_OUT = """
import jax
jax.config.update("jax_num_cpu_devices", 4)
jax.config.update("jax_enable_x64", True)
from core.test_problem import CUTS, measured, numbers
from core.toys import ruler_problem
for partition in CUTS:
    print(jax.device_count(), *numbers(measured(ruler_problem(), partition)))
"""


def numbers(evaluation):
    gradient = evaluation.gradient
    return [float(x) for x in (evaluation.loss, *gradient.value.cube, *gradient.covariance.ravel())]


@pytest.mark.slow
def test_devices_share_the_work_and_change_nothing():
    here = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": here}
    call = [sys.executable, "-c", SHARED_OUT]
    said = subprocess.run(call, capture_output=True, text=True, cwd=here, env=environment, check=True).stdout
    for line, partition in zip(said.splitlines(), CUTS, strict=True):
        expected = [4, *numbers(measured(ruler_problem(), partition))]
        np.testing.assert_allclose([float(word) for word in line.split()], expected, rtol=1e-12, atol=1e-14)


def test_what_is_kept_of_the_events_changes_no_gradient(monkeypatch):
    partition = Partition(999, 6, 1, 400)
    kept = measured(ruler_problem(), partition)
    monkeypatch.setattr(summaries, "KEPT_EVENTS", 0)
    anew = measured(ruler_problem(), partition)
    np.testing.assert_allclose(kept.gradient.value.cube, anew.gradient.value.cube, rtol=1e-12)


def test_partition_covers_every_event_once():
    for partition in (Partition(101, 1, 16, 4), Partition(7, 1, 7, 100), Partition(1000, 2, 1, 333)):
        cuts = [(g, b) for g in range(partition.groups) for b in range(partition.blocks)]
        index = np.concatenate([partition.index(jnp.asarray(g), jnp.asarray(b)) for g, b in cuts])
        assert sorted(index[index < partition.events]) == list(range(partition.events))


def test_events_keep_their_numbers_whatever_the_batch():
    chain = Pipeline([Source(jnp.asarray(0.0)), Coin()], {"first": first})
    whole = chain.events(jnp.arange(50), 50, key=KEY)
    part = chain.events(jnp.array([40, 3, 17, 60]), 50, key=KEY)
    assert (part[Position].x[:3] == whole[Position].x[jnp.array([40, 3, 17])]).all()
    assert (part.alive[:3] == whole.alive[jnp.array([40, 3, 17])]).all()
    assert not part.alive[3]


def test_stages_of_other_names_draw_other_numbers():
    class Second(Source):
        pass

    one = Source(jnp.asarray(0.0))(blank_events(jnp.arange(9, dtype=jnp.uint32)), key=KEY)
    chain = Pipeline([Source(jnp.asarray(0.0))], {"first": first}).events(jnp.arange(9), 9, key=KEY)
    assert (one[Position].x != chain[Position].x).all()


# ------------------------------------------------------------------ errors


def mean_problem(events):
    mean = lambda design, s, truths: s.mean(s["first"]["x"] / s.accepted)
    chain = lambda design, truth: Pipeline([Source(jnp.zeros(()))], {"first": first})
    return Problem("mean", ruler(), chain, (Objective("mean", mean, "m"),), events=events)


def test_jackknife_error_of_a_mean_is_its_analytic_error():
    problem, events = mean_problem(1600), 1600
    errors = [problem.evaluate(problem.start, key=jax.random.key(k)).errors["mean"] for k in range(40)]
    # 16 groups: a variance has relative standard deviation sqrt(2 / 15), the mean sqrt(2 / 15 / 40) = 6 %
    assert np.mean(np.square(errors)) * events == pytest.approx(1.0, abs=4 * 0.06)


def test_jackknife_over_random_scenarios():
    draw = lambda key, index, count: jax.random.normal(key)
    mean = lambda design, s, truths: s.mean(truths + 0 * s.accepted)
    chain = lambda design, truth: Pipeline([Source(truth)], {"first": first})
    problem = Problem("truths", ruler(), chain, (Objective("m", mean),), scenarios=Scenarios(draw, 64), events=2)
    found = [problem.evaluate(problem.start, key=jax.random.key(k)) for k in range(40)]
    assert np.mean([float(f.errors["m"]) ** 2 for f in found]) * 64 == pytest.approx(1.0, abs=4 * 0.06)


def test_gradient_covariance_covers_repeated_keys():
    # a loss that is linear in the sums: there the parts' contributions are the whole story
    seen = lambda design, s, truths: s.mean(s["first"]["count"] / 400)
    problem = ruler_problem(objectives=(Objective("seen", seen),), scenarios=Scenarios(place, 1, random=False))
    partition = problem.partition(400)
    point = problem.space.point(problem.start)
    run = eqx.filter_jit(
        jax.vmap(lambda k: problem.measure(point, key=k, partition=partition, softness=1.0, gradient=True).gradient)
    )
    found = run(jax.random.split(jax.random.key(1), 400))
    slopes, covariance = np.asarray(found.value.cube)[:, :2], np.asarray(found.covariance)[:, :2, :2]
    # 400 keys: the variance of the slopes is known to sqrt(2 / 399) = 7 %, the claimed one better
    assert np.allclose(np.cov(slopes.T) / np.mean(covariance, 0), 1.0, atol=4 * 0.08)
    pulls = (slopes - slopes.mean(0)) / np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    # Student's t with 15 degrees of freedom: 66.7 % within one standard error, 6.4 % beyond two
    assert np.mean(np.abs(pulls) < 1) == pytest.approx(0.667, abs=0.07)
    assert np.mean(np.abs(pulls) > 2) == pytest.approx(0.064, abs=0.04)


def test_learned_leaves_have_a_gradient():
    found = measured(ruler_problem(), Partition(300, 2, 4, 100))
    slope = jax.tree.leaves(found.gradient.value.learned)[0]
    assert slope[0] != 0
    assert slope[1] == 0


# ------------------------------------------------------------------ evaluation


def test_the_loss_weighs_objectives_by_scale_and_sense():
    problem = ruler_problem()
    found = problem.evaluate(problem.start, key=KEY)
    expected = found.values["miss"] / 0.1 - found.values["spread"] / 2.0
    assert float(found.loss) == pytest.approx(float(expected), rel=1e-12)
    assert float(found.values["size"]) == 3.0
    assert float(found.errors["size"]) == 0.0
    assert found.gradient is None


def test_a_violated_constraint_is_reported():
    problem = ruler_problem(constraints=(limited(2.0),))
    assert int(problem.evaluate(problem.start, key=KEY).status) == Status.INFEASIBLE
    problem = ruler_problem(constraints=(limited(4.0),))
    assert int(problem.evaluate(problem.start, key=KEY).status) == Status.OK


def shut(openings):
    def chain(design, truth):
        where = jnp.asarray(openings)[jnp.asarray(jnp.round(truth / 0.2), int)]
        return Pipeline([Source(truth), Window(design.centre, design.width[0]), Shutter(where)], {"first": first})

    return ruler_problem(
        build=chain, scenarios=Scenarios(place, len(openings), random=False), objectives=OBJECTIVES[:1]
    )


def test_an_empty_scenario_has_weight_zero_and_is_counted():
    one, three = shut([1.0]), shut([1.0, 0.0, 0.0])
    alone = one.evaluate(one.start, key=KEY, gradient=True)
    found = three.evaluate(three.start, key=KEY, gradient=True)
    assert int(found.empty) == 2
    assert float(found.values["miss"]) == pytest.approx(float(alone.values["miss"]), rel=1e-12)
    assert np.isfinite(found.gradient.value.cube).all()
    assert np.allclose(found.gradient.value.cube, alone.gradient.value.cube)


def test_nothing_accepted_at_all_is_an_error():
    problem = shut([0.0, 0.0])
    with pytest.raises(ProblemError, match="no event was accepted in any of the 2 scenarios of 'ruler'"):
        problem.evaluate(problem.start, key=KEY)


def test_bad_requests():
    problem = ruler_problem()
    with pytest.raises(ProblemError, match="0 events"):
        problem.evaluate(problem.start, key=KEY, events=0)
    with pytest.raises(ProblemError, match="no name twice"):
        ruler_problem(objectives=(OBJECTIVES[0], OBJECTIVES[0]))
    with pytest.raises(ProblemError, match="at least one objective"):
        ruler_problem(objectives=())
    with pytest.raises(ProblemError, match="positive scale"):
        Objective("bad", miss, scale=0.0)
    with pytest.raises(StageError, match="source is used twice"):
        Pipeline([Source(jnp.zeros(())), Source(jnp.zeros(()))], {"first": first})
    with pytest.raises(StageError, match="accepted"):
        Pipeline([], {"accepted": first})
    with pytest.raises(StageError, match="holds no Position"):
        Pipeline([], {"first": first}).sums(blank_events(jnp.arange(3, dtype=jnp.uint32)), 0, {})


def test_flags_are_united():
    chain = Pipeline([Source(jnp.zeros(())), Shutter(jnp.ones(()))], {"first": first})
    assert chain.derivative == Derivative.NONE
    assert build(ruler(), jnp.zeros(())).derivative == Derivative.EXACT


def test_evaluations_repeat():
    problem = ruler_problem()
    one, other = (problem.evaluate(problem.start, key=KEY) for _ in range(2))
    assert eqx.tree_equal(one, other)
    assert float(problem.evaluate(problem.start, key=jax.random.key(5)).loss) != float(one.loss)


def test_ruler_is_a_pytree_of_arrays():
    assert len(jax.tree.leaves(ruler())) == 3
    assert isinstance(jax.vmap(lambda d: d)(jax.tree.map(lambda x: jnp.stack([x, x]), ruler())), Ruler)


def test_the_effective_number_of_events_is_kishs():
    problem, partition = ruler_problem(), Partition(999, 3, 16, 50)
    evaluation = measured(problem, partition)
    sums, _ = problem.summaries(problem.space.point(problem.start), key=KEY, partition=partition, softness=1.0)
    weight, squares = sums["accepted"][:, 0], sums["accepted"][:, 1]
    assert float(evaluation.effective) == pytest.approx(float(jnp.mean(weight**2 / squares)), rel=1e-6)
    assert 0 < float(evaluation.effective) < 999
    assert float(evaluation.accepted) == pytest.approx(float(jnp.mean(weight)), rel=1e-6)
