"""The files around the code agree with each other."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

import daedalus._version as version
from house.source import PACKAGE, ROOT, dotted, modules, tree

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
UNTRIED = ("generators",)  # its package is compiled for an hour when it is installed, so no pin was tried
PINNED = re.compile(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!-]+")


def normal(requirement):
    """A requirement's distribution name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9_.-]+", requirement).group()).lower()


@pytest.mark.parametrize("name", ["run", "dev"])
def test_pins_are_names_and_versions(name):
    lines = (ROOT / "constraints" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    odd = [line for line in lines if not line.startswith("#") and not PINNED.fullmatch(line)]
    assert not odd, odd


def test_every_dependency_is_pinned():
    needed = PYPROJECT["project"]["dependencies"]
    optional = PYPROJECT["project"]["optional-dependencies"]
    extras = [entry for name, extra in optional.items() if name not in UNTRIED for entry in extra]
    for name, wanted in {"run": needed, "dev": needed + extras}.items():
        lines = (ROOT / "constraints" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
        missing = {normal(entry) for entry in wanted} - {normal(line) for line in lines if "==" in line}
        assert not missing, f"constraints/{name}.txt lacks {sorted(missing)}: nox -s pins"


def test_every_dependency_is_imported():
    heads = set()
    for path in modules():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import):
                heads |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                heads.add(node.module.split(".")[0])
    listed = {normal(entry) for entry in PYPROJECT["project"]["dependencies"]}
    assert not listed - heads, f"listed but imported nowhere: {sorted(listed - heads)}"


def test_the_two_fallback_versions_agree():
    assert PYPROJECT["tool"]["hatch"]["version"]["fallback-version"] == version.FALLBACK
    assert version.version()


def test_every_study_is_registered():
    islands = {dotted(path) for path in PACKAGE.glob("studies/*/__init__.py")}
    entries = PYPROJECT["project"]["entry-points"]["daedalus.studies"]
    assert islands == {target.partition(":")[0] for target in entries.values()}
    assert all(target.partition(":")[0].endswith(f".{name}") for name, target in entries.items())


@pytest.mark.parametrize(
    ("script", "page"),
    [
        ("ladder_table.py", "ladder.md"),
        ("studies/ladle_table.py", "studies/muon_tomography.md"),
        ("studies/imaging_table.py", "studies/muon_tomography.md"),
        ("studies/scanner_table.py", "studies/muon_tomography.md"),
        ("studies/muography_table.py", "studies/muography.md"),
        ("studies/ground_array_table.py", "studies/ground_array.md"),
        ("studies/ground_array_fits_table.py", "studies/ground_array.md"),
        ("studies/inferno_table.py", "studies/binned_analysis.md"),
        ("studies/selection_table.py", "studies/binned_analysis.md"),
        ("studies/neos_table.py", "studies/binned_analysis.md"),
        ("studies/telescope_inference_table.py", "studies/binned_analysis.md"),
    ],
)
def test_tables_of_pages_are_those_of_their_data(script, page, tmp_path):
    here = tmp_path / "docs" / page
    here.parent.mkdir(parents=True)
    shutil.copytree(ROOT / "validation", tmp_path / "validation")
    shutil.copy(ROOT / "docs" / page, here)
    for source in (ROOT / "docs" / script).parent.glob("*.py"):
        shutil.copy(source, (tmp_path / "docs" / script).parent)
    subprocess.run([sys.executable, tmp_path / "docs" / script], check=True)
    again = f"the page's tables are not those of its data: python docs/{script}"
    assert here.read_text(encoding="utf-8") == (ROOT / "docs" / page).read_text(encoding="utf-8"), again
