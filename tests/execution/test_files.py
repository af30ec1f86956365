"""Files: replaced whole or not at all, and read back as they were written."""

import math
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as some

from daedalus.errors import RunError
from daedalus.execution.files import read_json, read_text, replacing, write_json, write_text
from daedalus.execution.toml_text import read_toml, toml_text

scalars = some.booleans() | some.integers(-(2**63), 2**63 - 1) | some.floats(allow_nan=False) | some.text()
entries = some.dictionaries(some.text(), scalars | some.lists(scalars, max_size=3), max_size=4)


@given(some.dictionaries(some.text(), scalars | entries.filter(bool), max_size=4))
def test_toml_reads_back_as_written(table):
    assert tomllib.loads(toml_text(table)) == table


def test_toml_leaves_out_none_and_refuses_what_it_cannot_say():
    assert toml_text({"a": None, "b": {}, "c": 1}) == "c = 1\n"
    with pytest.raises(RunError, match="no TOML form"):
        toml_text({"a": object()})


def test_malformed_toml_names_file_and_line(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("rounds = 3\nevents = = 4\n")
    with pytest.raises(RunError, match=r"config\.toml.*line 2"):
        read_toml(path)


def test_malformed_json_names_file_line_and_column(tmp_path):
    path = tmp_path / "design.json"
    path.write_text('{"a": 1,\n "b": }')
    with pytest.raises(RunError, match=r"design\.json, line 2, column 7"):
        read_json(path)
    path.write_text("[1, 2]")
    with pytest.raises(RunError, match="holds a list"):
        read_json(path)


def test_missing_and_binary_files_are_named(tmp_path):
    with pytest.raises(RunError, match=r"no file .*nothing\.json"):
        read_json(tmp_path / "nothing.json")
    (tmp_path / "picture").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RunError, match="picture cannot be read as text"):
        read_text(tmp_path / "picture")


def test_numbers_that_are_not_finite_become_null(tmp_path):
    write_json(tmp_path / "a.json", {"x": math.nan, "y": [math.inf, 1.5], "z": {"t": (2, "ü")}})
    assert read_json(tmp_path / "a.json") == {"x": None, "y": [None, 1.5], "z": {"t": [2, "ü"]}}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "history.txt"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError), replacing(path) as part:
        part.write_text("half a \udc80", encoding="utf-8")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["history.txt"]
    write_text(path, "new")
    assert path.read_text() == "new"
