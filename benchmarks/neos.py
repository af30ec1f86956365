"""Speed of neos: a training step of the demonstration's set-up, 4 bins and 2000 points of each blob, loss CLs.

Run ``python benchmarks/neos.py`` from the repository's root on a quiet machine. Every row is a process of its own: a
search of 60 steps, timed without its first chunk, which compiles. A step is all that a search does: fresh points, the
network, soft bins, the likelihood's fit, the gradient, errors of both, the optimiser and the row of the history. Beside
the wall's clock stand the seconds of all processors together, which a loaded machine changes less.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

ROWS = (  # width, precision of the network, precision of everything else
    (64, "single", "single"),
    (64, "single", "double"),
    (64, "double", "double"),
    (1024, "single", "single"),
    (1024, "single", "double"),
    (1024, "double", "double"),
)
ROUNDS, CHUNK, POINTS = 60, 10, 8000  # steps, steps per compiled call, points of all four blobs


def main() -> None:
    """Prints one line per row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=0, help="only rows of this width")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(worker(*json.loads(arguments.worker))))
        return
    print(f"{'width':>6}{'network':>9}{'rest':>8}{'ms/step':>10}{'CPU ms':>9}{'peak MB':>9}{'first s':>9}{'bad':>5}")
    for row in (row for row in ROWS if arguments.width in (0, row[0])):
        command = [sys.executable, __file__, "--worker", json.dumps(row)]
        found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
        numbers = f"{1e3 * found['wall']:10.2f}{1e3 * found['cpu']:9.2f}{found['peak_mb']:9.0f}{found['first']:9.1f}"
        print(f"{row[0]:>6}{row[1]:>9}{row[2]:>8}{numbers}{found['bad']:5d}", flush=True)


def worker(width: int, network: str, rest: str) -> dict[str, float]:
    """Times one search in this process."""
    import jax

    jax.config.update("jax_enable_x64", rest == "double")

    import daedalus
    from daedalus.optimisers import Adam

    problem = daedalus.load("binned_analysis/neos_blobs", width=width, single=network == "single")
    began, marks = time.perf_counter(), []
    note = lambda progress: marks.append((progress.done, time.perf_counter(), time.process_time()))
    how = {"key": jax.random.key(0), "rounds": ROUNDS, "events": POINTS, "chunk": CHUNK, "watch": [note]}
    history = daedalus.optimise(problem, Adam(learned_rate=1e-3), **how)
    (done, wall, cpu), (last, wall_end, cpu_end) = marks[0], marks[-1]
    return {
        "wall": (wall_end - wall) / (last - done),
        "cpu": (cpu_end - cpu) / (last - done),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "first": wall - began,
        "bad": int((history["status"] != "ok").sum()),
    }


if __name__ == "__main__":
    main()
