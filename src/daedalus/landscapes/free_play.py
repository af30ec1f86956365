"""Free play: how far each parameter may move before the loss has risen by an allowance."""

from __future__ import annotations

import dataclasses
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from daedalus.landscapes.allowance import Allowance, allowed
from daedalus.landscapes.batches import mapped
from daedalus.landscapes.descents import descent
from daedalus.landscapes.errors import LandscapeError
from daedalus.landscapes.surface import Place, Surface

FIRST = 1 / 256  # first step of a parameter [its range]
Ends = Float[np.ndarray, "param 2"]
Sides = tuple[Int[Array, "side"], Float[Array, "side"]]


@dataclasses.dataclass(frozen=True, eq=False)
class FreePlay:
    """The intervals of each parameter round a place within which the loss stays acceptable.

    A slice holds all other parameters; a profile lets them follow, so that it is at least as long. An open end is the
    parameter's bound, reached while the loss was still acceptable: the interval would go on beyond it.
    """

    surface: Surface
    place: Float[np.ndarray, "param"]  # [1]
    loss: float  # there [1]
    level: float  # what the loss may be [1]
    slices: Ends  # [unit of each parameter]
    slices_open: Bool[np.ndarray, "param 2"]
    profiles: Ends  # [unit of each parameter]
    profiles_open: Bool[np.ndarray, "param 2"]
    followed: Float[np.ndarray, "param 2 param"]  # the re-optimised places at the ends of the profiles [1]
    evaluations: int  # of the loss
    gradients: int  # evaluations with gradients

    def described(self) -> tuple[str, ...]:
        """Each parameter's intervals in words, "z[0]: 1.2 .. 1.9 cm alone, 0.8 .. 3.0* cm with the others"; * open."""
        units = self.surface.units or ("",) * self.surface.size
        rows = zip(self.surface.names, units, self.slices, self.slices_open, self.profiles, self.profiles_open)
        return tuple(
            f"{name}: {_words(a, a_open, unit)} alone, {_words(b, b_open, unit)} with the others"
            for name, unit, a, a_open, b, b_open in rows
        )


def _words(ends: np.ndarray, open_: np.ndarray, unit: str) -> str:
    low, high = (f"{end:.4g}{'*' if free else ''}" for end, free in zip(ends, open_))
    return f"{low} .. {high} {unit}".rstrip()


def free_play(
    surface: Surface,
    place: Float[np.ndarray, "param"],
    *,
    allowance: Allowance | float,
    halvings: int = 8,
    steps: int = 20,
    profiles: bool = True,
    tolerance: float | None = None,
    pressure: float = 10.0,
    batch: int = 2,
) -> FreePlay:
    """The free play of every parameter, measured on the surface itself.

    From the place outwards by steps that double until the loss is too high, a constraint is broken or the bound is
    reached, then by bisection. At most 2 (9 + halvings) evaluations per parameter for slices; as many descents of
    ``steps`` evaluations with gradients for profiles, each from where the last acceptable one ended and ended itself as
    soon as it is acceptable. What lies behind a barrier does not count, unless a step jumps it. An end is known to
    1 / 2^halvings of the interval's length.

    Args:
        surface: with derivatives, if profiles are wanted.
        place: the best one [1].
        allowance: how far the loss may rise above that of the place.
        halvings: of the last step [1].
        steps: most evaluations of a descent [1].
        profiles: whether they are wanted; else they are the slices.
        tolerance: a descent ends where it promises a smaller gain [loss]; by default 0.001 allowances.
        pressure: of the measured constraints [loss per scale].
        batch: ends side by side [1].

    Raises:
        LandscapeError: the place has no finite loss, breaks a constraint, or nothing is allowed.
    """
    loss, error = _sound(surface, place)
    rise = allowed(allowance, loss, error)
    cube = jnp.asarray(place, jnp.result_type(float))
    numbers = jnp.repeat(jnp.arange(surface.size), 2)
    signs = jnp.tile(jnp.asarray([-1.0, 1.0], cube.dtype), surface.size)
    limits = jnp.asarray([loss + rise, rise * 1e-3 if tolerance is None else tolerance, pressure], cube.dtype)
    settings = (halvings, steps, batch)
    alone = _slices(surface, cube, (numbers, signs), limits, settings)
    others = _profiles(surface, cube, ((numbers, signs), alone), limits, settings) if profiles else None
    whole = alone if others is None else others
    fold = lambda found: np.asarray(found.length, float).reshape(-1, 2) * [-1.0, 1.0]
    span = (surface.upper - surface.lower)[:, None]
    ends = lambda found: surface.values(place)[:, None] + span * fold(found)
    return FreePlay(
        surface,
        np.asarray(place, float),
        loss,
        loss + rise,
        ends(alone),
        np.asarray(alone.open).reshape(-1, 2),
        ends(whole),
        np.asarray(whole.open).reshape(-1, 2),
        np.asarray(whole.cube, float).reshape(-1, 2, surface.size),
        1 + int(np.sum(alone.made)),
        0 if others is None else int(np.sum(others.made)),
    )


def _sound(surface: Surface, place: np.ndarray) -> tuple[float, float]:
    """The loss and its error at a place that meets the constraints.

    Raises:
        LandscapeError: it has no finite loss, or does not.
    """
    here = surface.heights(place[None])
    loss, error, excess = (float(leaf[0]) for leaf in (here.loss, here.error, here.excess))
    if not np.isfinite(loss) or excess > 0:
        raise LandscapeError(
            f"the place has loss {loss:g} and lies {excess:g} scales beyond the constraints; expected a "
            "finite loss and constraints that are met."
        )
    return loss, error


class Reach(eqx.Module):
    """How far one end was followed."""

    length: Float[Array, ""]  # acceptable for certain [range of the parameter]
    outside: Float[Array, ""]  # known not to be acceptable; infinite if nothing is
    step: Float[Array, ""]  # the next one outwards
    cube: Place  # the acceptable place at ``length``
    before: Place  # the acceptable one before it
    gap: Float[Array, ""]  # between those two [range of the parameter]
    halved: Int[Array, ""]
    open: Bool[Array, ""]
    made: Int[Array, ""]


Settings = tuple[int, int, int]  # halvings, steps of a descent, ends side by side


@eqx.filter_jit
def _slices(surface: Surface, cube: Place, sides: Sides, limits: Array, settings: Settings) -> Reach:
    level = limits[0]

    def one(number: Array, sign: Array) -> Reach:
        def tried(reach: Reach, length: Array) -> tuple[Array, Place, Array]:
            trial = cube.at[number].add(sign * length)
            height = surface.height(trial)
            return (height.loss <= level) & (height.excess <= 0), trial, jnp.ones((), jnp.int32)

        room = jnp.where(sign > 0, 1 - cube[number], cube[number])
        return _followed(tried, _begun(cube, jnp.zeros((), cube.dtype), room), room, settings[0])

    return mapped(one, settings[-1])(*sides)


@eqx.filter_jit
def _profiles(surface: Surface, cube: Place, sides: tuple[Sides, Reach], limits: Array, settings: Settings) -> Reach:
    (halvings, steps, batch), (level, tolerance, pressure) = settings, limits
    down = partial(descent, surface, steps=steps, tolerance=tolerance, pressure=pressure, level=level)

    def one(number: Array, sign: Array, slice_: Reach) -> Reach:
        free = jnp.arange(len(cube)) != number

        def tried(reach: Reach, length: Array) -> tuple[Array, Place, Array]:
            ahead = (length - reach.length) / jnp.maximum(reach.gap, 1e-12)
            guess = reach.cube + jnp.where(reach.gap > 0, jnp.minimum(ahead, 2.0), 0.0) * (reach.cube - reach.before)
            guess = jnp.clip(guess, 0.0, 1.0).at[number].set(cube[number] + sign * length)
            walk = down(guess, free=free)
            return (walk.height.loss <= level) & (walk.height.excess <= 0), walk.cube, walk.made

        room = jnp.where(sign > 0, 1 - cube[number], cube[number])
        begun = _begun(slice_.cube, slice_.length, room)
        return _followed(tried, begun, room, halvings)

    return mapped(one, batch)(*sides[0], sides[1])


def _begun(cube: Place, length: Array, room: Array) -> Reach:
    zero, none = jnp.zeros((), cube.dtype), jnp.zeros((), jnp.int32)
    step = jnp.maximum(jnp.asarray(FIRST, cube.dtype), length / 4)
    return Reach(length, zero + jnp.inf, step, cube, cube, zero, none, length >= room, none)


def _followed(tried: object, begun: Reach, room: Array, halvings: int) -> Reach:
    """Outwards until something is not acceptable, then halving the gap."""

    def step(reach: Reach) -> Reach:
        outwards = jnp.minimum(reach.length + reach.step, room)
        bracketed = jnp.isfinite(reach.outside)
        length = jnp.where(bracketed, (reach.length + reach.outside) / 2, outwards)
        good, place, made = tried(reach, length)  # pyright: ignore[reportCallIssue]
        pick = lambda new, old: jnp.where(good, new, old)
        return Reach(
            pick(length, reach.length),
            jnp.where(good, reach.outside, length),
            jnp.where(good & ~bracketed, 2 * reach.step, reach.step),
            pick(place, reach.cube),
            pick(reach.cube, reach.before),
            pick(length - reach.length, reach.gap),
            reach.halved + bracketed,
            good & (length >= room),
            reach.made + made,
        )

    return jax.lax.while_loop(lambda reach: ~reach.open & (reach.halved < halvings), step, begun)
