"""Samplers on landscapes: effective samples per second and R-hat of MALA and NUTS, on the loss and on a fit to it.

Run ``python benchmarks/landscapes.py`` from the repository's root on a quiet machine. Two landscapes: a formula of 20
parameters, a valley that bends in every second of them, and the ladle's fill level on relaxed panels with the events of
one key, whose gradient takes a minute or more to compile. Every row is a process of its own. A call is made twice with
equal shapes and the second one is timed, so that compilation is not counted; effective samples are those of the
parameter that has fewest, warm-up is paid for, and so are the gradients that a fit is made of: 2048 of the ladle, on
panels as sharp as at the end of a search. Beside the wall's clock stand the seconds of all processors together.
``--scale 0.02`` shortens all chains, to see that it works.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

ROWS = (("formula", "MALA"), ("formula", "NUTS"), ("ladle", "fitted"), ("ladle", "MALA"), ("ladle", "NUTS"))
SIZE = 20  # parameters of the formula
ALLOWANCE, SHARE = 10.0, 0.1  # what the chains explore: of the formula [loss], of the ladle [its start's loss]
EVENTS, SOFTNESS = 500, 1.0  # of the ladle: per scenario, of the panels
CHAINS, MALA_STEPS, NUTS_STEPS = 4, (1000, 4000), (300, 1000)  # warm-up and draws
LADLE_SHARE = {"MALA": 0.5, "NUTS": 0.1}  # of the formula's steps
PLACES, SHARP, FITTED_SHARE = 2048, 0.08, 0.05  # of a fit: gradients, softness, what may be lost of the start's loss


def main() -> None:
    """Prints one line per landscape and method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="factor on all steps")
    parser.add_argument("--events", type=int, default=EVENTS, help="muons per ladle")
    parser.add_argument("--landscape", choices=("formula", "ladle"), help="only this one")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(worker(*json.loads(arguments.worker))))
        return
    print(
        f"{'landscape':<11}{'method':<8}{'draws':>7}{'ESS':>8}{'ESS/s':>10}{'ESS/CPU-s':>11}{'R-hat':>8}{'accept':>8}"
        f"{'diverg.':>9}{'evaluations':>13}{'ESS/1000':>10}"
    )
    for landscape, method in (row for row in ROWS if arguments.landscape in (None, row[0])):
        row = (landscape, method, arguments.scale, arguments.events)
        command = [sys.executable, __file__, "--worker", json.dumps(row)]
        found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
        rates = f"{found['effective'] / found['wall']:10.3g}{found['effective'] / found['cpu']:11.3g}"
        sure = f"{found['rhat']:8.3f}{found['acceptance']:8.2f}{found['divergent']:9d}{found['evaluations']:13d}"
        numbers = f"{found['draws']:7d}{found['effective']:8.0f}{rates}{sure}"
        print(
            f"{landscape:<11}{method:<8}{numbers}{1e3 * found['effective'] / found['evaluations']:10.3g}",
            flush=True,
        )


def worker(landscape: str, method: str, scale: float, events: int) -> dict[str, float]:
    """Times one sampler on one landscape in this process."""
    import jax

    from daedalus.landscapes import mala_samples, nuts_samples, temperature

    if method == "fitted":
        return timed(fitted(events, scale))
    make, start = formula() if landscape == "formula" else ladle(events)
    surface = make(jax.random.key(0))
    share = scale * (1.0 if landscape == "formula" else LADLE_SHARE[method])
    warmup, draws = (max(int(share * steps), 8) for steps in (MALA_STEPS if method == "MALA" else NUTS_STEPS))
    sampler = mala_samples if method == "MALA" else nuts_samples
    allowance = ALLOWANCE if landscape == "formula" else SHARE * float(surface.heights(start).loss[0])
    heat = temperature(allowance, surface.size)
    run = lambda key: sampler(
        surface, start, temperature=heat, key=jax.random.key(key), chains=CHAINS, warmup=warmup, draws=draws
    )
    return timed(run)


def fitted(events: int, scale: float):
    """Chains on a fit to the ladle's gradients, by the number of their key."""
    import dataclasses

    import jax

    from daedalus.landscapes import nuts_samples, response, temperature

    make, start = ladle(events, SHARP)
    size, rise = start.size, FITTED_SHARE * float(make(jax.random.key(0)).heights(start).loss[0])
    how = {"temperature": temperature(rise, size), "chains": CHAINS, "warmup": 300, "draws": 1000}
    places = max(int(PLACES * scale), 4 * size)

    def run(number: int):
        key = jax.random.key(number)
        found = response(make, start[0], rise=rise, key=key, places=places)
        return dataclasses.replace(nuts_samples(found.surface, start, key=key, **how), evaluations=found.evaluations)

    return run


def timed(run) -> dict[str, float]:
    """The second of two calls timed."""
    import numpy as np

    run(0)
    wall, cpu = time.perf_counter(), time.process_time()
    found = run(1)
    return {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "effective": float(np.min(found.effective)),
        "rhat": float(np.max(found.rhat)),
        "draws": int(found.losses.size),
        "acceptance": found.acceptance,
        "divergent": found.divergent,
        "evaluations": found.evaluations,
    }


def formula():
    """The bent valley, whatever the key, and its bottom."""
    import jax.numpy as jnp
    import numpy as np

    from daedalus.landscapes import analytic

    def loss(x):
        along, across = x[::2], x[1::2]
        return 0.5 * jnp.sum(along**2 + 4 * (across - 0.5 * along**2) ** 2)

    valley = analytic(loss, tuple(f"x[{i}]" for i in range(SIZE)), (-8.0, 8.0))
    return lambda key: valley, np.full((1, SIZE), 0.5)


def ladle(events: int, softness: float = SOFTNESS):
    """The ladle's surface of a key, and its starting design."""
    import numpy as np

    import daedalus
    from daedalus.landscapes import surface

    problem = daedalus.load("muon_tomography/ladle_fill_level")
    start = np.asarray(problem.space.point(problem.start).cube, float)
    return lambda key: surface(problem, key=key, events=events, softness=softness), start[None]


if __name__ == "__main__":
    main()
