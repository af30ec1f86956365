"""Foreign simulators inside compiled functions: values and derivatives are theirs, and each costs one run."""

import shutil
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Answer, Design, Space, parameter
from daedalus.errors import ProblemError
from daedalus.execution import PythonFunction, SharedLibrary, in_jit
from daedalus.units import cm

POINT = jnp.array([0.3, -1.2])
POINTS = jnp.array([[0.3, -1.2], [1.0, 0.5], [-0.7, 2.0]])


def wave(x, y):
    """What the simulators below do."""
    return {"wave": jnp.sin(x) * jnp.exp(0.5 * y), "sum": x + 3 * y}


class Wave:
    """A simulator with derivatives, which counts its runs."""

    names, differentiable = ("wave", "sum"), True

    def __init__(self):
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        x, y = request.parameters["x"], request.parameters["y"]
        s, c, e = np.sin(x), np.cos(x), np.exp(0.5 * y)
        derivatives = {"wave": {"x": c * e, "y": 0.5 * s * e}, "sum": {"x": 1.0, "y": 3.0}}
        return Answer({"wave": s * e, "sum": x + 3 * y}, derivatives=derivatives if request.gradient else {})


def combined(values):
    """A number that depends on both values, and not linearly."""
    return values["wave"] ** 2 + values["sum"] * values["wave"]


def exact(point):
    return combined(wave(*point))


@pytest.fixture
def simulator():
    return Wave()


@pytest.fixture
def function(simulator):
    called = in_jit(simulator, ["x", "y"])
    return lambda point: combined(called(point))


@pytest.mark.parametrize("way", [lambda f: f, jax.jit])
def test_values_are_the_simulators(simulator, way):
    found = way(in_jit(simulator, ["x", "y"]))(POINT)
    direct = simulator(simulator.requests[0]).values
    assert {name: float(value) for name, value in found.items()} == direct


WAYS = {
    "plain": jax.value_and_grad,
    "jit of grad": lambda f: jax.jit(jax.value_and_grad(f)),
    "grad of jit": lambda f: jax.value_and_grad(jax.jit(f)),
    "forwards": lambda f: lambda x: (f(x), jax.jit(jax.jacfwd(f))(x)),
}


@pytest.mark.parametrize("way", WAYS)
def test_gradients_are_right(function, way):
    value, gradient = WAYS[way](function)(POINT)
    assert float(value) == pytest.approx(float(exact(POINT)), rel=1e-14)
    np.testing.assert_allclose(gradient, jax.grad(exact)(POINT), rtol=1e-13)
    step = 1e-6 * jnp.eye(2)
    differences = [(function(POINT + h) - function(POINT - h)) / 2e-6 for h in step]
    np.testing.assert_allclose(gradient, differences, rtol=1e-6)


@pytest.mark.parametrize("way", ["plain", "jit of grad", "grad of jit"])
def test_a_value_with_its_gradient_costs_one_run(simulator, function, way):
    jax.block_until_ready(WAYS[way](function)(POINT))
    assert [request.gradient for request in simulator.requests] == [True]


def test_a_value_alone_asks_for_no_gradient(simulator, function):
    jax.block_until_ready(jax.jit(function)(POINT))
    assert [request.gradient for request in simulator.requests] == [False]


@pytest.mark.parametrize("method", ["sequential", "expand_dims", "broadcast_all"])
def test_many_points_cost_one_run_each(simulator, method):
    called = in_jit(simulator, ["x", "y"], vmap_method=method)
    many = jax.jit(jax.vmap(jax.value_and_grad(lambda point: combined(called(point)))))
    values, gradients = many(POINTS)
    np.testing.assert_allclose(values, jax.vmap(exact)(POINTS), rtol=1e-13)
    np.testing.assert_allclose(gradients, jax.vmap(jax.grad(exact))(POINTS), rtol=1e-13)
    assert len(simulator.requests) == len(POINTS)


def test_nested_maps_and_seeds_reach_the_simulator():
    seen = PythonFunction(lambda p, events, seed: {"values": {"sum": p["x"] + 100 * seed + events}}, ["sum"])
    called = in_jit(seen, ["x"], events=5)
    grid = jax.vmap(lambda x: jax.vmap(lambda seed: called(x[None], seed)["sum"])(jnp.arange(3)))
    found = jax.jit(grid)(jnp.array([1.0, 2.0]))
    np.testing.assert_array_equal(found, [[6, 106, 206], [7, 107, 207]])


class Box(Design):
    """A vector in house units."""

    x: jax.Array = parameter(0.0, 1.0, "cm", doc="in centimetres outside")
    y: jax.Array = parameter(-2.0, 2.0, "1", doc="a number")


def test_with_a_space_the_vector_is_in_house_units(simulator):
    space = Space.of(Box(0.3 * cm, -1.2))
    called = in_jit(simulator, space)
    outside = lambda vector: wave(vector[0] / cm, vector[1])["wave"]
    vector = space.values(space.template)
    value, gradient = jax.value_and_grad(lambda v: called(v)["wave"])(vector)
    assert simulator.requests[0].parameters == {"x": pytest.approx(0.3, rel=1e-14), "y": -1.2}
    assert float(value) == pytest.approx(float(outside(vector)), rel=1e-14)
    np.testing.assert_allclose(gradient, jax.grad(outside)(vector), rtol=1e-13)


def test_values_may_be_arrays():
    spectrum = PythonFunction(lambda p, *_: {"values": {"bins": [p["x"], 2.0]}}, ["bins"], shapes={"bins": (2,)})
    called = in_jit(spectrum, ["x"], shapes={"bins": (2,)})
    np.testing.assert_array_equal(jax.jit(jax.vmap(called))(POINTS[:, :1])["bins"][:, 0], POINTS[:, 0])


class Dots:
    """A simulator that gives derivatives along directions only."""

    names, differentiable = ("wave", "sum"), False

    def __init__(self):
        self.runs = 0

    def __call__(self, request):
        return Answer({n: float(v) for n, v in wave(*request.parameters.values()).items()})

    def along(self, request, direction):
        self.runs += 1
        full = Wave()(request).derivatives
        return {n: sum(full[n][p] * d for p, d in direction.items()) for n in self.names}


def test_products_with_directions_serve_forward_mode():
    simulator = Dots()
    called = in_jit(simulator, ["x", "y"])
    function = lambda point: combined(called(point))
    value, slope = jax.jit(lambda x, v: jax.jvp(function, (x,), (v,)))(POINT, jnp.array([2.0, -1.0]))
    assert float(value) == pytest.approx(float(exact(POINT)), rel=1e-14)
    assert float(slope) == pytest.approx(float(jax.grad(exact)(POINT) @ jnp.array([2.0, -1.0])), rel=1e-13)
    assert simulator.runs == 1
    np.testing.assert_allclose(jax.jacfwd(function)(POINT), jax.grad(exact)(POINT), rtol=1e-13)
    assert simulator.runs == 3
    with pytest.raises(ValueError, match="transpose"):
        jax.grad(function)(POINT)


def test_a_derivative_nobody_gives_is_refused():
    plain = PythonFunction(lambda p, *_: {"values": {"sum": p["x"]}}, ["sum"])
    with pytest.raises(ProblemError, match="a derivative of sum is asked for, but the simulator gives none"):
        jax.grad(lambda x: in_jit(plain, ["x"])(x)["sum"])(jnp.ones(1))


def test_a_failure_ends_the_call_with_its_cause():
    broken = PythonFunction(lambda *_: {"values": {"sum": float("nan")}}, ["sum"])
    with pytest.raises(jax.errors.JaxRuntimeError, match="sum holds a number that is not finite"):
        jax.block_until_ready(jax.jit(in_jit(broken, ["x"]))(jnp.ones(1)))


SOURCE = r"""
#include <math.h>
void wave(const double *p, double *v) { v[0] = sin(p[1]) * exp(0.5 * p[0]); v[1] = p[1] + 3 * p[0]; }
void sloped(const double *p, double *v, double *j) {
  wave(p, v); j[0] = 0.5 * v[0]; j[1] = cos(p[1]) * exp(0.5 * p[0]); j[2] = 3; j[3] = 1; }
"""


def test_a_library_takes_all_points_of_a_batch_at_once(tmp_path):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    (tmp_path / "wave.c").write_text(SOURCE)
    command = [compiler, "-shared", "-fPIC", "-o", tmp_path / "wave.so", tmp_path / "wave.c", "-lm"]
    subprocess.run(command, check=True)
    names = {"parameters": ["y", "x"], "names": ["wave", "sum"]}
    library = SharedLibrary(tmp_path / "wave.so", "wave", derivative="sloped", **names)
    called = in_jit(library, ["x", "y"])
    values, gradients = jax.jit(jax.vmap(jax.value_and_grad(lambda point: combined(called(point)))))(POINTS)
    np.testing.assert_allclose(values, jax.vmap(exact)(POINTS), rtol=1e-13)
    np.testing.assert_allclose(gradients, jax.vmap(jax.grad(exact))(POINTS), rtol=1e-13)
    with pytest.raises(ProblemError, match="the vector holds x; expected the parameters of the simulator, y, x"):
        in_jit(library, ["x"])
