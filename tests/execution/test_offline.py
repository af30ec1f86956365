"""Searches among the designs of a stored table: which rows are proposed, which are told, and what they answer."""

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest

from daedalus.core import Constraint, Space, Status, attempted
from daedalus.errors import ProblemError, RunError
from daedalus.execution import PythonFunction, StoredTable, offline
from daedalus.execution.history_file import write_history
from daedalus.optimisers import RandomSearch
from daedalus.search import optimise
from execution.hillside import Place, height, hillside_problem, request

KEY = jax.random.key(3)
SPACE = Space.of(Place(0.005, -1.0))
NOT_RUN = PythonFunction(lambda *_: 1 / 0, ["height"])
X = [0.0, 5.0, 10.0, 15.0, 0.0]  # [mm]
Y = [0.0, 1.0, 1.0, -1.0, 0.0]


def stored(folder, columns, name="table.parquet"):
    write = pyarrow.csv.write_csv if name.endswith("csv") else pyarrow.parquet.write_table
    write(pyarrow.table(columns), folder / name)
    return folder / name


@pytest.fixture
def table(tmp_path):
    """Four designs, one of them with two rows; one design is out of bounds."""
    columns = {
        "x [mm]": [*X, 50.0], "y": [*Y, 0.0], "height": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "height_error": [0.1, np.nan, 0.3, 0.4, 0.5, 0.6], "note": list("abcdef"),
    }  # fmt: skip
    return stored(tmp_path, columns)


@pytest.mark.parametrize("name", ["table.parquet", "table.csv"])
def test_a_table_answers_for_its_designs_in_their_units(tmp_path, name):
    path = stored(tmp_path, {"x [mm]": X, "y": Y, "height": [1.0, 2.0, 3.0, 4.0, 1.0], "height_error": [0.1] * 5}, name)
    answer = StoredTable.read(path, SPACE, ["height"])(request(x=1.0, y=1.0))
    assert (answer.values, answer.errors) == ({"height": 3.0}, {"height": 0.1})


def test_designs_out_of_bounds_are_left_out(table):
    assert len(StoredTable.read(table, SPACE, ["height"])) == 5


def test_an_unknown_error_stays_unknown(table):
    assert StoredTable.read(table, SPACE, ["height"])(request(x=0.5, y=1.0)).errors == {}


def test_the_seed_says_which_of_equal_designs_answers(table):
    simulator = StoredTable.read(table, SPACE, ["height"])
    assert [simulator(request(x=0.0, y=0.0, seed=seed)).values["height"] for seed in (0, 1, 2)] == [1.0, 5.0, 1.0]


def test_a_design_that_is_not_there_fails(table):
    outcome = attempted(StoredTable.read(table, SPACE, ["height"]), request(x=0.1, y=0.0))
    assert outcome.status == Status.FAILED
    assert "the design is not in the table; the nearest is 0.033 away" in outcome.cause


def test_a_value_that_is_missing_is_a_failure(tmp_path):
    path = stored(tmp_path, {"x": [0.0], "y": [0.0], "height": [None]}, "table.csv")
    outcome = attempted(StoredTable.read(path, SPACE, ["height"]), request(x=0.0, y=0.0))
    assert outcome.cause == "height holds a number that is not finite"


def test_nearest_designs_are_those_of_a_search_by_hand():
    rng = np.random.default_rng(1)
    cubes, wished, taken = rng.random((30, 2)), rng.random((12, 2)), []
    rows = SPACE.lower + cubes * (SPACE.upper - SPACE.lower)
    simulator = StoredTable(SPACE, rows, {"height": np.arange(30.0)}, ["height"])
    free = list(range(30))
    for place in wished:
        best = min(free, key=lambda n: np.hypot(*(cubes[n] - place)))
        free.remove(best)
        taken.append(best)
    first = simulator.nearest(wished[:5], np.zeros((0, 2)))
    np.testing.assert_allclose(first, cubes[taken[:5]], atol=1e-12)
    np.testing.assert_allclose(simulator.nearest(wished[5:], first), cubes[taken[5:]], atol=1e-12)


def test_a_search_sees_every_design_once_and_is_told_where_it_was(tmp_path):
    rng = np.random.default_rng(2)
    x, y = rng.uniform(-1, 2, 24), rng.uniform(-2, 2, 24)
    heights = (x - 1) ** 2 + 2 * (y - 1) ** 2 + 2
    path = stored(tmp_path, {"x": x, "y": y, "height": heights})
    problem, told = offline(hillside_problem(NOT_RUN), path), []
    watch = [lambda progress: told.append(np.asarray(progress.points.cube))]
    history = optimise(problem, RandomSearch(batch=6), key=KEY, rounds=4, watch=watch)
    assert set(history["status"]) == {"ok"}
    order = np.argsort(history["x [cm]"])
    np.testing.assert_allclose(history["x [cm]"][order], np.sort(x), atol=1e-12)
    np.testing.assert_allclose(history["height"][order], heights[np.argsort(x)], rtol=1e-9)
    places = np.concatenate(told) * [3.0, 4.0] + [-1.0, -2.0]
    np.testing.assert_allclose(places, np.stack([history["x [cm]"], history["y [1]"]], 1), atol=1e-9)
    start = np.argmin(((x - 0.5) / 3) ** 2 + ((y + 1) / 4) ** 2)
    assert history["x [cm]"][0] == pytest.approx(x[start])


def test_a_used_up_table_is_seen_again(table):
    problem = offline(hillside_problem(NOT_RUN), table)
    history = optimise(problem, RandomSearch(batch=3), key=KEY, rounds=2)
    assert set(history["status"]) == {"ok"}
    assert len({*zip(history["x [cm]"].round(9), history["y [1]"], strict=True)}) == 4


def test_designs_that_violate_a_known_constraint_are_never_proposed(table):
    sunny = Constraint("sunny", lambda design: jnp.asarray(design.y), lower=-1.0, upper=0.5, known=True)
    problem = offline(hillside_problem(NOT_RUN, constraints=(sunny,)), table)
    history = optimise(problem, RandomSearch(batch=3), key=KEY, rounds=1)
    assert set(history["y [1]"]) == {0.0, -1.0}
    shadow = Constraint("shadow", lambda design: jnp.asarray(design.y), upper=-0.95, known=True)
    path = stored(table.parent, {"x": [0.0], "y": [0.0], "height": [1.0]}, "other.parquet")
    with pytest.raises(RunError, match=r"no design of .* meets the known constraints"):
        offline(hillside_problem(NOT_RUN, constraints=(shadow,)), path)


def test_a_history_is_a_table(tmp_path):
    problem = hillside_problem(PythonFunction(height, ["height"]))
    history = optimise(problem, RandomSearch(batch=4), key=KEY, rounds=1)
    write_history(tmp_path / "history.parquet", history)
    again = optimise(offline(problem, tmp_path / "history.parquet"), RandomSearch(batch=4), key=KEY, rounds=1)
    for name in ("x [cm]", "y [1]", "height", "height_error"):
        np.testing.assert_allclose(again[name], history[name], rtol=1e-9, err_msg=name)


def test_unusable_tables_are_refused(tmp_path, table):
    read = lambda columns: StoredTable.read(stored(tmp_path, columns), SPACE, ["height"])
    with pytest.raises(RunError, match="has no column for y, height; it has x, z"):
        read({"x": [1.0], "z": [1.0]})
    with pytest.raises(RunError, match=r"column x \[GeV\]: expected a unit of the kind of 'cm'"):
        read({"x [GeV]": [1.0], "y": [1.0], "height": [1.0]})
    with pytest.raises(RunError, match=r"column height: .*; expected numbers"):
        read({"x": [1.0], "y": [1.0], "height": ["high"]})
    with pytest.raises(RunError, match=r"none of the 1 designs .* lies within the bounds"):
        read({"x": [100.0], "y": [1.0], "height": [1.0]})
    (tmp_path / "broken.parquet").write_text("PAR1")
    with pytest.raises(RunError, match=r"broken\.parquet cannot be read"):
        StoredTable.read(tmp_path / "broken.parquet", SPACE, ["height"])
    with pytest.raises(RunError, match=r"ends in '\.txt'; expected a table in \.parquet or \.csv"):
        StoredTable.read("table.txt", SPACE, ["height"])
    with pytest.raises(ProblemError, match="has a pipeline"):
        offline(hillside_problem(None, build=lambda design, truth: None), table)
