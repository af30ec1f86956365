"""Histories: a table that shows itself, becomes a frame, and gives its designs back."""

import dataclasses

import numpy as np
import pytest

from core.toys import ruler_problem
from daedalus.core import History
from daedalus.core.leaves import learned_from, leaves_of
from daedalus.errors import DesignError, RunError


def table():
    rows = {
        "row": np.arange(3), "status": np.array(["ok", "failed", "ok"]), "loss": np.array([3.0, 1.0, 2.0]),
        "centre [m]": np.array([0.0, 1.0, 2.0]), "width[0] [cm]": np.array([60.0, 70.0, 80.0]),
        "width[1] [cm]": np.array([110.0, 120.0, 130.0]),
    }  # fmt: skip
    return History().extended(rows)


def test_extended_grows_by_rows():
    history = table().extended(table().columns)
    assert len(history) == 6
    assert len(History()) == 0


def test_the_best_row_is_a_sound_one():
    assert table().best_row() == 2
    nothing = History({"status": np.array(["failed"]), "loss": np.array([1.0])})
    with pytest.raises(RunError, match="nothing can be called best"):
        nothing.best_row()


def test_unknown_column():
    with pytest.raises(RunError, match=r"no column 'los'.*loss"):
        table()["los"]


def test_a_row_and_its_design():
    assert table().row(1)["loss"] == 1.0
    problem = ruler_problem()
    hardware = table().hardware(problem, 2)
    assert float(hardware.centre) == pytest.approx(2.0)
    assert np.allclose(hardware.width, [0.8, 1.3])
    assert hardware.offset["a"].tolist() == [0.3, -0.2]  # the start's


def test_a_design_has_the_leaves_that_are_kept_of_its_row():
    problem, kept = ruler_problem(), {0: {"offset['a']": np.array([0.7, 0.6])}, 1: {"offset['a']": np.zeros(3)}}
    columns = table().columns | {"signal": np.ones(3)}
    history = History(columns, kept).extended(columns)
    for number in (0, -6):
        design = history.design(problem, number)
        assert design.offset["a"].tolist() == [0.7, 0.6]
        assert float(design.centre) == 0.0
    with pytest.raises(RunError, match=r"row 5 are not kept.* 0, 1\. Take one of these"):
        history.design(problem, -1)
    with pytest.raises(DesignError, match=r"offset\['a'\] of shape \(3,\), expected \(2,\)"):
        history.design(problem, 1)
    with pytest.raises(RunError, match=r"row 2 are not kept.* none"):
        History(columns).design(problem, 2)
    assert table().design(problem, 2).offset["a"].tolist() == [0.3, -0.2]  # without gradients nothing is learned


def test_the_best_row_is_one_whose_leaves_are_kept():
    history = dataclasses.replace(table(), learned={0: {}, 1: {}})
    assert history.complete.tolist() == [True, True, False]
    assert history.best_row() == 0
    assert table().complete.all()


def test_learned_leaves_are_named_and_given_back():
    point = ruler_problem().space.point(ruler_problem().start)
    leaves = leaves_of(point.learned)
    assert list(leaves) == ["offset['a']"]
    again = learned_from({"offset['a']": np.array([1, 2], np.float32)}, point.learned)
    assert again.offset["a"].tolist() == [1, 2]
    assert again.offset["a"].dtype == point.learned.offset["a"].dtype
    with pytest.raises(DesignError, match=r"\['b'\] of shape none, expected"):
        learned_from({}, {"b": np.zeros(2)})
    with pytest.raises(DesignError, match=r"c of shape \(2,\), expected none"):
        learned_from({"c": np.zeros(2)}, {})


def test_it_becomes_a_pandas_frame():
    frame = table().to_pandas()
    assert list(frame.index) == [0, 1, 2]
    assert frame.loc[2, "loss"] == 2.0
    assert list(frame.columns) == list(table().columns)


def test_it_shows_itself_in_a_notebook():
    html = table()._repr_html_()
    assert "<caption>3 evaluations</caption>" in html
    assert "<th>centre [m]</th>" in html
    assert "failed" in html
    many = table()
    for _ in range(4):
        many = many.extended(many.columns)
    assert many._repr_html_().count("<tr>") == 11
