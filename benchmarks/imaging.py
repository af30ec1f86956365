"""Speed and memory of imaging: a gradient step of x0_imaging, and fine maps of a million muons, float32.

Run ``python benchmarks/imaging.py`` from the repository's root on a quiet machine; ``--platform cuda`` for a graphics
card, whose own memory is then told. Every row is two processes: one compiles, the other takes the compiled program from
a cache and is timed, so that its peak memory is that of the work (and of the libraries); one JAX device. The muons are
generated inside every timed call, and muons that no panel sees count too: of those that cross the cubic metre, some
eight in a hundred leave tracks above and below.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial

ROWS = (
    ("gradient step, shared points", 10_000, 10),
    ("gradient step, shared points", 100_000, 10),
    ("gradient step, likelihood, 8 steps", 100_000, 10),
    ("map, shared points", 1_000_000, 10),
    ("map, shared points", 1_000_000, 50),
    ("map, likelihood, 8 steps", 1_000_000, 50),
)
REPEATS = 3


def main() -> None:
    """Prints one line per row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--platform", default="cpu", help="of JAX")
    parser.add_argument("--work", default="", help="only rows with this in their name")
    parser.add_argument("--block", type=int, default=8192, help="muons in memory at once")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(worker(*json.loads(arguments.worker))))
        return
    heads = f"{'seconds':>9}{'muons/s':>10}{'peak MB':>9}{'accepted':>10}{'compile s':>11}"
    print(f"{'work':<38}{'muons':>9}{'voxels':>9}{heads}")
    for work, muons, cells in (row for row in ROWS if arguments.work in row[0]):
        with tempfile.TemporaryDirectory() as cache:
            first, row = (told(cache, arguments.platform, work, muons, cells, arguments.block) for _ in range(2))
        numbers = f"{row['seconds']:9.3f}{muons / row['seconds']:10.0f}{row['peak_mb']:9.0f}{row['accepted']:10.0f}"
        print(f"{work:<38}{muons:>9}{cells**3:>9}{numbers}{first['compile']:11.1f}", flush=True)


def told(cache: str, platform: str, *row: str | int) -> dict[str, float]:
    """What a worker in a process of its own measures, with compiled programs kept in a folder."""
    kept = {"JAX_COMPILATION_CACHE_DIR": cache, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    environment = {**os.environ, **kept, "JAX_PLATFORMS": platform}
    command = [sys.executable, __file__, "--worker", json.dumps(row)]
    return json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout)


def worker(work: str, muons: int, cells: int, block: int) -> dict[str, float]:
    """Times one kind of work in this process."""
    import jax

    run = jax.jit(job(work, muons, cells, block))
    begin = time.perf_counter()
    jax.block_until_ready(run(jax.random.key(0)))
    compiled = time.perf_counter() - begin
    walls, accepted = [], 0.0
    for number in range(REPEATS):
        begin = time.perf_counter()
        accepted = float(jax.block_until_ready(run(jax.random.key(number)))[0])
        walls.append(time.perf_counter() - begin)
    device = jax.devices()[0].memory_stats() or {}
    process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    peak = device.get("peak_bytes_in_use", process) / 2**20
    return {"seconds": sorted(walls)[REPEATS // 2], "peak_mb": peak, "accepted": accepted, "compile": compiled}


def job(work: str, muons: int, cells: int, block: int):
    """A function of a key that does the work for one volume; it returns the accepted muons and a number made of all."""
    import jax
    import jax.numpy as jnp

    import daedalus
    from daedalus.core import Pipeline
    from daedalus.studies.muon_tomography.imaging import map_passes
    from daedalus.studies.muon_tomography.options import MapOptions

    method = "likelihood" if "likelihood" in work else "shared"
    problem = daedalus.load("muon_tomography/x0_imaging", method=method)
    point = problem.space.point(problem.references["human_2"])
    partition = problem.partition(muons, 1, block=block)
    if work.startswith("gradient"):

        def stepped(key: jax.Array) -> tuple[jax.Array, jax.Array]:
            measure = partial(problem.measure, key=key, partition=partition, softness=jnp.asarray(0.3), gradient=True)
            found = measure(point)
            return found.accepted, jnp.linalg.norm(found.gradient.value.cube)

        return stepped

    import dataclasses

    from daedalus.geometry import Voxels

    side = jnp.linspace(0.0, 1.0, cells + 1)
    fine = Voxels(side, side, 0.4 + side)

    def build(design, truth) -> Pipeline:
        return Pipeline(problem.build(design, truth).stages, map_passes(fine, MapOptions(method=method)))

    finer = dataclasses.replace(problem, build=build, metrics=())

    def mapped(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        summaries, _ = finer.summaries(point, key=key, partition=partition)
        name = "likelihood_map" if method == "likelihood" else "density"
        total = jnp.sum(jnp.stack([jnp.sum(leaf) for leaf in jax.tree.leaves(summaries[name])]))
        return jnp.sum(summaries.accepted), total

    return mapped


if __name__ == "__main__":
    main()
