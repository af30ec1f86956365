"""Searches on losses in closed form, with or without noise and constraints; compiled as one program."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from daedalus.core import Design, Goals, Gradient, Point, Space, parameter
from daedalus.testing import evaluated


class Noise(NamedTuple):
    """Standard deviations of what is measured; one draw for all starts of a round, as the loop has it."""

    loss: float = 0.0
    slope: float = 0.0  # of each derivative [1 / unit of the parameter]
    excess: float = 0.0


class Found(NamedTuple):
    """What a search asked for, axes round and start first."""

    state: Any
    values: jax.Array  # parameters
    losses: jax.Array  # without noise
    measured: jax.Array  # with noise
    excess: jax.Array  # without noise

    def rows_to(self, target):
        """Rows until the true loss of the best row so far, as measured, is below a target."""
        measured, losses = np.ravel(self.measured), np.ravel(self.losses)
        best = [losses[np.argmin(measured[: row + 1])] for row in range(len(losses))]
        return 1 + next(row for row, loss in enumerate(best) if loss <= target)


def box(start, lower, upper, kind="continuous"):
    """The space of a vector between bounds."""

    class Place(Design):
        x: jax.Array = parameter(lower, upper, "1", doc="coordinate", kind=kind)

    return Space.of(Place(jnp.asarray(start, float)))


def search(method, space, loss, *, rounds, rows=None):
    """A compiled search(noise, seed) for the lowest loss(x), or loss(x, softness), where rows(x) are not above zero."""
    limits = rows or (lambda x: jnp.zeros(0))
    height = loss if loss.__code__.co_argcount == 2 else lambda x, softness: loss(x)
    span, start = space.upper - space.lower, space.point(space.template)
    count = len(limits(space.values(space.template)))

    def one_round(state, number, noise, key):
        proposal = method.ask(state, key=jax.random.fold_in(key, 2 * number))
        keys = jax.random.split(jax.random.fold_in(key, 2 * number + 1), 3)
        lift, shift = noise.loss * jax.random.normal(keys[0]), noise.excess * jax.random.normal(keys[1], (count,))
        tilt = noise.slope * jax.random.normal(keys[2], span.shape) * span

        def merit(cube, pressure):
            x = space.values(space.design(cube))
            excess, there = limits(x), height(x, proposal.softness)
            return there if pressure is None else there + pressure(excess + shift), (there, excess, x)

        measure = jax.vmap(eqx.filter_value_and_grad(merit, has_aux=True))
        (_, (losses, excess, x)), slopes = measure(proposal.points.cube, proposal.pressure)
        root = jnp.broadcast_to(jnp.diag(noise.slope * span), (*slopes.shape, len(span)))
        gradient = Gradient(Point(slopes + tilt, proposal.points.learned), root)
        error = jnp.full_like(losses, 1.0) * noise.loss
        found = evaluated(losses + lift, error=error, excess=excess + shift, gradient=gradient)
        found = eqx.tree_at(lambda e: e.excess_errors, found, jnp.full_like(excess, 1.0) * noise.excess)
        return method.tell(state, proposal, found), (x, losses, losses + lift, excess)

    @jax.jit
    def run(noise, key):
        state = method.init(space, start, key=key, rounds=rounds, goals=Goals(1, count))
        state, seen = jax.lax.scan(lambda s, n: one_round(s, n, noise, key), state, jnp.arange(rounds))
        return Found(state, *seen)

    return lambda noise=Noise(), seed=0: run(Noise(*map(float, noise)), jax.random.key(seed))  # noqa: B008


def valley(x):
    """Rosenbrock's valley without its factor of a hundred: 45 at 2 in ten dimensions, 0 at 1."""
    return jnp.sum((x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


PLANE = np.linalg.qr(np.random.RandomState(1337).randn(100, 10))[0]


def hidden_valley(x):
    """The valley in ten directions among a hundred: 9 at the origin."""
    return valley(x @ PLANE)
