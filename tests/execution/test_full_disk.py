"""Disks that are full or cannot be written: in a namespace of its own, with a real file system of a few kilobytes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import subprocess, sys
from pathlib import Path
import jax, numpy as np
jax.config.update("jax_enable_x64", True)
sys.path[:0] = {paths!r}
from app import dartboard
from daedalus.core.history import CLOCK_COLUMNS
from daedalus.errors import RunError
from daedalus.execution import RunFolder, read_history, recorded_search
from daedalus.execution.lock import holder
from daedalus.execution.search_record import read_search

place, problem = Path(sys.argv[1]), dartboard.problem()
mounted = lambda how: subprocess.run(["mount", "-t", "tmpfs", "-o", how, "none", place], check=True)
search = lambda folder: recorded_search(
    folder, problem, dartboard.recipe(problem).optimiser, seed=3, rounds=30, events=20, scenarios=4, chunk=2
)
whole = search(RunFolder.create(place / "whole"))
mounted("size=64k")
folder = RunFolder.create(place / "run")
try:
    search(folder)
    raise SystemExit("the disk should be full")
except RunError as cause:
    for text in ("cannot be written", "No space left", "daedalus resume"):
        assert text in str(cause), cause
kept = read_history(folder.path)
assert 2 < len(kept) < len(whole) and not read_search(folder.journal).damage
np.testing.assert_array_equal(kept["loss"], whole["loss"][: len(kept)])
assert not list(folder.path.glob("*.part*")), "half a file was left"

mounted_again = lambda how: subprocess.run(["mount", "-o", "remount," + how, place], check=True)
mounted_again("size=8m,ro")
try:
    search(folder)
    raise SystemExit("the disk cannot be written")
except RunError as cause:
    assert "cannot be made" in str(cause) and "Read-only" in str(cause), cause
np.testing.assert_array_equal(read_history(folder.path)["loss"], kept["loss"])  # readers need not write
try:
    RunFolder.create(place / "other")
    raise SystemExit("no folder can be made")
except RunError as cause:
    assert "Read-only" in str(cause) and "--out" in str(cause), cause

mounted_again("size=8m,rw")
found = search(folder)
for name, column in whole.columns.items():
    if name not in CLOCK_COLUMNS:
        np.testing.assert_array_equal(found[name], column, err_msg=name)
assert holder(folder.path / "writer.lock") is None
print("all is well")
"""


def may_mount(place: Path) -> bool:
    """Whether a file system can be mounted in a namespace of one's own."""
    if shutil.which("unshare") is None or shutil.which("mount") is None:
        return False
    mount = ["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=64k", "none", str(place)]
    return subprocess.run(mount, capture_output=True, check=False).returncode == 0


def test_a_full_disk_and_one_that_cannot_be_written(tmp_path):
    if not may_mount(tmp_path):
        pytest.skip("needs `unshare -rm` and `mount`: user namespaces of Linux, or root")
    program = PROGRAM.format(paths=[str(Path(__file__).parents[1])])
    command = ["unshare", "-rm", sys.executable, "-c", program, str(tmp_path)]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.endswith("all is well\n"), done.stdout + done.stderr
