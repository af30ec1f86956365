"""The trace of a program shows what JAX differentiates, step by step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.gradients import GradientError, trace


def example(x):
    """A textbook's size of program; at (1, 2) worth 10.9093, with the gradient (2.9093, 11.5839)."""
    return 2 * x[0] + x[0] * jnp.sin(x[1]) + x[1] ** 3


FORWARD = """\
step  formula     value     tangent
----  ----------  --------  --------
v_-1  x0          1         1
v_0   x1          2         0
v_1   2 * v_-1    2         2
v_2   sin(v_0)    0.909297  0
v_3   v_-1 * v_2  0.909297  0.909297
v_4   v_1 + v_3   2.9093    2.9093
v_5   v_0^3       8         0
v_6   v_4 + v_5   10.9093   2.9093
y     v_6         10.9093   2.9093
"""
BACK_TO_X1 = "bar(v_0)   bar(v_5) * dv_5/dv_0 + bar(v_2) * dv_2/dv_0    1 * 12 + 1 * (-0.416147)  11.5839"


def test_the_example_is_the_one_of_the_blackboard():
    table = trace(example, (1, 2))
    assert table.value == pytest.approx(10.9093, abs=5e-5)
    np.testing.assert_allclose(table.gradient, (2.9093, 11.5839), atol=5e-5)
    assert FORWARD in str(table)
    assert BACK_TO_X1 in str(table)


def test_the_rows_of_the_reverse_trace_add_up():
    for step in trace(example, (1, 2)).steps[:-1]:
        assert step.adjoint == pytest.approx(sum(c.adjoint * c.partial for c in step.contributions))


def test_tangents_follow_the_direction():
    table = trace(example, (1, 2), direction=(0.5, -2))
    assert table.tangent == pytest.approx(0.5 * table.gradient[0] - 2 * table.gradient[1])


@jax.custom_jvp
def kinked(x):
    return jnp.abs(x)


@kinked.defjvp
def _(primals, tangents):
    return kinked(*primals), 7.0 * tangents[0]


def spread(a, b, c):
    return jnp.where(a > b, kinked(a) * c, jnp.logaddexp(a, jax.jit(jnp.tanh)(b)) / c**0.5) + jnp.clip(a, 0.2, 0.9)


PROGRAMS = {
    "own rule, choice, jit": (spread, (0.3, 0.4, 1.2)),
    "the other branch": (spread, (0.8, 0.4, 1.2)),
    "one number": (lambda x: jnp.exp(-x * x) + jax.lax.stop_gradient(x) * x, 0.7),
    "a slice of the vector": (lambda x: jnp.arctan2(x[-1], x[1:][0]) - x[jnp.array(1)] ** -2, (0.1, 0.4, 1.5)),
    "checkpointed": (lambda x: jax.checkpoint(lambda a, b: jnp.log(a) * b + a)(x[0], x[1]), (0.3, 2.0)),
    "read twice": (lambda x: x[0] * x[0] / x[1], (0.7, 0.3)),
    "a constant": (lambda x: 3.0, (1.0, 2.0)),
    "an input": (lambda x: x[1], (1.0, 2.0)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_value_and_gradient_are_those_of_jax(name):
    f, x = PROGRAMS[name]
    whole = (lambda v: f(*v)) if f is spread else f
    table = trace(f, x)
    value, gradient = jax.value_and_grad(whole)(jnp.asarray(x))
    assert table.value == pytest.approx(float(value), rel=1e-12)
    np.testing.assert_allclose(table.gradient, np.reshape(gradient, -1), rtol=1e-12)
    assert table.tangent == pytest.approx(table.gradient[0])  # forward and reverse agree


def random_program(seed):
    """Ten operations, each on two earlier numbers chosen at random."""
    choices = np.random.default_rng(seed)
    unary = (jnp.sin, jnp.exp, jnp.tanh, jax.nn.softplus, lambda v: v**2, lambda v: 1 / (1 + v * v))
    binary = (jnp.add, jnp.subtract, jnp.multiply, jnp.maximum, lambda a, b: a / (2 + jnp.cos(b)))
    plan = [(choices.integers(6), choices.integers(5), choices.random(2)) for _ in range(10)]

    def f(x):
        known = [x[0], x[1], x[2]]
        for one, two, places in plan:
            a, b = (known[int(share * len(known))] for share in places)
            known.append(jnp.tanh(binary[two](unary[one](a), b)))
        return known[-1] + known[-2]

    return f


@pytest.mark.parametrize("seed", range(3))
def test_random_programs_have_the_gradient_of_jax(seed):
    f, x = random_program(seed), (0.3, -0.8, 1.7)
    np.testing.assert_allclose(trace(f, x).gradient, jax.grad(f)(jnp.asarray(x)), rtol=1e-12)


def test_markdown_and_html_show_the_same_rows():
    table = trace(example, (1, 2))
    assert r"| $\bar v_{0}$ | $\bar v_{5} \, \partial v_{5} / \partial v_{0} + \bar v_{2}" in table.markdown()
    assert table._repr_markdown_() == table.markdown()
    assert "<td>v_3</td><td>v_-1 * v_2</td><td>0.909297</td>" in table._repr_html_()
    assert len(table.markdown().splitlines()) == len(str(table).splitlines())


REFUSED = {
    "a loop": (lambda x: jax.lax.fori_loop(0, 3, lambda _, v: v * x[0], 1.0), "control flow"),
    "a branch": (lambda x: jax.lax.cond(x[0] > 0, jnp.sin, jnp.cos, x[1]), "control flow"),
    "an array": (lambda x: jnp.sum(x**2), "a whole array"),
    "a scalar product": (lambda x: x @ x, "a whole array"),
    "a vector as result": (lambda x: x, "one number"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_program_of_numbers_is_refused_with_its_remedy(name):
    f, text = REFUSED[name]
    with pytest.raises(GradientError, match=text):
        trace(f, (1, 2))
