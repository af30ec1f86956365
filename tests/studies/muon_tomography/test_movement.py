"""Block detection with a moved lower stack: options, and a problem that keeps its promises with the movement in it."""

import jax
import numpy as np
import pytest

import daedalus
from daedalus.errors import ProblemError
from daedalus.reconstruction.rigid_movement import MOVEMENTS
from daedalus.studies.muon_tomography.blocks.movement import widths
from daedalus.studies.muon_tomography.options import MovementOptions
from daedalus.testing import conformance
from daedalus.units import mm, mrad

NAME = "muon_tomography/block_detection"


def test_options():
    with pytest.raises(ProblemError, match=r"stack_shift is -0.5, expected 0 or more; stack_turn is -1"):
        daedalus.load(NAME, movement="profiled", stack_shift=-0.5, stack_turn=-1.0)
    with pytest.raises(ProblemError, match="goal is 'cross_entropy'; expected goal=time, or movement=none"):
        daedalus.load(NAME, movement="profiled", goal="cross_entropy")
    found = widths(MovementOptions("profiled", 3 * mm, 2 * mrad))
    assert dict(zip(MOVEMENTS, found, strict=True)) == {
        "dx": 3e-3, "dy": 3e-3, "dz": 3e-3, "rx": 2e-3, "ry": 2e-3, "rz": 2e-3,
    }  # fmt: skip


def test_what_is_on_is_told():
    told = "\n".join(daedalus.load(NAME, movement="left_out", stack_shift=0.5 * mm).physics)
    assert "known to 0.5 mm along and 1 mrad about each axis, left out of the fit" in told
    still = daedalus.load(NAME)
    assert "stack" not in "\n".join(still.physics)
    assert not {"bias_profiled", "aligned_shift"} & {metric.name for metric in still.metrics}


@pytest.mark.slow  # compiles whole scans
def test_a_profiled_movement_costs_little_and_one_left_out_much():
    problem = daedalus.load(NAME, movement="left_out", start="human_2")
    found = problem.evaluate(problem.start, key=jax.random.key(1), events=2000, scenarios=6)
    value = {name: float(each) for name, each in found.values.items()}
    assert value["time_to_find"] == pytest.approx(value["time_left_out"], rel=1e-6)
    assert value["time_profiled"] < 0.5 * value["time_left_out"]
    assert value["bias_profiled"] < 0.1 * value["bias_left_out"]
    assert value["bias_profiled"] < 0.1 * value["strength_error"]
    aligned = np.array([value[name] for name in ("aligned_shift", "aligned_height", "aligned_tilt", "aligned_turn")])
    assert np.all((aligned > 0) & (aligned < 1e-3))  # better than 1 mm and 1 mrad beforehand


@pytest.mark.slow
@pytest.mark.parametrize("movement", ["profiled", "left_out"])
def test_the_problem_keeps_its_promises(movement):
    verdicts = conformance(daedalus.load(NAME, movement=movement))
    assert all(verdict.ok for verdict in verdicts), [verdict for verdict in verdicts if not verdict.ok]
