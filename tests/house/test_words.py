"""The core and the search never learn what they are used for: the bridge designer's optimiser still runs."""

import re

import pytest

from house.source import PACKAGE

FLOORS = ("core", "gradients", "optimisers", "landscapes", "objectives", "execution")
WORDS = re.compile(r"muon|calorimeter|shower|beamline|tomograph", re.IGNORECASE)
TEXT = {".py", ".md", ".toml", ".json", ".csv"}


@pytest.mark.parametrize("floor", FLOORS)
def test_no_word_of_an_application(floor):
    found = [
        f"{path.relative_to(PACKAGE)}:{number}: {line.strip()}"
        for path in sorted((PACKAGE / floor).rglob("*"))
        if path.suffix in TEXT
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if WORDS.search(line) or WORDS.search(path.stem)
    ]
    assert not found, "an application's word where only the search may be:\n" + "\n".join(found)


def test_the_words_are_found_where_they_are():
    assert WORDS.search("a Muon's track")
    assert WORDS.search("tomography")
    assert not WORDS.search("an event's track")
