"""Elements: boxes with names, and which of them share space."""

import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.errors import DesignError
from daedalus.geometry import Element, check_names, overlaps, plain

PLATE = (1.0, 1.0, 0.01)


def plate(name, z, **more):
    """A plate at a height."""
    return Element(name, (0.0, 0.0, z), PLATE, "silicon", **more)


def test_numbers_become_plain_ones_with_the_digits_of_their_precision():
    assert plain(jnp.array([0.1, -0.2, 1.45], jnp.float32)) == [0.1, -0.2, 1.45]
    assert plain(np.array([1 / 3])) == [1 / 3]
    assert plain(jnp.float32(0.866025)) == [0.866025]
    assert plain(2.0) == [2.0]


def test_corners():
    found = Element("plane", (0.1, -0.2, 1.45), (1.0, 2.0, 0.01), "silicon")
    assert found.lower == pytest.approx((-0.4, -1.2, 1.445))
    assert found.upper == pytest.approx((0.6, 0.8, 1.455))


def test_touching_is_no_overlap():
    first, second, third = plate("a", 1.45), plate("b", 1.46), plate("c", 1.464)
    assert overlaps([first, second]) == []
    ((one, other, depth),) = overlaps([first, second, third])
    assert (one.name, other.name, depth) == ("b", "c", pytest.approx(0.006))
    beside = Element("d", (1.0, 0.0, 1.45), PLATE, "silicon")
    assert overlaps([first, beside]) == []
    inside = Element("e", (0.0, 0.0, 1.45), (0.1, 0.1, 0.001), "silicon")
    assert [depth for *_, depth in overlaps([first, inside])] == pytest.approx([0.001])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "1st"}, "the name '1st'; expected a letter"),
        ({"name": "a<b"}, "the name 'a<b'"),
        ({"centre": (0.0, -np.inf, 0.0)}, r"centre is .*; expected three finite numbers"),
        ({"size": (1.0, 1.0, np.nan)}, "size is .*expected three finite numbers"),
        ({"size": (1.0, 1.0, 0.0)}, "size is .*expected three positive widths"),
        ({"properties": {"price": (np.inf, "EUR")}}, "price is inf; expected a finite number"),
        ({"properties": {"price": (1.0, "EURO")}}, "Unknown unit 'EURO'.*did you mean EUR"),
        ({"properties": {"the price": (1.0, "EUR")}}, "the name 'the price'"),
    ],
)
def test_what_is_no_element(fields, message):
    with pytest.raises(DesignError, match=message):
        Element(**{"name": "a", "centre": (0.0, 0.0, 0.0), "size": PLATE, "material": "silicon", **fields})


def test_names_belong_to_one_element():
    check_names([plate("a", 0.0), plate("b", 0.0)])
    with pytest.raises(DesignError, match="two elements are called 'a'"):
        check_names([plate("a", 0.0), plate("a", 1.0)])
    with pytest.raises(DesignError, match="no element"):
        check_names([])
