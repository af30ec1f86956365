"""Where telescopes around a hill find a void soonest, or tell the density of its two halves best."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.catalogue import Recipe
from daedalus.core import Constraint, Metric, Objective, Problem, Scenarios, Summaries
from daedalus.optimisers import Adam
from daedalus.studies.muography.campaign import Campaign
from daedalus.studies.muography.design import TelescopeSites, reference_sites, ring
from daedalus.studies.muography.options import Goal, MuographyOptions, Optimality
from daedalus.studies.muography.scenario import Interior
from daedalus.units import day, deg, m, percent, s

ASTRAY = 12 * deg  # how far the start's telescopes look past the hill's axis
VOIDS = 96  # hills per evaluation
RAYS = 128  # directions per hill and telescope
DAYS_SCALE = 1 * day  # a change of the exposure that matters
ERROR_SCALE = 0.5 * percent  # a change of a density's relative error that matters
GROUND_SCALE = 10 * m  # a violation of the distance that matters
STEP_ASIDE = 1 * m  # how far beyond a distance still counts as met
PATIENCE = 30.0  # days an expedition stays, assumed


def telescope_placement(
    *,
    telescopes: int = 3,
    goal: Goal = "void",
    terrain_file: str = "",
    keep_out: float = 260.0,
    reach: float = 500.0,
    steepest: float = 30 * deg,
    density: float = 2.2,
    material: str = "standard rock",
    contrast: float = -1.0,
    smallest: float = 8.0,
    largest: float = 15.0,
    east: float = 60.0,
    north: float = 40.0,
    spread: float = 50.0,
    side: float = 1.0,
    gap: float = 1.0,
    efficiency: float = 0.95,
    flux: str = "guan",
    flux_error: float = 0.15,
    tilt_error: float = 0.035,
    density_error: float = 0.1,
    threshold: float = 1.0,
    background: float = 0.0,
    significance: float = 3.0,
    exposure: float = 30 * day,
    optimality: Optimality = "A",
) -> Problem:
    """Where telescopes around a hill find a void soonest, or tell the density of its two halves best.

    Lengths in m, angles in rad, times in ns, energies in GeV; on the command line with units, `exposure='60 day'`.
    `daedalus.studies.muography.options.MuographyOptions` says what each option means.

    Raises:
        ProblemError: an option out of range, or a terrain that ends within reach.
        StageError: a file that holds no usable terrain; names what is wrong with it.
    """
    options = MuographyOptions(**locals())
    campaign = Campaign(options)
    void = goal == "void"
    start = ring(telescopes, 0.9 * reach, (-110 * deg, -70 * deg), campaign.pointing(0.9 * reach), azimuth=ASTRAY)
    return Problem(
        name="muography/telescope_placement",
        start=start,
        build=campaign.build,
        objectives=(_void_objective(campaign) if void else _density_objective(campaign),),
        constraints=_constraints(campaign),
        metrics=(*_void_metrics(campaign), *_metrics(campaign)) if void else _metrics(campaign),
        scenarios=Scenarios(campaign.truth, VOIDS),
        doc="where muon telescopes around a hill find a void soonest",
        events=RAYS,
        references=_references(campaign),
        physics=options.physics(),
    )


def telescope_recipe(problem: Problem) -> Recipe:
    """How the telescopes are best placed: Adam from one start, 300 rounds, new voids in each."""
    steps = {"x": 25 * m, "y": 25 * m, "azimuth": 3 * deg, "elevation": 1 * deg}
    return Recipe(Adam(steps=steps), rounds=300, events=RAYS, scenarios=VOIDS, scoring_scenarios=512)


def _void_objective(campaign: Campaign) -> Objective:
    def exposure(design: TelescopeSites, summaries: Summaries, truths: Interior) -> Float[Array, ""]:
        """Geometric mean over voids of the exposure until the wanted significance."""
        return jnp.exp(summaries.mean(jnp.log(campaign.days(summaries)))) * day

    return Objective("exposure", exposure, "day", DAYS_SCALE, doc="until a void is seen, geometric mean over voids")


def _density_objective(campaign: Campaign) -> Objective:
    def error(design: TelescopeSites, summaries: Summaries, truths: Interior) -> Float[Array, ""]:
        """Relative error of the density of a half, mean over boundaries."""
        return summaries.mean(campaign.density_errors(summaries))

    return Objective("density_error", error, "%", ERROR_SCALE, doc="relative error of the density of half the hill")


def _constraints(campaign: Campaign) -> tuple[Constraint, ...]:
    """Distance of each telescope from the hill's axis and, in terrain of a file, the slope where it stands.

    Measured, although they cost nothing, so that they press on a descent: a known one would only move what it asks for.
    """
    o = campaign.options

    def distance(k: int) -> Constraint:
        away = lambda design, summaries, truths: jnp.sqrt(design.x[k] ** 2 + design.y[k] ** 2 + 1e-12)
        bounds = {"lower": o.keep_out, "upper": o.reach, "unit": "m", "scale": GROUND_SCALE, "tolerance": STEP_ASIDE}
        return Constraint(f"distance_{k + 1}", away, **bounds, doc="from the hill's axis")

    def slope(k: int) -> Constraint:
        def tangent(design: TelescopeSites, summaries: Summaries, truths: Interior) -> Float[Array, ""]:
            x, y, _ = campaign.positions(design)
            return campaign.surface.slope(x, y)[k]

        return Constraint(f"slope_{k + 1}", tangent, upper=float(np.tan(o.steepest)), scale=0.1, doc="of the ground")

    kinds = (distance, slope) if o.terrain_file else (distance,)
    return tuple(kind(k) for kind in kinds for k in range(o.telescopes))


def _void_metrics(campaign: Campaign) -> tuple[Metric, ...]:
    def found(design: TelescopeSites, summaries: Summaries, truths: Interior) -> Float[Array, ""]:
        days = campaign.days(summaries)
        return summaries.mean((days < PATIENCE).astype(days.dtype))

    def share(above: str, below: str) -> Callable[..., Float[Array, ""]]:
        def function(design: TelescopeSites, summaries: Summaries, truths: Interior) -> Float[Array, ""]:
            total = {name: jnp.sum(value, 1) for name, value in summaries["counts"].items()}
            return summaries.mean(total[above]) / jnp.maximum(summaries.mean(total[below]), 1e-30)

        return function

    return (
        Metric("found", found, "1", doc=f"share of voids that are seen within {PATIENCE:g} days"),
        Metric("through_void", share("through", "muons"), "1", doc="share of counts whose rays pass the void"),
        Metric("contrast", share("signal", "through"), "1", doc="relative change of counts through the void"),
        Metric("background_share", share("background", "through"), "1", doc="background over muons through the void"),
    )


def _metrics(campaign: Campaign) -> tuple[Metric, ...]:
    def counts(design: TelescopeSites, summaries: Summaries, truths: Interior) -> Float[Array, ""]:
        every = jnp.sum(summaries["counts"]["muons"], 1) / jnp.maximum(summaries.accepted, 1e-6)
        return summaries.mean(every) / s

    return (Metric("counts", counts, "1/day", doc="muons of all telescopes together"),)


def _references(campaign: Campaign) -> Mapping[str, TelescopeSites]:
    """Designs to compare with: for the default hill and three telescopes those of the files, else an even ring."""
    o = campaign.options
    if o.telescopes == 3 and not o.terrain_file and (o.keep_out, o.reach) == (260.0, 500.0):
        return {name: reference_sites(name) for name in ("evenly_spaced", "hand_made")}
    last = 360 * deg * (1 - 1 / o.telescopes)
    return {"evenly_spaced": ring(o.telescopes, o.keep_out + 1 * m, (0.0, last), campaign.pointing(o.keep_out))}
