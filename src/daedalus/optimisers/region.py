"""Regions: one start's base, how far a model of its surroundings is trusted, and the test of a step from it."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from daedalus.core import Point, Pressure
from daedalus.optimisers.quadratic_step import quadratic_step

CERTAIN = 3.0  # standard errors that leave no doubt; two would mislead a search of some hundred rounds
ENOUGH = 1e-3  # share of the predicted decrease that a step must bring [1]
POOR, GOOD = 0.25, 0.75  # shares of it below and above which the radius changes [1]
SHRUNK, GROWN = 0.25, 2.0  # factors on the radius [1]
SMALLEST = 1e-6  # radius [steps]
PATIENCE = 3  # rejections in a row after which the base is measured again
CROOKED = 0.1  # relative error of the trapezium rule along a step [1]
ROUNDING = 4.0  # error of a loss that was summed [machine precisions]
LEAST = 0.1  # share of a step that is made even where all of it may be noise [1]

Number = Float[Array, ""]
Vector = Float[Array, "param"]


@runtime_checkable
class Curvature(Protocol):
    """The Hessian of one start's model, positive semidefinite; a pytree of arrays."""

    def __call__(self, step: Vector) -> Vector:
        """The product with a step."""
        ...


class Place(eqx.Module):
    """Points and what was measured there; slopes and covariances are per step instead of per range."""

    point: Point
    loss: Float[Array, "*start"]
    error: Float[Array, "*start"]
    excess: Float[Array, "*start row"]
    excess_error: Float[Array, "*start row"]
    slope: Point  # of the loss under pressure
    covariance: Float[Array, "*start param param"]  # of the slope's cube part

    def merit(self, pressure: Pressure | None) -> tuple[Number, Number]:
        """The loss of one start with what the constraints add, and the variance of the sum."""
        if pressure is None:
            return self.loss, self.error**2
        pushed = jnp.maximum(0.0, pressure.multipliers + pressure.weight * self.excess)
        return self.loss + pressure(self.excess), self.error**2 + jnp.sum((pushed * self.excess_error) ** 2)


class Region(eqx.Module):
    """A search's base, the point asked for next, and the ball around the base in which its model is trusted."""

    base: Place
    asked: Point
    predicted: Float[Array, "*start"]  # decrease of the merit
    share: Float[Array, "*start"]  # of the model's best step that was made [1]
    luck: Float[Array, "*start"]  # how much steeper noise makes the base's slope look along the step, on average
    radius: Float[Array, "*start"]  # [steps]
    known: Bool[Array, "*start"]  # whether the base was measured, under the present pressure
    doubts: Int[Array, "*start"]  # rejections in a row


class Move(eqx.Module):
    """A step from the base that was measured, and how the slope changed along it."""

    step: Float[Array, "*start param"]  # [steps]
    change: Float[Array, "*start param"]
    covariance: Float[Array, "*start param param"]  # of the change
    luck: Float[Array, "*start"]  # the part of step @ change that is due to the choice of the step, on average
    known: Bool[Array, "*start"]  # whether both ends were measured, under one pressure
    taken: Bool[Array, "*start"]  # whether its end is now the base


def tested(
    region: Region,
    there: Place,
    pressure: Pressure | None,
    curvature: Curvature,
    *,
    steps: Vector,
    whole: Bool[Array, ""],
) -> tuple[Region, Move]:
    """The region after a place was measured, and the move to it.

    The place becomes the base unless it is certainly worse than a small share of what was predicted; without a known
    base it does untested. The radius changes where the errors leave no doubt.
    """
    sound = jnp.isfinite(there.loss)
    known = region.known & sound
    step = (there.point.cube - region.base.point.cube) / steps
    gain, error = _gain(region, there, step, pressure, whole)
    taken = sound & (~region.known | (gain + CERTAIN * error >= ENOUGH * region.predicted))
    change = there.slope.cube - region.base.slope.cube
    move = Move(step, change, there.covariance + region.base.covariance, region.luck, known, taken)
    merged = _merged(region.base, there, step, curvature(step), known)
    base = jax.tree.map(lambda new, old: jnp.where(taken, new, old), merged, region.base)
    length = jnp.linalg.norm(step) / region.share
    poor = ~taken | (gain + CERTAIN * error < POOR * region.predicted)
    good = taken & (gain - error > GOOD * region.predicted) & (length > 0.8 * region.radius)
    radius = jnp.where(poor, SHRUNK * length, jnp.where(good, GROWN * region.radius, region.radius))
    radius = jnp.clip(radius, SMALLEST, jnp.linalg.norm(1 / steps))
    radius = jnp.where(region.known & (length > 0), radius, region.radius)
    doubts = jnp.where(taken, 0, region.doubts + 1)
    changed = (base, radius, taken | region.known, doubts)
    return eqx.tree_at(lambda r: (r.base, r.radius, r.known, r.doubts), region, changed), move


def stepped(region: Region, curvature: Curvature, *, steps: Vector) -> Region:
    """The region with the next point: the model's lowest one in the ball and within the bounds.

    A step is shortened by the part of it that noise accounts for, as James and Stein (1961) shorten a mean: to the
    share 1 - tr(H C) / g·Hg, where g is the slope, C its covariance and H the inverse of the Hessian with the ball's
    multiplier on its diagonal. After too many rejections the base is asked for again.
    """
    cube, slope = region.base.point.cube, region.base.slope.cube
    lower, upper = -cube / steps, (1 - cube) / steps
    again = region.doubts >= PATIENCE
    step = jnp.where(again, 0.0, quadratic_step(curvature, slope, lower, upper, region.radius))
    bent = curvature(step)
    free = (step > lower) & (step < upper)
    depth = -jnp.where(free, slope, 0.0) @ step
    noise = _noise(step, slope + bent, region.base.covariance, curvature, free)
    noise = jnp.where(jnp.isfinite(noise), noise, depth)  # a Hessian without inverse says nothing of noise
    signal = 1 - noise / jnp.where(depth > 0, depth, jnp.inf)
    share = jnp.where((noise > 0) & ~again, jnp.clip(signal, LEAST, 1.0), 1.0)
    moved = jnp.clip(cube + share * steps * step, 0.0, 1.0)
    # exactly onto the bounds
    moved = jnp.where((share == 1) & (step >= upper), 1.0, jnp.where((share == 1) & (step <= lower), 0.0, moved))
    predicted = -(share**2) * (slope @ step + 0.5 * step @ bent)
    luck = jnp.where(again, 0.0, share * noise)
    known, doubts = region.known & ~again, jnp.where(again, 0, region.doubts)
    asked = Point(moved, region.base.point.learned)
    return Region(region.base, asked, predicted, share, luck, region.radius, known, doubts)


def _gain(
    region: Region, there: Place, step: Vector, pressure: Pressure | None, whole: Bool[Array, ""]
) -> tuple[Number, Number]:
    """The decrease of the merit from the base, and its standard error.

    The mean of two measurements, weighted by their variances: the difference of the losses, and the trapezium rule
    along the slopes. Where parameters are whole, losses do not follow the slopes, and the latter stands alone.
    """
    base, sound = region.base, jnp.isfinite(there.loss)
    (before, variance), (after, more) = base.merit(pressure), there.merit(pressure)
    by_loss, size = jnp.where(sound, before - after, 0.0), jnp.abs(before) + jnp.where(sound, jnp.abs(after), 0.0)
    rounding = ROUNDING * jnp.finfo(step.dtype).eps * size
    loss_variance = variance + jnp.where(sound, more, 0.0) + rounding**2
    learned = jax.tree.map(jnp.subtract, there.point.learned, base.point.learned)
    first, last = (place.slope.cube @ step + _product(place.slope.learned, learned) for place in (base, there))
    first = first + region.luck
    noise = step @ (base.covariance + there.covariance) @ step / 4
    slope_variance = noise + (CROOKED * (jnp.abs(first) + jnp.abs(last))) ** 2
    total = loss_variance + slope_variance
    share = jnp.where(total > 0, slope_variance / jnp.where(total > 0, total, 1.0), 1.0)
    share = jnp.where(whole, 0.0, share)
    gain = share * by_loss - (1 - share) * (first + last) / 2
    return gain, jnp.sqrt(jnp.where(whole, slope_variance, share * loss_variance))


def _merged(base: Place, there: Place, step: Vector, bent: Vector, known: Bool[Array, ""]) -> Place:
    """The new place, its slope averaged with the base's slope carried there by the model.

    The weights are a Kalman filter's with a scalar gain; what the model missed is the surprise that noise leaves over.
    """
    old, new, size = jnp.trace(base.covariance), jnp.trace(there.covariance), bent @ bent
    carried = base.slope.cube + bent
    missed = jnp.maximum(jnp.sum((there.slope.cube - carried) ** 2) - old - new, 0.0)
    # a model that bends is right within a factor of two, but not better; one that does not knows nothing
    missed = jnp.where(size > 0, jnp.clip(missed, size / 4, size), jnp.where(jnp.any(step != 0), missed, 0.0))
    total = old + missed + new
    gain = jnp.where(known & (new > 0), (old + missed) / jnp.where(total > 0, total, 1.0), 1.0)
    slope = gain * there.slope.cube + (1 - gain) * carried
    spread = base.covariance + missed / len(step) * jnp.eye(len(step), dtype=step.dtype)
    covariance = gain**2 * there.covariance + (1 - gain) ** 2 * spread
    return eqx.tree_at(lambda place: (place.slope.cube, place.covariance), there, (slope, covariance))


def _noise(
    step: Vector,
    rest: Vector,
    covariance: Float[Array, "param param"],
    curvature: Curvature,
    free: Bool[Array, "param"],
) -> Number:
    """How much of slope @ step is due to noise on average; bounds hold what is not free.

    Args:
        step: the model's best one.
        rest: the model's slope at its end, which the ball's multiplier explains.
        covariance: of the slope.
        curvature: the model's Hessian.
        free: parameters that no bound holds.
    """
    unit = jnp.eye(len(step), dtype=step.dtype)
    square = jnp.sum(jnp.where(free, step**2, 0.0))
    ball = jnp.maximum(-jnp.sum(jnp.where(free, rest * step, 0.0)) / jnp.where(square > 0, square, 1.0), 0.0)
    both = free[:, None] & free
    hessian = jnp.where(both, jax.vmap(curvature)(unit) + ball * unit, unit)
    noise = jnp.trace(jnp.linalg.solve(hessian, jnp.where(both, covariance, 0.0)))
    # a flat model without a step has no inverse, and no step to be shortened
    return jnp.where(square > 0, noise, 0.0)


def _product(one: Any, other: Any) -> Number:
    """The scalar product of two trees."""
    products = jax.tree.map(lambda a, b: jnp.sum(a * b), one, other)
    return sum(jax.tree.leaves(products), start=jnp.zeros(()))
