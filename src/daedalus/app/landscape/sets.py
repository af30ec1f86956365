"""The near-optimal set of a run: the designs that are as good within the allowance, and how surely they are known."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from daedalus.app.landscape.around import Around, Landscape
from daedalus.app.screen import remark
from daedalus.errors import DaedalusError
from daedalus.landscapes import (
    Comparison,
    LandscapeError,
    NearOptimal,
    Samples,
    Soundings,
    compare,
    mala_samples,
    near_optimal,
    nuts_samples,
    quadratic,
    soundings,
    temperature,
    tempered_samples,
)
from daedalus.landscapes.allowance import allowed
from daedalus.landscapes.comparison import generator_of
from daedalus.landscapes.surface import Surface

FEW = 6  # parameters up to which the loss is interpolated
SHOWN = 200  # designs of the set that are written
AGAIN = 24  # designs of the set that are measured again with fresh events
LEARNED = 3  # draws per parameter and chain that the warm-up takes at least, for the chains to learn their scale
WIDEST = 0.1  # start of a chain from the place that it belongs to, per direction [edge of the cube]
HALVINGS = 6  # of the distance of a start, until its loss is low
RESAMPLED = 200  # draws of a bootstrap
ENDS = (0.05, 0.95)  # of a parameter in the set, as shares of its volume


class Way(NamedTuple):
    """How the set was filled."""

    method: str
    text: str
    samples: Samples | None


def near_optimal_set(around: Around, landscape: Landscape) -> Landscape:
    """The set as JSON: its designs, size, parts, and how far all that can be trusted."""
    del landscape
    known = None if around.soft is None else around.descents.ends
    start = soundings(around.draws[0], around.cube[None])
    known = start if known is None else start + known
    way = _filled(around, known)
    near = near_optimal(
        around.draws[0],
        key=around.chance(2),
        allowance=around.allowance,
        known=known,
        samples=way.samples,
        background=max(128, 2 * len(around.cube)),
    )
    return {"near_optimal": _written(around, near, way, start)}


def _filled(around: Around, known: Soundings) -> Way:
    """The draws that fill the set, or none where the loss is interpolated.

    Raises:
        LandscapeError: many parameters, and no way that suits the surface.
    """
    look, size = around.look, len(around.cube)
    sampler = look.sampler
    if sampler == "auto":
        sampler = "interpolation" if size <= FEW else "mala"
        if around.soft is None and size > FEW:
            raise LandscapeError(
                f"not sampled, because {size} parameters are too many to interpolate and the run's method saw no "
                "derivatives; expected one of both. `--sampler tempered` needs none, but very many evaluations."
            )
    if sampler == "interpolation":
        return Way("interpolation", "the loss interpolated, refined in 6 rounds of 64 places", None)
    best = known.best
    rise = allowed(around.allowance, float(known.losses[best]), float(known.errors[best]))
    heat, first, key = temperature(rise, size), around.draws[0], around.chance(1)
    if sampler == "tempered":
        found = tempered_samples(first, temperature=heat, key=key, members=max(look.samples, 4))
        return Way("tempered populations", f"4 populations of {max(look.samples, 4)}", found)
    if around.soft is None:
        raise LandscapeError(
            f"{sampler} for a run whose method saw no derivatives; expected a surface with derivatives. Take "
            "`--sampler tempered`, or `interpolation` for a few parameters."
        )
    starts = _starts(around, known, rise, heat)
    warmup = max(look.samples, -(-LEARNED * size * 8 // look.chains))
    text = f"{look.chains} chains of {warmup} + {look.samples} draws"
    remark(f"... {sampler.upper()}, {text}")
    make = mala_samples if sampler == "mala" else nuts_samples
    how: dict[str, Any] = {"chains": look.chains, "warmup": warmup, "draws": look.samples}
    return Way(sampler.upper(), text, _ordered(first, make(first, starts, temperature=heat, key=key, **how)))


def _ordered(surface: Surface, samples: Samples) -> Samples:
    """The draws in canonical order, and the diagnostics of these: a chain that exchanges like parts goes nowhere."""
    if not surface.exchangeable:
        return samples
    from blackjax.diagnostics import ess_bulk, rhat  # heavy, and needed here only

    shape = samples.cubes.shape
    cubes = np.clip(surface.canonical(samples.cubes.reshape(-1, shape[-1])).reshape(shape), 1e-12, 1 - 1e-12)
    logits = jnp.asarray(np.log(cubes / (1 - cubes)))
    return dataclasses.replace(
        samples, rhat=np.asarray(rhat(logits), float), effective=np.asarray(ess_bulk(logits), float)
    )


def _starts(around: Around, known: Soundings, rise: float, heat: float) -> Float[np.ndarray, "start param"]:
    """Where the chains begin: about the best places of all basins within the allowance, or about the best known one.

    They are draws of the local Gaussian of covariance T / Hessian, no wider than a tenth of the edge in flat
    directions, drawn nearer until they are within twice the allowance: so far apart that R-hat means something.
    """
    centres, first = known.cubes[known.best][None], around.draws[0]
    if around.look.descents > 1:
        level = around.basins[0].loss + rise
        centres = np.stack([basin.place for basin in around.basins.basins if basin.loss <= level])
    rng, chains = generator_of(around.chance(9)), around.look.chains
    found = np.resize(centres, (max(chains, len(centres)), first.size))
    if first.size > around.look.directions:
        return found
    try:
        bends = [quadratic([first], centre) for centre in centres]
    except DaedalusError:  # no second derivative: the chains begin at the centres
        return found
    shifts = np.empty_like(found)
    for row in range(len(found)):
        bend = bends[row % len(bends)]
        widths = np.minimum(np.sqrt(heat / np.maximum(bend.curvatures, 1e-30)), WIDEST)
        shifts[row] = (rng.normal(size=first.size) * widths) @ bend.directions
    reach = np.ones(len(found))
    for _ in range(HALVINGS):
        trial = np.clip(found + reach[:, None] * shifts, 0.0, 1.0)
        heights = first.heights(trial)
        far = ~((heights.loss <= known.losses[known.best] + 2 * rise) & (heights.excess <= 0))
        reach = np.where(far, reach / 2, reach)
    return np.clip(found + np.where(far, 0.0, reach)[:, None] * shifts, 0.0, 1.0)


def _written(around: Around, near: NearOptimal, way: Way, start: Soundings) -> Landscape:
    rng = generator_of(around.chance(3))
    rows = _even(near, SHOWN, rng)
    designs = soundings(near.surface, near.points[rows])
    turned = around.turned
    known = near.volume if np.isfinite(near.volume) and near.volume > 0 else np.nan
    side = known ** (1 / near.surface.size)
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
        "volume_note": _note(near, way),
        "side": [side, side / near.surface.size * near.volume_error / known],
        "components": [float(share) for share in near.shares],
        "points": len(near.points),
        "effective": worth,
        "sampling": _diagnosed(near, way.samples),
        "evaluations": near.evaluations + (0 if way.samples is None else way.samples.evaluations),
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
    behind = found.differences()
    value, error = behind.value[2:], behind.error[2:]
    share, count = float(np.mean(value <= allowance)), len(value)
    return {
        "designs": count,
        "run": [float(behind.value[1]), float(behind.error[1])],
        "inside": [share, float(np.sqrt(max(share * (1 - share), 1 / count) / count))],
        "behind": [float(np.mean(value)), float(np.std(value, ddof=1) / np.sqrt(count)) if count > 1 else np.nan],
        "each": [[float(a), float(b)] for a, b in zip(value, error, strict=True)],
    }
