"""Units: values in house units, texts, and errors that teach."""

import math

import pytest

from daedalus import units
from daedalus.errors import DesignError
from daedalus.units import dimension, unit


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", 1.0),
        ("1", 1.0),
        ("m", 1.0),
        ("cm", 0.01),
        ("um", 1e-6),
        ("km", 1e3),
        ("1/m", 1.0),
        ("1/cm", 100.0),
        ("m2", 1.0),
        ("cm2", 1e-4),
        ("cm^2", 1e-4),
        ("m-2", 1.0),
        ("EUR/m2", 1.0),
        ("kEUR", 1e3),
        ("GeV", 1.0),
        ("MeV", 1e-3),
        ("eV", 1e-9),
        ("TeV", 1e3),
        ("g/cm3", 1.0),
        ("kg/m3", 1e-3),
        ("percent", 0.01),
        ("%", 0.01),
        ("ns", 1.0),
        ("us", 1e3),
        ("minute", 6e10),
        ("hour", 3.6e12),
        ("day", 8.64e13),
        ("Hz", 1e-9),
        ("mrad", 1e-3),
        ("deg", math.pi / 180),
        ("GeV*m", 1.0),
        ("GeV cm", 0.01),
        ("MeV/cm/us", 1e-4),
        ("1/m2 s sr", 1e-9),
    ],
)
def test_a_text_has_its_value_in_house_units(text, value):
    assert unit(text) == pytest.approx(value, rel=1e-14)


def test_names_and_texts_agree():
    names = "m cm mm um km ns us ms s minute hour day eV keV MeV GeV TeV rad mrad deg EUR kEUR Hz percent m2"
    for name in names.split():
        assert getattr(units, name) == pytest.approx(unit(name), rel=1e-14)
    assert units.cm2 == unit("cm2")
    assert units.g_per_cm3 == pytest.approx(unit("g/cm3"))


def test_units_of_a_kind_have_equal_dimensions():
    assert dimension("cm") == dimension("m") != dimension("ns")
    assert dimension("1/s") == dimension("Hz")
    assert dimension("m/m") == dimension("") == dimension("percent") == ()
    assert dimension("EUR/m2") == (("length", -2), ("money", 1))
    assert dimension("rad") != dimension("1")


@pytest.mark.parametrize(("text", "near"), [("gev", "GeV"), ("eur/m2", "EUR"), ("mradd", "mrad"), ("hours", "hour")])
def test_an_unknown_name_is_answered_with_near_ones(text, near):
    with pytest.raises(DesignError, match=near):
        unit(text)


@pytest.mark.parametrize("text", ["/m", "m/", "m//s", "m^^2", "3cm", "µµm"])
def test_a_text_that_cannot_be_read_is_refused(text):
    with pytest.raises(DesignError, match="expected"):
        unit(text)
