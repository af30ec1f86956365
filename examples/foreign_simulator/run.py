"""A simulator in C++ that knows nothing of Daedalus, optimised with its own derivatives and without them.

Two quadrupole magnets shall focus a beam onto a screen. `quadrupoles.cpp` tracks the particles, and can say how the
size of the spot changes with the strengths and places of the magnets. Run it: python run.py [rounds]. It needs a C++
compiler.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import jax

from daedalus import Design, Metric, Objective, Problem, optimise, parameter
from daedalus.core import Request
from daedalus.execution import Executable, Workers
from daedalus.optimisers import Adam, optimiser
from daedalus.units import m, mm

SOURCE = Path(__file__).with_name("quadrupoles.cpp")
EVENTS, KEY = 2000, jax.random.key(1)
STEP = 1e-4  # of the difference quotients


class Doublet(Design):
    """Two lenses of opposite polarity on the way to a screen."""

    k1: jax.Array = parameter(0.2 / m**2, 6 / m**2, "1/m2", doc="strength of the first lens, which focuses x")
    k2: jax.Array = parameter(0.2 / m**2, 6 / m**2, "1/m2", doc="strength of the second lens, which focuses y")
    drift_1: jax.Array = parameter(0.2 * m, 3 * m, "m", doc="from the source to the first lens")
    drift_2: jax.Array = parameter(0.1 * m, 2 * m, "m", doc="between the lenses: their coils need 10 cm")


def program(folder):
    """The compiled simulator."""
    compiler = os.environ.get("CXX") or shutil.which("c++")
    if compiler is None:
        sys.exit("found no C++ compiler; expected one called c++, or its name in the variable CXX.")
    subprocess.run([compiler, "-O2", "-std=c++17", "-o", folder / "quadrupoles", SOURCE], check=True)
    return Executable([str(folder / "quadrupoles")], ["spot", "lost"], differentiable=True, timeout=60)


def task(simulator):
    """The design task: its figures read the simulator's answer, which is in metres."""
    spot = Objective("spot", lambda design, answer, truths: answer["spot"], "mm", scale=1 * mm)
    lost = Metric("lost", lambda design, answer, truths: answer["lost"], "percent", doc="outside the lenses' bore")
    return Problem("doublet", Doublet(2.0, 2.0, 1.0, 0.6), None, (spot,), simulator=simulator, metrics=(lost,))


def compare(simulator, design):
    """Prints the program's derivatives beside difference quotients with the same random numbers."""
    print(f"{'derivative of spot by':22s} {'dual numbers':>14s} {'differences':>14s}")
    place = {name: float(getattr(design, name)) for name in ("k1", "k2", "drift_1", "drift_2")}
    slopes = simulator(Request(0, place, EVENTS, 1, gradient=True)).derivatives["spot"]
    for name in place:
        moved = [Request(0, {**place, name: place[name] + step}, EVENTS, 1) for step in (-STEP, STEP)]
        low, high = (simulator(request).values["spot"] for request in moved)
        quotient = (high - low) / (2 * STEP)
        assert abs(quotient - slopes[name]) < 1e-6 * abs(quotient) + 1e-9, (name, quotient, slopes[name])
        print(f"{name:22s} {slopes[name]:14.8f} {quotient:14.8f}")


def main(rounds=40):
    """Compiles, tests the derivatives, optimises with and without them."""
    with tempfile.TemporaryDirectory() as name:
        simulator = program(Path(name))
        problem = task(simulator)
        compare(simulator, problem.start)
        print(f"\n{'method':12s} {'runs':>5s} {'spot [mm]':>15s} {'lost':>7s}   design")
        searches = {"adam": Adam(step_share=0.05), "cmaes": optimiser("cmaes")}
        designs = {"start": (problem.start, 0)}
        for method, chosen in searches.items():
            with Workers(simulator) as workers:
                found = optimise(problem, chosen, key=KEY, rounds=rounds, events=EVENTS, evaluator=workers)
            designs[method] = found.design(problem, found.best_row()), len(found)
        for method, (design, runs) in designs.items():
            fresh = problem.evaluate(design, key=jax.random.key(99), events=20 * EVENTS)  # other random numbers
            spot, error, lost = fresh.values["spot"] / mm, fresh.errors["spot"] / mm, fresh.values["lost"]
            what = ", ".join(f"{n} {float(getattr(design, n)):.2f}" for n in ("k1", "k2", "drift_1", "drift_2"))
            print(f"{method:12s} {runs:5d} {spot:7.2f} +- {error:.2f} {lost:7.1%}   {what}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
