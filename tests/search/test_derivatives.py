"""The check of derivatives: chains with known faults, under names that say nothing, each with its verdict."""

import string
import types
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from daedalus.core import Derivative, Design, Objective, Pipeline, Problem, Stage, parameter
from daedalus.errors import OptimiserError
from daedalus.events import normals, uniforms
from daedalus.search.derivatives import Verdict, check_derivatives

KEY = jax.random.key(4)
NAMES = np.random.default_rng(20261125)
THETA = 0.3


class Knob(Design):
    """One parameter, and one that does nothing."""

    theta: Float[Array, ""] = parameter(-1.0, 1.0, "1", doc="what the chain depends on")
    idle: Float[Array, ""] = parameter(0.0, 1.0, "1", doc="what it does not depend on")


class Value(eqx.Module):
    """A number per event."""

    x: Float[Array, "event"]


def word():
    """A name that says nothing."""
    return "".join(NAMES.choice(list(string.ascii_lowercase), 9))


def stage(act):
    """A stage of a random class and name whose events are ``act(self, events, key)``."""

    def body(namespace):
        namespace["__annotations__"] = {"theta": Any, "hard": Any, "name": str, "derivative": ClassVar[Derivative]}
        namespace["derivative"] = Derivative.EXACT  # what it says of itself must not matter
        namespace["__call__"] = lambda self, events, *, key: act(self, events, key)
        namespace["softened"] = lambda self, softness: type(self)(self.theta, softness is None, self.name)

    return types.new_class(word().capitalize(), (Stage,), exec_body=body)


def drawn(events, key):
    """Standard normal numbers."""
    return normals(key, events.index, 1)[0]


def with_value(events, x):
    return events.add(Value(x))


@jax.custom_jvp
def backwards(x):
    return x


@backwards.defjvp
def _backwards(primals, tangents):
    return primals[0], -tangents[0]


def hard_cut(self, events, key):
    return with_value(events, drawn(events, key)).accept(drawn(events, key) > self.theta)


def detached_position(self, events, key):
    return with_value(events, drawn(events, key) + jax.lax.stop_gradient(self.theta))


def branch_flip(self, events, key):
    x = drawn(events, key)
    return with_value(events, x).reweight(jnp.where(x > self.theta, 1.0, 0.0) + 0.2 * self.theta)


def wrong_sign(self, events, key):
    return with_value(events, drawn(events, key) + backwards(self.theta))


def discrete_mixture(self, events, key):
    first = uniforms(key, events.index, 1)[0] < jax.nn.sigmoid(self.theta)
    return with_value(events, jnp.where(first, jnp.sqrt(1 + 0.5 * self.theta), 0.0))


def forgotten_key(self, events, key):
    return with_value(events, drawn(events, jax.random.key(0)) + self.theta)


def saturated_sigmoid(self, events, key):
    x = drawn(events, key)
    return with_value(events, x).reweight(jax.nn.sigmoid((x - self.theta) / 1e-7))


def fit_on_a_grid(self, events, key):
    data = drawn(events, key) + self.theta
    grid = jnp.linspace(-4, 4, 161)
    return with_value(events, grid[jnp.argmin((grid[:, None] - data) ** 2, axis=0)])


def right(self, events, key):
    return with_value(events, drawn(events, key) + self.theta)


def relaxed(self, events, key):
    x = drawn(events, key)
    soft = jax.nn.sigmoid((x - self.theta) / 0.6)
    return with_value(events, x).reweight(jnp.where(self.hard, (x > self.theta) * 1.0, soft))


def scored_mixture(self, events, key):
    odds = jax.nn.sigmoid(self.theta)
    first = uniforms(key, events.index, 1)[0] < odds
    chance = jnp.log(jnp.where(first, odds, 1 - odds))
    value = jnp.where(first, jnp.sqrt(1 + 0.5 * self.theta), 0.0)
    return with_value(events, value).reweight(jnp.exp(chance - jax.lax.stop_gradient(chance)))


def weight(events, earlier):
    return jnp.sum(events.effective_weight)


def square(events, earlier):
    return jnp.sum(events.effective_weight * events[Value].x ** 2)


def problem_of(act, summary):
    kind, name = stage(act), word()
    chain = lambda design, truth: Pipeline([kind(design.theta, False, name)], {"sum": summary, "count": count})
    per_event = lambda design, sums, truths: sums.mean(sums["sum"] / sums["count"])
    start = Knob(jnp.asarray(THETA), jnp.asarray(0.5))
    return Problem(word(), start, chain, (Objective(word(), per_event),)), name


def count(events, earlier):
    return jnp.sum((events.index < EVENTS) * 1.0)


EVENTS = 3000
DENSITY = np.exp(-0.5 * THETA**2) / np.sqrt(2 * np.pi)
ODDS = 1 / (1 + np.exp(-THETA))
MIXED = 2 * (ODDS * (1 - ODDS) * (1 + 0.5 * THETA) + 0.5 * ODDS)
CASES = {  # chain, sum, derivative of the expected loss per range of theta (which is 2), verdict, is the stage named
    "hard cut": (hard_cut, weight, -2 * DENSITY, Verdict.ZERO, True),
    "detached position": (detached_position, square, 4 * THETA, Verdict.WRONG, True),
    "branch flip": (branch_flip, weight, 2 * (0.2 - DENSITY), Verdict.WRONG, False),
    "wrong sign": (wrong_sign, square, 4 * THETA, Verdict.WRONG, False),
    "discrete mixture": (discrete_mixture, square, MIXED, Verdict.BIASED, False),
    "forgotten key": (forgotten_key, square, None, Verdict.BIASED, False),
    "saturated sigmoid": (saturated_sigmoid, weight, -2 * DENSITY, Verdict.ZERO, True),
    "fit on a grid": (fit_on_a_grid, square, 4 * THETA, Verdict.ZERO, True),
    "right": (right, square, 4 * THETA, Verdict.TRUST, False),
    "relaxed": (relaxed, weight, -2 * DENSITY, Verdict.BIASED, False),
    "scored mixture": (scored_mixture, square, MIXED, Verdict.TRUST, False),
}


@pytest.mark.parametrize("case", CASES)
def test_every_fault_has_its_verdict_whatever_it_is_called(case):
    act, summary, truth, verdict, named = CASES[case]
    problem, name = problem_of(act, summary)
    start = problem.space.cube(problem.start)
    theta, idle = check_derivatives(problem, [start], key=KEY, events=EVENTS, keys=8)
    assert theta.verdict == verdict, theta
    assert idle.verdict == Verdict.TRUST
    assert idle.derivative == 0.0
    if truth is not None:
        assert abs(theta.truth - truth) < 4 * theta.truth_error
    assert (name in theta.reason) == named


def test_a_derivative_is_the_same_at_every_design_of_a_quadratic_but_for_its_place():
    problem, _ = problem_of(right, square)
    rows = check_derivatives(problem, [jnp.array([u, 0.5]) for u in (0.2, 0.7)], key=KEY, events=EVENTS, chosen=[0])
    assert [row.design for row in rows] == [0, 1]
    assert rows[0].derivative == pytest.approx(4 * -0.6, abs=4 * rows[0].error)
    assert rows[1].derivative == pytest.approx(4 * 0.4, abs=4 * rows[1].error)
    assert rows[0].signal_to_noise > 20


def test_too_few_events_are_called_unclear_and_not_wrong():
    problem, _ = problem_of(relaxed, weight)
    (row,) = check_derivatives(problem, [jnp.array([0.65, 0.5])], key=KEY, events=20, keys=3, chosen=[0])
    assert row.verdict == Verdict.UNCLEAR


def test_one_key_is_refused():
    problem, _ = problem_of(right, square)
    with pytest.raises(OptimiserError, match="at least two keys"):
        check_derivatives(problem, [jnp.array([0.5, 0.5])], key=KEY, events=10, keys=1)
