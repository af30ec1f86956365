"""Which events to select, and how far forward the tracker must reach: a task on events of Pythia 8.

The generator runs in child processes, several at once; one that crashes costs an evaluation, not the search. Run it:
python run.py [rounds]. It needs the package pythia8mc: pip install "daedalus-design[generators]", which compiles for
about an hour where there is no wheel. Untested: written after the interface of Pythia 8.318, but not yet run with it.
"""

import importlib.util
import sys

import jax
import jax.numpy as jnp
from recoil import LUMINOSITY, selection

from daedalus import Design, Metric, Objective, Problem, optimise, parameter
from daedalus.execution import PythonFunction, Workers
from daedalus.optimisers import optimiser
from daedalus.units import GeV

EVENTS, KEY = 2000, jax.random.key(3)


class Selection(Design):
    """The cuts of an analysis, and the coverage of its tracker."""

    recoil_low: jax.Array = parameter(100 * GeV, 124.5 * GeV, "GeV", doc="lower edge of the window in recoil mass")
    recoil_high: jax.Array = parameter(125.5 * GeV, 160 * GeV, "GeV", doc="upper edge; radiation makes a tail there")
    z_window: jax.Array = parameter(1 * GeV, 30 * GeV, "GeV", doc="half width of the window around the mass of the Z")
    coverage: jax.Array = parameter(0.5, 0.98, "1", doc="|cos(theta)| up to which there is a tracker")


def significance(design, answer, truths):
    """Signal over the fluctuation of everything selected."""
    return answer["signal"] / jnp.sqrt(answer["signal"] + answer["background"] + 1e-9)


def task(simulator):
    """The design task: most significant selection."""
    figures = [
        Metric(name, lambda design, answer, truths, name=name: answer[name], doc=f"events in {LUMINOSITY:g}/fb")
        for name in ("signal", "background")
    ]
    start = Selection(110 * GeV, 150 * GeV, 20 * GeV, 0.8)
    best = Objective("significance", significance, sense="maximise")
    return Problem("recoil", start, None, (best,), simulator=simulator, metrics=tuple(figures), events=EVENTS)


def main(rounds=12):
    """Optimises the selection, and measures it on other events."""
    if importlib.util.find_spec("pythia8mc") is None:
        sys.exit('found no package pythia8mc; expected the generator: pip install "daedalus-design[generators]".')
    simulator = PythonFunction(selection, ["signal", "background"], isolated=True, timeout=300)
    problem = task(simulator)
    with Workers(simulator) as workers:
        history = optimise(problem, optimiser("de"), key=KEY, rounds=rounds, evaluator=workers)
    designs = {"start": problem.start, "found": history.design(problem, history.best_row())}
    for name, design in designs.items():
        fresh = problem.evaluate(design, key=jax.random.key(99), events=5 * EVENTS)
        cuts = f"{design.recoil_low:.1f} to {design.recoil_high:.1f} GeV, Z +- {design.z_window:.1f} GeV"
        print(f"{name}: {cuts}, |cos| < {design.coverage:.2f}", end="; ")
        for figure in ("significance", "signal", "background"):
            print(f"{figure} {fresh.values[figure]:.2f} +- {fresh.errors[figure]:.2f}", end="  ")
        print()
    simulator.stop()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
