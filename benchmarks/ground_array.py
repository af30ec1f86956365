"""Speed of ground arrays: a round of a search in either rung, and how it grows with showers and units.

Run ``python benchmarks/ground_array.py`` from the repository's root on a quiet machine. Every row is a process of its
own: a search of a few rounds, timed without its first chunk, which compiles. A round is all that a search does: layouts
made to meet the site, fresh showers, the reconstruction, the loss with its gradient by every unit and the errors of
both, the optimiser and the row of the history. Beside the wall's clock stand the seconds of all processors together,
which a loaded machine changes less. Arrays of 1000 units and more stand 25 m apart at first; from 1000 on the units are
single tanks.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

ROWS = (  # rung, goals, units, showers
    ("fisher", "swgo_flux", 128, 4000),
    ("fisher", "swgo_multi", 128, 4000),
    ("full", "swgo_flux", 128, 4000),
    ("fisher", "swgo_flux", 128, 1000),
    ("fisher", "swgo_flux", 128, 16000),
    ("fisher", "swgo_flux", 128, 64000),
    ("full", "swgo_flux", 128, 16000),
    ("fisher", "swgo_flux", 60, 4000),
    ("fisher", "swgo_flux", 1000, 4000),
    ("fisher", "swgo_flux", 3000, 4000),
    ("fisher", "swgo_flux", 6000, 4000),
    ("full", "swgo_flux", 1000, 4000),
    ("full", "swgo_flux", 6000, 1000),
)
SINGLE_TANKS = 1000  # units from which on they are single tanks
ROUNDS, FEW = 6, 3  # of a search, one compiled call each, and where each takes minutes


def main() -> None:
    """Prints one line per row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rung", choices=("fisher", "full"), help="only rows of this rung")
    parser.add_argument("--units", type=int, default=0, help="only rows of so many units")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(worker(*json.loads(arguments.worker))))
        return
    print(f"{'problem':>11}{'rung':>8}{'units':>7}{'showers':>9}{'s/round':>9}{'CPU s':>8}{'peak MB':>9}{'first s':>9}")
    for row in ROWS:
        rung, name, units, showers = row
        if arguments.rung in (None, rung) and arguments.units in (0, units):
            command = [sys.executable, __file__, "--worker", json.dumps(row)]
            found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
            numbers = f"{found['wall']:9.2f}{found['cpu']:8.2f}{found['peak_mb']:9.0f}{found['first']:9.0f}"
            print(f"{name:>11}{rung:>8}{units:7d}{showers:9d}{numbers}", flush=True)


def worker(rung: str, name: str, units: int, showers: int) -> dict[str, float]:
    """Times one search in this process."""
    import jax

    import daedalus
    from daedalus.optimisers import Adam

    many = units >= SINGLE_TANKS
    options = {"rung": rung, "units": units, "tanks": 1 if many else 19, "spacing": 25.0 if many else 60.0}
    problem = daedalus.load(f"ground_array/{name}", **options)
    began, marks = time.perf_counter(), []
    note = lambda progress: marks.append((progress.done, time.perf_counter(), time.process_time()))
    how = {
        "key": jax.random.key(0),
        "rounds": FEW if many and rung == "full" else ROUNDS,
        "events": showers,
        "chunk": 1,
        "watch": [note],
    }
    daedalus.optimise(problem, Adam(step_share=0.002), **how)
    (done, wall, cpu), (last, wall_end, cpu_end) = marks[0], marks[-1]
    return {
        "wall": (wall_end - wall) / (last - done),
        "cpu": (cpu_end - cpu) / (last - done),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "first": wall - began,
    }


if __name__ == "__main__":
    main()
