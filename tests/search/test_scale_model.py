"""The model of a campaign on many nodes: its limits are those of the back of an envelope."""

import importlib.util
import sys
from pathlib import Path

import pytest

PLACE = Path(__file__).resolve().parents[2] / "validation" / "scale.py"


def loaded():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("scale_of_campaigns", PLACE)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


scale = loaded()
RATES = ("events_per_second", "events_per_second_value", "cores_per_node", "network_bytes_per_second", "slow")
CALM = scale.ASSUMED | {"failures_per_node_hour": 0.0, "stragglers": 0.0}
FREE = {name: value if name in RATES else 0.0 for name, value in scale.ASSUMED.items()}  # of all overheads
MILLION = 1e6  # [muons]

PLANS = {
    "team": scale.Campaign("team", 4, 1e9, rounds=100, parts=1024),
    "cluster": scale.Campaign("cluster", 4, 1e9, designs=128, events=MILLION),
    "waves": scale.Campaign("cluster", 4, 1e10, designs=1280, events=MILLION),
    "searches": scale.Campaign("searches", 4, 1e9, rounds=100, parts=1024),
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_without_overheads_only_the_events_take_time(plan):
    rate = FREE["events_per_second_value" if plan.layout == "cluster" else "events_per_second"]
    expected = plan.muons / (rate * plan.nodes * FREE["cores_per_node"])
    model = scale.Model(FREE, plan)
    assert model.paper()[0] == pytest.approx(expected, rel=2e-3)
    assert model.simulated() == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("spread", [0.0, 0.1, 0.3])
def test_paper_and_simulation_agree_where_nothing_fails(plan, spread):
    model = scale.Model(CALM | {"spread": spread}, plan)
    assert model.simulated() == pytest.approx(model.paper()[0], rel=0.05)


@pytest.mark.parametrize("scheduler", [1e-3, 1e-2])
def test_short_tasks_take_what_the_scheduler_takes(scheduler):
    plan = scale.Campaign("cluster", 100, 3200 * 1e3 * 8, designs=3200, events=1e3)
    model = scale.Model(FREE | {"scheduler_seconds_per_task": scheduler}, plan)
    expected = 8 * 3200 * scheduler
    assert model.paper()[0] == pytest.approx(expected, rel=1e-3)
    assert model.simulated() == pytest.approx(expected, rel=1e-3)


def test_short_tasks_take_what_the_leader_takes():
    plan = scale.Campaign("cluster", 100, 3200 * 1e3 * 8, designs=3200, events=1e3)
    model = scale.Model(FREE | {"leader_seconds_per_order": 1e-2}, plan)
    assert model.paper()[0] == pytest.approx(8 * 3200 * 1e-2, rel=1e-3)
    assert model.simulated() == pytest.approx(8 * 3200 * 1e-2, rel=1e-3)


@pytest.mark.parametrize("layout", ["team", "cluster", "searches"])
@pytest.mark.parametrize("constants", [CALM, scale.ASSUMED], ids=["calm", "real"])
def test_efficiency_falls_with_nodes(layout, constants):
    found = []
    for nodes in (2, 20, 200, 2000, 20000):
        plan = scale.Campaign(layout, nodes, ring=False, designs=31 * nodes, events=1e8)
        model = scale.Model(constants, plan)
        found.append(model.ideal / model.paper()[0])
    assert found == sorted(found, reverse=True)
    assert 0 < found[-1] < found[0] < 1


def test_devices_beyond_the_parts_add_nothing():
    few, many = (scale.Model(FREE, scale.Campaign("team", nodes, 1e9, parts=128)) for nodes in (4, 40))
    assert many.paper()[0] == pytest.approx(few.paper()[0], rel=1e-3)


def test_messages_go_round_in_a_ring_and_up_and_down_a_tree():
    hop = FREE | {"interconnect_latency_seconds": 1.0, "gathers_per_evaluation": 1.0}
    ring, tree = (scale.Model(hop, scale.Campaign("team", 32, ring=ring)) for ring in (True, False))
    assert ring.gather == pytest.approx(1023)
    assert tree.gather == pytest.approx(10)


def test_the_last_of_many_is_late_by_the_known_amount():
    one, many = (scale.last(scale.Duration(2.0, 0.1), count)[0] for count in (1, 1000))
    assert one == pytest.approx(2.0, rel=1e-3)
    exponent = 0.1 * 3.2414 - 0.1**2 / 2  # the mean of the largest of 1000 normal numbers; Tippett (1925)
    assert many == pytest.approx(2.0 * 2.718281828**exponent, rel=0.01)
    slow = scale.last(scale.Duration(2.0, 0.0, 0.01, 10.0), 10)[0]
    assert slow == pytest.approx(2.0 + 18.0 * (1 - 0.99**10), rel=5e-3)


def test_a_node_lost_costs_a_team_its_chunk_and_a_new_begin():
    plan = PLANS["team"]
    calm, failing = scale.Model(CALM, plan), scale.Model(CALM | {"failures_per_node_hour": 1.0}, plan)
    extra = failing.paper()[0] / calm.paper()[0] - 1
    assert extra == pytest.approx(4 / 3600 * (failing.down + 2.5 * calm.paper()[0] / 100), rel=0.05)
    assert failing.simulated() == pytest.approx(failing.paper()[0], rel=0.05)
