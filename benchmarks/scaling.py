"""How evaluations scale: cores, virtual devices, processes, workers of a cluster; and the constants of the scale model.

Run ``python benchmarks/scaling.py`` from the repository's root on a quiet machine; it takes some minutes. Every row is
a process of its own (or a cluster), all on the same work: value and gradient of the ladle's loss, float32. The results
are compared with one another. ``--write`` puts what was measured into validation/scale.json.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

PLACE = Path(__file__).parents[1] / "validation" / "scale.json"
LADLE = {"events": 10_000, "scenarios": 16}
REPEATS = 5
POPULATION, ROUNDS, WARM = 16, 14, 4  # of the search on a cluster; the first rounds compile and are not timed
KILL_EVERY = 8.0  # [s]


def main() -> None:
    """Prints all tables, and writes them where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true", help="into validation/scale.json")
    parser.add_argument("--only", nargs="*", default=("devices", "team", "cluster", "constants"))
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(worker(**json.loads(arguments.worker))))
        return
    found = {name: TABLES[name]() for name in arguments.only}
    if arguments.write:
        known = json.loads(PLACE.read_text()) if PLACE.exists() else {}
        known.setdefault("constants", {}).update(found.pop("constants", {}))
        known.setdefault("measured", {}).update(found)
        PLACE.write_text(json.dumps(known, indent=1) + "\n")


def worker(
    *, devices: int, cores: int = 0, place: list[Any] | None = None, gradient: bool = True, small: bool = False
) -> dict[str, Any]:
    """What this process measures: events per second of an evaluation, and its result."""
    if cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    os.environ["JAX_NUM_CPU_DEVICES"] = str(devices)
    import jax

    from daedalus.app.device import prepare

    began = time.perf_counter()
    prepare()
    if place is not None:
        jax.distributed.initialize(*place)
    from daedalus.catalogue import load
    from daedalus.core.sharing import everywhere

    problem = load("muon_tomography/ladle_fill_level")
    sizes = {"events": 10, "scenarios": 16} if small else LADLE
    partition = problem.partition(sizes["events"], sizes["scenarios"])
    run = jax.jit(
        lambda point, key: problem.measure(point, key=key, partition=partition, softness=1.0, gradient=gradient)
    )
    given = lambda number: everywhere((problem.space.point(problem.start), jax.random.key(number)), partition.mesh)
    started = time.perf_counter() - began
    found = jax.block_until_ready(run(*given(0)))
    compiled = time.perf_counter() - began - started
    seconds = []
    for number in range(REPEATS):
        now = time.perf_counter()
        jax.block_until_ready(run(*given(number)))
        seconds.append(time.perf_counter() - now)
    slope = np.asarray(found.gradient.value.cube).tolist() if gradient else []
    events = sizes["events"] * sizes["scenarios"]
    best = min(seconds)
    return {"rate": events / best, "seconds": best, "loss": float(found.loss), "slope": slope, "compile": compiled}


def in_process(wait: bool = True, **how: Any) -> Any:
    """What a process of its own measures, or the process."""
    call = [sys.executable, __file__, "--worker", json.dumps(how)]
    process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return json.loads(process.communicate()[0].splitlines()[-1]) if wait else process


def devices() -> list[dict[str, Any]]:
    """Events per second on one and two cores, and with several virtual devices."""
    rows, first = [], None
    print(f"{'cores':>6}{'devices':>9}{'events/s':>12}{'ratio':>8}   largest difference of loss and gradient")
    for cores, count in ((1, 1), (2, 1), (2, 2), (2, 4), (2, 8)):
        found = in_process(devices=count, cores=cores)
        first = first or found
        rows.append({"cores": cores, "devices": count, "rate": found["rate"], "difference": apart(found, first)})
        ratio = found["rate"] / first["rate"]
        print(f"{cores:6}{count:9}{found['rate']:12.0f}{ratio:8.2f}   {rows[-1]['difference']:.1e}", flush=True)
    return rows


def team() -> list[dict[str, Any]]:
    """Events per second of one, two and four processes that share them."""
    rows, first = [], None
    print(f"{'processes':>10}{'events/s':>12}{'ratio':>8}   largest difference of loss and gradient")
    for count in (1, 2, 4):
        found = together(count)
        first = first or found
        rows.append({"processes": count, "rate": found["rate"], "difference": apart(found, first)})
        ratio = found["rate"] / first["rate"]
        print(f"{count:10}{found['rate']:12.0f}{ratio:8.2f}   {rows[-1]['difference']:.1e}", flush=True)
    return rows


def together(count: int, **how: Any) -> dict[str, Any]:
    """What the first of several processes measures."""
    if count == 1:
        return in_process(devices=1, **how)
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{door.getsockname()[1]}"
    others = [in_process(False, devices=1, place=[address, count, n], **how) for n in range(1, count)]
    try:
        return in_process(devices=1, place=[address, count, 0], **how)
    finally:
        for other in others:
            other.wait()


def cluster() -> list[dict[str, Any]]:
    """Designs per second of one, two and four workers, in peace and where one is killed every few seconds."""
    rows, first = [], None
    print(f"{'workers':>8}{'killed':>8}{'designs/s':>11}{'ratio':>8}{'efficiency':>12}   rows once, equal")
    for workers, kills in ((1, False), (2, False), (4, False), (2, True), (4, True)):
        row, history = campaign(workers, kills=kills)
        first = first or (row, history)
        row["equal"] = bool(np.allclose(history["loss"], first[1]["loss"], rtol=1e-5))
        row["once"] = history["row"].tolist() == list(range(POPULATION * ROUNDS))
        rows.append(row)
        ratio = row["rate"] / first[0]["rate"]
        told = f"{row['once']} {row['equal']}"
        print(
            f"{workers:8}{row['killed']:8}{row['rate']:11.2f}{ratio:8.2f}{row['efficiency']:12.2f}   {told}", flush=True
        )
    return rows


def campaign(workers: int, *, kills: bool) -> tuple[dict[str, Any], Any]:
    """A search whose designs are evaluated by workers, recorded."""
    from daedalus.app.device import prepare
    from daedalus.catalogue import load
    from daedalus.execution import Cluster, RunFolder, cluster_of, recorded_search
    from daedalus.optimisers import optimiser

    prepare()
    problem, times, done = load("muon_tomography/ladle_fill_level"), [], threading.Event()
    with cluster_of("local", workers=workers) as connect, Cluster(connect) as crew, tempfile.TemporaryDirectory() as at:
        killer = threading.Thread(target=kill, args=(done,), daemon=True)

        def watch(progress: Any) -> None:
            times.append(time.perf_counter())
            if kills and progress.done == WARM:
                killer.start()

        method = optimiser("cmaes", batch=POPULATION)
        folder = RunFolder.create(Path(at) / "run")
        how = {"seed": 1, "rounds": ROUNDS, "events": 4000, "scenarios": 48, "watch": (watch,), "evaluator": crew}
        history = recorded_search(folder, problem, method, **how)
        done.set()
        killed = crew.account.lost_workers
        rate = POPULATION * (ROUNDS - WARM) / (times[-1] - times[WARM - 1])
        account = crew.account.table()
    return {"workers": workers, "killed": killed, "rate": rate, "efficiency": account["efficiency"]} | account, history


def kill(done: threading.Event) -> None:
    """Kills a worker every few seconds."""
    generator = np.random.default_rng(1)
    while not done.wait(KILL_EVERY):
        every = children()
        if every:
            os.kill(every[int(generator.integers(len(every)))], signal.SIGKILL)


def children() -> list[int]:
    """The processes of this one's workers, as Linux tells."""
    own, found = os.getpid(), []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            words = (place / "cmdline").read_bytes()
        except (OSError, ValueError):
            continue
        if parent == own and b"spawn_main" in words:
            found.append(int(place.name))
    return found


def constants() -> dict[str, float]:
    """The constants of the scale model, as far as this machine tells."""
    value = in_process(devices=1, cores=1, gradient=False)
    both = in_process(devices=1, cores=1)
    tiny, pair = in_process(devices=1, small=True), together(2, small=True)
    found = {
        "events_per_second": both["rate"],
        "events_per_second_value": value["rate"],
        "overhead_seconds": tiny["seconds"],
        "allgather_latency_seconds": max(0.0, pair["seconds"] - tiny["seconds"]) / 2,  # two messages, one hop
        "compile_seconds": both["compile"],
        **journal_constants(),
        **cluster_constants(),
    }
    for name, number in found.items():
        print(f"{name:36}{number:.4g}", flush=True)
    return found


def journal_constants() -> dict[str, float]:
    """Seconds per record and per megabyte of a journal on this disk."""
    from daedalus.execution.journal import Journal, Record

    def seconds(numbers: int, count: int = 30) -> float:
        with tempfile.TemporaryDirectory() as at, Journal(Path(at) / "journal") as journal:
            record = Record("rounds", {"done": 1}, {"row": np.random.default_rng(0).random(numbers)})
            began = time.perf_counter()
            for _ in range(count):
                journal.append(record)
            return (time.perf_counter() - began) / count

    small, large = seconds(10), seconds(2**20)
    return {"journal_seconds_per_record": small, "journal_seconds_per_megabyte": (large - small) / 8.39}


def cluster_constants(tasks: int = 3000) -> dict[str, float]:
    """Processor seconds of leader and scheduler per task that does nothing, and of a worker's start."""
    import psutil

    from daedalus.execution import Cluster, cluster_of

    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = str(door.getsockname()[1])
    scheduler = parted("distributed.cli.dask_scheduler", "--port", port, "--host", "127.0.0.1", "--no-dashboard")
    address = f"tcp://127.0.0.1:{port}"
    began = time.perf_counter()
    worker = parted("distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
    try:
        with cluster_of(address) as connect, Cluster(connect) as crew:
            crew.results(_itself, range(100))
            started = time.perf_counter() - began
            used = lambda: sum(psutil.Process(scheduler.pid).cpu_times()[:2])
            before, own, wall = used(), time.process_time(), time.perf_counter()
            crew.results(_itself, range(tasks))
            wall, own, spent = time.perf_counter() - wall, time.process_time() - own, used() - before
    finally:
        for part in (worker, scheduler):
            part.kill()
            part.wait()
    found = {"start_seconds": started, "scheduler_seconds_per_task": spent / tasks}
    return found | {"leader_seconds_per_order": own / tasks, "wall_seconds_per_empty_task": wall / tasks}


def parted(*words: str) -> subprocess.Popen[bytes]:
    """A part of a cluster as a process of its own."""
    command = [sys.executable, "-m", *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _itself(number: int) -> int:
    return number


def apart(found: dict[str, Any], first: dict[str, Any]) -> float:
    """The largest relative difference of loss and gradient of two results."""
    scale = max(abs(x) for x in first["slope"])
    slopes = max(abs(a - b) for a, b in zip(found["slope"], first["slope"], strict=True)) / scale
    return max(abs(found["loss"] / first["loss"] - 1), slopes)


TABLES = {"devices": devices, "team": team, "cluster": cluster, "constants": constants}

if __name__ == "__main__":
    main()
