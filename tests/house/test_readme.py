"""What the README and the examples show runs as printed."""

import re
import subprocess
import sys

import pytest

from house.source import ROOT

README = ROOT / "README.md"
FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def runs(script, folder):
    """Run a script in a folder of its own; it must finish."""
    answer = subprocess.run([sys.executable, script], cwd=folder, capture_output=True, text=True, timeout=600)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_first_script_runs(tmp_path):
    script = tmp_path / "task.py"
    script.write_text(FENCE.search(README.read_text(encoding="utf-8")).group(1), encoding="utf-8")
    runs(script, tmp_path)


def test_the_two_commands_are_targets():
    text, targets = README.read_text(encoding="utf-8"), (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in ("demo", "test"):
        assert f"make {command}" in text
        assert re.search(rf"^{command}:", targets, re.MULTILINE)


def test_the_pictures_and_pages_exist():
    links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", README.read_text(encoding="utf-8"))
    missing = [link for link in links if not (ROOT / link).exists()]
    assert not missing, missing


@pytest.mark.parametrize("script", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_example_runs(script, tmp_path):
    runs(script, tmp_path)
