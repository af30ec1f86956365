"""Learned leaves on the disk: the same bits after every stop, few of them, and never of another design."""

import jax
import numpy as np
import pytest

from app import curve
from daedalus.errors import RunError
from daedalus.execution import RunFolder, candidates, read_design, read_history, recorded_search, result, search_record
from daedalus.execution.leaves_file import read_leaves, write_leaves
from daedalus.execution.search_record import read_search
from daedalus.optimisers import Adam, optimiser

SIZES = {"seed": 3, "rounds": 12, "events": 20, "chunk": 2}
METHODS = {"adam": Adam(learned_rate=0.02, starts=2, spread=0.2), "lbfgs": optimiser("lbfgs")}


def searched(path, name="adam", *, after=None, problem=None):
    """A recorded search in a folder, which may die after so many rounds."""

    def watch(progress):
        if progress.done == after:
            raise MemoryError("the machine died")

    problem = problem or curve.sensor()
    return recorded_search(RunFolder(path), problem, METHODS[name], watch=(watch,), **SIZES)


def assert_same(one, other):
    assert list(one.learned) == list(other.learned)
    for row, leaves in one.learned.items():
        assert list(leaves) == list(other.learned[row])
        for name, leaf in leaves.items():
            np.testing.assert_array_equal(other.learned[row][name], leaf)
    np.testing.assert_array_equal(one["loss"], other["loss"])


@pytest.mark.parametrize("name", METHODS)
def test_a_search_that_died_goes_on_to_the_same_leaves(name, tmp_path):
    for folder in ("whole", "run"):
        RunFolder.create(tmp_path / folder)
    whole = searched(tmp_path / "whole", name)
    for after in (2, 8):
        with pytest.raises(MemoryError):
            searched(tmp_path / "run", name, after=after)
        half = read_history(tmp_path / "run")
        assert half.best_row() in half.learned
        assert read_design(tmp_path / "run", curve.sensor()).net is not None
    again = searched(tmp_path / "run", name)
    assert_same(whole, again)
    assert_same(whole, read_history(tmp_path / "run"))


def test_a_journal_does_not_grow_with_the_rounds(tmp_path, monkeypatch):
    monkeypatch.setattr(search_record, "ROOM", 1)
    problem = curve.sensor(width=2000)  # 6001 numbers
    folder = RunFolder.create(tmp_path / "run")
    recorded_search(folder, problem, METHODS["adam"], **{**SIZES, "rounds": 40})
    # two starts with two moments each, and the leaves of three rows at most
    record = (2 * 3 + 3) * 6001 * 8
    assert folder.journal.stat().st_size < 6 * record
    assert len(read_search(folder.journal).checkpoint.history.learned) <= 3


def test_candidates_and_result_are_of_rows_whose_leaves_are_kept(tmp_path):
    RunFolder.create(tmp_path / "run")
    problem, history = curve.sensor(), searched(tmp_path / "run")
    assert set(candidates(history)) == set(history.learned)
    design, found = result(problem, history, problem.start, key=jax.random.key(1), events=40)
    np.testing.assert_array_equal(design.net.layers[0].weight, history.learned[found["row"]]["net.layers[0].weight"])
    (tmp_path / "run" / "journal").unlink()  # what is left is the table
    table = read_history(tmp_path / "run")
    with pytest.raises(RunError, match=r"are not kept.*none"):
        table.design(problem, table.best_row())


def test_files_of_leaves(tmp_path):
    leaves = {"net.layers[0].weight": np.arange(6.0).reshape(2, 3), "b": np.zeros((), np.float32)}
    digest = write_leaves(tmp_path / "a.npz", leaves)
    again = read_leaves(tmp_path / "a.npz", digest)
    assert list(again) == list(leaves)
    np.testing.assert_array_equal(again["net.layers[0].weight"], leaves["net.layers[0].weight"])
    assert again["b"].dtype == np.float32
    assert write_leaves(tmp_path / "again.npz", leaves) == digest
    with pytest.raises(RunError, match="its SHA-256 differs"):
        read_leaves(tmp_path / "a.npz", "0" * 64)
    (tmp_path / "b.npz").write_text("nothing")
    with pytest.raises(RunError, match="holds no learned leaves"):
        read_leaves(tmp_path / "b.npz")
    with pytest.raises(RunError, match="there is no file"):
        read_leaves(tmp_path / "c.npz")
