"""Guards from the command line: faults left out and met again, budgets of money, starts from other runs."""

import numpy as np
import pytest

from daedalus.execution import read_history, read_manifest
from daedalus.execution.search_record import read_search

DARTS = ("run", "dartboard/hang", "--rounds", 8, "--events", 20, "--scenarios", 4, "--scoring-scenarios", 8)
CURSED = (*DARTS, "--set", "cursed=true")


@pytest.mark.slow
def test_a_run_that_failed_goes_on_without_the_points_that_are_not_finite(cli, tmp_path):
    code, _, said = cli(*CURSED, "--out", "run")
    assert code == 1
    assert "not finite; the first non-finite value appears in wall" in said
    assert "--unsound skip" in said
    assert "This run failed." in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    failed = np.where(read_history(tmp_path / "run")["status"] == "failed")[0]
    code, _, said = cli("resume", "run")
    assert code == 1
    assert "would fail again" in said
    code, _, said = cli("resume", "run", "--unsound", "shrink")
    assert code == 1
    assert "began with --unsound stop" in said
    assert cli("resume", "run")[0] == 1  # nothing has changed
    code, _, said = cli("resume", "run", "--unsound", "skip")
    assert code == 0, said
    history = read_history(tmp_path / "run")
    assert history["round"].max() == 7
    assert history["status"][failed[0]] == "failed"
    assert read_manifest(tmp_path / "run")["status"] == "finished"
    code, out, said = cli("replay", "run")
    assert code == 0, said
    lines = {words[0]: words[-1] for line in out.splitlines() if (words := line.split())}
    assert lines["row"] == str(failed[0])
    assert lines["status"] == "failed"
    assert "wall" in out
    assert cli("rerun", "run", "--out", "again")[0] == 0  # with skip from its beginning: the same rows


@pytest.mark.parametrize("policy", [pytest.param("skip", marks=pytest.mark.slow), "shrink"])
def test_faults_are_kept_and_replayed(policy, cli, tmp_path):
    code, _, said = cli(*CURSED, "--out", "run", "--unsound", policy)
    assert code == 0, said
    history = read_history(tmp_path / "run")
    rows = np.where(history["status"] == "failed")[0]
    assert [record.facts["row"] for record in read_search(tmp_path / "run" / "journal").faults] == rows.tolist()
    code, out, _ = cli("replay", "run", "--row", rows[-1])
    assert code == 0
    assert f"{history['place[0] [cm]'][rows[-1]]:.6g}"[:6] in out
    code, _, said = cli("replay", "run", "--row", 999)
    assert code == 1
    assert f"holds no row 999 to replay; rows whose loss or gradient was not finite: {rows[0]}" in said


def test_a_run_without_faults_has_none_to_replay(cli):
    assert cli(*DARTS, "--out", "run")[0] == 0
    code, _, said = cli("replay", "run")
    assert code == 1
    assert "not finite: none" in said


def test_a_run_ends_with_its_money_and_goes_on(cli, tmp_path):
    code, _, said = cli(*DARTS, "--out", "run", "--euros", 1e-9)
    assert code == 1
    assert "expected a positive price" in said
    code, _, said = cli(*DARTS, "--out", "run", "--euros", 1e-9, "--price", 1000)
    assert code == 130
    assert "the 1e-09 EUR of this run are spent" in said
    assert 0 < read_search(tmp_path / "run" / "journal").checkpoint.done < 8
    assert "EUR" in cli("status", "run")[1]
    assert cli("resume", "run")[0] == 130  # the money of all processes counts
    assert cli("resume", "run", "--euros", 1e9)[0] == 0
    assert read_history(tmp_path / "run")["round"].max() == 7


@pytest.mark.slow
def test_a_run_may_begin_where_another_one_is(cli, tmp_path):
    assert cli(*DARTS, "--out", "run")[0] == 0
    assert cli(*DARTS, "--out", "next", "--start", "run", "--rounds", 1)[0] == 0
    first, best = read_history(tmp_path / "next"), (tmp_path / "run" / "design.json")
    assert best.exists()
    before = read_history(tmp_path / "run")
    assert any(abs(before["place[0] [cm]"] - first["place[0] [cm]"][0]) < 1e-5)
    assert first["place[0] [cm]"][0] != before["place[0] [cm]"][0]
    best.unlink()  # a run that was killed: the row of lowest loss
    assert cli(*DARTS, "--out", "other", "--start", "run", "--rounds", 1)[0] == 0
    other = read_history(tmp_path / "other")
    assert other["place[0] [cm]"][0] == pytest.approx(before["place[0] [cm]"][before.best_row()], abs=1e-5)
