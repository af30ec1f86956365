"""Speed and memory of the ladle chain: generation, forward and a full gradient step, 1e3 to 1e6 muons, float32.

Run ``python benchmarks/muon_tomography.py`` from the repository's root on a quiet machine. Every row is a process of
its own, so that its peak memory is its own; each of the machine's cores is a JAX device, and they share the ladles.
The muons are generated inside every timed call. The summaries are compared with those of a float64 process.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import resource
import subprocess
import sys
import time
from functools import partial

WORKS = ("generation", "forward", "gradient")
SIZES = (1_000, 10_000, 100_000, 1_000_000)
REPEATS = 5
# of float32 against float64, relative: some muons fall to the other side of an edge
TOLERANCES = {"forward": 1e-3, "gradient": 2e-2}


def main() -> None:
    """Prints what is run, one line per work and size, and the check against float64."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--devices", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--block", type=int, default=8192, help="muons in memory at once")
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(worker(**json.loads(arguments.worker))))
        return
    print(json.dumps(described(arguments.block), indent=1))
    print(f"{'work':<12}{'muons':>10}{'muons/s':>12}{'per CPU-s':>12}{'peak MB':>10}{'compile s':>11}")
    for work in WORKS:
        for muons in arguments.sizes:
            row = in_process(work=work, muons=muons, devices=arguments.devices, block=arguments.block)
            rates = f"{row['rate']:12.0f}{row['cpu_rate']:12.0f}{row['peak_mb']:10.0f}{row['compile']:11.1f}"
            print(f"{work:<12}{muons:>10}{rates}", flush=True)
    verdicts = [agrees(work, tolerance) for work, tolerance in TOLERANCES.items()]
    if not all(verdicts):
        sys.exit("float32 and float64 disagree: the rates above are those of wrong numbers")


def agrees(work: str, tolerance: float) -> bool:
    """Whether the summaries of float32 and float64 processes agree to a relative tolerance; prints both."""
    single, double = (in_process(work=work, muons=100_000, devices=1, block=8192, x64=x) for x in (False, True))
    worst = 0.0
    for name, value in single["summary"].items():
        reference = double["summary"][name]
        worst = max(worst, abs(value / reference - 1))
        print(f"{work} {name}: float32 {value:.6g}, float64 {reference:.6g}, ratio - 1 = {value / reference - 1:.1e}")
    return worst < tolerance


def in_process(**work) -> dict:
    """The result of a worker process."""
    environment = {**os.environ, "JAX_ENABLE_X64": "1" if work.pop("x64", False) else "0", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, __file__, "--worker", json.dumps(work)]
    return json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def worker(work: str, muons: int, devices: int, block: int) -> dict:
    """Times one kind of work in this process."""
    import jax

    scans = max(1, muons // 1000)
    jax.config.update("jax_num_cpu_devices", devices)
    run = jax.jit(job(work, scans, muons if scans == 1 else 1000, block))
    begin = time.perf_counter()
    jax.block_until_ready(run(jax.random.key(0)))
    compile_seconds = time.perf_counter() - begin
    walls, cpus, result = [], [], {}
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), time.process_time()
        result = jax.block_until_ready(run(jax.random.key(1)))
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    done = scans * (muons if scans == 1 else 1000)
    return {
        "rate": done / sorted(walls)[REPEATS // 2],
        "cpu_rate": done / sorted(cpus)[REPEATS // 2],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "compile": compile_seconds,
        "summary": {name: float(value) for name, value in result.items()},
    }


def job(work: str, scans: int, muons: int, block: int):
    """A function of a key that does the work for so many scans and returns a few summaries."""
    import jax
    import jax.numpy as jnp

    from daedalus.core import Pipeline
    from daedalus.events import Events, Particles, Scatterings
    from daedalus.studies.muon_tomography.ladle.problem import ladle_fill_level

    problem = ladle_fill_level(muons="published", estimator="poca", sampled_edges=False)
    point = problem.space.point(problem.references["human_2"])
    partition = problem.partition(muons, scans, block=block)

    def reconstructed(events: Events, earlier: dict) -> jax.Array:
        found, weight = events[Scatterings], events.effective_weight
        columns = (found.z, found.sigma_z, found.sigma_x, found.sigma_y, found.angle, found.x, found.y)
        near = (jnp.abs(found.z) < 10.0) & (found.sigma_z < 1.0)
        return jnp.stack(
            [jnp.sum(jnp.where(near, weight, 0.0)), *(jnp.sum(jnp.where(near, weight * c, 0.0)) for c in columns)]
        )

    def generated(events: Events, earlier: dict) -> jax.Array:
        p = events[Particles]
        return jnp.stack([jnp.sum(jnp.ones_like(p.x)), jnp.sum(p.x), jnp.sum(p.y), jnp.sum(p.uz), jnp.sum(p.momentum)])

    def build(design, truth) -> Pipeline:
        if work == "generation":
            return Pipeline((), {"sums": generated})
        return Pipeline(problem.build(design, truth).stages, {"sums": reconstructed})

    shorter = dataclasses.replace(problem, build=build, metrics=())

    def summed(key: jax.Array) -> dict[str, jax.Array]:

        summaries, _ = shorter.summaries(point, key=key, partition=partition)
        sums = jnp.sum(summaries["sums"], 0)
        return {f"mean_{number}": value / sums[0] for number, value in enumerate(sums[1:5])}

    def stepped(key: jax.Array) -> dict[str, jax.Array]:
        measure = partial(problem.measure, key=key, partition=partition, softness=jnp.asarray(0.3), gradient=True)
        evaluation = measure(point)
        return {"loss": evaluation.loss, "gradient": jnp.linalg.norm(evaluation.gradient.value.cube)}

    return stepped if work == "gradient" else summed


def described(block: int) -> dict:
    """What is run: physics, materials, mean voxel crossings, options."""
    import jax
    import jax.numpy as jnp

    from daedalus.events import Particles, blank_events
    from daedalus.geometry import crossing, walk
    from daedalus.studies.muon_tomography.ladle.problem import ladle_fill_level
    from daedalus.studies.muon_tomography.ladle.scenario import FILLINGS, ladle_volume

    problem = ladle_fill_level(muons="published")
    muons = problem.source(blank_events(jnp.arange(10_000, dtype=jnp.uint32)), key=jax.random.key(0))[Particles]
    voxels = ladle_volume(jnp.asarray(0.93)).voxels
    position, direction = (muons.x, muons.y, muons.z), (muons.ux, muons.uy, muons.uz)
    enter, leave = crossing(voxels.box, position, direction)
    start = tuple(p + enter * u for p, u in zip(position, direction, strict=True))
    count = lambda total, voxel, near, far: total + (far > near)
    crossings = walk(voxels, start, direction, step=count, initial=jnp.zeros(10_000, int), length=leave - enter)
    return {
        "physics": problem.physics,
        "materials": FILLINGS,
        "voxels": voxels.shape,
        "mean voxel crossings per muon": float(jnp.mean(crossings)),
        "edges": "forward hard, gradient relaxed (weighted, pathwise)",
        "loss": "expected error of the level from points of closest approach, three passes",
        "muons per ladle": 1000,
        "block": block,
    }


if __name__ == "__main__":
    main()
