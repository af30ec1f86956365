"""The checks of designs that learn: right derivatives by leaves pass, wrong ones are named."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest

from app import curve
from daedalus.testing import ConformanceError, check_gradient, check_problem, conformance

KEY = jax.random.key(2)


@pytest.mark.parametrize(
    "problem", [curve.fit, pytest.param(lambda: curve.sensor(scenarios=2), marks=pytest.mark.slow)]
)
def test_what_learns_conforms(problem):
    problem = problem()
    verdicts = {each.name: each for each in conformance(problem)}
    assert all(each.ok for each in verdicts.values()), [each.text for each in verdicts.values() if not each.ok]
    assert "learned, direction 2" in verdicts["gradient"].text


def test_directions_stand_behind_the_parameters():
    report = check_gradient(curve.sensor(), key=KEY, events=40, real=True, keys=3)
    assert report.names == ("noise", *(f"learned, direction {number}" for number in range(3)))
    assert str(report).startswith("gradient by 1 parameters and learned leaves along 3 directions")
    assert check_gradient(curve.sensor(), key=KEY, events=40, names=["noise"], keys=1).names == ("noise",)
    assert len(check_gradient(curve.sensor(), key=KEY, events=40, names=["learned"], keys=1).names) == 3
    assert (abs(report.derivative[1:]) > 1e-3).all()
    assert (abs(report.bias) < 4 * report.bias_error + 0.05 * abs(report.derivative) + 0.05).all()


def crooked(factor):
    """The fit with a derivative by the network that is off by a factor, its value right."""

    @jax.custom_jvp
    def same(x):
        return x

    same.defjvp(lambda primals, tangents: (primals[0], factor * tangents[0]))
    problem = curve.fit()
    bent = lambda net: jax.tree.map(lambda leaf: same(leaf) if hasattr(leaf, "dtype") else leaf, net)
    build = lambda design, truth: problem.build(dataclasses.replace(design, net=bent(design.net)), truth)
    return dataclasses.replace(problem, build=build)


def test_a_wrong_derivative_by_leaves_is_found():
    check_gradient(crooked(1.0), key=KEY, events=40)
    with pytest.raises(ConformanceError, match=r"derivative by learned, direction . is off"):
        check_gradient(crooked(1.001), key=KEY, events=40)


def test_a_gradient_by_leaves_that_is_not_finite_is_found():
    with pytest.raises(ConformanceError, match="not finite"):
        check_gradient(crooked(jnp.nan), key=KEY, events=40)
    with pytest.raises(ConformanceError, match="not finite"):
        check_problem(crooked(jnp.nan), key=KEY)
