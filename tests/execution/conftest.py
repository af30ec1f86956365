"""A light problem for runs: the dartboard of the tests of the command line."""

import os
import socket
from pathlib import Path

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


@pytest.fixture
def free_port():
    """A port of this machine that nobody listens at."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


@pytest.fixture(scope="module")
def tests_for_workers():
    """The modules of the tests can be imported by processes that are started from here."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), *([before] if before else [])])
    yield
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before
