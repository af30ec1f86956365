"""Numbers as people read them."""

import math

import pytest

from daedalus.app.screen import complain, with_error


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (151.9432, 0.3012, "151.94 ± 0.30"),
        (6442.3, 234.7, "6442 ± 235"),
        (0.00067, 0.00002, "(6.70 ± 0.20)e-4"),
        (6.7e-7, 2.1e-8, "(6.70 ± 0.21)e-7"),
        (2.5e9, 1e8, "(2.50 ± 0.10)e9"),
        (-3.0, 0.5, "-3.00 ± 0.50"),
        (0.1, 2.0, "0.1 ± 2.0"),
        (0.0, 0.0, "0"),
        (4.0, None, "4"),
        (0.3580621, math.nan, "0.35806"),
        (math.nan, 0.1, "not finite"),
        (None, None, "not finite"),
    ],
)
def test_values_are_rounded_to_two_digits_of_their_error(value, error, text):
    assert with_error(value, error) == text


def test_an_error_is_one_line_whatever_it_holds(capsys):
    complain("parameter 'z[3]' is [red]x[/]; expected " + "long " * 60)
    said = capsys.readouterr().err
    assert said.startswith("error: parameter 'z[3]' is [red]x[/]; expected long")
    assert said.count("\n") == 1
