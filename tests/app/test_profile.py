"""`daedalus profile`: a table for the screen, and a figure that says the same."""

import json

import jax
import pytest

from daedalus.app.profile import profile, profile_figure, table
from daedalus.app.screen import output
from daedalus.errors import ProblemError, StudyError
from daedalus.search.stage_times import StageTime

ROWS = [StageTime("player", 0.001, 0.001, 0.25), StageTime("figures", 0.003, 0.004, 0.75)]
SMALL = {"events": 20, "scenarios": 2, "precision": "float64"}


@pytest.fixture(autouse=True)
def _restored():
    flags = ("jax_enable_x64", "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {flag: getattr(jax.config, flag) for flag in flags}
    yield
    for flag, value in before.items():
        jax.config.update(flag, value)


def test_the_table_has_a_line_per_part_in_milliseconds(capsys):
    output().print(table(ROWS))
    head, *lines = capsys.readouterr().out.splitlines()
    assert "own [ms]" in head
    assert [line.split() for line in lines] == [
        ["player", "1.000", "1.000", "25.0"],
        ["figures", "3.000", "4.000", "75.0"],
    ]


def test_the_bars_lie_where_their_time_does():
    axes = profile_figure(ROWS).axes[0]
    assert [(bar.get_x(), bar.get_width()) for bar in axes.patches] == [(0.0, 1.0), (1.0, 3.0)]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["player", "figures"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first on top


def test_a_profile_is_printed_and_drawn(elsewhere, capsys, tmp_path):
    profile("dartboard/hang", repeats=1, out=tmp_path / "new", settings=["spread=12 cm"], **SMALL)
    said = capsys.readouterr()
    names = ["player", "wall", "pass 1: darts", "figures", "gradient"]
    lines = said.out.splitlines()[1:]
    assert [line.rsplit(maxsplit=3)[0] for line in lines] == names
    assert "profile.png" in said.err
    told = json.loads((tmp_path / "new" / "profile.json").read_text())
    assert (told["events"], told["scenarios"], told["repeats"]) == (20, 2, 1)
    assert [part["name"] for part in told["parts"]] == names
    assert sum(part["share"] for part in told["parts"]) == pytest.approx(1.0)
    assert (tmp_path / "new" / "profile.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_nothing_is_written_unless_asked(elsewhere, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    profile("dartboard/reach", repeats=1, out=None, **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_profiled_is_named(elsewhere):
    with pytest.raises(StudyError, match="dartboard/dance"):
        profile("dartboard/dance", repeats=1, out=None)
    with pytest.raises(ProblemError, match="0 repeats"):
        profile("dartboard/hang", repeats=0, out=None, **SMALL)
