"""Histories: a table that shows itself, becomes a frame, and gives its designs back."""

import numpy as np
import pytest

from core.toys import ruler_problem
from daedalus.core import History
from daedalus.errors import RunError


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
    design = table().design(problem, 2)
    assert float(design.centre) == pytest.approx(2.0)
    assert np.allclose(design.width, [0.8, 1.3])


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
