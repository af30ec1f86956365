"""A light problem for runs: the dartboard of the tests of the command line."""

import pytest

from app import dartboard as study
from daedalus.core import History
from daedalus.execution import RunFolder, recorded_search


@pytest.fixture(scope="session")
def dartboard():
    """The module of the study."""
    return study


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """A finished search: problem, folder and history."""
    problem = study.problem()
    folder = RunFolder.create(tmp_path_factory.mktemp("runs") / "run")
    sizes = {"rounds": 6, "events": 20, "scenarios": 4, "chunk": 4}
    history: History = recorded_search(folder, problem, study.recipe(problem).optimiser, seed=3, **sizes)
    return problem, folder, history
