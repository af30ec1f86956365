"""The point of closest approach (PoCA) of two tracks, with its uncertainty in closed form."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from daedalus.core import Derivative, Stage
from daedalus.events import Events, Scatterings, Tracks

Vector = tuple[Float[Array, "event"], Float[Array, "event"], Float[Array, "event"]]
PARALLEL = 1e-12  # squared sine of the angle below which two lines count as parallel (1 urad) [1]


class ClosestApproach(Stage):
    """The midpoint of the common perpendicular of two tracks, and their angle, with propagated uncertainties.

    Lines a + s u and b + t v with u = (tx, ty, 1): the perpendicular r = a + s u - b - t v obeys u.r = v.r = 0, two
    linear equations for s and t. Differentiating the same equations gives the response of the midpoint to each of the
    eight track parameters, hence its covariance to first order, linear in the number of events. First order holds
    where the angle is above about five times its error. Both tracks' parameters count as uncorrelated.
    """

    incoming: str = eqx.field(static=True, default="upper")
    outgoing: str = eqx.field(static=True, default="lower")
    name: ClassVar[str] = "closest_approach"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events: Events, *, key: Key[Array, ""]) -> Events:
        """The events with `Scatterings`; those whose tracks are missing or parallel are no longer alive."""
        found = closest_approach(events[Tracks, self.incoming], events[Tracks, self.outgoing])
        return events.add(found).accept(found.found)


def closest_approach(first: Tracks, second: Tracks) -> Scatterings:
    """The scatterings of pairs of tracks; see `ClosestApproach`."""
    one = jnp.ones_like(first.x)
    lines = _Lines((first.tx, first.ty, one), (second.tx - first.tx, second.ty - first.ty))
    found = first.found & second.found & (lines.determinant > PARALLEL * lines.uu * lines.vv)
    gap = (first.x - second.x, first.y - second.y, first.z - second.z)
    s, t = lines.solve(_dot(lines.u, gap), lines.d[0] * gap[0] + lines.d[1] * gap[1], found)
    u, v = lines.u, lines.v
    rest = tuple(g + s * a - t * b for g, a, b in zip(gap, u, v, strict=True))
    variances = _variances(first, second, lines, (s, t, rest, found))
    sigma_x, sigma_y, sigma_z = (jnp.sqrt(jnp.where(found, value, 1.0)) for value in variances)
    return Scatterings(
        x=0.5 * (first.x + s * u[0] + second.x + t * v[0]),
        y=0.5 * (first.y + s * u[1] + second.y + t * v[1]),
        z=0.5 * (first.z + s + second.z + t),
        sigma_x=sigma_x,
        sigma_y=sigma_y,
        sigma_z=sigma_z,
        angle=jnp.arctan2(jnp.sqrt(jnp.where(found, lines.determinant, 1.0)), lines.uu + lines.ud),
        sigma_angle=_sigma_angle(first, second, lines),
        distance=jnp.sqrt(jnp.maximum(_dot(rest, rest), 1e-30)),
        found=found,
        probability=first.probability * second.probability,
    )


class _Lines:
    """Two directions u and v = u + d, d small and horizontal, and their products in forms free of cancellation."""

    def __init__(self, u: Vector, d: tuple[Float[Array, "event"], Float[Array, "event"]]) -> None:
        self.u, self.d = u, d
        self.v = (u[0] + d[0], u[1] + d[1], u[2])
        self.uu, self.vv = _dot(u, u), _dot(self.v, self.v)
        self.ud = u[0] * d[0] + u[1] * d[1]
        self.dv = self.v[0] * d[0] + self.v[1] * d[1]
        turn = u[0] * d[1] - u[1] * d[0]
        self.determinant = d[0] ** 2 + d[1] ** 2 + turn**2  # |u x v|^2 = uu vv - uv^2

    def solve(self, on_u, difference, found):
        """The s and t with u.(q + s u - t v) = v.(q + s u - t v) = 0, for u.q and v.q - u.q."""
        safe = jnp.where(found, self.determinant, 1.0)
        uv = self.uu + self.ud
        return (uv * difference - self.dv * on_u) / safe, (self.uu * difference - self.ud * on_u) / safe


def _variances(first: Tracks, second: Tracks, lines: _Lines, solution) -> list[Float[Array, "event"]]:
    """Variances of the midpoint's coordinates [m2]: squared responses times parameter variances, summed."""
    s, t, rest, found = solution
    total = [jnp.zeros_like(s)] * 3
    for axis in (0, 1):
        for track, run, sign in ((first, s, 1.0), (second, t, -1.0)):
            # a position shift moves r by +-e; a slope shift moves it by +-run e and turns its own equation by r.e
            responses = []
            for reach, turn in ((1.0, 0.0), (run, rest[axis])):
                on_u = sign * reach * lines.u[axis] + (turn if sign > 0 else 0.0)
                difference = sign * (reach * lines.d[axis] - turn)
                ds, dt = lines.solve(on_u, difference, found)
                moved = [0.5 * (ds * a + dt * b) for a, b in zip(lines.u, lines.v, strict=True)]
                moved[axis] = moved[axis] + 0.5 * reach
                responses.append(moved)
            spread = (track.var_position, track.var_slope, 2.0 * track.covariance)
            total = [
                c + p**2 * spread[0] + q**2 * spread[1] + p * q * spread[2]
                for c, p, q in zip(total, *responses, strict=True)
            ]
    return total


def _sigma_angle(first: Tracks, second: Tracks, lines: _Lines) -> Float[Array, "event"]:
    """The standard deviation of a projected scattering angle, to leading order in the angle [rad].

    A slope error along and across the inclination turns the direction by dt cos^2 and dt cos; their rms is quoted.
    """
    cosine_u, cosine_v = 1.0 / lines.uu, 1.0 / lines.vv
    one = 0.5 * first.var_slope * cosine_u * (1.0 + cosine_u)
    two = 0.5 * second.var_slope * cosine_v * (1.0 + cosine_v)
    return jnp.sqrt(one + two)


def _dot(a, b) -> Float[Array, "event"]:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
