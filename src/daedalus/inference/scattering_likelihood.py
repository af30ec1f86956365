"""Maps of the inverse radiation length by maximum likelihood of angles and offsets (EM, also called MLSD)."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree

from daedalus.core.pipeline import Summary
from daedalus.events import Deflections, Events, Momenta
from daedalus.geometry import Voxels
from daedalus.gradients.implicit import held_fixed_point
from daedalus.inference.density_map import DensityMap
from daedalus.inference.poca_density import density_map
from daedalus.inference.voxel_paths import Voxel, moments_along, unit_variance, voxel_sums
from daedalus.physics.particles import muon
from daedalus.physics.scattering import Moments, piece_moments

SPARSEST = 1e-4  # inverse radiation length below which no voxel falls, a thirtieth of air's [1/m]


class ScatteringModel(eqx.Module):
    """How a map of the inverse radiation length becomes a density of angles and offsets.

    In each projection (angle, offset) is normal with the covariance u [[A0, A1], [A1, A2]] + that of the tracks, A_k
    the moments of the map along the path about the reference plane and u the variance per radiation length by the
    transport's law, the logarithm of the total path.
    """

    voxels: Voxels
    mass: float = eqx.field(static=True, default=muon.mass)  # of the particle [GeV]
    loss: float = eqx.field(static=True, default=0.0)  # mean energy loss [GeV per radiation length]
    prior_density: float = eqx.field(static=True, default=0.03)  # 1/X0 a voxel has without any data [1/m]
    prior_particles: float = eqx.field(static=True, default=0.5)  # what that is worth; keeps empty voxels finite [1]

    def sums(
        self,
        density: Voxel,
        paths: Deflections,
        momentum: Float[Array, "event"],
        weight: Float[Array, "event"],
    ) -> dict[str, Voxel]:
        """The sums of one step, voxel by voxel: particles [1], slope [m], information [m2], see `stepped`.

        Args:
            density: the map so far [1/m].
            paths: the particles.
            momentum: before the volume [GeV].
            weight: zero for particles that do not count [1].
        """
        known = paths.found & (weight > 0)
        weight = jnp.where(known, weight, 0.0)
        moments = moments_along(density, paths, self.voxels)
        unit = unit_variance(moments.A0, momentum, mass=self.mass, loss=self.loss)
        inverses = [self._inverse(moments, unit, paths, axis) for axis in (0, 1)]
        end = paths.length + paths.beyond

        def pieces(voxel: Array, near: Array, far: Array) -> dict[str, Array]:
            path = piece_moments(far - near, end - near, end - far)
            slopes, information = zip(*(_piece(path, inverse, unit) for inverse in inverses), strict=True)
            return {
                "particles": weight * (far > near),
                "slope": jnp.where(known, weight * sum(slopes), 0.0),
                "information": jnp.where(known, weight * sum(information), 0.0),
            }

        return voxel_sums(paths, self.voxels, pieces)

    def stepped(self, density: Voxel, sums: dict[str, Voxel]) -> Voxel:
        """The map after one step of expectation and maximisation [1/m].

        lambda' = lambda + lambda^2 / (4 M) sum over particles and projections of u (d' S^-1 W S^-1 d - tr S^-1 W),
        M the particles that cross the voxel; with a conjugate prior worth ``prior_particles``. Schultz et al., IEEE
        Trans. Image Process. 16 (2007) 1985, equations 26 to 32. No step lowers the likelihood (but for the change of
        the logarithm within u).
        """
        count, prior = sums["particles"], self.prior_particles
        complete = count * density + 0.25 * density**2 * sums["slope"]
        mean = (complete + prior * self.prior_density) / (count + prior)
        return jnp.maximum(mean, SPARSEST)

    def _inverse(self, moments, unit: Array, paths: Deflections, axis: int) -> "_Inverse":
        """The inverse covariance of one projection, and its product with the data."""
        c = unit * moments.A0 + paths.var_angle[axis]
        s = unit * moments.A1 + paths.covariance[axis]
        o = unit * moments.A2 + paths.var_offset[axis]
        determinant = jnp.maximum(c * o - s * s, 1e-6 * c * o)  # never below rounding
        p, q, r = o / determinant, -s / determinant, c / determinant
        angle, offset = paths.angle[axis], paths.offset[axis]
        return _Inverse(p, q, r, p * angle + q * offset, q * angle + r * offset)


class _Inverse(NamedTuple):
    """S^-1 = [[p, q], [q, r]] and S^-1 d = (a, b)."""

    p: Array
    q: Array
    r: Array
    a: Array
    b: Array


def _piece(path: Moments, inverse: _Inverse, unit: Array) -> tuple[Array, Array]:
    """U (d' S^-1 W S^-1 d - tr S^-1 W) and tr (u S^-1 W)^2 / 2 of a piece of a path, one projection."""
    p, q, r, a, b = inverse
    quadratic = a * a * path.A0 + 2.0 * a * b * path.A1 + b * b * path.A2
    first, second = p * path.A0 + q * path.A1, p * path.A1 + q * path.A2
    third, fourth = q * path.A0 + r * path.A1, q * path.A1 + r * path.A2
    trace = first + fourth
    return unit * (quadratic - trace), 0.5 * unit**2 * (first**2 + 2.0 * second * third + fourth**2)


class ScatteringStep(eqx.Module):
    """Pass: the sums of one step from the map of the pass before; see `ScatteringModel`."""

    model: ScatteringModel
    before: str = eqx.field(static=True)  # name of the pass before, of this class or a `PocaDensity`; empty: none
    guess: float = eqx.field(static=True, default=0.3)  # least inverse radiation length at first [1/m]

    def __call__(self, events: Events, earlier: PyTree) -> dict[str, Voxel]:
        """The sums by name, and the map they were made with, shared out among the particles."""
        paths = events[Deflections]
        weight = events.effective_weight * paths.probability
        density = self._start(earlier.get(self.before))
        sums = self.model.sums(density, paths, events[Momenta].value, weight)
        used = jnp.sum(events.effective_weight)
        return {**sums, "density": used * density, "used": used}

    def _start(self, sums: dict[str, Any] | None) -> Voxel:
        """The map that the sums before lead to."""
        if sums is None:
            return jnp.full(self.model.voxels.shape, self.guess)
        if "put" in sums:
            return jnp.maximum(density_map(sums).density, self.guess)
        return self.model.stepped(_density(sums), sums)


def scattering_passes(
    model: ScatteringModel, rounds: int, *, before: str = "", guess: float = 0.3
) -> tuple[dict[str, Summary], ...]:
    """Passes of so many steps; the last is "likelihood_map", of which `likelihood_map` is the map.

    Args:
        model: of the scattering.
        rounds: steps [1].
        before: name of a pass of `daedalus.inference.poca_density` to start from; an even map by default.
        guess: least inverse radiation length at the start [1/m].
    """
    names = [f"likelihood_map_{number}" for number in range(rounds - 1)] + ["likelihood_map"]
    chain = zip(names, [before, *names[:-1]], strict=True)
    return tuple({name: ScatteringStep(model, last, guess)} for name, last in chain)


def likelihood_map(model: ScatteringModel, sums: dict[str, Any]) -> DensityMap:
    """The map after the last pass of a scenario.

    The error is that of Fisher's information with all other voxels held fixed, a lower bound (Cramer and Rao).
    """
    return DensityMap(model.stepped(_density(sums), sums), _error(sums["information"], model.prior_particles))


class FittedMap(NamedTuple):
    """A map at the fixed point of the steps.

    Attributes:
        map: the map. converged: whether the last step changed the logarithm of no voxel by more than the tolerance.
        steps: taken [1]. change: largest change of a voxel's logarithm in the last step [1].
    """

    map: DensityMap
    converged: Bool[Array, ""]
    steps: Int[Array, ""]
    change: Float[Array, ""]


def fitted_map(
    model: ScatteringModel,
    paths: Deflections,
    momentum: Float[Array, "event"],
    weight: Float[Array, "event"],
    *,
    start: Voxel | None = None,
    tolerance: float = 1e-3,
    most: int = 300,
) -> FittedMap:
    """The map that one step leaves as it is: the maximum of the likelihood (with its prior) of particles in memory.

    Two steps are extrapolated at a time (SQUAREM, Varadhan and Roland, Scand. J. Statist. 35 (2008) 335, scheme 3) in
    the logarithm of the map. The derivative with respect to paths, momenta and weights is that of the fixed point,
    from a matrix-free linear solve; zero where the steps have not converged.

    Args:
        model: of the scattering.
        paths: of the particles.
        momentum: before the volume [GeV].
        weight: zero for particles that do not count [1].
        start: the first map [1/m]; even by default.
        tolerance: change of a voxel's logarithm that counts as none [1].
        most: steps [1].
    """
    data = (paths, momentum, weight)
    if start is None:
        start = jnp.full(model.voxels.shape, 0.3)

    def step(logarithm: Voxel, at: tuple) -> Voxel:
        density = jnp.exp(logarithm)
        return jnp.log(model.stepped(density, model.sums(density, *at)))

    held = jax.lax.stop_gradient(data)

    def turn(state):
        count, here, _ = state
        first = step(here, held)
        second = step(first, held)
        r, v = first - here, second - 2.0 * first + here
        length = -jnp.sqrt(jnp.sum(r**2) / jnp.maximum(jnp.sum(v**2), 1e-30))
        length = jnp.clip(length, -16.0, -1.0)
        jumped = here - 2.0 * length * r + length**2 * v
        jumped = jnp.clip(jumped, here - 2.0, here + 2.0)  # a voxel's density changes by e^2 at most
        change = jnp.max(jnp.abs(r))
        settled = change <= tolerance  # then no jump may lead away again
        return count + 3, jnp.where(settled, second, step(jumped, held)), change

    more = lambda state: (state[0] < most) & (state[2] > tolerance)
    count, found, _ = jax.lax.while_loop(more, turn, (jnp.asarray(0), jnp.log(start), jnp.asarray(jnp.inf)))
    change = jnp.max(jnp.abs(step(found, held) - found))
    converged = change <= 2.0 * tolerance
    found = held_fixed_point(step, found, data, converged=converged)
    sums = model.sums(jax.lax.stop_gradient(jnp.exp(found)), *held)
    error = _error(sums["information"], model.prior_particles)
    return FittedMap(DensityMap(jnp.exp(found), error), converged, count, change)


def _density(sums: dict[str, Any]) -> Voxel:
    return sums["density"] / jnp.maximum(sums["used"], 1e-30)[..., None, None, None]


def _error(information: Voxel, prior: float) -> Voxel:
    some = information > 0.0
    return jnp.where(some, 1.0 / jnp.sqrt(jnp.where(some, information, 1.0)), jnp.inf)
