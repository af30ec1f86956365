"""Descents: from many starts downhill to where the loss falls no further, inside the cube and the constraints."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from daedalus.landscapes.batches import mapped
from daedalus.landscapes.errors import LandscapeError
from daedalus.landscapes.soundings import Soundings, recorded
from daedalus.landscapes.surface import Height, Place, Scalar, Surface
from daedalus.optimisers.sobol import sobol_points

ARMIJO = 1e-4  # least decrease [share of what the slope promises], Nocedal and Wright (2006), chapter 3
FIRST = 0.1  # length of the first step [share of the cube's edge]
SHORTEST = 1e-6  # shortening of a step after which a descent gives up [1]


@dataclasses.dataclass(frozen=True, eq=False)
class Descents:
    """Where descents began and ended; the ends are in canonical order."""

    starts: Float[np.ndarray, "start param"]
    ends: Soundings
    slopes: Float[np.ndarray, "start"]  # lengths of the projected gradients at the ends [loss per edge of the cube]
    settled: Bool[np.ndarray, "start"]  # ended before its steps ran out
    evaluations: int  # of the loss with its gradient


class Walk(eqx.Module):
    """One descent on its way."""

    cube: Place
    height: Height
    value: Float[Array, ""]  # loss and penalty
    slope: Place  # its gradient
    inverse: Float[Array, "param param"]  # of the Hessian, guessed
    taught: Bool[Array, ""]  # whether the guess has seen a step
    length: Float[Array, ""]  # of the next step, in full steps
    going: Bool[Array, ""]
    made: Int[Array, ""]  # evaluations


def penalised(surface: Surface, pressure: Scalar) -> Callable[[Place], tuple[Float[Array, ""], Height]]:
    """The loss plus ``pressure`` times what lies beyond the constraints, and the height; traceable.

    Args:
        surface: what is minimised.
        pressure: must exceed the constraints' multipliers for exactness [loss per scale].
    """

    def value(cube: Place) -> tuple[Float[Array, ""], Height]:
        height = surface.height(cube)
        return height.loss + pressure * jnp.maximum(height.excess, 0.0), height

    return value


def descent(
    surface: Surface,
    cube: Place,
    *,
    steps: int,
    tolerance: Scalar,
    pressure: Scalar,
    free: Bool[Array, "param"] | None = None,
    level: Scalar = -np.inf,
) -> Walk:
    """One descent from a place of the cube; traceable.

    BFGS with the two-metric projection onto the bounds (Bertsekas, SIAM J. Control Optim. 20 (1982) 221): parameters
    that press against a bound leave the quadratic model. A step that does not fall enough is shortened and tried
    again; every trial is one evaluation with its gradient.

    Args:
        surface: what is minimised; its known constraints are met by construction.
        cube: where it begins.
        steps: most evaluations [1].
        tolerance: ends where the model promises a smaller gain [loss].
        pressure: of the measured constraints [loss per scale].
        free: which parameters move; None: all.
        level: ends where the loss is down to this, with constraints met [1].
    """
    free = jnp.ones(cube.shape, bool) if free is None else free
    function = jax.value_and_grad(penalised(surface, pressure), has_aux=True)
    nothing = lambda leaf: jnp.full(leaf.shape, jnp.inf, leaf.dtype)
    unseen = jax.tree.map(nothing, jax.eval_shape(surface.height, cube))
    one, eye = jnp.ones((), cube.dtype), jnp.eye(len(cube), dtype=cube.dtype)
    # the first trial is the place itself, so that the loss stands in the program once: it may take long to compile
    begun = Walk(
        cube, unseen, one * jnp.inf, jnp.zeros_like(cube), eye, one < 0, one, one > 0, jnp.zeros((), jnp.int32)
    )
    inside = lambda walk: (walk.value <= level) & (walk.height.excess <= 0)

    def step(walk: Walk) -> Walk:
        slope = _projected(walk.cube, walk.slope, free)
        aim = -jnp.where(slope == 0, 0.0, walk.inverse @ slope)
        aim = jnp.where(aim @ slope < 0, aim, -slope * _scale(slope))
        trial = surface.admitted(jnp.clip(walk.cube + walk.length * aim, 0.0, 1.0))
        trial = jnp.where(free, trial, walk.cube)
        (value, height), fresh = function(trial)
        promised = walk.slope @ (trial - walk.cube)
        sound = jnp.isfinite(value) & jnp.all(jnp.isfinite(fresh))
        fell = sound & (value < walk.value) & (value <= walk.value + ARMIJO * jnp.minimum(promised, 0.0))
        length = jnp.where(fell, 1.0, walk.length * _shortening(promised, value - walk.value))
        first = walk.made == 0
        inverse, taught = _taught(walk, trial - walk.cube, fresh - walk.slope)
        inverse = jnp.where(first, _scale(_projected(trial, fresh, free)) * eye, inverse)
        moved = Walk(trial, height, value, fresh, inverse, taught, length, walk.going, walk.made)
        after = jax.tree.map(lambda new, old: jnp.where(fell, new, old), moved, walk)
        going = jnp.where(first, sound, (-aim @ slope / 2 > tolerance) & (length > SHORTEST))
        after = eqx.tree_at(lambda w: (w.length, w.made), after, (length, walk.made + 1))
        return eqx.tree_at(lambda w: w.going, after, walk.going & going & ~inside(after))

    more = lambda walk: walk.going & (walk.made < steps)
    return jax.lax.while_loop(more, step, begun)


def _scale(slope: Place) -> Float[Array, ""]:
    """What makes a step of usual length from a slope."""
    return FIRST / jnp.maximum(jnp.linalg.norm(slope), 1e-12)


def _projected(cube: Place, slope: Place, free: Bool[Array, "param"]) -> Place:
    pressing = ((cube <= 0) & (slope > 0)) | ((cube >= 1) & (slope < 0))
    return jnp.where(pressing | ~free, 0.0, slope)


def _shortening(promised: Float[Array, ""], rise: Float[Array, ""]) -> Float[Array, ""]:
    """Where a parabola through the value, its slope and the trial is least [share of the step]."""
    guess = -promised / (2 * (rise - promised))
    return jnp.where(jnp.isfinite(guess), jnp.clip(guess, 0.1, 0.5), 0.1)


def _taught(walk: Walk, step: Place, change: Place) -> tuple[Float[Array, "param param"], Bool[Array, ""]]:
    """The inverse Hessian after a step (BFGS; Nocedal and Wright (2006), eq. 6.17 and 6.20)."""
    curvature = step @ change
    useful = curvature > 1e-8 * jnp.linalg.norm(step) * jnp.linalg.norm(change)
    rho = 1 / jnp.where(useful, curvature, 1.0)
    eye = jnp.eye(len(step), dtype=step.dtype)
    before = jnp.where(walk.taught, walk.inverse, curvature / jnp.maximum(change @ change, 1e-30) * eye)
    left = eye - rho * jnp.outer(step, change)
    after = left @ before @ left.T + rho * jnp.outer(step, step)
    return jnp.where(useful, after, walk.inverse), walk.taught | useful


@eqx.filter_jit
def _walks(
    surface: Surface, cubes: Float[Array, "start param"], settings: tuple[int, float, float, int]
) -> tuple[Array, Walk, Array]:
    """Where the descents begin, where they end, and the projected gradients there."""
    steps, tolerance, pressure, batch = settings
    one = partial(descent, surface, steps=steps, tolerance=tolerance, pressure=pressure)
    cubes = jax.vmap(surface.admitted)(cubes)
    walks = mapped(one, batch)(cubes)
    return cubes, walks, jax.vmap(_projected)(walks.cube, walks.slope, jnp.ones(cubes.shape, bool))


def descents(
    surface: Surface,
    *,
    key: Key[Array, ""],
    starts: int = 32,
    steps: int = 60,
    tolerance: float = 1e-6,
    pressure: float = 10.0,
    batch: int = 8,
    begun: Float[np.ndarray, "start param"] | None = None,
) -> Descents:
    """Descents from given places and from a Sobol sequence; at most starts * steps evaluations with gradients.

    Args:
        surface: what is minimised.
        key: decides the sequence.
        starts: number of descents, the given places included [1].
        steps: most evaluations of a descent [1].
        tolerance: a descent ends where its model promises a smaller gain [loss].
        pressure: of the measured constraints [loss per scale]; it must exceed their multipliers.
        batch: descents side by side [1].
        begun: places to start from.

    Raises:
        LandscapeError: no descent is asked for.
    """
    given = np.zeros((0, surface.size)) if begun is None else begun
    if max(starts, len(given)) < 1 or steps < 1 or batch < 1:
        raise LandscapeError(f"{starts} starts of {steps} steps, {batch} at a time; expected at least one of each.")
    others = sobol_points(surface.size, max(starts - len(given), 0), key=key)
    cubes = jnp.asarray(np.concatenate([given, others]), jnp.result_type(float))
    cubes, walks, slopes = _walks(surface, cubes, (steps, tolerance, pressure, batch))
    height = jax.tree.map(np.asarray, walks.height)
    return Descents(
        np.asarray(cubes, float),
        recorded(surface, np.asarray(walks.cube, float), height.loss, height.excess, height.error),
        np.linalg.norm(np.asarray(slopes, float), axis=1),
        ~np.asarray(walks.going),
        int(np.sum(np.asarray(walks.made))),
    )
