"""The problems of the ground array: flux alone, and flux, energy, direction and cost together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.catalogue import Recipe
from daedalus.core import Constraint, Metric, Objective, Problem
from daedalus.errors import ProblemError
from daedalus.geometry.stations import TANKS
from daedalus.optimisers import Adam
from daedalus.optimisers.schedules import Cosine
from daedalus.physics.air_showers import LARGEST_ZENITH, PRIMARIES
from daedalus.sources.air_showers import AirShowers
from daedalus.studies.ground_array.apparatus import TRIGGER, WHOLE, Apparatus, first_units
from daedalus.studies.ground_array.design import ArrayDesign
from daedalus.studies.ground_array.layout_files import read_layout
from daedalus.studies.ground_array.layouts import layout
from daedalus.studies.ground_array.site import TOLERANCE, Site, pampa_la_bola, read_site
from daedalus.studies.ground_array.utilities import (
    area,
    cable,
    detected,
    energy_error,
    gamma_flux_error,
    lost,
    pointing_error,
    source_flux,
    staged_flux_error,
)
from daedalus.units import km, m, mrad, percent

CORES = 4.0 * km  # radius of the disc of cores around the origin, which holds the site but for a corner
SHOWERS = 4000  # of an evaluation, half of them gamma rays
_FEWEST = 3  # units that every layout by hand can be made of
SPACING = 60.0 * m  # of the start
STEP = 40.0 * m  # a round, at first
SKY = 2.0 * np.pi * (1.0 - np.cos(LARGEST_ZENITH))  # solid angle that showers come from [sr]
HAND_MADE = (("packed", 22.1), ("hexagonal", 150.0), ("hexagonal", 300.0), ("two_annuli", 150.0), ("rings", 200.0))
_admit = eqx.filter_jit(Site.admit)  # once per number of units, where each call would compile anew
_UNITS_TOGETHER = 2  # so that 128 showers on 128 units are worked on at once: what fits the caches


def _task(name: str, goals: tuple[str, ...]) -> Callable[..., Problem]:
    def task(
        units: int = 128,
        start: str = "spiral",
        *,
        rung: str = "fisher",
        counts: str = "relaxed",
        spacing: float = SPACING,
        seed: int = 0,
        site: str = "",
        model: str = "parametrised",
        tanks: int = TANKS,
        fold: int = 1,
        stages: tuple[int, ...] = (),
        fixed: tuple[int, ...] = (),
    ) -> Problem:
        """Where to put the units of a ground array.

        Args:
            units: of the array, copies included [1].
            start: a layout's name, or a CSV file with x and y.
            rung: "fisher": expected information in closed form; "full": counts, and fits under both hypotheses.
            counts: of the full rung, "relaxed": they have a derivative of their own, biased and quiet; "score": their
                probability has it, without bias and with noise.
            spacing: of the starting layout's neighbours [m].
            seed: of a random starting layout.
            site: a GeoJSON file; the triangle of Pampa La Bola by default.
            model: "parametrised" or "nkg", of the lateral densities.
            tanks: of a unit [1].
            fold: n-fold symmetry: so many copies of the free units around the origin [1].
            stages: numbers of units with which the array must already be good: the flux errors are averaged.
            fixed: units that stay where they start.

        Raises:
            ProblemError: an unknown rung, model, derivative of counts or layout, or numbers that do not fit together.
            DesignError: a layout that the site does not admit.
            StageError: a malformed site.
        """
        apparatus = Apparatus(rung, model, tanks, tuple(stages), counts)
        apparatus.check(units)
        _check(units, fold, fixed)
        ground = read_site(site) if site else pampa_la_bola()
        ground.check_room(units)
        begin = _begin(_positions(start, units, spacing, seed), fold, alike=not (stages or fixed))
        if start.endswith(".csv"):
            ground.check(begin.places)
        else:
            begin = _admitted(ground, begin)
        more = {"fixed": fixed, "references": _references(ground, units, begin.alike) if fold == 1 else {}}
        return _problem(name, goals, apparatus, begin, _constraints(ground, fixed), **more)

    task.__name__ = task.__qualname__ = name
    return task


swgo_flux = _task("swgo_flux", ("flux",))
swgo_multi = _task("swgo_multi", ("flux", "energy", "pointing", "cable"))


def array_recipe(problem: Problem) -> Recipe:
    """How the problems are best run: Adam with steps that shrink, units moving 40 m a round at first."""
    how = Adam(step_share=STEP / (10.0 * km), schedule=Cosine(1.0, 0.02))
    return Recipe(how, rounds=500, events=SHOWERS, scenarios=1, scoring_scenarios=1)


def _problem(
    name: str,
    goals: tuple[str, ...],
    apparatus: Apparatus,
    begin: ArrayDesign,
    constraints: tuple[Constraint, ...],
    *,
    fixed: tuple[int, ...],
    references: dict[str, ArrayDesign],
) -> Problem:
    figures = _figures(apparatus.stages)
    return Problem(
        name=f"ground_array/{name}",
        start=begin,
        source=AirShowers(radius=CORES),
        build=apparatus.pipeline,
        objectives=tuple(figures[goal] for goal in goals),
        constraints=constraints,
        metrics=tuple(_metrics(figures, goals)),
        doc="where to put the units of a ground array of water-Cherenkov tanks",
        events=SHOWERS,
        bulk=max(1, len(begin.places) // _UNITS_TOGETHER),
        frozen=tuple(f"{axis}[{number}]" for number in fixed for axis in "xy"),
        references=references,
        physics=(
            f"lateral densities: {apparatus.model}",
            f"units of {apparatus.tanks} tanks, a trigger from {TRIGGER} tanks on",
            f"cores within {CORES / km:g} km, energies 0.1 to 10 PeV, zenith angles to 65 degrees",
        ),
    )


def _figures(stages: tuple[int, ...]) -> dict[str, Objective]:
    labels = (WHOLE, *map(first_units, stages))
    return {
        "flux": Objective(
            "gamma_flux_error",
            partial(staged_flux_error, labels) if stages else gamma_flux_error,
            "percent",
            scale=0.05 * percent,
            doc="relative error of the flux of gamma rays",
        ),
        "energy": Objective("energy_error", energy_error, "percent", scale=1 * percent, doc="of detected gamma rays"),
        "pointing": Objective("pointing_error", pointing_error, "mrad", scale=0.1 * mrad, doc="of detected gamma rays"),
        "cable": Objective("cable", cable, "km", scale=2.0 * km, doc="shortest tree that connects the units"),
        "area": Objective("area", area, "km2", scale=1.0 * km**2, doc="of the convex hull of the units"),
        "source": Objective(
            "source_flux", partial(source_flux, SKY), scale=1.0, doc="gamma rays of a point source for 5 sigma"
        ),
    }


def _metrics(figures: dict[str, Objective], goals: tuple[str, ...]) -> Iterator[Metric]:
    for goal, figure in figures.items():
        if goal not in goals:
            yield Metric(figure.name, figure.function, figure.unit, figure.doc)
    for number, kind in enumerate(PRIMARIES):
        yield Metric(f"lost_{kind}s", partial(lost, number), "percent", f"share of {kind} showers whose fit failed")
        yield Metric(f"detected_{kind}s", partial(detected, number), "percent", f"share of {kind} showers detected")


def _constraints(site: Site, fixed: tuple[int, ...]) -> tuple[Constraint, ...]:
    def admit(design: ArrayDesign) -> ArrayDesign:
        own = design.places[: len(design.x)]
        still = jnp.asarray(np.isin(np.arange(len(design.x)), fixed))
        moved = site.admit(own, fixed=still, fold=design.fold)
        return dataclasses.replace(design, x=moved[:, 0], y=moved[:, 1])

    outside = partial(farthest_outside, site)
    crowded = lambda design: jnp.max(site.crowding(design.places))
    common = {"upper": 0.0, "unit": "m", "scale": 1.0 * m, "tolerance": TOLERANCE, "known": True}
    return (
        Constraint("outside", outside, **common, repair=admit, doc="of the unit farthest outside the site"),
        Constraint("crowding", crowded, **common, doc="of the two units nearest to each other"),
    )


def farthest_outside(site: Site, design: ArrayDesign) -> Float[Array, ""]:
    """By how much the worst unit is outside a site [m]; negative where all may stand."""
    return jnp.max(site.outside(design.places))


def site_of(problem: Problem) -> Site:
    """The site of a problem of this study, as its constraint has it.

    Raises:
        ProblemError: another problem.
    """
    for constraint in problem.constraints:
        if isinstance(constraint.function, partial) and constraint.function.func is farthest_outside:
            return constraint.function.args[0]
    raise ProblemError(f"{problem.name!r} has no site; expected a problem of the study ground_array.")


def _positions(start: str, units: int, spacing: float, seed: int) -> np.ndarray:
    if start.endswith(".csv"):
        found = read_layout(Path(start))
        if len(found) != units:
            raise ProblemError(f"{start} has {len(found)} units; expected {units}. Set units={len(found)}.")
        return found
    if "." in start:
        raise ProblemError(f"the start {start} is a file; expected a layout's name, or a CSV file with x and y in m.")
    return layout(start, units, spacing, key=jax.random.key(seed))


def _begin(positions: np.ndarray, fold: int, *, alike: bool) -> ArrayDesign:
    own = jnp.asarray(_sector(positions, fold), jnp.result_type(float))
    return ArrayDesign(own[:, 0], own[:, 1], fold, alike)


def _admitted(site: Site, design: ArrayDesign) -> ArrayDesign:
    moved = _admit(site, design.places[: len(design.x)], fold=design.fold)
    return dataclasses.replace(design, x=moved[:, 0], y=moved[:, 1])


def _sector(positions: np.ndarray, fold: int) -> np.ndarray:
    """One of every ``fold`` units in order of distance from the origin, turned into the first sector [m]."""
    if fold == 1:
        return positions
    radius, angle = np.hypot(*positions.T), np.arctan2(positions[:, 1], positions[:, 0])
    one = np.lexsort((angle, np.round(radius, 6)))[::fold]
    turned = np.mod(angle[one], 2.0 * np.pi / fold)
    return radius[one, None] * np.stack([np.cos(turned), np.sin(turned)], -1)


def _references(site: Site, units: int, alike: bool) -> dict[str, ArrayDesign]:
    return {
        f"{name}_{spacing:g}m": _admitted(
            site, _begin(layout(name, units, spacing, key=jax.random.key(0)), 1, alike=alike)
        )
        for name, spacing in HAND_MADE
        if units >= _FEWEST
    }


def _check(units: int, fold: int, fixed: tuple[int, ...]) -> None:
    if fold < 1 or units < fold or units % fold or any(not 0 <= number < units // fold for number in fixed):
        raise ProblemError(
            f"{units} units, {fold}-fold, fixed {list(fixed)}; expected a multiple of the fold, and fixed units among "
            f"the {units // max(fold, 1)} free ones, numbered from 0."
        )
