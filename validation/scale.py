"""Where a campaign of 1e12 muons on 1000 nodes is held up: on paper, and by a simulation of discrete events.

Run ``python validation/scale.py`` (``--parts nodes`` for some of it) from the repository's root. Its constants are in
``validation/scale.json``, key "constants"; what is not there is assumed, and marked so. Each part replaces its entry of
the key "results", and the picture in ``docs/images``. Three layouts: a *team* (one search with one design a round,
whose events all cores share), a *cluster* (many designs a round, each a task of one core) and *searches* (one on every
node, independent).
"""

from __future__ import annotations

import argparse
import dataclasses
import heapq
import json
import math
from collections import deque
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.special import log_ndtr, ndtri, pdtr

from daedalus.app.style import styled
from daedalus.drawing.palette import CYCLE

HERE = Path(__file__).resolve().parent
PLACE, IMAGE = HERE / "scale.json", HERE.parent / "docs" / "images" / "scale_model.png"
ASSUMED = {
    "events_per_second": 3.0e5,  # of a core, with gradient [1/s]
    "events_per_second_value": 1.0e6,  # of a core, without [1/s]
    "cores_per_node": 32,
    "overhead_seconds": 0.005,  # of an evaluation, whatever its events [s]
    "scheduler_seconds_per_task": 1e-3,  # of its one thread: half to hand out, half to take back [s]
    "leader_seconds_per_order": 2e-4,  # half to make and submit, half to collect [s]
    "leader_seconds_per_round": 0.05,  # ask and tell [s]
    "journal_seconds_per_record": 0.01,  # until it is on the disk [s]
    "journal_seconds_per_megabyte": 0.01,
    "journal_bytes_per_round": 4096.0,  # a team's or a search's; a cluster's record holds its designs
    "journal_bytes_per_design": 512.0,
    "allgather_latency_seconds": 5e-3,  # per hop, several processes of one machine [s]
    "interconnect_latency_seconds": 2e-4,  # per hop, a network between nodes [s]
    "network_bytes_per_second": 1e9,
    "sums_bytes": 1024.0,  # of a part, in one message
    "gathers_per_evaluation": 2.0,  # sums, and gradients; more for further passes
    "compile_seconds": 8.0,
    "start_seconds": 3.0,
    "failures_per_node_hour": 1 / 500,
    "replace_seconds": 120.0,  # a worker [s]
    "spread": 0.1,  # of the logarithm of durations [1]; independent from task to task
    "stragglers": 1e-3,  # share of tasks [1]
    "slow": 10.0,  # how much longer these take [1]
}
STRAGGLER, SHORTEST, TURN = 4.0, 2.0, 0.5  # as daedalus.execution.cluster has them
GROUPS, CHUNK = 16, 5  # parts of a fixed scenario's events; rounds of a record
EVENTS, NODES = (1e5, 1e6, 3e6, 1e7, 3e7, 1e8, 1e9), (1, 10, 100, 1000, 10000)
SHARED = 128, 1024, 16384, 32000  # parts: 8 fixed scenarios, 64 (or 1024 random ones), 1024, 2000
DESIGNS = (32, 1e7), (1000, 1e7), (10000, 1e7), (31000, 1e6), (31000, 1e7), (32000, 1e7)
PARTS, SEED = ("layouts", "tasks", "nodes"), 2026


@dataclasses.dataclass(frozen=True)
class Campaign:
    """What is computed, by how many, in which layout."""

    layout: str  # team, cluster or searches
    nodes: int = 1000
    muons: float = 1e12
    rounds: float = 1000.0  # of a team, or of each search
    parts: int = GROUPS * 64  # that devices may share: groups x fixed scenarios, or random scenarios
    designs: int = 32000  # of a cluster's round
    events: float = 1e7  # of a cluster's task
    latency: str = "interconnect_latency_seconds"
    ring: bool = True  # messages go round; else along a tree


@dataclasses.dataclass(frozen=True)
class Duration:
    """How long tasks take: lognormal with a mean of its own; some are slow, or end so much later as copies do."""

    mean: float  # [s]
    spread: float = 0.0
    stragglers: float = 0.0
    slow: float = 1.0
    later: float = 0.0  # [s]

    def drawn(self, rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
        """Durations at random [s]."""
        plain = self.mean * np.exp(rng.normal(-(self.spread**2) / 2, self.spread, size))
        return np.where(rng.random(size) < self.stragglers, self.slow * plain + self.later, plain)

    def log_below(self, seconds: np.ndarray) -> np.ndarray:
        """The logarithm of the probability to take less [1]."""
        width = max(self.spread, 1e-4)
        below = lambda x: log_ndtr(np.log(np.maximum(x, 1e-30) / self.mean) / width + width / 2)
        if self.stragglers == 0:
            return below(seconds)
        late = math.log(self.stragglers) + below((seconds - self.later) / self.slow)
        return np.logaddexp(math.log1p(-self.stragglers) + below(seconds), late)


@lru_cache(maxsize=4096)
def last(task: Duration, count: int, pace: float = 0.0) -> tuple[float, float]:
    """Mean and standard deviation of when the last of so many tasks ends [s]; they begin ``pace`` apart.

    mean = integral of 1 - F(t), F(t) = product over tasks of the probability to have ended at t.
    """
    steps = 200 if pace > 0 else 1
    starts = count * pace * (np.arange(steps) + 0.5) / steps
    first, most = task.mean * math.exp(-7 * task.spread) * 0.99, task.mean * math.exp(7 * task.spread) * 1.01
    grid = np.linspace(first, most * task.slow + task.later + count * pace, 3001)
    missing = 1 - np.exp(count / steps * sum(task.log_below(grid - start) for start in starts))
    mean = first + np.trapezoid(missing, grid)
    square = first**2 + 2 * np.trapezoid(grid * missing, grid)
    return float(mean), math.sqrt(max(square - mean**2, 0.0))


def largest_normal(count: int) -> float:
    """The mean of the largest of so many standard normal numbers [1]; Blom (1958)."""
    return float(ndtri((count - 0.375) / (count + 0.25))) if count > 1 else 0.0


def largest_poisson(mean: float, count: int) -> float:
    """The mean of the largest of so many Poisson numbers [1]."""
    return float(np.sum(1 - pdtr(np.arange(int(mean + 20 * math.sqrt(mean) + 40)), mean) ** count))


class Model:
    """A campaign with its constants: what paper and simulation both need."""

    def __init__(self, constants: dict[str, float], plan: Campaign) -> None:
        self.c, self.plan = c, plan = constants, plan
        tasks, node = plan.layout == "cluster", int(c["cores_per_node"])
        self.cores, self.searches = plan.nodes * node, plan.nodes if plan.layout == "searches" else 1
        rate = c["events_per_second_value" if tasks else "events_per_second"]
        self.ideal, self.begin = plan.muons / (rate * self.cores), c["start_seconds"] + c["compile_seconds"]
        self.down = self.begin + c["replace_seconds"]  # after a failure [s]
        self.failures = plan.nodes * c["failures_per_node_hour"] / 3600  # of all nodes [1/s]
        self.share = self.cores // self.searches  # devices that share an evaluation's parts
        self.rounds = plan.muons / (plan.designs * plan.events) if tasks else plan.rounds
        events = plan.muons / plan.rounds / self.searches / plan.parts * -(-plan.parts // self.share)
        self.work = (plan.events if tasks else events) / rate  # of a core, until all have ended [s]
        size = plan.designs * c["journal_bytes_per_design"] if tasks else (CHUNK - 1) * c["journal_bytes_per_round"]
        size += c["journal_bytes_per_round"]
        self.record = c["journal_seconds_per_record"] + c["journal_seconds_per_megabyte"] * size / 1e6
        mean = self.work + (c["overhead_seconds"] if tasks else 0.0)
        slow = c["slow"] if c["stragglers"] > 0 else 1.0
        self.raw = Duration(mean, c["spread"], c["stragglers"], slow)
        late, self.task = max(SHORTEST, STRAGGLER * mean) + TURN / 2, self.raw
        if tasks and late + mean < slow * mean:  # then a second core is faster
            self.task = dataclasses.replace(self.raw, slow=1.0, later=late)
        self.halves = c["scheduler_seconds_per_task"] / 2, c["leader_seconds_per_order"] / 2

    @property
    def gather(self) -> float:
        """What the messages of a team's evaluation take [s]."""
        c, count = self.c, self.share
        if self.plan.layout != "team":
            return 0.0
        hops = count - 1 if self.plan.ring else math.ceil(math.log2(count))
        size = c["sums_bytes"] * count * -(-self.plan.parts // count)  # devices without a part do one once more
        return c["gathers_per_evaluation"] * (hops * c[self.plan.latency] + size / c["network_bytes_per_second"])

    def paper(self) -> tuple[float, dict[str, float]]:
        """How long the campaign takes by formulas, and how long each resource is busy [s]."""
        seconds, busy = self._cluster() if self.plan.layout == "cluster" else self._sharing()
        return seconds, {"start": self.begin, "compute": self.ideal, **busy}

    def _sharing(self) -> tuple[float, dict[str, float]]:
        """Searches whose devices share events: one of all nodes, or one on each."""
        mean, deviation = last(self.task, self.share)
        chunk = CHUNK * (self.c["overhead_seconds"] + mean + self.gather) + self.record
        whole = self.begin + self.rounds * chunk / CHUNK
        whole += largest_normal(self.searches) * deviation * math.sqrt(self.rounds)
        failures = largest_poisson(self.failures / self.searches * whole, self.searches)
        busy = {"idle cores": self.rounds * self.work - self.ideal, "reduction": self.rounds * self.gather}
        busy |= {"overhead": self.rounds * self.c["overhead_seconds"], "journal": self.rounds * self.record / CHUNK}
        return whole + failures * (self.down + chunk / 2), busy  # from the last record on

    def _cluster(self) -> tuple[float, dict[str, float]]:
        """Rounds of tasks: a barrier, a record, ask and tell between them."""
        c, designs, cores = self.c, self.plan.designs, self.cores
        (scheduler, leader), waves = self.halves, -(-designs // cores)
        span = max(self._span(designs, waves) + scheduler + leader, 2 * designs * scheduler, 2 * designs * leader)
        node, left = int(c["cores_per_node"]), designs * c["stragglers"] * (self.task.later > 0)
        again = designs * max(scheduler, leader) + 2 * self.task.mean  # when what begins as others end has ended
        if left > 0 and -(-designs // max(cores - left, 1)) > waves:  # slow ones of the round before hold their cores
            span = max(span, again)
        each = c["leader_seconds_per_round"] + self.record + span
        lost = self.down + self.task.mean if cores <= node else max(again - span, 0.0)  # by the loss of a node
        if cores > node and -(-designs // (cores - node)) > waves:
            lost += self.down / each * max(again - span, 0.0)
        busy = {"idle cores": self.rounds * waves * self.work - self.ideal, "journal": self.rounds * self.record}
        busy |= {"overhead": self.rounds * waves * c["overhead_seconds"]}
        busy |= {"scheduler": self.rounds * designs * 2 * scheduler}
        busy |= {"leader": self.rounds * (designs * 2 * leader + c["leader_seconds_per_round"])}
        return (self.begin + self.rounds * each) * (1 + self.failures * lost), busy

    def _span(self, designs: int, waves: int) -> float:
        """From the first order of a round to the end of its last task, the scheduler being fast enough [s]."""
        task, pace = self.task, max(self.halves)
        if waves == 1:
            return last(task, designs, pace)[0]
        each = task.mean + task.stragglers * (task.mean * (task.slow - 1) + task.later) + 2 * self.halves[0]
        full = waves * each if task.spread == 0 else designs / self.cores * each
        luck = each * task.spread * math.sqrt(waves) * largest_normal(self.cores) + self.cores * pace / 2
        longest = last(task, self.cores)[0] - task.mean
        return self.cores * pace / 2 + full + min(luck, each / 2 + longest)  # ends differ by about a task at most

    def simulated(self) -> float:
        """How long the campaign takes by simulation [s]; some rounds stand for all where these are many."""
        rng = np.random.default_rng(SEED)
        if self.plan.layout == "cluster":
            count = int(np.clip(64_000 // self.plan.designs, 1, 200))
            plain = Floor(self).rounds(count)
            whole = self.begin + self.rounds * plain / count
            if self.failures == 0 or self.plan.designs > 64_000:  # too many to lose a node, too
                return whole
            failed = Floor(self).rounds(count, failure=plain * rng.uniform(0.1, 0.5))
            return whole * (1 + self.failures * max(failed - plain, 0.0))  # what one of them costs, times their number
        count = int(max(8, min(self.rounds, 3e6 // self.cores)))
        found = np.array([self.raw.drawn(rng, (self.searches, self.share)).max(1) for _ in range(count)]).sum(0)
        many = self.rounds / count
        found = found.mean() * many + (found - found.mean()) * math.sqrt(many)
        found += self.rounds * (self.c["overhead_seconds"] + self.gather + self.record / CHUNK) + self.begin
        chunk, mean = found / self.rounds * CHUNK, self.failures / self.searches * found
        lost = lambda: rng.poisson(mean) * (self.down + chunk * rng.random(self.searches))
        return float(np.mean([(found + lost()).max() for _ in range(400)]))


class Floor:
    """The leader, the scheduler and the cores of a cluster, event by event."""

    def __init__(self, model: Model) -> None:
        self.model, self.free, self.total = model, model.cores, model.cores
        self.rng, self.again = np.random.default_rng(SEED).spawn(2)
        self.queue: list[tuple[float, int, str, int]] = []
        self.waiting: deque[int] = deque()
        self.open: dict[int, float] = {}  # tasks, and when they were submitted
        self.runs: dict[int, int] = {}  # what cores do: number of the run, and its task
        self.begun: dict[int, float] = {}  # tasks, and when they were first handed out
        self.copied: set[int] = set()
        self.number, self.scheduler, self.leader, self.doubled, self.idle = 0, 0.0, 0.0, 0, 0.0
        self.planned: list[float] = []  # of each task's first run: the same, whatever else happens [s]

    def rounds(self, count: int, failure: float | None = None) -> float:
        """When so many rounds are over [s]; a node may be lost at some time."""
        now, first, leader = 0.0, 0, self.model.halves[1]
        if failure is not None:
            self._push(failure, "fail")
        if self.model.c["stragglers"] > 0:
            self._push(TURN, "look")
        for _ in range(count):
            now += self.model.c["leader_seconds_per_round"]
            numbers = range(first, first := first + self.model.plan.designs)
            self.planned += self.model.raw.drawn(self.rng, (len(numbers),)).tolist()
            for place, task in enumerate(numbers):
                self.open[task] = now + (place + 1) * leader
                self._push(self.open[task], "order", task)
            self.leader = now + len(numbers) * leader
            while self.open:
                time, _, what, item = heapq.heappop(self.queue)
                getattr(self, f"_{what}")(time, item)
            now = self.leader + self.model.record
        return now

    def _push(self, time: float, what: str, item: int = 0) -> None:
        self.number += 1
        heapq.heappush(self.queue, (time, self.number, what, item))

    def _order(self, time: float, *tasks: int) -> None:
        """Queues tasks, and gives free cores what waits; each time takes the scheduler a while."""
        self.waiting.extend(tasks)
        half = self.model.halves[0]
        while self.free > 0 and self.waiting:
            task = self.waiting.popleft()
            if task in self.open:
                self.scheduler, self.free = max(self.scheduler, time) + half, self.free - 1
                span, self.planned[task] = self.planned[task], -1.0
                span = span if span > 0 else float(self.model.raw.drawn(self.again, ()))
                self._push(self.scheduler + span, "done", self.number + 1)
                self.runs[self.number], self.begun[task] = task, self.begun.get(task, self.scheduler)

    def _done(self, time: float, run: int) -> None:
        if run not in self.runs:
            return  # lost with its node
        self.free, self.scheduler = self.free + 1, max(self.scheduler, time) + self.model.halves[0]
        task = self.runs.pop(run)
        if self.open.pop(task, None) is not None:
            self.leader = max(self.leader, self.scheduler) + self.model.halves[1]
            self.doubled -= task in self.copied
        self._order(time)

    def _look(self, time: float, _: int) -> None:
        """Copies what cores have had for long to cores without an order, as the leader sees them."""
        idle = self.total - len(self.open) - self.doubled
        self.idle = self.idle if idle > 0 else time  # since when
        late = time - max(SHORTEST, STRAGGLER * self.model.raw.mean)  # the mean is near enough to the median
        for task in list(self.open) if idle > 0 and late > self.idle else ():
            if idle > 0 and self.begun.get(task, time) < late and task not in self.copied:
                self.copied.add(task)
                self.doubled, idle = self.doubled + 1, idle - 1
                self._push(time, "order", task)
        self._push(time + TURN, "look")

    def _fail(self, time: float, _: int) -> None:
        size = min(int(self.model.c["cores_per_node"]), self.total)
        lost = self.rng.permutation(list(self.runs))[: round(size * len(self.runs) / self.total)]
        self.free, self.total = self.free - (size - len(lost)), self.total - size
        self._push(time + self.model.down, "back", size)
        self._order(time, *(self.runs.pop(int(run)) for run in lost))

    def _back(self, time: float, size: int) -> None:
        self.free, self.total = self.free + size, self.total + size
        self._order(time)


def constants() -> dict[str, float]:
    """The file's constants, and assumed ones where it has none."""
    return ASSUMED | (json.loads(PLACE.read_text()).get("constants", {}) if PLACE.exists() else {})


def compared(title: str, plan: Campaign) -> dict[str, Any]:
    """Paper and simulation of a campaign, without failures and stragglers ("calm") and with; printed as a line."""
    row, line = {"title": title, **dataclasses.asdict(plan)}, f"{title:36}"
    calm = {"failures_per_node_hour": 0.0, "stragglers": 0.0}
    for name, changes in (("calm", calm), ("real", {})):
        model = Model(constants() | changes, plan)
        (paper, busy), played = model.paper(), model.simulated()
        most = max(busy, key=busy.__getitem__)
        binds = "waiting" if paper > 2 * busy[most] else most  # for each other, if that adds more than what is busiest
        row[name] = {"seconds": paper, "simulated": played, "ratio": paper / played, "binds": binds, "busy": busy}
        row[name] |= {"efficiency": model.ideal / paper, "simulated_efficiency": model.ideal / played}
        line += f" {paper:8.3g} {played:8.3g} {paper / played:5.2f} {model.ideal / paper:6.1%} {binds:10}"
    print(line, flush=True)
    return row


def plans(part: str) -> dict[str, Campaign]:
    """Campaigns by their titles: layouts on a thousand nodes, their tasks by events, all of them by nodes."""
    node = constants()["cores_per_node"]
    tasks = lambda count, each: Campaign(  # three rounds at least, and 3 % of the cores to spare
        "cluster", count, max(1e12, 2.91 * count * node * each), designs=round(0.97 * count * node), events=each
    )
    if part == "tasks":
        return {f"cluster, tasks of {events:.0e}": tasks(1000, events) for events in EVENTS}
    if part == "nodes":
        every = lambda n: (Campaign("team", n, ring=False), tasks(n, 1e8), Campaign("searches", n))
        return {f"{plan.layout}, {plan.nodes} nodes": plan for count in NODES for plan in every(count)}
    found = {f"team, tree, {parts} parts": Campaign("team", parts=parts, ring=False) for parts in SHARED}
    found["team, ring, 32000 parts"] = Campaign("team", parts=32000)
    found["team, ring, slow, 32000 parts"] = Campaign("team", parts=32000, latency="allgather_latency_seconds")
    for designs, events in DESIGNS:
        found[f"cluster, {designs} designs of {events:.0e}"] = Campaign("cluster", designs=designs, events=events)
    return found | {f"searches, {rounds} rounds": Campaign("searches", rounds=rounds) for rounds in (100, 1000, 10000)}


def figure(results: dict[str, list[dict[str, Any]]]) -> Figure:
    """Efficiency against nodes and against events per task: paper as lines, simulation as points."""
    picture, c, order = Figure(figsize=(10, 4.8), layout="constrained"), constants(), ("team", "cluster", "searches")
    left, right = picture.subplots(1, 2, sharey=True)
    curves = [(left, "nodes", each) for each in order] + [(right, "tasks", "cluster")]
    for axes, part, layout in curves:
        rows = [row for row in results[part] if row["layout"] == layout]
        colour, x = CYCLE[order.index(layout)], [row["nodes" if part == "nodes" else "events"] for row in rows]
        for name, dashes, marker, fill in (("calm", "-", "o", colour), ("real", "--", "s", "white")):
            label = layout + (", failures and stragglers" if name == "real" else "")
            axes.plot(x, [row[name]["efficiency"] for row in rows], dashes, color=colour, label=label)
            axes.plot(x, [row[name]["simulated_efficiency"] for row in rows], marker, color=colour, ms=5, mfc=fill)
    least = 1000 * c["events_per_second_value"] * c["cores_per_node"] * c["scheduler_seconds_per_task"]
    right.axvline(least, color=CYCLE[-1], lw=1, ls=":")
    right.annotate("to the left the scheduler\nis slower than the events", (0.9 * least, 0.9), ha="right", fontsize=9)
    left.set(xscale="log", xlabel="nodes", ylabel="efficiency", title="lines: paper, points: simulation", ylim=(0, 1))
    right.set(xscale="log", xlabel="events per task", title="a cluster of 1000 nodes")
    right.yaxis.set_tick_params(labelleft=True)
    picture.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return picture


def main() -> None:
    """Computes the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parts, known = parser.parse_args().parts, json.loads(PLACE.read_text()) if PLACE.exists() else {}
    measured, results = known.setdefault("constants", {}), known.setdefault("results", {})
    results["constants"] = {}
    for name, value in constants().items():
        results["constants"][name] = {"value": value, "origin": "measured" if name in measured else "assumed"}
        print(f"{name:34} {value:10.4g} {results['constants'][name]['origin']}")
    print(" " * 37 + "   paper simul. ratio effic. binds     " * 2 + " (calm; with failures and stragglers; [s])")
    for part in parts:
        results[part] = [compared(title, plan) for title, plan in plans(part).items()]
    PLACE.write_text(json.dumps(known, indent=1) + "\n")
    if {"tasks", "nodes"} <= results.keys():
        with styled():
            figure(results).savefig(IMAGE, dpi=120)


if __name__ == "__main__":
    main()
