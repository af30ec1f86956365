"""Fronts: who is on them, and the area they cover."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daedalus.landscapes import LandscapeError, hypervolume, non_dominated

REFERENCE = np.array([1.1, 1.1])
NUMBERS = st.integers(0, 6).map(float)  # few levels, so that rows tie


def zdt1_front(points):
    first = np.linspace(0.0, 1.0, points)
    return np.stack([first, 1.0 - np.sqrt(first)], 1)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=12))
def test_a_row_is_on_the_front_if_no_other_beats_it(rows):
    scores = np.array(rows)
    beats = lambda a, b: all(x <= y for x, y in zip(a, b)) and any(x < y for x, y in zip(a, b))
    expected = [not any(beats(other, row) for other in rows) for row in rows]
    assert non_dominated(scores).tolist() == expected


def test_rows_that_the_errors_cannot_tell_apart_share_the_front():
    scores, errors = np.array([[0.0, 0.0], [0.1, 0.1], [0.5, 0.5]]), np.full((3, 2), 0.05)
    assert non_dominated(scores).tolist() == [True, False, False]
    assert non_dominated(scores, errors).tolist() == [True, True, False]
    # 0.1 against two standard errors of the difference, 2 sqrt(2) 0.05 = 0.141
    assert non_dominated(scores, errors, deviations=1.4).tolist() == [True, False, False]
    assert non_dominated(scores, np.full((3, 2), np.nan)).tolist() == [True, False, False]


def test_rows_without_scores_are_never_on_the_front():
    scores = np.array([[np.nan, 0.0], [1.0, 1.0], [-np.inf, -1.0], [np.inf, -1.0]])
    assert non_dominated(scores).tolist() == [False, True, False, False]
    assert hypervolume(scores, np.array([3.0, 2.0])) == pytest.approx(2.0)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=0, max_size=12))
def test_the_hypervolume_counts_the_cells_that_a_row_beats(rows):
    scores = np.array(rows).reshape(-1, 2)
    cells = sum(any(x <= i and y <= j for x, y in rows) for i in range(5) for j in range(5))
    assert hypervolume(scores, np.array([5.0, 5.0])) == pytest.approx(cells)


def test_the_front_of_zdt1_covers_what_the_integral_says():
    exact = 1.1**2 - 1.0 + 2.0 / 3.0  # the square of the reference without the area below 1 - sqrt(f1)
    assert exact == pytest.approx(0.8767, abs=5e-5)
    assert hypervolume(zdt1_front(100_001), REFERENCE) == pytest.approx(exact, abs=1e-5)
    assert hypervolume(zdt1_front(100), REFERENCE) < exact


def test_three_objectives_are_refused():
    with pytest.raises(LandscapeError, match="expected two"):
        hypervolume(np.zeros((4, 3)), np.zeros(3))
