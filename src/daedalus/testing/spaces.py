"""The check of a space: the round trip between designs and the unit cube."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from daedalus.core import Design, Space
from daedalus.execution import design_from_table, design_table
from daedalus.testing.report import Report, require, tree_deviation
from daedalus.units import unit

_POINTS = 16  # random points of the cube that make the round trip


def check_space(space: Space) -> Report:
    """Checks names, bounds, exactness and symmetries of a space.

    The bounds are met exactly, whole numbers come back exactly, other values to rounding; the table of a
    design gives the same design; learned leaves pass through; the canonical order is a fixed point.

    Raises:
        ConformanceError: it is not so.
        DesignError: the template lies out of bounds.
    """
    space.check(space.template)
    require(
        len(set(space.names)) == space.size,
        f"the names are {space.names}",
        "no name twice",
        "Rename a field.",
    )
    require(
        (space.lower < space.upper).all(),
        "a lower bound is not below its upper one",
        "lower < upper",
        "See them.",
    )
    for entry in space.every:
        unit(entry.unit)
    _check_bounds(space)
    _check_round_trip(space)
    _check_table(space)
    _check_canonical(space)
    whole = int(space.whole.sum())
    counts = f"{space.size} free of {len(space.every)} parameters, {whole} whole numbers or choices"
    return Report(type(space.template).__name__, (counts, "bounds exact, round trip, table and symmetries hold"))


def _check_bounds(space: Space) -> None:
    for value, bound in ((0.0, space.lower), (1.0, space.upper)):
        design = space.design(jnp.full(space.size, value))
        found = np.asarray(space.values(design))
        worst = found != np.asarray(bound, found.dtype)
        names = [name for name, bad in zip(space.names, worst, strict=True) if bad]
        require(not names, f"{names} differ from their bounds at cube {value}", "exact bounds", "Check the map.")


def _check_round_trip(space: Space) -> None:
    cubes = jax.random.uniform(jax.random.key(0), (_POINTS, space.size))
    there_and_back = jax.jit(jax.vmap(lambda cube: space.cube(space.design(cube))))
    back = np.asarray(there_and_back(cubes))
    again = np.asarray(there_and_back(jnp.asarray(back)))
    rough = 64 * np.finfo(back.dtype).eps * (1 + np.abs(space.lower) / (space.upper - space.lower))
    off = (np.abs(back - cubes) > rough) & ~space.whole
    names = [name for name, bad in zip(space.names, off.any(0), strict=True) if bad]
    require(
        not names,
        f"{names} do not come back from the cube",
        "a round trip to rounding",
        "Check bounds and unit.",
    )
    design, repeated = (jax.vmap(lambda c: space.values(space.design(c)))(x) for x in (back, again))
    wholes = np.asarray(design)[:, space.whole]
    exact = (wholes == np.asarray(repeated)[:, space.whole]).all() and (wholes == np.round(wholes)).all()
    require(
        exact,
        "whole numbers change on the way",
        "whole numbers that come back exactly",
        "Check their bounds.",
    )
    point = space.point(space.template)
    kept = eqx.tree_equal(space.point(space.design(point)).learned, point.learned)
    require(
        kept is True or bool(kept),
        "learned leaves change on the way",
        "the same leaves",
        "Declare them learned.",
    )


def _check_table(space: Space) -> None:
    design = design_from_table(space, design_table(space, space.template))
    off = tree_deviation(space.values(design), space.values(space.template))
    require(off < 1e-5, f"the table gives a design {off:.1e} away", "the same design", "Check units and bounds.")


def _check_canonical(space: Space) -> None:
    design: Design = space.canonical(space.template)
    again = space.canonical(design)
    same = tree_deviation(space.values(again), space.values(design)) == 0
    require(same, "the canonical order of a canonical design is another", "a fixed point", "Check `symmetries`.")
