"""Clocks: what may be set tells people when something happened, and never decides anything."""

import ast

import pytest

from house.source import modules, name

STAMPS = {  # where the wall clock is read, to be written down
    "execution/manifest.py",
    "execution/log.py",
    "search/rows.py",
    "app/search.py",  # the name of a folder
}


@pytest.mark.parametrize("path", modules(), ids=name)
def test_only_stamps_read_a_clock_that_can_be_set(path):
    calls = [node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    read = {ast.unparse(call) for call in calls} & {"time.time", "datetime.now", "datetime.utcnow", "datetime.today"}
    assert not read or (name(path) in STAMPS and read == {"datetime.now"}), f"{name(path)} reads {read}"
