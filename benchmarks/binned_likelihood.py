"""Speed of binned likelihoods beside pyhf's, with its JAX backend, in one process: 50 bins, 21 parameters, float64.

Run ``python benchmarks/binned_likelihood.py`` from the repository's root on a quiet machine, with ``.[test]`` installed
for pyhf; without it our own numbers are told alone. The model has ten shape systematics (code4p), eight of the norm
(code4), a luminosity, a free norm and the strength of a signal; one JSON document goes into both. Every work is done
once (the first call compiles) and then several times, of which the median is told; both answers are compared. Fits of
toys are made side by side, ours; one after another, theirs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

BINS, SHAPES, NORMS = 50, 10, 8
KEY = 0  # of the counts and of the toys
THEIR_TOYS = 10  # that are timed


def main() -> None:
    """Prints one line per work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--toys", type=int, default=1000, help="that are fitted")
    parser.add_argument("--together", type=int, default=16, help="toys side by side; more suit a graphics card")
    parser.add_argument("--repeats", type=int, default=20, help="of ours; a quarter of it of theirs")
    arguments = parser.parse_args()
    import jax

    jax.config.update("jax_enable_x64", True)
    document = workspace()
    ours, theirs = our_works(document), their_works(document)
    if theirs is None:
        print("pyhf is not installed, so nothing is compared; `pip install .[test]` brings it.")
    heads = f"{'first s':>9}{'warm ms':>10}{'pyhf first s':>14}{'warm ms':>10}{'ratio':>8}{'difference':>12}"
    print(f"{'work':<24}{heads}")
    for name, work in ours.items():
        first, warm, answer = timed(work, arguments.repeats)
        line = f"{name:<24}{first:9.2f}{1e3 * warm:10.3f}"
        if theirs is not None:
            their_first, their_warm, theirs_answer = timed(theirs[name], max(3, arguments.repeats // 4))
            difference = np.max(
                np.abs(np.ravel(answer) - np.ravel(theirs_answer)) / np.abs(np.ravel(theirs_answer)).max()
            )
            line += f"{their_first:14.2f}{1e3 * their_warm:10.1f}{their_warm / warm:8.0f}{difference:12.1e}"
        print(line, flush=True)
    toys(document, arguments.toys, arguments.together, theirs is not None)


def timed(work: Callable[[], Any], repeats: int) -> tuple[float, float, Any]:
    """Seconds of the first call, the median of others, and the answer."""
    walls = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        answer = np.asarray(work())
        walls.append(time.perf_counter() - begin)
    return walls[0], float(np.median(walls[1:])), answer


def workspace() -> dict[str, Any]:
    """A peak on a falling spectrum, with counts drawn once."""
    place = np.arange(BINS)
    peak, fall = 5 * np.exp(-0.5 * ((place - 25) / 4) ** 2), 100 * np.exp(-place / 25)
    named = lambda kind, name, data=None: {"name": name, "type": kind, "data": data}
    lumi, background = named("lumi", "lumi"), [named("normfactor", "scale")]
    for number in range(SHAPES):
        wave = np.sin(place / (number + 2))
        low, high = fall * (1 - 0.02 * wave), fall * (1 + 0.03 * wave)
        background.append(named("histosys", f"shape_{number}", {"lo_data": low.tolist(), "hi_data": high.tolist()}))
    for number in range(1, NORMS + 1):
        background.append(named("normsys", f"norm_{number}", {"lo": 1 - 0.01 * number, "hi": 1 + 0.012 * number}))
    samples = [
        {"name": "signal", "data": peak.tolist(), "modifiers": [named("normfactor", "mu"), lumi]},
        {"name": "background", "data": fall.tolist(), "modifiers": [*background, lumi]},
    ]
    known = {"name": "lumi", "auxdata": [1.0], "sigmas": [0.02], "bounds": [[0.0, 10.0]], "inits": [1.0]}
    counts = np.random.default_rng(KEY).poisson(peak + fall)
    return {
        "channels": [{"name": "spectrum", "samples": samples}],
        "observations": [{"name": "spectrum", "data": counts.tolist()}],
        "measurements": [{"name": "mass", "config": {"poi": "mu", "parameters": [known]}}],
        "version": "1.0.0",
    }


def our_works(document: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    """Functions that do the works by Daedalus, and return numbers that both have."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    from daedalus.inference.histfactory.asymptotics import expected_discovery, hypothesis_test
    from daedalus.inference.histfactory.fits import fit
    from daedalus.inference.histfactory.uncertainties import hessian
    from daedalus.inference.histfactory.workspace import workspace_of

    read = workspace_of(document)
    model = read.model()
    data, compiled = read.data(model), eqx.filter_jit
    order = np.argsort(model.names)
    likelihood = lambda model, data, at: jax.value_and_grad(lambda x: -model.log_likelihood(x, data))(at)
    slope, curvature, best = compiled(likelihood), compiled(hessian), compiled(fit)
    test, found = compiled(hypothesis_test), compiled(expected_discovery)
    bands = lambda h: jnp.append(h.cls, h.expected)
    return {
        "value and gradient": lambda: np.asarray(slope(model, data, model.start)[1])[order],
        "Hessian": lambda: np.asarray(curvature(model, data, model.start))[order][:, order],
        "best fit": lambda: np.asarray(best(model, data).value)[order],
        "CLs with five bands": lambda: bands(test(model, data, jnp.asarray(1.0))),
        "Asimov discovery": lambda: found(model).p0,
    }


def their_works(document: dict[str, Any]) -> dict[str, Callable[[], Any]] | None:
    """The same by pyhf, or nothing where it is not installed."""
    try:
        import pyhf
    except ImportError:
        return None
    import jax

    pyhf.set_backend("jax")
    read = pyhf.Workspace(document)
    model = read.model()
    data, start = read.data(model), np.asarray(model.config.suggested_init(), float)
    order = np.argsort(model.config.par_names)
    loss = lambda at: -model.logpdf(at, np.asarray(data))[0]
    slope, curvature = jax.jit(jax.value_and_grad(loss)), jax.jit(jax.hessian(loss))
    expected = np.asarray(model.expected_data(np.where(np.arange(len(start)) == model.config.poi_index, 1.0, start)))
    test = lambda: pyhf.infer.hypotest(1.0, data, model, return_expected_set=True)
    return {
        "value and gradient": lambda: np.asarray(slope(start)[1])[order],
        "Hessian": lambda: np.asarray(curvature(start))[order][:, order],
        "best fit": lambda: np.asarray(pyhf.infer.mle.fit(data, model))[order],
        "CLs with five bands": lambda: (lambda found: [float(found[0]), *map(float, found[1])])(test()),
        "Asimov discovery": lambda: float(pyhf.infer.hypotest(0.0, expected, model, test_stat="q0")),
    }


def toys(document: dict[str, Any], number: int, together: int, compared: bool) -> None:
    """Prints how many toys are fitted per second, and how many fits converged."""
    import equinox as eqx
    import jax

    from daedalus.inference.histfactory.fits import fit
    from daedalus.inference.histfactory.toys import toys as drawn
    from daedalus.inference.histfactory.workspace import workspace_of

    model = workspace_of(document).model()
    many = drawn(model, model.start, number, key=jax.random.key(KEY))
    run = eqx.filter_jit(lambda model, data: jax.lax.map(lambda one: fit(model, one), data, batch_size=together))
    converged = run(model, many).converged
    first, warm, values = timed(lambda: run(model, many).value, 3)
    told = f"{number / warm:.0f} fits per second, {int(converged.sum())} of {number} converged"
    print(f"{'fits of toys':<24}{first:9.2f}{1e3 * warm:10.1f}  {told}")
    if not compared:
        return
    import pyhf

    theirs = pyhf.Workspace(document).model()
    place = [theirs.config.par_names.index(name) for name in model.names]
    auxiliary = [theirs.config.par_names.index(name) for name in theirs.config.auxdata_order]  # all are scalars
    worst, begin = 0.0, time.perf_counter()
    for toy in range(THEIR_TOYS):
        measured = np.empty(len(place))
        measured[place] = many.auxiliary[toy]
        data = [*np.asarray(many.counts[toy]), *measured[auxiliary]]
        best = np.asarray(pyhf.infer.mle.fit(data, theirs))[place]
        worst = max(worst, float(np.max(np.abs(best - values[toy]))))
    wall = (time.perf_counter() - begin) / THEIR_TOYS
    print(f"{'':<24}pyhf: {1 / wall:.1f} fits per second, ratio {wall * number / warm:.0f}, difference {worst:.1e}")


if __name__ == "__main__":
    main()
