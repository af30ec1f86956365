"""The examples with outside simulators, and the script of the page about them, run as printed."""

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec

import pytest

from house.source import ROOT

EXAMPLE = ROOT / "examples" / "foreign_simulator" / "run.py"
GENERATOR = ROOT / "examples" / "event_generator" / "run.py"
PAGE = ROOT / "docs" / "how-to" / "outside-simulator.md"


def output(folder, *command):
    answer = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
def test_a_simulator_in_another_language_is_optimised_with_its_own_derivatives_and_without(tmp_path):
    lines = output(tmp_path, EXAMPLE, "12").splitlines()  # it checks its derivatives itself
    spots = {line.split()[0]: float(line.split()[2]) for line in lines[-3:]}
    assert next(iter(spots)) == "start"
    assert all(spot < 0.7 * spots["start"] for method, spot in spots.items() if method != "start"), spots


def test_the_page_runs_as_printed(tmp_path):
    script = tmp_path / "page.py"
    script.write_text(re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL).group(1))
    assert re.search(r"^\d+\.\d cm: price 0\.\d+ \+- 0\.0\d+$", output(tmp_path, script), re.MULTILINE)


@pytest.mark.skipif(find_spec("pythia8mc") is None, reason="no event generator (extra: generators)")
def test_an_event_generator_is_optimised(tmp_path):
    lines = output(tmp_path, GENERATOR, "2").splitlines()
    assert [line.split(":")[0] for line in lines[-2:]] == ["start", "found"]


@pytest.mark.skipif(find_spec("pythia8mc") is not None, reason="the generator is there")
def test_without_the_generator_its_example_says_what_it_lacks(tmp_path):
    answer = subprocess.run([sys.executable, GENERATOR], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert answer.returncode == 1
    assert 'pip install "daedalus-design[generators]"' in answer.stderr
