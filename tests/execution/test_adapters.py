"""Adapters: Optuna and Xopt see the same figures, units, senses and constraints as Daedalus itself."""

import jax
import numpy as np
import optuna
import pytest

from daedalus.core import Answer, Constraint, Design, Metric, Objective, Problem, SimulationError, parameter
from daedalus.errors import DesignError
from daedalus.execution.adapters import optuna_directions, optuna_objective, xopt_function, xopt_vocs
from daedalus.units import cm, mm

KEY = jax.random.key(5)


class Shelf(Design):
    """A shelf: how deep, how many boards, of what."""

    depth: jax.Array = parameter(10 * cm, 60 * cm, "cm", doc="how deep")
    boards: jax.Array = parameter(1.0, 4.0, "1", doc="how many", kind="whole")
    wood: jax.Array = parameter(0.0, 2.0, "1", doc="of what", kind="choice", choices=("oak", "pine", "beech"))


class Carpenter:
    """A foreign program that builds shelves; deep ones of beech break."""

    names = ("load", "sag")
    differentiable = False

    def __init__(self):
        self.seeds = []

    def __call__(self, request):
        self.seeds.append(request.seed)
        depth, boards, wood = (request.parameters[name] for name in ("depth", "boards", "wood"))
        if wood == 2 and depth > 50:
            raise SimulationError("it broke")
        return Answer({"load": depth * boards, "sag": 0.1 * depth}, {"sag": 0.5})


def shelf(**changes):
    given = {
        "name": "shelf", "start": Shelf(30 * cm, 2.0, 0.0), "build": None, "simulator": Carpenter(),
        "objectives": (
            Objective("load", lambda d, a, t: a["load"], "1", scale=10.0, sense="maximise"),
            Objective("bend", lambda d, a, t: a["sag"] * mm, "mm"),
        ),
        "constraints": (
            Constraint("flat", lambda d, a, t: a["sag"] * mm, 2 * mm, 4 * mm, "mm", scale=2 * mm),
            Constraint("room", lambda d: d.depth * d.boards, upper=1.2, unit="m", known=True),
        ),
        "metrics": (Metric("price", lambda d, a, t: 2 * a["load"], "EUR"),),
    }  # fmt: skip
    return Problem(**{**given, **changes})


def trial(**parameters):
    """A study's trial with the given parameters, after the objective, and what the latter returned or raised."""
    problem = shelf()
    study = optuna.create_study(directions=optuna_directions(problem))
    study.enqueue_trial(parameters)
    asked = study.ask()
    try:
        answer = optuna_objective(problem, key=KEY)(asked)
    except optuna.TrialPruned as cause:
        answer = cause
    return study.trials[0], answer


def test_a_trial_returns_the_objectives_in_their_units():
    done, answer = trial(depth=30.0, boards=3, wood="pine")
    assert answer == pytest.approx((90.0, 3.0))
    assert done.params == {"depth": 30.0, "boards": 3, "wood": "pine"}
    assert done.user_attrs["price"] == pytest.approx(180.0)
    assert done.user_attrs["bend_error"] == pytest.approx(0.5)
    assert done.user_attrs["status"] == "ok"
    assert optuna_directions(shelf()) == ["maximize", "minimize"]


def test_constraints_are_set_in_scales_side_by_side():
    done, _ = trial(depth=30.0, boards=3, wood="pine")
    assert done.constraints == pytest.approx({"flat_lower": -0.5, "flat_upper": -0.5, "room": -0.3})
    done, answer = trial(depth=60.0, boards=1, wood="oak")
    assert done.constraints["flat_upper"] == pytest.approx(1.0)
    assert answer[1] == pytest.approx(6.0)


def test_trials_without_an_answer_are_pruned():
    done, answer = trial(depth=55.0, boards=1, wood="beech")
    assert isinstance(answer, optuna.TrialPruned)
    assert done.user_attrs["status"] == "failed"
    assert np.isnan(done.user_attrs["load"])
    done, answer = trial(depth=40.0, boards=4, wood="oak")
    assert "known constraint room" in str(answer)
    assert done.constraints == pytest.approx({"room": 0.4})


def test_a_study_of_optuna_searches_a_problem():
    problem = shelf(objectives=shelf().objectives[:1])
    study = optuna.create_study(directions=optuna_directions(problem), sampler=optuna.samplers.TPESampler(seed=1))
    study.optimize(optuna_objective(problem, key=KEY), n_trials=60)
    best = study.best_trial
    assert best.value > 110.0  # of 120, which is as much as there is room for
    assert all(value <= 0 for value in best.constraints.values())


def test_the_trial_number_decides_the_random_numbers():
    problem = shelf()
    seeds = problem.simulator.seeds
    study = optuna.create_study(directions=optuna_directions(problem))
    for _ in range(2):
        study.enqueue_trial({"depth": 30.0, "boards": 3, "wood": "pine"})
    study.optimize(optuna_objective(problem, key=KEY, events=7), n_trials=2)
    assert len(set(seeds)) == 2
    function = xopt_function(problem, key=KEY)
    for depth in (30.0, 30.0, 31.0):
        function({"depth": depth, "boards": 3, "wood": 1})
    assert seeds[2] == seeds[3] != seeds[4]


def test_xopt_gets_figures_by_name_and_nan_where_there_are_none():
    function = xopt_function(shelf(), key=KEY)
    found = function({"depth": 30.0, "boards": 3, "wood": 1, "comment": "ignored"})
    assert found["load"] == pytest.approx(90.0)
    assert found["flat_lower"] == found["flat_upper"] == pytest.approx(3.0)
    assert found["room"] == pytest.approx(0.9)
    assert found["status"] == "ok"
    broken = function({"depth": 55.0, "boards": 1, "wood": 2})
    assert np.isnan(broken["load"])
    assert broken["status"] == "failed"
    assert function({"depth": 40.0, "boards": 4, "wood": 0})["status"] == "inadmissible"
    with pytest.raises(DesignError, match="depth"):
        function({"depth": 90.0, "boards": 1, "wood": 0})


def test_vocs_describe_the_problem():
    vocs = xopt_vocs(shelf())
    assert vocs["variables"]["depth"] == pytest.approx([10.0, 60.0])
    assert vocs["variables"]["boards"] == {"type": "DiscreteVariable", "values": [1, 2, 3, 4]}
    assert vocs["variables"]["wood"]["values"] == [0, 1, 2]
    assert vocs["objectives"] == {"load": "MAXIMIZE", "bend": "MINIMIZE"}
    assert {name: kind for name, (kind, _) in vocs["constraints"].items()} == {
        "flat_lower": "GREATER_THAN",
        "flat_upper": "LESS_THAN",
        "room": "LESS_THAN",
    }
    assert vocs["constraints"]["flat_upper"][1] == pytest.approx(4.0)
    assert set(vocs["objectives"]) | set(vocs["constraints"]) | set(vocs["observables"]) <= {
        *xopt_function(shelf(), key=KEY)({"depth": 30.0, "boards": 3, "wood": 1})
    }
