"""Studies: found by entry point; near names are suggested."""

import pytest

from daedalus.catalogue import load, offer, studies
from daedalus.errors import StudyError


def test_every_registered_study_can_be_described():
    for name, study in studies().items():
        assert study.name == name
        assert study.doc
        for entry in study.offers.values():
            assert entry.doc
            assert ":" in entry.problem


def test_an_unknown_problem_suggests_near_names():
    with pytest.raises(StudyError, match=r"no problem is called 'tracking/telescop'.*tracking/telescope"):
        offer("tracking/telescop")


def test_an_unknown_option_lists_the_known_ones():
    with pytest.raises(StudyError, match="has no option colour"):
        load("tracking/telescope", colour="red")
