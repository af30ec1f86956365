"""Every stage, optimiser and packaged problem keeps its seam's promises; a class without a case fails."""

import importlib
import pkgutil

import jax
import pytest

import daedalus
from daedalus.catalogue import load, studies
from daedalus.core import Optimiser, Space, Stage
from daedalus.testing import check_optimiser, check_space, check_stage, conformance
from testing.cases import OPTIMISERS, ROUNDS, STAGES, panel

KEY = jax.random.key(6)
EVENTS = {"binned_analysis/cut_and_binning": 4001}  # with the usual 61 its templates are mostly empty
SLOW = ("binned_analysis", "ground_array", "muon_tomography", "muography", "tracking")  # long compilation
SLOW_PROBLEMS = (
    "test_functions/submanifold_rosenbrock_100",
    "test_functions/submanifold_hump_40",
    "test_functions/whole_rosenbrock",
)  # whose relatives are checked in any case
SLOW_STAGES = (
    "RockCrossing",
    "ShowerFit",
    "ExpectedShowerEstimates",
    "StationCounts",
    "MultipleScattering",
    "MomentumFromScattering",
    "BoxDeflections",
    "ScatteredLineFit",
    "SkyRays",
    "NoiseHits",
    "ClosestApproach",
)
SLOW_OPTIMISERS = (
    "GaussianProcess",
    "QuadraticSurrogate",
    "GenerativeSurrogate",
    "LinearSurrogate",
    "NSGA",
)  # models fitted in every round
VARIANTS = ("NSGA, third", "Newton, block", "Newton, diagonal")  # of methods that are checked in any case


def classes(base):
    """The names of all concrete subclasses in the package."""
    for module in pkgutil.walk_packages(daedalus.__path__, "daedalus."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, queue = set(), [base]
    while queue:
        for kind in queue.pop().__subclasses__():
            queue.append(kind)
            if kind.__module__.startswith("daedalus."):
                found.add(kind.__name__)
    return found


def problems():
    """The full names of all packaged problems."""
    return [f"{study.name}/{problem}" for study in studies().values() for problem in study.offers]


@pytest.mark.parametrize(("base", "cases"), [(Stage, STAGES), (Optimiser, OPTIMISERS)], ids=["stages", "optimisers"])
def test_every_class_has_a_case(base, cases):
    missing = classes(base) - {name.split(",")[0] for name in cases}
    assert not missing, f"no case for {sorted(missing)}: add a line to tests/testing/cases.py"


@pytest.mark.filterwarnings("ignore::daedalus.errors.ValidityWarning")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if "," in name or name in SLOW_STAGES else ()) for name in STAGES],
)  # the first case of every class; further ones by `make test-slow`
def test_stage(name):
    stage, events = STAGES[name]()
    print(check_stage(stage, events, key=KEY))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name.split(",")[0] in SLOW_OPTIMISERS or name in VARIANTS else ())
        for name in OPTIMISERS
    ],
)
def test_optimiser(name):
    print(check_optimiser(OPTIMISERS[name](), Space.of(panel()), rounds=ROUNDS.get(name, 100)))


def test_space():
    print(check_space(Space.of(panel())))


@pytest.mark.filterwarnings("ignore::daedalus.errors.ValidityWarning")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name.split("/")[0] in SLOW or name in SLOW_PROBLEMS else ())
        for name in problems()
    ],
)
def test_problem(name):
    verdicts = conformance(load(name), events=EVENTS.get(name, 61))
    for verdict in verdicts:
        print(f"{verdict.name}: {'ok' if verdict.ok else 'failed'}\n{verdict.text}")
    assert all(verdict.ok for verdict in verdicts), [verdict for verdict in verdicts if not verdict.ok]
