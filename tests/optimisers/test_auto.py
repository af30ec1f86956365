"""Auto: the method follows from what the problem is like, and the reasons are said."""

import math

import pytest

from daedalus.errors import OptimiserError
from daedalus.optimisers import OPTIMISERS
from daedalus.optimisers.auto import Facts, choice

PLAIN = {
    "parameters": 10, "whole": 0, "choices": 0, "gradients": "none", "noise": 0.01, "seconds": 0.01,
    "gradient_seconds": math.nan, "objectives": 1, "constraints": 0, "calls": 300,
}  # fmt: skip


def chosen(**facts):
    return choice(Facts(**{**PLAIN, **facts}))


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"parameters": 1, "calls": 50}, "grid"),
        ({"parameters": 2, "calls": 1000, "noise": 0.0}, "grid"),
        ({"parameters": 2, "calls": 100}, "gp"),
        ({"parameters": 2, "calls": 1000, "seconds": 60.0}, "cmaes"),
        ({}, "gp"),
        ({"calls": 10_000}, "cmaes"),
        ({"parameters": 100, "calls": 900}, "linear"),
        ({"parameters": 100, "calls": 10}, "sobol"),
        ({"parameters": 8, "choices": 6}, "tpe"),
        ({"parameters": 30, "objectives": 2, "calls": 10_000}, "nsga2"),
        ({"gradients": "exact"}, "lbfgs"),
        ({"gradients": "exact", "noise": 0.5}, "adam"),
        ({"gradients": "exact", "noise": 0.0}, "lbfgs"),
        ({"gradients": "noisy", "parameters": 100}, "adam"),
        ({"gradients": "biased"}, "gp"),
        ({"gradients": "biased", "parameters": 32}, "lbfgs"),
        ({"gradients": "biased", "calls": 5000, "noise": 0.5}, "adam"),
        ({"gradients": "wrong"}, "gp"),
        ({"gradients": "exact", "choices": 1}, "gp"),
        ({"gradients": "exact", "whole": 3}, "lbfgs"),
    ],
)
def test_the_rung_follows_from_the_facts(facts, name):
    found = chosen(**facts)
    assert found.name == name
    assert found.name in OPTIMISERS
    assert found.reasons[-1].startswith(name)
    assert str(facts.get("parameters", 10)) in found.reasons[0]


def test_a_wrong_derivative_is_said_to_be_wrong():
    assert any("daedalus check" in reason for reason in chosen(gradients="wrong").reasons)


def test_measured_constraints_are_mentioned_where_they_are_met_by_luck_only():
    assert "by luck" in chosen(parameters=100, calls=10, constraints=1).reasons[-1]


def test_nothing_to_search_is_refused():
    with pytest.raises(OptimiserError, match="0 free parameters"):
        chosen(parameters=0)
