"""The near-optimal set of a run: the designs that are as good within the allowance, and how surely they are known."""

from __future__ import annotations

from math import log

import numpy as np
from jaxtyping import Int

from daedalus.app.landscape.around import Around, Landscape
from daedalus.app.landscape.ways import Way, way
from daedalus.landscapes import Comparison, NearOptimal, Samples, compare, near_optimal, soundings
from daedalus.landscapes.comparison import LOSS, generator_of

SHOWN = 200  # designs of the set that are written
AGAIN = 24  # designs of the set that are measured again with fresh events
RESAMPLED = 200  # draws of a bootstrap
ENDS = (0.05, 0.95)  # of a parameter in the set, as shares of its volume


def near_optimal_set(around: Around, landscape: Landscape) -> Landscape:
    """The set as JSON: its designs, size, parts, and how far all that can be trusted."""
    del landscape
    chosen = way(around)
    near = near_optimal(
        chosen.surface,
        key=around.chance(2),
        allowance=around.allowance,
        known=chosen.known,
        samples=chosen.samples,
        background=max(128, 2 * len(around.cube)),
    )
    return {"near_optimal": _written(around, near, chosen)}


def _written(around: Around, near: NearOptimal, way: Way) -> Landscape:
    rng = generator_of(around.chance(3))
    rows = _even(near, SHOWN, rng)
    designs = soundings(near.surface, near.points[rows])
    turned, start = around.turned if near.surface.exchangeable else np.asarray, way.run
    worth = _worth(near, way.samples)
    best = soundings(near.surface, near.best[None])
    return {
        "method": way.method,
        "how": way.text,
        "level": near.loss + near.allowance,
        "best": {"loss": [near.loss, float(best.errors[0])], "values": around.named(turned(near.best))},
        "run": {
            "loss": [float(start.losses[0]), float(start.errors[0])],
            "inside": bool(start.met[0] and start.losses[0] <= near.loss + near.allowance),
            "values": around.named(around.cube),
        },
        "volume": [near.volume, near.volume_error],
        "volume_log10": near.extent.log / log(10),
        "volume_note": _note(near, way),
        "side": [*near.side],
        "components": [float(share) for share in near.shares],
        "points": len(near.points),
        "effective": worth,
        "sampling": _diagnosed(near, way.samples),
        "fitted": _agreeing(way),
        "evaluations": _evaluations(near, way),
        "parameters": _parameters(near, turned(near.points), worth, rng),
        "correlations": _correlations(near, turned(near.points)),
        "sample": {
            "names": list(near.surface.names),
            "units": list(near.surface.units or ("1",) * near.surface.size),
            "values": near.surface.values(turned(designs.cubes)).tolist(),
            "loss": designs.losses.tolist(),
            "error": designs.errors.tolist(),
            "component": near.components[rows].tolist(),
        },
        "again": _again(around, near, rng),
    }


def _even(near: NearOptimal, count: int, rng: np.random.Generator) -> Int[np.ndarray, "draw"]:
    """Rows of the set drawn by their weights, evenly (systematic resampling), no design twice."""
    marks = (np.arange(min(count, len(near.points))) + rng.random()) / min(count, len(near.points))
    rows = np.unique(np.minimum(np.searchsorted(np.cumsum(near.weights), marks), len(near.points) - 1))
    return np.sort(rows[np.unique(near.points[rows], axis=0, return_index=True)[1]])


def _worth(near: NearOptimal, samples: Samples | None) -> float:
    """The number of independent, equally weighted designs that the points are worth."""
    if samples is None:
        return near.effective
    share = float(np.nanmin(samples.effective)) / samples.losses.size
    return near.effective * min(share, 1.0)


def _evaluations(near: NearOptimal, way: Way) -> int:
    """Of the simulated loss: those of a fitted one cost nothing."""
    if way.fitted is not None:
        return way.fitted.evaluations
    return near.evaluations + (0 if way.samples is None else way.samples.evaluations)


def _note(near: NearOptimal, way: Way) -> str:
    if np.isfinite(near.volume):
        return ""
    if near.surface.exchangeable:
        return "not known: some parameters are exchangeable, and chains do not weigh their orders"
    return f"not known: {len(near.points)} draws in the set are too few for {near.surface.size} parameters"


def _diagnosed(near: NearOptimal, samples: Samples | None) -> Landscape | None:
    if samples is None:
        return None
    worst = int(np.nanargmax(samples.rhat)) if np.isfinite(samples.rhat).any() else 0
    return {
        "rhat": dict(zip(near.surface.names, samples.rhat.tolist(), strict=True)),
        "effective": dict(zip(near.surface.names, samples.effective.tolist(), strict=True)),
        "worst": near.surface.names[worst],
        "acceptance": samples.acceptance,
        "divergent": samples.divergent,
        "draws": int(samples.losses.size),
        "temperature": samples.temperature,
    }


def _agreeing(way: Way) -> Landscape | None:
    """How well the fitted quadratic agrees with what it was not fitted to."""
    found = way.fitted
    if found is None:
        return None
    pairs = {"slope": list(found.slope), "stiffness": list(found.stiffness)}
    return {**pairs, "shrinkage": found.shrinkage, "evaluations": found.evaluations}


def _parameters(near: NearOptimal, points: np.ndarray, worth: float, rng: np.random.Generator) -> Landscape:
    """Mean, spread and range of each parameter in the set, with errors of as many draws as the points are worth."""
    number = max(int(worth), 2)
    drawn = rng.choice(len(points), (RESAMPLED, number), p=near.weights / near.weights.sum())
    value = lambda rows: np.concatenate(
        [np.quantile(points[rows], ENDS, axis=0), points[rows].mean(0)[None], points[rows].std(0)[None]]
    )
    whole = value(rng.choice(len(points), 20 * len(points), p=near.weights / near.weights.sum()))
    error = np.std([value(rows) for rows in drawn], 0)
    span = near.surface.upper - near.surface.lower
    shift = np.array([1.0, 1.0, 1.0, 0.0])[:, None] * near.surface.lower
    whole, error = shift + span * whole, span * error
    units = near.surface.units or ("1",) * near.surface.size
    box = near.surface.values(np.stack([points.min(0), points.max(0)]))
    return {
        name: {
            "unit": units[i],
            "bounds": [float(near.surface.lower[i]), float(near.surface.upper[i])],
            "seen": [float(end) for end in box[:, i]],
            "low": [float(whole[0, i]), float(error[0, i])],
            "high": [float(whole[1, i]), float(error[1, i])],
            "mean": [float(whole[2, i]), float(error[2, i])],
            "spread": [float(whole[3, i]), float(error[3, i])],
        }
        for i, name in enumerate(near.surface.names)
    }


def _correlations(near: NearOptimal, points: np.ndarray) -> list[list[float]]:
    """The weighted correlations of all parameters in the set."""
    if len(points) < 2:
        return []
    spread = np.atleast_2d(np.cov(points, rowvar=False, aweights=near.weights))
    scale = np.sqrt(np.maximum(np.diag(spread), 1e-30))
    return (spread / np.outer(scale, scale)).tolist()


def _again(around: Around, near: NearOptimal, rng: np.random.Generator) -> Landscape:
    """What some designs of the set lose against the best one of it for fresh events, and on the real apparatus."""
    rows = _even(near, AGAIN, rng)
    cubes = np.concatenate([near.best[None], around.cube[None], near.points[rows]])
    found = {"relaxed" if around.soft is not None else "real": around.again(cubes)}
    if around.soft is not None:
        designs = {str(number): around.design_at(cube) for number, cube in enumerate(cubes)}
        found["real"] = compare(around.problem, designs, **around.measured)
    return {name: _kept(each, near.allowance) for name, each in found.items()}


def _kept(found: Comparison, allowance: float) -> Landscape:
    """Errors are those of the designs that were drawn and of the events, which all designs and the best one share."""
    behind, rises = found.differences(), found.samples[LOSS][:, 2:] - found.samples[LOSS][:, :1]
    value, error = behind.value[2:], behind.error[2:]
    share, count = float(np.mean(value <= allowance)), len(value)
    rest = (rises.sum(0) - rises) / max(len(rises) - 1, 1)  # the means without each set of events
    by_events = lambda without: float(np.sqrt((len(rises) - 1) * np.var(without)))
    by_draws = float(np.std(value, ddof=1) / np.sqrt(count)) if count > 1 else np.nan
    of_share = np.hypot(np.sqrt(max(share * (1 - share), 1 / count) / count), by_events(np.mean(rest <= allowance, 1)))
    return {
        "designs": count,
        "run": [float(behind.value[1]), float(behind.error[1])],
        "inside": [share, float(of_share)],
        "behind": [float(np.mean(value)), float(np.hypot(by_draws, by_events(np.mean(rest, 1))))],
        "each": [[float(a), float(b)] for a, b in zip(value, error, strict=True)],
    }
