"""Designs in files: the round trip, and every way such a file can be wrong."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Design, Exchange, parameter
from daedalus.core.space import Space
from daedalus.errors import DesignError, RunError
from daedalus.execution import design_from_table, design_table, read_design, write_design


class Arm(Design):
    symmetries = (Exchange(("z",), "z"),)
    z: object = parameter([0.0, 0.1, 0.2], 2.0, "cm", doc="heights")
    planes: object = parameter(2.0, 8.0, "1", doc="how many", kind="whole")


class Robot(Design):
    left: Arm
    turn: object = parameter(-1.0, 1.0, "mrad", doc="angle")


ROBOT = Robot(Arm(z=[0.1, 0.2, 1.2345678], planes=4.0), turn=0.3)
SPACE = Space.of(ROBOT)


def test_a_table_has_every_parameter_in_its_display_unit():
    table = design_table(SPACE, ROBOT)
    assert table["left.z[2]"] == {"value": pytest.approx(123.45678, rel=1e-12), "unit": "cm"}
    assert table["turn"] == {"value": pytest.approx(300.0), "unit": "mrad"}
    assert list(table) == ["left.z[0]", "left.z[1]", "left.z[2]", "left.planes", "turn"]
    assert design_table(SPACE.freeze("turn"), ROBOT) == table


@pytest.mark.parametrize("double", [True, False])
def test_the_round_trip_is_exact_but_for_the_last_bit_of_doubles(double):
    with jax.enable_x64(double):
        for number in range(20):
            z = np.random.default_rng(number).uniform(0.3, 1.9, 3)
            robot = Robot(Arm(z=jnp.asarray(z), planes=4.0), turn=0.3 * z[0])
            space = Space.of(robot)
            back = design_from_table(space, json.loads(json.dumps(design_table(space, robot))))
            assert space.values(back).dtype == (jnp.float64 if double else jnp.float32)
            np.testing.assert_allclose(space.values(back), space.values(robot), rtol=3e-16 if double else 0.0)
            again = design_from_table(space, design_table(space, back))
            np.testing.assert_array_equal(space.values(again), space.values(back))  # what a file holds stays
        short = Robot(Arm(z=jnp.asarray([0.1, 1.45, 0.35]), planes=4.0), turn=0.0)
        table = design_table(Space.of(short), short)
        assert [table[f"left.z[{k}]"]["value"] for k in range(3)] == [10.0, 145.0, 35.0]


def test_other_units_of_the_kind_and_lists_are_understood():
    table = {"left.z": {"value": [100, 200, 1500], "unit": "mm"}, "turn": {"value": -0.01, "unit": "deg"}}
    found = design_from_table(SPACE, table)
    np.testing.assert_allclose(found.left.z, [0.1, 0.2, 1.5])
    assert float(found.turn) == pytest.approx(-0.01 * np.pi / 180, rel=1e-12)
    assert int(found.left.planes) == 4  # left out: the template's
    assert float(design_from_table(SPACE, {"turn": 12}).turn) == pytest.approx(0.012)  # bare: the sheet's unit


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"left.z[3]": 5}, r"unknown parameter 'left.z\[3\]'. Did you mean left.z"),
        ({"left.x": [1, 2, 3]}, "unknown parameter 'left.x'"),
        ({"turn": {"value": 1, "unit": "cm"}}, "turn is given in 'cm'; expected 'mrad'"),
        ({"turn": {"value": 1, "unit": "mradd"}}, "Unknown unit"),
        ({"turn": {"value": 1, "unit": 3}}, "turn is given in 3"),
        ({"turn": {"value": "far", "unit": "mrad"}}, "turn is 'far'; expected a finite number"),
        ({"turn": float("nan")}, "expected a finite number"),
        ({"turn": True}, "turn is True; expected a finite number"),
        ({"turn": {"unit": "mrad"}}, "turn is None"),
        ({"turn": 1200}, "turn is 1200 mrad; expected -1000 to 1000 mrad"),
        ({"left.z": {"value": [1, 2], "unit": "cm"}}, "left.z has 2 values; expected 3"),
        ({"left.planes": 2.5}, "left.planes is 2.5; expected a whole number"),
    ],
)
def test_a_wrong_table_is_refused_with_the_reason(table, message):
    with pytest.raises(DesignError, match=message):
        design_from_table(SPACE, table)


def test_files_carry_the_problem_and_name_themselves_in_errors(dartboard, tmp_path):
    problem, path = dartboard.problem(), tmp_path / "design.json"
    write_design(path, problem, problem.references["pub"])
    assert json.loads(path.read_text())["problem"] == "dartboard/hang"
    back = read_design(path, problem)
    assert jnp.allclose(problem.space.values(back), problem.space.values(problem.references["pub"]))
    path.write_text('{"radius": {"value": 2, "unit": "GeV"}}')
    with pytest.raises(DesignError, match=r"design\.json: radius is given in 'GeV'"):
        read_design(path, problem)
    path.write_text('{"parameters": 3}')
    with pytest.raises(DesignError, match="'parameters' is 3"):
        read_design(path, problem)
    with pytest.raises(RunError, match="no file"):
        read_design(tmp_path / "absent.json", problem)
