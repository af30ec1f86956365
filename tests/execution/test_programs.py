"""Executables, functions and libraries as simulators: what they are asked, what they say, and how they fail."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import jax
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from daedalus.core import Direct, Simulator, Status, attempted
from daedalus.errors import RunError
from daedalus.execution import Executable, PythonFunction, SharedLibrary
from daedalus.optimisers import Adam
from daedalus.search import optimise
from execution.hillside import FAULTY, PYTHON, height, hillside_problem, request, sloped, wild

KEY = jax.random.key(5)


def program(script, *arguments, names=("height",), **options):
    return Executable([*PYTHON, "-c", script, *arguments], names, **options)


def said(text, *, beside=""):
    """A program that writes a text as its answer."""
    return program(f"import sys; open(sys.argv[2], 'w').write({text!r}); {beside}")


ECHO = """
import json, sys
found = json.load(open(sys.argv[1]))
x, y = found["parameters"]["x"], found["parameters"]["y"]
answer = {"values": {"height": 3 * x + y}, "errors": {"height": 0.5}, "columns": {"hits": [1, 2, 3]}}
if found["gradient"]:
    answer["derivatives"] = {"height": {"x": 3.0, "y": 1.0}}
print(found, file=sys.stderr)
json.dump(answer, open(sys.argv[2], "w"))
"""


def test_a_program_is_asked_in_a_file_and_answers_in_another(tmp_path):
    simulator = program(ECHO, names=("height", "hits"), folder=tmp_path, keep="all", differentiable=True)
    assert isinstance(simulator, Simulator)
    answer = simulator(request(12, gradient=True))
    assert answer.values == {"height": 0.5}
    assert answer.errors == {"height": 0.5}
    np.testing.assert_array_equal(answer.columns["hits"], [1, 2, 3])
    assert answer.derivatives["height"] == {"x": 3.0, "y": 1.0}
    asked = json.loads((tmp_path / "000012-1" / "input.json").read_text())
    expected = {"id": 12, "parameters": {"x": 0.5, "y": -1.0}, "events": 10, "seed": 7, "gradient": True}
    assert asked == expected


def test_paths_are_substituted_where_the_command_names_them():
    script = "import sys, json; assert len(sys.argv) == 4; json.load(open(sys.argv[3])); "
    script += "open(sys.argv[1][3:], 'w').write('{\"values\": {\"height\": 4}}')"
    simulator = program(script, "to={output}", "--quiet", "{input}")
    assert simulator(request()).values["height"] == 4


def test_relative_paths_of_files_hold_in_the_working_folder(tmp_path, monkeypatch):
    shutil.copy(FAULTY, tmp_path / "program.py")
    monkeypatch.chdir(tmp_path)
    assert Executable([*PYTHON, "program.py"], ["height"])(request()).values["height"] == 10.25


def test_a_program_may_write_parquet_with_one_row_per_event_and_json_beside_it(tmp_path):
    stored = tmp_path / "events.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"energy": [1.0, 2.5], "hits": [3, 4]}), stored)
    script = f"import sys; p = sys.argv[2]; open(p, 'wb').write(open({str(stored)!r}, 'rb').read()); "
    more = "open(p[:-7] + 'json', 'w').write('{\"values\": {\"height\": 1.5}}')"
    answer = program(script + more, names=("height", "energy"), output="parquet")(request())
    assert answer.values == {"height": 1.5}
    np.testing.assert_array_equal(answer.columns["energy"], [1.0, 2.5])
    np.testing.assert_array_equal(answer.columns["hits"], [3, 4])


def cause_of(simulator, **asked):
    outcome = attempted(simulator, request(**asked))
    assert outcome.status == Status.FAILED
    return outcome.cause


WRONG = {
    "an exit code": (said("", beside="sys.exit('no\\nsuch\\nplace')"), "exit code 1; it said last: no | such | place"),
    "output for error": (program("print('bad card'); raise SystemExit(2)"), "exit code 2; it said last: bad card"),
    "a signal": (program("import os; os.kill(os.getpid(), 11)"), "killed by SIGSEGV; it said nothing"),
    "no program": (Executable(["/no/such/program"], ["height"]), "/no/such/program cannot be started: No such file"),
    "no answer": (program("pass"), "no output.json was written"),
    "a cut answer": (said('{"values": {"hei'), "output.json, line 1, column 13: Unterminated string"),
    "an empty answer": (said(""), "output.json, line 1, column 1: Expecting value"),
    "no object": (said("[1]"), "output.json holds a list; expected the entries values, errors"),
    "an unknown entry": (
        said('{"value": {"height": 1}}'),
        "output.json has the entry 'value', a dict; expected",
    ),
    "a missing value": (said('{"values": {"width": 1}}'), "the answer lacks height; it holds width"),
    "no finite number": (said('{"values": {"height": NaN}}'), "height holds a number that is not finite"),
    "null": (said('{"values": {"height": null}}'), "height holds a number that is not finite"),
    "a text": (said('{"values": {"height": "high"}}'), "height is 'high'; expected numbers"),
    "a wrong shape": (said('{"values": {"height": [1, 2]}}'), r"height has the shape (2,); expected ()"),
    "a ragged list": (said('{"values": {"height": [[1], 2]}}'), "height is '[[1], 2]'; expected numbers"),
    "uneven columns": (said('{"columns": {"height": [1], "b": [1, 2]}}'), "the columns have the lengths"),
    "a strange error": (
        said('{"values": {"height": 1}, "errors": {"deep": 1}}'),
        "there is an error for deep; known are height",
    ),
    "an error in words": (said('{"values": {"height": 1}, "errors": {"height": "?"}}'), "error for height is '?'"),
    "no Parquet": (
        program("import sys; open(sys.argv[2], 'w').write('PAR1')", output="parquet"),
        "input source 'output.parquet': Parquet file size is 4 bytes",
    ),
}


@pytest.mark.parametrize("fault", WRONG)
def test_what_goes_wrong_is_said(fault):
    simulator, cause = WRONG[fault]
    assert cause in cause_of(simulator)


DERIVATIVES = {
    '"values": {"height": 1}': "the answer has no derivatives, but they were asked for",
    '"values": {"height": 1}, "derivatives": {"deep": {"x": 1}}': "there are derivatives of deep, of which",
    '"values": {"height": 1}, "derivatives": {"height": {"z": 1}}': "derivative of height for z; known are x, y",
    '"values": {"height": 1}, "derivatives": {"height": {"x": NaN}}': "the derivative of height for x is 'nan'",
}


@pytest.mark.parametrize("text", DERIVATIVES)
def test_derivatives_that_cannot_be_right_are_refused(text):
    simulator = said(f"{{{text}}}")
    simulator.differentiable = True
    assert DERIVATIVES[text] in cause_of(simulator, gradient=True)


def test_a_time_that_is_over_ends_the_whole_process_group(tmp_path):
    note = tmp_path / "grandchild"
    script = f"import os, time\nif os.fork() == 0: open({str(note)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
    outcome = attempted(program(script, timeout=0.5), request())
    assert outcome.status == Status.TIMEOUT
    assert outcome.cause == "no end after 0.5 s; it said nothing"
    assert gone(int(note.read_text()))


def test_what_a_program_leaves_running_ends_with_it(tmp_path):
    note = tmp_path / "grandchild"
    script = (
        f"import os, sys, time\nif os.fork() == 0: time.sleep(60)\nopen({str(note)!r}, 'w').write(str(os.getpid()))"
    )
    assert "no output.json was written" in cause_of(program(script))
    assert gone(-int(note.read_text()))


def gone(number):
    """Whether a process (or, negative, a group) ends within a moment: its adopter has to notice."""
    for _ in range(100):
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return True
        state = Path("/proc", str(number), "stat")
        if state.exists() and state.read_text().split()[2] == "Z":
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize(("keep", "left"), [("failed", {"000001-1", "000001-2"}), ("none", set()), ("all", None)])
def test_working_folders_stay_as_wished(tmp_path, keep, left):
    simulator = Executable([*PYTHON, str(FAULTY)], ["height"], folder=tmp_path, keep=keep)
    fine, faulty = request(0), request(1, x=0.0, y=0.0, seed=2)  # cut short
    for asked in (fine, faulty, faulty):
        attempted(simulator, asked)
    names = {folder.name for folder in tmp_path.iterdir()}
    assert names == ({"000000-1", "000001-1", "000001-2"} if left is None else left)
    if keep == "failed":
        assert (tmp_path / "000001-1" / "output.json").read_text() == '{"values": {"h'


def test_equal_runs_fail_with_equal_causes_whatever_the_folder_is_called(tmp_path):
    script = "import sys; sys.exit('cannot read ' + sys.argv[1])"
    causes = {cause_of(program(script, folder=tmp_path / name)) for name in ("a", "b")}
    assert causes == {"exit code 1; it said last: cannot read input.json"}


def test_variables_of_the_environment_reach_the_program():
    script = "import os, sys; open(sys.argv[2], 'w').write('{\"values\": {\"height\": ' + os.environ['STONES'] + '}}')"
    assert program(script, environment={"STONES": "12"})(request()).values["height"] == 12


def test_misuse_is_refused(tmp_path):
    with pytest.raises(RunError, match="command of an Executable is empty"):
        Executable("", ["height"])
    with pytest.raises(RunError, match="keep='all' needs folder"):
        Executable("true", ["height"], keep="all")
    with pytest.raises(RunError, match="cannot be interrupted; expected isolated=True"):
        PythonFunction(height, ["height"], timeout=1.0)
    with pytest.raises(RunError, match="cannot be sent to a child process"):
        PythonFunction(lambda *_: {}, ["height"], isolated=True)
    with pytest.raises(RunError, match="expected a shared library with the function f"):
        SharedLibrary(tmp_path / "none.so", "f", parameters=["x"], names=["height"])


def test_a_function_is_a_simulator():
    answer = PythonFunction(height, ["height"])(request())
    assert answer.values == {"height": 10.25}
    assert answer.errors == {"height": 0.5}


def test_what_a_function_in_this_process_raises_is_the_cause():
    assert cause_of(PythonFunction(wild, ["height"]), seed=1) == "ValueError: no such place"


def test_a_function_must_return_the_entries_of_an_answer():
    assert "what the function returned holds a float; expected" in cause_of(PythonFunction(lambda *_: 3.0, ["height"]))


@pytest.fixture(scope="module")
def isolated():
    simulator = PythonFunction(wild, ["height"], isolated=True, timeout=1.0)
    yield simulator
    simulator.stop()


ACCIDENTS = {
    1: (Status.FAILED, "ValueError: no such place"),
    2: (Status.FAILED, "the function's process ended: killed by SIGSEGV; it said last: about to die"),
    3: (Status.TIMEOUT, "no end after 1 s"),
    4: (Status.FAILED, "the function's process ended: exit code 4; it said nothing"),
    6: (Status.FAILED, "height holds a number that is not finite"),
    7: (Status.OK, ""),
}


@pytest.mark.parametrize("seed", ACCIDENTS)
def test_an_isolated_function_survives_its_accidents(isolated, seed):
    outcome = attempted(isolated, request(seed=seed))
    assert (outcome.status, outcome.cause) == ACCIDENTS[seed]


def test_an_isolated_function_stays_in_one_child_until_that_dies(isolated):
    child = lambda: isolated(request(seed=5)).values["height"]
    first = child()
    assert first == child() != os.getpid()
    attempted(isolated, request(seed=2))
    second = child()
    assert second != first
    isolated.stop()
    assert gone(second)
    assert child() not in (first, second)


def test_a_gradient_reaches_the_optimiser_from_a_function():
    problem = hillside_problem(PythonFunction(sloped, ["height"], differentiable=True))
    found = problem.evaluate(problem.start, key=KEY, gradient=True)
    np.testing.assert_allclose(found.gradient.value.cube, [3 * 2 * -0.5, 4 * 4 * -2.0], rtol=1e-12)
    history = optimise(problem, Adam(step_share=0.2), key=KEY, rounds=12)
    best = history.best_row()
    assert history["height"][best] == pytest.approx(2.0, abs=0.5)


SOURCE = r"""
#include <stdint.h>
void height(const double *p, double *v) { v[0] = (p[0]-1)*(p[0]-1) + 2*(p[1]-1)*(p[1]-1) + 2; v[1] = p[0]; }
void sloped(const double *p, double *v, double *j) {
  height(p, v); j[0] = 2*(p[0]-1); j[1] = 4*(p[1]-1); j[2] = 1; j[3] = 0; }
void drawn(const double *p, int64_t events, int64_t seed, double *v) { v[0] = p[0] * events + seed; }
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A shared library, made on the spot."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("library")
    (folder / "hill.c").write_text(SOURCE)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "hill.so", folder / "hill.c"], check=True)
    return folder / "hill.so"


def test_a_library_is_a_simulator(library):
    simulator = SharedLibrary(library, "height", parameters=["y", "x"], names=["height", "x"], derivative="sloped")
    answer = simulator(request(x=3.0, y=0.0, gradient=True))
    assert answer.values == {"height": 11.0, "x": 0.0}
    assert answer.derivatives == {"height": {"y": -2.0, "x": 8.0}, "x": {"y": 1.0, "x": 0.0}}
    assert simulator(request(x=3.0, y=0.0)).derivatives == {}
    assert not SharedLibrary(library, "height", parameters=["x", "y"], names=["height", "x"]).differentiable


def test_a_library_takes_many_points_at_once(library):
    simulator = SharedLibrary(library, "height", parameters=["x", "y"], names=["height", "x"], derivative="sloped")
    points = np.random.default_rng(0).normal(size=(2, 50)).T  # not contiguous
    values, jacobian = simulator.rows(points, events=1, seed=0, gradient=True)
    x, y = points.T
    np.testing.assert_allclose(values.T, [(x - 1) ** 2 + 2 * (y - 1) ** 2 + 2, x], rtol=1e-14)
    np.testing.assert_allclose(jacobian[:, 0].T, [2 * (x - 1), 4 * (y - 1)], rtol=1e-14)
    np.testing.assert_allclose(jacobian[:, 1], np.tile([1.0, 0.0], (50, 1)))


def test_a_sampled_function_is_told_events_and_seed(library):
    simulator = SharedLibrary(library, "drawn", parameters=["x", "y"], names=["height"], sampled=True)
    assert simulator(request(x=2.0, events=10**10, seed=2**31 - 1)).values["height"] == 2e10 + 2**31 - 1


def test_the_simplest_evaluator_runs_any_of_them():
    evaluator = Direct(PythonFunction(height, ["height"]))
    evaluator.submit(request(3))
    assert [outcome.id for outcome in evaluator.collect()] == [3]
