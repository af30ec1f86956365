"""Foreign evaluations: values, errors and derivatives of a simulator become figures, errors and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from daedalus.core import (
    Answer,
    Constraint,
    Design,
    Objective,
    Outcome,
    Problem,
    SimulationTimeoutError,
    Status,
    parameter,
)
from daedalus.errors import OptimiserError, ProblemError
from daedalus.optimisers import Adam, RandomSearch
from daedalus.search import optimise

KEY = jax.random.key(2)


class Lens(Design):
    """A focal length and an aperture."""

    focus: Float[Array, ""] = parameter(0.1, 0.5, "cm", doc="focal length, given in metres here")
    aperture: Float[Array, ""] = parameter(1.0, 3.0, "m", doc="aperture")


class Bench:
    """An optical bench in twenty characters: blur = focus^2 aperture, light = aperture."""

    names = ("blur", "light")
    differentiable = True

    def __call__(self, request):
        f, a = request.parameters["focus"], request.parameters["aperture"]
        if a > 2.9:
            raise SimulationTimeoutError("too wide")
        if f < 15:
            return Answer({"blur": float("nan"), "light": a})
        slopes = {"blur": {"focus": 2 * f * a, "aperture": f**2}, "light": {"aperture": 1.0}}
        return Answer({"blur": f**2 * a, "light": a}, {"blur": 3.0, "light": 0.1}, {}, slopes, {"blur": {"focus": 0.5}})


class Counter:
    """A simulator that answers with a number per event."""

    names = ("x",)
    differentiable = False

    def __call__(self, request):
        drawn = np.random.default_rng(request.seed).normal(request.parameters["aperture"], 2.0, request.events)
        return Answer(columns={"x": drawn})


def blur(design, answer, truths):
    return answer["blur"] / answer["light"] + design.aperture


def problem(simulator, function=blur, **more):
    start = Lens(jnp.asarray(0.2), jnp.asarray(2.0))
    return Problem("bench", start, None, (Objective("blur", function, scale=2.0),), simulator=simulator, **more)


def test_figures_errors_and_status():
    found = problem(Bench()).evaluate(problem(Bench()).start, key=KEY)
    assert float(found.values["blur"]) == pytest.approx(400 + 2)
    # blur / light: slopes 1 / light and -blur / light^2, errors 3 and 0.1
    assert float(found.errors["blur"]) == pytest.approx(np.hypot(3 / 2, 800 / 4 * 0.1))
    assert float(found.loss) == pytest.approx(201)
    assert float(found.loss_error) == pytest.approx(float(found.errors["blur"]) / 2)
    assert Status(int(found.status)) == Status.OK


def test_the_gradient_is_the_chain_rule_through_the_simulator_and_the_figure():
    task = problem(Bench())
    found = task.evaluate(task.start, key=KEY, gradient=True)
    loss = lambda cube: float(task.evaluate(task.space.design(cube), key=KEY).loss)
    cube, h = task.space.cube(task.start), 1e-5
    differences = [(loss(cube.at[i].add(h)) - loss(cube.at[i].add(-h))) / (2 * h) for i in range(2)]
    np.testing.assert_allclose(found.gradient.value.cube, differences, rtol=1e-7)
    spread = 0.5 * 0.5 / 2 * 40  # error of d blur / d focus, times d loss / d blur, times the range of 40 cm
    np.testing.assert_allclose(found.gradient.covariance, [[spread**2, 0], [0, 0]])


def test_columns_are_jackknifed():
    mean = lambda design, answer, truths: jnp.mean(jnp.asarray(answer["x"]))
    task = problem(Counter(), mean, events=4000)
    runs = [task.evaluate(task.start, key=jax.random.key(n)) for n in range(40)]
    values, errors = (np.array([float(getattr(r, n)["blur"]) for r in runs]) for n in ("values", "errors"))
    assert errors.mean() == pytest.approx(2 / 4000**0.5, rel=0.1)
    assert abs(values.mean() - 2.0) < 4 * 2 / (40 * 4000) ** 0.5
    assert float(runs[0].accepted) == 4000


def test_failures_are_rows_with_their_cause_and_the_search_goes_on():
    task = problem(Bench())
    history = optimise(task, RandomSearch(batch=10), key=KEY, rounds=5)
    focus, aperture = history["focus [cm]"], history["aperture [m]"]
    expected = np.where(aperture > 2.9, "timeout", np.where(focus < 15, "failed", "ok"))
    np.testing.assert_array_equal(history["status"], expected)
    assert {"timeout", "failed", "ok"} == set(expected)
    assert set(history["cause"][expected == "timeout"]) == {"too wide"}
    assert set(history["cause"][expected == "failed"]) == {"blur holds a number that is not finite"}
    assert np.isinf(history["loss"][expected != "ok"]).all()
    assert history["status"][history.best_row()] == "ok"


def test_gradients_of_a_foreign_simulator_descend():
    history = optimise(problem(Bench()), Adam(step_share=0.02), key=KEY, rounds=30)
    assert history["loss"][history.best_row()] < 0.7 * history["loss"][0]


def test_a_simulator_that_never_answers_is_given_up_with_its_cause():
    class Broken(Bench):
        def __call__(self, request):
            raise OSError("no such file")

    with pytest.raises(Exception, match=r"all of the first 20 evaluations of 'bench' failed: OSError: no such file"):
        optimise(problem(Broken()), RandomSearch(batch=4), key=KEY, rounds=50)


def test_a_measured_constraint_of_an_answer():
    dim = Constraint("dim", lambda design, answer, truths: answer["light"], lower=2.5, known=False)
    task = problem(Bench(), constraints=(dim,))
    found = task.evaluate(task.start, key=KEY)
    assert float(found.excess[0]) == pytest.approx(0.5)
    assert Status(int(found.status)) == Status.INFEASIBLE


def test_an_outcome_without_answer_has_a_gradient_of_zero_where_one_was_wanted():
    task = problem(Bench())
    found = task.answered(task.space.point(task.start), Outcome(0, Status.FAILED, cause="x"), gradient=True)
    assert np.isinf(float(found.loss))
    assert not np.asarray(found.gradient.value.cube).any()


def test_misuse():
    with pytest.raises(ProblemError, match="either build"):
        Problem("bench", problem(Bench()).start, None, (Objective("blur", blur),))
    with pytest.raises(OptimiserError, match="gives none"):
        optimise(problem(Counter(), lambda d, a, t: jnp.mean(jnp.asarray(a["x"]))), Adam(), key=KEY, rounds=1)
    with pytest.raises(ProblemError, match="no pipeline"):
        problem(Bench()).pipeline(problem(Bench()).start, key=KEY)
