"""The wheel holds everything: installed outside the tree it lists the problems and runs one."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from house.source import PACKAGE, ROOT

DATA = {".csv", ".json", ".toml", ".md", ".typed", ".js", ".css"}


def run(*command, cwd):
    """The output of a command that must succeed, free of this process's import path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    answer = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=600
    )
    assert answer.returncode == 0, f"{command}\n{answer.stdout}\n{answer.stderr}"
    return answer.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The path of a freshly built wheel."""
    out = tmp_path_factory.mktemp("wheel")
    alone = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    run(sys.executable, "-m", "pip", "wheel", *alone, "--wheel-dir", out, ROOT, cwd=out)
    (built,) = out.glob("daedalus_design-*.whl")
    return built


@pytest.fixture(scope="module")
def binaries(wheel, tmp_path_factory):
    """The programs of a new environment: the wheel, with this environment's other packages behind it."""
    home = tmp_path_factory.mktemp("environment")
    builder = venv.EnvBuilder(symlinks=True)
    builder.create(home)
    context = builder.ensure_directories(home)
    pip = (sys.executable, "-m", "pip", "--python", context.env_exe)
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=home)
    (site,) = home.glob("lib/python*/site-packages")
    # A folder named in a .pth file is searched, but its own .pth files (an editable install) are not read.
    behind = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    (site / "behind.pth").write_text("\n".join(behind) + "\n")
    where = run(context.env_exe, "-c", "import daedalus; print(daedalus.__file__)", cwd=home).strip()
    assert Path(where).is_relative_to(site), where
    return home / "bin"


def test_every_file_is_in_the_wheel(wheel):
    expected = {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*")
        if path.suffix in DATA | {".py"} and path.is_file()
    }
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert expected <= packed, sorted(expected - packed)
    assert not any(name.startswith(("tests/", "docs/")) for name in packed)


def test_list_shows_the_packaged_problems(binaries, tmp_path):
    problems = run(binaries / "daedalus", "list", cwd=tmp_path).split()
    assert {"muon_tomography/ladle_fill_level", "tracking/telescope"} <= set(problems)


def test_a_short_run_outside_the_tree(binaries, tmp_path):
    out, short = tmp_path / "telescope", ("--rounds", 2, "--events", 200)
    run(binaries / "daedalus", "run", "tracking/telescope", *short, "--out", out, cwd=tmp_path)
    for name in ("manifest.json", "config.toml", "history.parquet", "design.json"):
        assert (out / name).stat().st_size > 0, name
    assert json.loads((out / "manifest.json").read_text())
