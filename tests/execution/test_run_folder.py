"""Run folders: complete, readable, and never somebody else's."""

import json
import signal

import jax
import numpy as np
import pytest
from matplotlib.figure import Figure

from daedalus.core import History
from daedalus.core.history import CLOCK_COLUMNS
from daedalus.errors import RunError
from daedalus.execution import (
    RunFolder,
    read_design,
    read_history,
    read_manifest,
    recorded_search,
    rounds_done,
    write_history,
)
from daedalus.execution.manifest import differences


def test_the_history_reads_back_as_it_was(recorded):
    _, folder, history = recorded
    back = read_history(folder.path)
    assert list(back.columns) == list(history.columns)
    for name, column in history.columns.items():
        assert back[name].dtype.kind == column.dtype.kind, name
        np.testing.assert_array_equal(back[name], column, err_msg=name)
    assert rounds_done(back) == 6


def test_the_manifest_says_what_was_run(recorded):
    problem, folder, _ = recorded
    noted = read_manifest(folder.path)
    expected = {"status": "searched", "problem": problem.name, "problem_version": "1", "seed": 3, "rounds": 6}
    expected |= {"starts": 2, "chunk": 4, "physics": ["darts fly straight"], "precision": "float64"}
    assert {name: noted[name] for name in expected} == expected
    assert noted["partition"] == {"events": 20, "scenarios": 4, "groups": 1, "block": 8192}
    assert noted["packages"]["jax"] == jax.__version__
    assert noted["device"]["platform"] == "cpu"
    assert noted["optimiser"].startswith("Adam(")
    assert differences(noted, noted) == []
    assert differences(noted, noted | {"seed": 4}) == ["seed: 3, now 4"]


def test_the_manifest_is_written_before_the_first_evaluation(dartboard, tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    problem = dartboard.problem()
    seen = []

    def spy(state, proposal, evaluation):
        seen.append(read_manifest(folder.path)["status"])

    watch = (lambda progress: seen.append(read_manifest(folder.path)["status"]),)
    recorded_search(folder, problem, dartboard.recipe(problem).optimiser, seed=0, rounds=1, events=5, watch=watch)
    assert seen == ["running"]


def test_equal_runs_have_equal_histories(recorded, dartboard, tmp_path):
    problem, _, history = recorded
    folder = RunFolder.create(tmp_path / "again")
    sizes = {"rounds": 6, "events": 20, "scenarios": 4, "chunk": 4}
    again = recorded_search(folder, problem, dartboard.recipe(problem).optimiser, seed=3, **sizes)
    for name, column in history.columns.items():
        if name not in CLOCK_COLUMNS:
            np.testing.assert_array_equal(again[name], column, err_msg=name)


def test_a_search_begins_from_what_its_start_file_says(dartboard, tmp_path):
    problem = dartboard.problem()
    sizes = {"rounds": 1, "events": 20, "scenarios": 4, "chunk": 4, "seed": 3}
    for number in range(5):  # some of these doubles have no decimal in cm that leads back to them
        odd = dartboard.Board(np.random.default_rng(number).uniform(0.1, 0.4, 2).tolist(), radius=1 / 3)
        first, second = (RunFolder.create(tmp_path / f"{name}{number}") for name in ("first", "second"))
        histories = []
        for folder, start in ((first, odd), (second, None)):
            begin = read_design(first.path / "start.json", problem) if start is None else start
            method = dartboard.recipe(problem).optimiser
            histories.append(recorded_search(folder, problem, method, start=begin, **sizes))
        for name in ("place[0] [cm]", "place[1] [cm]", "radius [mm]", "loss"):
            np.testing.assert_array_equal(histories[0][name], histories[1][name], err_msg=name)


def test_an_interrupt_keeps_the_rounds_so_far(dartboard, tmp_path):
    problem, folder = dartboard.problem(), RunFolder.create(tmp_path / "run")
    stop = lambda progress: signal.raise_signal(signal.SIGINT)  # Ctrl-C after the first chunk
    search = {"rounds": 50, "events": 5, "chunk": 2, "watch": (stop,)}
    history = recorded_search(folder, problem, dartboard.recipe(problem).optimiser, seed=0, **search)
    assert rounds_done(history) == 2
    assert read_manifest(folder.path)["status"] == "interrupted"
    assert len(read_history(folder.path)) == len(history) == 4


def test_a_loss_that_is_not_finite_is_named_and_its_history_kept(dartboard, tmp_path):
    problem, folder = dartboard.problem(cursed=True), RunFolder.create(tmp_path / "run")
    method = dartboard.recipe(problem).optimiser
    with pytest.raises(RunError, match=r"round [1-9]\d* of 'dartboard/hang'.*not finite.* wall") as caught:
        recorded_search(folder, problem, method, seed=0, rounds=20, events=5, chunk=4)
    noted = read_manifest(folder.path)
    assert noted["status"] == "failed"
    assert "wall" in noted["cause"]
    kept: History = caught.value.history
    np.testing.assert_array_equal(read_history(folder.path)["status"], kept["status"])
    assert {"ok", "failed"} <= set(kept["status"])


def test_nothing_accepted_ends_the_search(dartboard, tmp_path):
    problem, folder = dartboard.problem(blind=True), RunFolder.create(tmp_path / "run")
    with pytest.raises(RunError, match="no event was accepted in any of the 4 scenarios"):
        recorded_search(folder, problem, dartboard.recipe(problem).optimiser, seed=0, rounds=2, events=5)
    assert read_manifest(folder.path)["status"] == "failed"


def test_an_existing_folder_is_refused_and_force_replaces_a_run_only(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    with pytest.raises(RunError, match=r"exists.*--force"):
        RunFolder.create(tmp_path / "run")
    folder.note(status="finished")
    folder.write_figures({"loss": Figure()})
    folder.write_result({"a": 1})
    (folder.path / "notes.txt").write_text("mine")
    (folder.figures / "mine.png").write_bytes(b"mine")
    RunFolder.create(tmp_path / "run", force=True)
    left = sorted(path.relative_to(folder.path).as_posix() for path in folder.path.rglob("*") if path.is_file())
    assert left == ["figures/mine.png", "notes.txt"]


def test_force_does_not_touch_what_is_no_run(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "design.json").write_text("precious")
    with pytest.raises(RunError, match=r"holds no manifest\.json"):
        RunFolder.create(tmp_path / "thesis", force=True)
    assert (tmp_path / "thesis" / "design.json").read_text() == "precious"
    (tmp_path / "file").write_text("a file")
    with pytest.raises(RunError, match="exists, a file"):
        RunFolder.create(tmp_path / "file", force=True)


def test_a_manifest_cannot_name_files_outside_the_figures(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    (tmp_path / "precious.png").write_bytes(b"mine")
    folder.note(figures=["../../precious"])
    RunFolder.create(tmp_path / "run", force=True)
    assert (tmp_path / "precious.png").exists()


def test_folders_that_are_no_runs_are_named(tmp_path, recorded):
    problem, folder, history = recorded
    with pytest.raises(RunError, match=r"holds no manifest\.json"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({"status": "running"}))
    with pytest.raises(RunError, match="before its first chunk"):
        read_history(tmp_path)
    (tmp_path / "history.parquet").write_text("no Parquet")
    with pytest.raises(RunError, match=r"history\.parquet cannot be read"):
        read_history(tmp_path)
    write_history(tmp_path / "history.parquet", History({"row": np.arange(3)}))
    with pytest.raises(RunError, match="has no column loss, round"):
        read_history(tmp_path)
    with pytest.raises(RunError, match=r"no file .*design\.json"):
        read_design(tmp_path, problem)
    best = read_design(folder.path, problem)  # not measured yet: the row of lowest loss
    np.testing.assert_array_equal(best.place, history.design(problem, history.best_row()).place)
