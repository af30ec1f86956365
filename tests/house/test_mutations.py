"""Named constants of formulas changed one by one: for each the laws' tests must fail.

Each case copies the tree, changes one number by a few per cent and runs the test file that guards it. The control
runs the same files on an unchanged copy. Slow: `make test-slow`.
"""

import os
import shutil
import subprocess
import sys

import pytest

from house.source import ROOT

pytestmark = pytest.mark.slow

SCATTERING, FLUX = "tests/physics/test_scattering.py", "tests/physics/test_flux.py"
TRANSPORT, LOSS = "tests/transport/test_multiple_scattering.py", "tests/physics/test_energy_loss.py"

# name of the constant: file below src/daedalus, what stands there, what is put in its place, the test that must fail
MUTATIONS = {
    "Highland's energy": ("physics/scattering.py", "HIGHLAND_ENERGY = 0.0136", "HIGHLAND_ENERGY = 0.0137", SCATTERING),
    "Highland's logarithm": (
        "physics/scattering.py",
        "HIGHLAND_LOGARITHM = 0.038",
        "HIGHLAND_LOGARITHM = 0.039",
        SCATTERING,
    ),
    "characteristic angle": (
        "physics/scattering.py",
        "CHARACTERISTIC_ANGLE = 0.157e-6",
        "CHARACTERISTIC_ANGLE = 0.159e-6",
        SCATTERING,
    ),
    "screening angle": (
        "physics/scattering.py",
        "SCREENING_ANGLE = 2.007e-11",
        "SCREENING_ANGLE = 2.107e-11",
        SCATTERING,
    ),
    "central fraction": (
        "physics/scattering.py",
        "CENTRAL_FRACTION = 0.98",
        "CENTRAL_FRACTION = 0.97",
        SCATTERING,
    ),
    "Moliere's screening": (
        "physics/materials.py",
        "SCREENING_MOLIERE = 3.34",
        "SCREENING_MOLIERE = 3.44",
        "tests/physics/test_materials.py",
    ),
    "K of Bethe's formula": ("physics/constants.py", "BETHE_K = 0.307075", "BETHE_K = 0.317075", LOSS),
    "plasma energy": (
        "physics/constants.py",
        "PLASMA_ENERGY = 28.816",
        "PLASMA_ENERGY = 29.816",
        "tests/physics/test_materials.py",
    ),
    "Guan's softening": ("physics/flux.py", "softening: float = 3.64", "softening: float = 3.74", FLUX),
    "Guan's curvature": ("physics/flux.py", "0.102573", "0.107573", FLUX),
    "Shukla and Sankrith's E0": ("physics/flux.py", "offset: float = 3.87", "offset: float = 3.97", FLUX),
    "Reyna's second constant": ("physics/flux.py", "0.2455", "0.2555", FLUX),
    "radiation length of lead": ("physics/data/materials.csv", "lead,11.35,0.005612", "lead,11.35,0.005712", TRANSPORT),
    "first moment of a path": (
        "physics/scattering.py",
        "0.5 * length * (before + after)",
        "0.48 * length * (before + after)",
        TRANSPORT,
    ),
    "second moment of a path": (
        "physics/scattering.py",
        "(before**2 + before * after + after**2) / 3.0",
        "(before**2 + before * after + after**2) / 3.1",
        TRANSPORT,
    ),
    "logistic edge": (
        "detectors/edges.py",
        "(1.0 - distance) / self.width",
        "(1.1 - distance) / self.width",
        "tests/detectors/test_panels.py",
    ),
    "midpoint of the perpendicular": (
        "reconstruction/closest_approach.py",
        "0.5 * (first.z + s + second.z + t)",
        "0.51 * (first.z + s + second.z + t)",
        "tests/reconstruction/test_closest_approach.py",
    ),
}


def outcome(folder, mutation, *tests):
    """The exit status of pytest over test files on a copy of the tree with one text replaced."""
    for part in ("src", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    if mutation is not None:
        name, old, new = mutation
        path = folder / "src" / "daedalus" / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}; expected once"
        path.write_text(text.replace(old, new), encoding="utf-8")
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        timeout=900,
    )
    print(answer.stdout[-2000:], answer.stderr[-2000:])
    return answer.returncode


def test_the_control_passes(tmp_path):
    assert outcome(tmp_path, None, *sorted({test for *_, test in MUTATIONS.values()})) == 0


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_changed_constant_is_noticed(name, tmp_path):
    *mutation, test = MUTATIONS[name]
    assert outcome(tmp_path, mutation, test) == 1  # 1: tests failed; anything else is an accident
