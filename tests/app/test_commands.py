"""The commands, from the words on the command line to the files and exit codes."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import daedalus
from daedalus.app.main import main
from daedalus.app.moving import write_animation
from daedalus.app.report import filed_task
from daedalus.app.rerun import difference
from daedalus.core import History
from daedalus.errors import RunError
from daedalus.execution import RunFolder, read_history, read_manifest

SHORT = ("--rounds", 4, "--events", 20, "--scoring-scenarios", 8, "--precision", "float64")
FILES = {
    "manifest.json",
    "config.toml",
    "history.parquet",
    "journal",
    "design.json",
    "start.json",
    "result.json",
    "log.jsonl",
}


@pytest.fixture(scope="module")
def once(elsewhere, tmp_path_factory):
    """The folder of a short run."""
    folder = tmp_path_factory.mktemp("once") / "run"
    words = ("run", "dartboard/hang", *SHORT, "--out", folder, "--set", "spread=12 cm", "wall=brick")
    assert main([str(word) for word in words]) == 0
    return folder


@pytest.fixture
def finished(once, tmp_path):
    """A copy of the folder of a short run, to do with as one likes."""
    return shutil.copytree(once, tmp_path / "run")


def test_list_prints_one_name_per_line(cli):
    code, out, _ = cli("list")
    assert code == 0
    assert "dartboard/hang" in out.splitlines()


def test_show_prints_the_data_sheet(cli):
    code, out, _ = cli("show", "dartboard/hang", "--set", "wall=wood")
    assert code == 0
    for text in ("place[0..1]", "60, -50", "-100", "cm", "where its centre hangs", "biased", "player"):
        assert text in out
    for text in ("distance2", "minimise", "size", "0 to 60", "on_board", "darts fly straight", "pub", "Adam"):
        assert text in out


def test_a_run_leaves_everything(finished):
    assert {path.name for path in finished.iterdir()} == FILES | {"figures", "report.html"}
    pictures = {f"{name}.{kind}" for name in ("search", "comparison", "wall") for kind in ("png", "pdf")}
    assert {path.name for path in (finished / "figures").iterdir()} == pictures | {"search.gif"}
    assert all((finished / "figures" / name).stat().st_size > 2000 for name in pictures)
    noted = read_manifest(finished)
    assert (noted["status"], noted["precision"], noted["rounds"]) == ("finished", "float64", 4)
    assert noted["configuration"]["options"] == {"spread": "12 cm", "wall": "brick"}
    result = json.loads((finished / "result.json").read_text())
    assert list(result["designs"]) == ["start", "optimised", "pub"]
    assert result["designs"]["optimised"]["loss"] < result["designs"]["start"]["loss"]
    page = (finished / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 4  # three figures, and the last picture of the animation
    assert page.count("data:image/gif;base64,") == 1
    assert "on_board" in page
    with Image.open(finished / "figures" / "search.gif") as moving:
        assert moving.n_frames == 4  # rounds


def test_a_run_repeats_from_its_folder_and_from_its_configuration(cli, finished, tmp_path):
    code, _, said = cli("rerun", finished, "--out", "again")
    assert code == 0, said
    assert "equal: all 8 rows agree" in said
    code, _, said = cli("run", finished / "config.toml", "--out", "third", "--rounds", 2)
    assert code == 0, said
    old, new = read_history(finished), read_history(tmp_path / "third")
    assert len(new) == 4
    np.testing.assert_allclose(new["loss"][:2], old["loss"][:2], rtol=1e-12)


def test_a_rerun_that_differs_says_where(once):
    old = read_history(once)
    assert difference(old, old) is None
    assert difference(old, History({name: column[:4] for name, column in old.columns.items()})) is None
    later = History(old.columns | {"finished_at": old["finished_at"][::-1], "wall_seconds": 2 * old["wall_seconds"]})
    assert difference(old, later) is None
    moved = History(old.columns | {"loss": np.where(old["row"] == 5, 0.25, old["loss"])})
    assert re.fullmatch(r"first in row 5, column 'loss': .* then, 0.25 now", difference(old, moved))
    fewer = History({name: column for name, column in old.columns.items() if name != "price"})
    assert difference(old, fewer) == "columns ['price'] are in one of them only"


def test_the_optimised_design_can_be_evaluated_and_started_from(cli, finished, tmp_path):
    words = ("--set", "spread=12 cm", "--precision", "float64", "--events", 20, "--scenarios", 8)
    code, out, _ = cli("evaluate", "dartboard/hang", "--design", finished, "--json", *words)
    assert code == 0
    values = json.loads(out)["measured"]["values"]
    reported = json.loads((finished / "result.json").read_text())["designs"]["optimised"]["values"]
    assert values == pytest.approx(reported, rel=1e-6)  # the same fresh events
    code, out, _ = cli("evaluate", "dartboard/hang", "--design", "pub", *words)
    assert code == 0
    assert "distance2" in out
    code, _, said = cli("run", "dartboard/hang", *SHORT, "--out", "next", "--start", finished / "design.json")
    assert code == 0, said
    first, last = (json.loads((tmp_path / p).read_text())["parameters"] for p in ("next/start.json", "run/design.json"))
    assert {k: v["value"] for k, v in first.items()} == pytest.approx({k: v["value"] for k, v in last.items()})
    assert 'start = "start.json"' in (tmp_path / "next" / "config.toml").read_text()


def test_the_report_is_remade_from_the_record(cli, finished):
    for path in [finished / "report.html", *(finished / "figures").iterdir()]:
        path.unlink()
    code, _, said = cli("report", finished)
    assert code == 0, said
    assert (finished / "report.html").exists()
    assert len(list((finished / "figures").iterdir())) == 7
    noted = json.loads((finished / "manifest.json").read_text())
    (finished / "manifest.json").write_text(json.dumps(noted | {"problem_version": "0"}))
    code, _, said = cli("report", finished)
    assert code == 1
    assert "version 0" in said


def test_few_rounds_and_layouts_that_fail_cost_no_result(cli, finished, capsys, monkeypatch):
    (finished / "figures" / "search.gif").unlink()
    history, folder = read_history(finished), RunFolder(finished)
    short = History({name: column[history["round"] < 2] for name, column in history.columns.items()})
    write_animation(folder, filed_task(folder), short)
    assert "no animation: 2 rounds" in capsys.readouterr().err
    assert not (finished / "figures" / "search.gif").exists()
    monkeypatch.setattr("dartboard.layout", lambda problem, board: 1 / 0)
    code, _, said = cli("report", finished)
    assert code == 0
    assert "could not be animated: ZeroDivisionError" in said
    monkeypatch.undo()
    monkeypatch.setattr("dartboard.ground", lambda problem: {}["wall"])
    write_animation(folder, filed_task(folder), history)
    assert "could not be animated: KeyError('wall')" in capsys.readouterr().err


def test_conformance_prints_verdicts(cli):
    code, out, said = cli("conformance", "dartboard/reach")
    assert code == 0, out + said
    assert "ok     stage player" in out
    assert "failed" not in out


def test_random_search_is_a_control(cli, tmp_path):
    words = ("--optimiser", "random", "--set", "wall=wood", "--out", "control")
    code, _, said = cli("run", "dartboard/hang", *SHORT, *words)
    assert code == 0, said
    assert read_manifest(tmp_path / "control")["starts"] == 16
    code, _, said = cli(
        "run", "dartboard/hang", *SHORT, "--set", "wall=wood", "--optimiser", "adam", "--out", "pressed"
    )
    assert code == 0, said  # a measured constraint becomes an augmented Lagrangian


def test_a_budget_may_be_given_in_calls_and_parameters_may_be_frozen(cli, tmp_path):
    words = ("--optimiser", "sobol", "--calls", 33, "--events", 20, "--freeze", "radius", "--out", "few")
    code, _, said = cli("run", "dartboard/hang", *words)
    assert code == 0, said
    history = read_history(tmp_path / "few")
    assert 16 < len(history) <= 33
    assert "place[0] [cm]" in history.columns
    assert "radius [mm]" not in history.columns
    first, last = (json.loads((tmp_path / "few" / f).read_text())["parameters"] for f in ("start.json", "design.json"))
    assert first["radius"] == last["radius"]


@pytest.mark.slow
def test_auto_says_why_and_its_choice_is_recorded(cli, tmp_path):
    code, _, said = cli("run", "dartboard/hang", "--optimiser", "auto", "--calls", 8, "--events", 20, "--out", "auto")
    assert code == 0, said
    choice = read_manifest(tmp_path / "auto")["choice"]
    assert all(reason in " ".join(said.split()) for reason in choice["reasons"])
    assert "auto" not in (tmp_path / "auto" / "config.toml").read_text()
    code, _, said = cli("rerun", tmp_path / "auto", "--out", "again")
    assert code == 0, said


def test_derivatives_are_checked(cli, tmp_path):
    words = ("--designs", 2, "--keys", 3, "--events", 50, "--parameters", "place", "--out", "looked")
    code, out, said = cli("check", "dartboard/hang", *words)
    assert code == 0, said
    assert out.count("place[0]") == 2
    assert "radius" not in out
    assert "4 derivatives" in said
    rows = json.loads((tmp_path / "looked" / "check.json").read_text())["rows"]
    assert [row["design"] for row in rows] == [0, 0, 1, 1]
    assert (tmp_path / "looked" / "check.png").stat().st_size > 1000


def test_methods_are_compared_at_equal_budgets(cli, tmp_path):
    words = (
        "--methods",
        "random,recipe",
        "--budget",
        32,
        "--seeds",
        2,
        "--events",
        20,
        "--target",
        1e9,
        "--out",
        "both",
    )
    code, out, said = cli("compare", "dartboard/hang", *words)
    assert code == 0, said
    assert "1 (2/2)" in out  # every start is below the target
    methods = json.loads((tmp_path / "both" / "comparison.json").read_text())["methods"]
    assert [run["made"] for runs in methods.values() for run in runs] == [32, 32, 32, 32]
    assert (tmp_path / "both" / "comparison.png").stat().st_size > 1000
    code, _, said = cli("compare", "dartboard/hang", "--methods", "random", "--budget", 16, "--figure", "luck")
    assert code == 1
    assert "no figure is called 'luck'" in said


RUN, EVALUATE = ("run", "dartboard/hang"), ("evaluate", "dartboard/hang", "--design")
WRONG = {
    "unknown problem": (("run", "dartboard/hand"), "Did you mean dartboard/hang"),
    "unknown option": ((*RUN, "--set", "spraed=1"), "Did you mean spread"),
    "wrong option": ((*RUN, "--set", "wall=glass"), "option wall of dartboard/hang is 'glass'"),
    "unknown optimiser": ((*RUN, "--optimiser", "adman"), "Did you mean adam"),
    "negative seed": ((*RUN, "--seed", -1), "seed is -1"),
    "no rounds": ((*RUN, "--rounds", 0), "rounds is 0"),
    "missing configuration": (("run", "absent.toml"), "no file absent.toml"),
    "malformed configuration": (("run", "bad.toml"), "line 2"),
    "unknown key": (("run", "key.toml"), "Did you mean rounds"),
    "missing design": ((*EVALUATE, "absent.json"), "no file absent.json"),
    "malformed design": ((*EVALUATE, "bad.json"), "bad.json, line 1"),
    "out of bounds": ((*EVALUATE, "far.json"), "place[0] is 300 cm; expected -100 to 100"),
    "wrong unit": ((*RUN, "--start", "unit.json"), "radius is given in 'ns'; expected 'mm'"),
    "unknown parameter": ((*RUN, "--start", "name.json"), "Did you mean radius"),
    "no run folder": (("report", "."), "holds no manifest.json"),
    "nothing to repeat": (("rerun", "absent"), "holds no manifest.json"),
    "nothing accepted": ((*EVALUATE, "pub", "--set", "blind=true"), "no event was accepted"),
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_input_is_one_clear_line(cli, tmp_path, case):
    (tmp_path / "bad.toml").write_text('problem = "dartboard/hang"\nrounds = = 3\n')
    (tmp_path / "key.toml").write_text('problem = "dartboard/hang"\nruonds = 3\n')
    (tmp_path / "bad.json").write_text("{3")
    (tmp_path / "far.json").write_text('{"place[0]": {"value": 3, "unit": "m"}}')
    (tmp_path / "unit.json").write_text('{"radius": {"value": 3, "unit": "ns"}}')
    (tmp_path / "name.json").write_text('{"raduis": 3}')
    words, message = WRONG[case]
    code, out, said = cli(*words)
    assert code == 1
    assert out == ""
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert message in said
    assert not (tmp_path / "runs").exists()


def test_an_existing_folder_is_refused_and_a_foreign_one_is_never_forced(cli, finished, tmp_path):
    code, _, said = cli("run", "dartboard/hang", *SHORT, "--out", "run")
    assert code == 1
    assert "--force" in said
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("1")
    code, _, said = cli("run", "dartboard/hang", *SHORT, "--out", "thesis", "--force")
    assert code == 1
    assert "not a run's" in said


@pytest.mark.parametrize(
    ("option", "message"), [("cursed=true", "not finite"), ("blind=true", "no event was accepted")]
)
def test_a_search_that_goes_wrong_leaves_its_history(cli, tmp_path, option, message):
    words = ("--rounds", 20, "--events", 20, "--precision", "float64", "--out", "run", "--set", option)
    code, _, said = cli("run", "dartboard/hang", *words)
    assert code == 1
    assert message in said
    assert read_manifest(tmp_path / "run")["status"] == "failed"
    assert len(read_history(tmp_path / "run")) > 0
    assert (tmp_path / "run" / "figures" / "search.png").exists()


@pytest.mark.parametrize("words", [(), ("dance",), ("run",), ("run", "dartboard/hang", "--rounds", "ten")])
def test_wrong_usage_is_exit_code_two(cli, words):
    code, _, said = cli(*words)
    assert code == 2
    assert "Traceback" not in said


@pytest.mark.parametrize("words", [(), ("run",), ("evaluate",), ("rerun",)])
def test_help_is_complete(cli, words):
    code, out, _ = cli(*words, "--help")
    assert code == 0
    for option in {"run": ("--rounds", "--events", "--seed", "--start", "--set", "--force", "--out")}.get(
        words[:1], ()
    ):
        assert option in out


def spawned(elsewhere, folder, *words):
    """The command line as a process of its own."""
    source = Path(daedalus.__file__).parents[1]
    path = os.pathsep.join([str(source), str(elsewhere)])
    command = [sys.executable, "-m", "daedalus.app.main", *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env=os.environ | {"PYTHONPATH": path}, **pipes)


def recorded(folder):
    """Whether a run has rounds in its journal."""
    try:
        return len(read_history(folder)) >= 10
    except RunError:
        return False


def test_ctrl_c_leaves_a_usable_folder(elsewhere, tmp_path, cli):
    process = spawned(elsewhere, tmp_path, "run", "dartboard/hang", "--rounds", 10**6, "--events", 20, "--out", "run")
    while process.poll() is None and not recorded(tmp_path / "run"):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert read_manifest(tmp_path / "run")["status"] == "interrupted"
    assert len(read_history(tmp_path / "run")) >= 10
    for name in ("design.json", "start.json", "config.toml", "report.html", "figures/search.png"):
        assert (tmp_path / "run" / name).exists(), name
    code, _, said = cli("report", "run")
    assert code == 0, said


SCRIPT = """
import sys
from daedalus.app.main import main
main(["list"])
unneeded = ("matplotlib", "pyarrow", "rich.progress", "daedalus.execution", "daedalus.app.search")
sys.exit(" ".join(name for name in unneeded if name in sys.modules) or 0)
"""


def test_list_imports_neither_figures_nor_files(elsewhere):
    source = Path(daedalus.__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(source)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True)
    assert done.stderr.strip() == ""
    assert done.returncode == 0
