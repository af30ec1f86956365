"""Ways to fill a near-optimal set: whose surface, which places are known, and which draws there are."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from daedalus.app.landscape.around import Around
from daedalus.app.screen import remark
from daedalus.errors import DaedalusError
from daedalus.landscapes import (
    LandscapeError,
    Response,
    Samples,
    Soundings,
    mala_samples,
    nuts_samples,
    quadratic,
    response,
    soundings,
    temperature,
    tempered_samples,
)
from daedalus.landscapes.allowance import allowed
from daedalus.landscapes.comparison import generator_of
from daedalus.landscapes.surface import Surface

FEW = 6  # parameters up to which the loss is interpolated
LEARNED = 3  # draws per parameter and chain that the warm-up takes at least, for the chains to learn their scale
WIDEST = 0.1  # start of a chain from the place that it belongs to, per direction [edge of the cube]
HALVINGS = 6  # of the distance of a start, until its loss is low
FITTED = 1000  # draws of each chain on a fitted surface at least: they cost nearly nothing


class Way(NamedTuple):
    """How the set was filled."""

    method: str
    text: str
    surface: Surface  # whose set it is
    run: Soundings  # the run's design on it
    known: Soundings  # places evaluated before
    samples: Samples | None
    fitted: Response | None = None


def way(around: Around) -> Way:
    """The way that suits the surface, or that was asked for, and what it brings.

    Raises:
        LandscapeError: many parameters, and no way that suits the surface.
    """
    look, first, size = around.look, around.draws[0], len(around.cube)
    run = soundings(first, around.cube[None])
    sampler = _suitable(around, float(run.errors[0])) if look.sampler == "auto" else look.sampler
    if sampler == "response":
        return _fitted(around, allowed(around.allowance, float(run.losses[0]), float(run.errors[0])))
    known = run if around.soft is None else run + around.descents.ends
    if sampler == "interpolation":
        return Way(sampler, "the loss interpolated, refined in 6 rounds of 64 places", first, run, known, None)
    rise = allowed(around.allowance, float(known.losses[known.best]), float(known.errors[known.best]))
    heat, key = temperature(rise, size), around.chance(1)
    if sampler == "tempered":
        found = tempered_samples(first, temperature=heat, key=key, members=max(look.samples, 4))
        text = f"4 populations of {max(look.samples, 4)}"
        return Way("tempered populations", text, first, run, known, found)
    _check_derivatives(around, sampler)
    starts = _starts(around, known, rise, heat)
    warmup = max(look.samples, -(-LEARNED * size * 8 // look.chains))
    text = f"{look.chains} chains of {warmup} + {look.samples} draws"
    remark(f"... {sampler.upper()}, {text}")
    make = mala_samples if sampler == "mala" else nuts_samples
    how: dict[str, Any] = {"chains": look.chains, "warmup": warmup, "draws": look.samples}
    found = _ordered(first, make(first, starts, temperature=heat, key=key, **how))
    return Way(sampler.upper(), text, first, run, known, found)


def _suitable(around: Around, error: float) -> str:
    """Interpolation of few parameters; of many a fit where the loss hangs on chance, and chains where it does not."""
    size = len(around.cube)
    if size <= FEW:
        return "interpolation"
    if around.soft is None:
        raise LandscapeError(
            f"not sampled, because {size} parameters are too many to interpolate and the run's method saw no "
            "derivatives; expected one of both. `--sampler tempered` needs none, but very many evaluations."
        )
    return "response" if error > 0 and not around.problem.goals.constraints else "mala"


def _check_derivatives(around: Around, sampler: str) -> None:
    if around.soft is None:
        raise LandscapeError(
            f"{sampler} for a run whose method saw no derivatives; expected a surface with derivatives. Take "
            "`--sampler tempered`, or `interpolation` for a few parameters."
        )


def _fitted(around: Around, rise: float) -> Way:
    """Chains on a quadratic that is fitted to gradients of many places with events of their own.

    Raises:
        LandscapeError: the run's method saw no derivatives, or there are measured constraints, which a fit leaves out.
    """
    look, size = around.look, len(around.cube)
    _check_derivatives(around, "response")
    if around.problem.goals.constraints:
        raise LandscapeError(
            "--sampler response for a problem with measured constraints, which a fit of the loss does not know; "
            "expected none. Take `--sampler mala`."
        )
    places = max(look.places, 4 * size)
    remark(f"... a quadratic fitted to the gradients of {places} places")
    found = response(around.surface, around.cube, rise=rise, key=around.chance(1), places=places)
    run = soundings(found.surface, around.cube[None])
    heat = temperature(allowed(around.allowance, float(run.losses[0]), float(run.errors[0])), size)
    how: dict[str, Any] = {"chains": look.chains, "draws": max(look.samples, FITTED)}
    samples = nuts_samples(found.surface, around.cube[None], temperature=heat, key=around.chance(9), **how)
    text = f"{look.chains} chains of {how['draws']} draws on a quadratic fitted to the gradients of {places} places"
    if any(constraint.known for constraint in around.problem.constraints) and not found.surface.walled:
        samples, text = _admitted(found.surface, samples), f"{text}, moved to where known constraints are met"
    return Way("response", text, found.surface, run, run, samples, found)


def _admitted(surface: Surface, samples: Samples) -> Samples:
    """The draws moved as little as needed to meet the known constraints: chains only keep near these."""
    cubes, shape = surface.allowed(samples.cubes.reshape(-1, surface.size)), samples.losses.shape
    heights = surface.heights(cubes)
    losses, excess = (np.asarray(part, float).reshape(shape) for part in (heights.loss, heights.excess))
    return dataclasses.replace(samples, cubes=cubes.reshape(samples.cubes.shape), losses=losses, excess=excess)


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
