"""Imports point down: the contracts in pyproject.toml hold."""

import subprocess
import sys
import tomllib
from pathlib import Path

from house.source import PACKAGE, ROOT


def test_contracts_are_kept():
    script = Path(sys.executable).with_name("lint-imports")
    answer = subprocess.run([script, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_room_has_a_floor():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    floors = next(contract["layers"] for contract in contracts if contract["id"] == "floors")
    known = {room.strip().strip("()") for floor in floors for room in floor.split("|")}
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    rooms |= {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert rooms <= known, f"give {sorted(rooms - known)} a floor in pyproject.toml (contract 'floors')"
