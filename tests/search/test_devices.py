"""Devices: any number of them share events or designs, and the result does not depend on how many."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = """
import json, sys
import jax
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_num_cpu_devices", int(sys.argv[1]))
sys.path[:0] = {paths!r}
from app import curve
from core.toys import OBJECTIVES, ruler_problem
from daedalus.optimisers import optimiser
from daedalus.search import optimise
from daedalus.search.devices import shares_designs

problem = ruler_problem(objectives=OBJECTIVES[:1])
found = {{"devices": jax.device_count()}}
for name, options, events, scenarios in {cases!r}:
    history = optimise(problem, optimiser(name, **options), key=jax.random.key(9), rounds=3, events=events,
                       scenarios=scenarios, chunk=2)
    found[name] = {{column: history[column].tolist() for column in ("loss", "loss_error", "centre [m]", "accepted")}}
    found[name]["by_design"] = shares_designs(problem.partition(events, scenarios), len(history) // 3)
for name, problem in {{"fit": curve.fit(scenarios=2), "sensor": curve.sensor()}}.items():
    history = optimise(problem, optimiser("sgd"), key=jax.random.key(9), rounds=5, events=37, chunk=2, block=8)
    found[name] = {{leaf: values.tolist() for leaf, values in history.learned[4].items()}}
print(json.dumps(found))
"""
CASES = [
    ("adam", {"starts": 2}, 37, 1),  # sixteen parts of events, two designs
    ("cmaes", {"batch": 6}, 40, 1),  # stepped; sixteen parts of events, six designs
    ("random", {"batch": 5}, 3, 1),  # three parts, five designs
    ("lbfgs", {"starts": 3}, 1, 1),  # one part
]
LEARNED = ("fit", "sensor")  # searches whose network, after some rounds, tells of all gradients before


def found_with(devices):
    """What searches find on so many devices, in a process of its own."""
    program = PROGRAM.format(paths=[str(Path(__file__).parents[1])], cases=CASES)
    flags = {**os.environ, "JAX_PLATFORMS": "cpu", "NPROC": str(2 * devices)}
    done = subprocess.run([sys.executable, "-c", program, str(devices)], capture_output=True, text=True, env=flags)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def alone():
    return found_with(1)


@pytest.mark.slow
@pytest.mark.parametrize("devices", [3, 8])
def test_devices_change_nothing_but_the_rounding_of_sums(devices, alone):
    found = found_with(devices)
    assert found.pop("devices") == devices
    for name, *_ in CASES:
        for column, values in alone[name].items():
            if column != "by_design":
                np.testing.assert_allclose(found[name][column], values, rtol=1e-9, err_msg=f"{name} {column}")
    for name in LEARNED:
        for leaf, values in alone[name].items():
            np.testing.assert_allclose(found[name][leaf], values, rtol=1e-9, atol=1e-12, err_msg=f"{name} {leaf}")
    by_design = {name for name, *_ in CASES if found[name]["by_design"]}
    assert by_design == {3: {"cmaes", "lbfgs"}, 8: {"random", "lbfgs"}}[devices]


def test_one_device_shares_nothing(alone):
    assert not any(alone[name]["by_design"] for name, *_ in CASES)
