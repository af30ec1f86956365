"""Configurations: checked before anything begins, and equal after a round trip through their file."""

from typing import Literal

import pytest

from daedalus.app.configuration import Configuration, configuration, configuration_file, fits
from daedalus.app.options import option_values, settings
from daedalus.errors import RunError, StudyError
from daedalus.execution.files import write_text
from daedalus.execution.toml_text import toml_text


def test_a_file_holds_the_whole_configuration(tmp_path):
    given = Configuration(
        "a/b", rounds=3, seed=7, optimiser="sgd", options={"spread": "5 cm", "wall": "wood", "on": True},
        optimiser_options={"step_share": 0.1, "starts": 4},
    )  # fmt: skip
    write_text(tmp_path / "config.toml", toml_text(given.table()))
    assert configuration_file(tmp_path / "config.toml") == given


def test_a_start_is_looked_for_beside_the_file(tmp_path):
    write_text(tmp_path / "config.toml", 'problem = "a/b"\nstart = "start.json"\n')
    assert configuration_file(tmp_path / "config.toml").start == str(tmp_path / "start.json")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "names no problem"),
        ({"problem": "a/b", "round": 3}, "unknown key 'round'. Did you mean rounds"),
        ({"problem": "a/b", "xyzzy": 3}, "unknown key 'xyzzy'. Known: problem, rounds"),
        ({"problem": 3}, "problem is 3; expected text"),
        ({"problem": "a/b", "rounds": "ten"}, "rounds is 'ten'; expected a whole number"),
        ({"problem": "a/b", "rounds": 3.5}, "rounds is 3.5"),
        ({"problem": "a/b", "rounds": True}, "rounds is True"),
        ({"problem": "a/b", "rounds": 0}, "rounds is 0; expected a whole number of at least 1"),
        ({"problem": "a/b", "events": -5}, "events is -5"),
        ({"problem": "a/b", "seed": -1}, "seed is -1; expected a whole number from 0"),
        ({"problem": "a/b", "precision": "float16"}, "expected 'float32' or 'float64'"),
        ({"problem": "a/b", "options": [1]}, "expected a table"),
        ({"problem": "a/b", "optimiser_options": {"starts": 2}}, "name one"),
    ],
)
def test_a_wrong_configuration_is_refused_with_the_reason(table, message):
    with pytest.raises(RunError, match=message):
        configuration(table)


def test_changes_merge_options_and_forget_those_of_another_optimiser():
    given = Configuration("a/b", optimiser="adam", options={"a": 1, "b": 2}, optimiser_options={"starts": 3})
    changed = given.changed(options={"b": 3}, seed=None, rounds=9)
    assert (changed.options, changed.rounds, changed.seed) == ({"a": 1, "b": 3}, 9, 0)
    assert changed.optimiser_options == {"starts": 3}
    assert given.changed(optimiser="sgd").optimiser_options == {}


def test_settings_read_like_toml_and_fall_back_to_text():
    texts = ["a=1", "b=0.5", "c=true", "d=[1, 2]", "e=5 GeV", "f=wood", "g='x y'", "h = k=l"]
    assert settings(texts) == {
        "a": 1, "b": 0.5, "c": True, "d": [1, 2], "e": "5 GeV", "f": "wood", "g": "x y", "h": "k=l"
    }  # fmt: skip
    with pytest.raises(RunError, match="name=value"):
        settings(["spread"])
    with pytest.raises(RunError, match="spread twice"):
        settings(["spread=1", "spread=2"])


def factory(
    length: float = 1.0,
    count: int = 1,
    momentum: float | None = None,
    kind: Literal["a", "b"] = "a",
    at: tuple[float, ...] = (),
):
    """A problem's factory."""


def test_options_are_converted_to_what_the_factory_takes():
    given = {"length": "12 cm", "momentum": "5000 MeV", "kind": "b", "at": [1, 2]}
    found = option_values(factory, given, "a/b")
    assert found == {"length": pytest.approx(0.12), "momentum": pytest.approx(5.0), "kind": "b", "at": (1, 2)}
    assert option_values(factory, {"momentum": "none"}, "a/b") == {"momentum": None}
    numbers = option_values(factory, {"length": 2, "momentum": 3, "count": 4}, "a/b")
    assert [type(value) for value in numbers.values()] == [float, float, int]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lngth": 1}, "no option 'lngth'. Did you mean length"),
        ({"length": "far"}, "option length of a/b is 'far'; expected float"),
        ({"length": "3 parsec"}, "expected float"),
        ({"count": 1.5}, "expected int"),
        ({"count": True}, "expected int"),
        ({"kind": "c"}, "option kind of a/b is 'c'"),
        ({"at": ["x"]}, "option at"),
    ],
)
def test_wrong_options_are_refused_with_the_reason(given, message):
    with pytest.raises(StudyError, match=message):
        option_values(factory, given, "a/b")


def test_fits_knows_that_true_is_no_number_and_whole_numbers_are_numbers():
    assert fits(3, float)
    assert not fits(3.0, int)
    assert not fits(True, float)
    assert fits(None, int | None)
    assert not fits("a", int | None)
    assert not fits(1, Literal[True])
