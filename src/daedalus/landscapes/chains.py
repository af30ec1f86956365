"""Chains: Langevin and no-U-turn walks over a surface, which learn their step and their scale together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from daedalus.landscapes.charts import Turn, chart
from daedalus.landscapes.errors import LandscapeError
from daedalus.landscapes.sampling import LOWEST, Samples, log_density, samples_of
from daedalus.landscapes.surface import Scalar, Surface

EDGE = 1e-4  # least distance of a chain's start from the bounds [edge of the cube]
FIRST = 1e-3  # step of the first window, so short that the first move stays near [over the number of parameters]
# acceptance at which steps are best: Roberts and Rosenthal, JRSS B 60 (1998) 255; Hoffman and Gelman, figure 6 on
GOALS = {"MALA": 0.574, "NUTS": 0.8}
LONGEST = {"MALA": 0.5, "NUTS": 1.0}  # step where walls turn moves back: one spread (MALA's is half a square)
NARROW = 0.02  # spread of the first window where there are walls [edge of the cube]
WINDOWS = 4  # in which chains learn their scale; one more is for the step alone


def _begun(surface: Surface, starts: np.ndarray, chains: int, heat: float, key: Key[Array, ""]) -> Array:
    """Coordinates where the chains begin: the given places in turn, each moved a little."""
    if not heat > 0 or chains < 2 or not len(starts):
        raise LandscapeError(
            f"{chains} chains from {len(starts)} places at temperature {heat:g}; expected two chains or more, a place, "
            "and a temperature above zero."
        )
    rng = np.random.default_rng(np.asarray(jax.random.bits(key, (4,), jnp.uint32)))
    moved = np.resize(starts, (chains, surface.size)) + 0.01 * rng.normal(size=(chains, surface.size))
    moved = np.clip(moved, EDGE, 1 - EDGE)
    places = chart(surface).coordinates(surface.allowed(moved) if surface.walled else moved)
    return jnp.asarray(places, jnp.result_type(float))


def mala_samples(
    surface: Surface,
    starts: Float[np.ndarray, "start param"],
    *,
    temperature: float,
    key: Key[Array, ""],
    chains: int = 8,
    warmup: int = 400,
    draws: int = 1000,
    thin: int = 1,
    pressure: float = 10.0,
) -> Samples:
    """Draws of the Metropolis-adjusted Langevin algorithm; chains * (warmup + draws * thin) evaluations with gradients.

    The warm-up runs in five windows. In each the common step is led to an acceptance of 0.574 by dual averaging, and
    after all but the last the logits are brought to scale with the covariance of the window's second half, of all
    chains together. Where constraints are known, chains walk in the cube itself, with one scale for all parameters, and
    moves are mirrored at what is forbidden (`daedalus.landscapes.charts`). Draws are taken in windows of the same
    length, so that there may be a few evaluations more. Chains from several basins keep to them: their shares are the
    chains', not the basins' (see `tempered_samples`).

    Args:
        surface: whose loss has derivatives.
        starts: places to begin from, in turn: the best of every basin [1].
        temperature: of the density [loss].
        key: decides the draws.
        chains: side by side, at least two [1].
        warmup: steps of each chain that are not kept [1].
        draws: kept of each chain [1].
        thin: steps per kept draw [1].
        pressure: of the measured constraints [loss per scale].

    Raises:
        LandscapeError: fewer than two chains, no start, or no temperature.
    """
    settings = (chains, warmup, draws, thin, 0, pressure)
    return _chains("MALA", surface, starts, heat=temperature, key=key, settings=settings)


def nuts_samples(
    surface: Surface,
    starts: Float[np.ndarray, "start param"],
    *,
    temperature: float,
    key: Key[Array, ""],
    chains: int = 4,
    warmup: int = 300,
    draws: int = 500,
    doublings: int = 6,
    pressure: float = 10.0,
) -> Samples:
    """Draws of the no-U-turn sampler, whose every draw takes up to 2^doublings evaluations with gradients.

    Hoffman and Gelman, JMLR 15 (2014) 1593, with an acceptance of 0.8. Step and full metric are learned in windows, as
    `mala_samples` does, by all chains together: Stan's windows, but of equal length and pooled, so that one compiled
    program serves all. Chains side by side wait for the longest trajectory.

    Args:
        surface: whose loss has derivatives.
        starts: places to begin from, in turn: the best of every basin [1].
        temperature: of the density [loss].
        key: decides the draws.
        chains: side by side, at least two [1].
        warmup: draws of each chain that are not kept [1].
        draws: kept of each chain [1].
        doublings: most doublings of a trajectory [1].
        pressure: of the measured constraints [loss per scale].

    Raises:
        LandscapeError: fewer than two chains, no start, or no temperature.
    """
    settings = (chains, warmup, draws, 1, doublings, pressure)
    return _chains("NUTS", surface, starts, heat=temperature, key=key, settings=settings)


class Chains(eqx.Module):
    """Where all chains are."""

    places: Float[Array, "chain param"]  # coordinates
    density: Float[Array, "chain"]  # its logarithm
    slope: Float[Array, "chain param"]  # of that


class Window(eqx.Module):
    """What a window of steps has brought."""

    path: Float[Array, "chain draw param"]  # coordinates
    density: Float[Array, "chain draw"]
    step: Float[Array, ""]  # learned
    gradients: Int[Array, ""]  # taken by all chains
    divergent: Int[Array, ""]
    acceptance: Float[Array, ""]


def _chains(
    method: str,
    surface: Surface,
    starts: np.ndarray,
    *,
    heat: float,
    key: Key[Array, ""],
    settings: tuple[int, int, int, int, int, float],
) -> Samples:
    """All windows of all chains: first those in which step and scale are learned, then those that are kept.

    One program serves them all, and the loss stands in it once: losses may take a minute to compile.
    """
    chains, warmup, draws, thin, doublings, pressure = settings
    begun, size = _begun(surface, starts, chains, heat, key), surface.size
    # nothing is known of the places yet: a density so low makes the first step accepted
    state = Chains(begun, jnp.full_like(begun[:, 0], LOWEST), jnp.zeros_like(begun))
    root, step = (NARROW if surface.walled else 1.0) * np.eye(size), FIRST / size
    length = max(-(-warmup // (WINDOWS + 1)), 2)
    number = WINDOWS + 1 + -(-draws // length)
    kept: list[Window] = []
    made = 0
    for window in range(number):
        learning = window <= WINDOWS
        numbers = jnp.asarray([heat, pressure, step], begun.dtype)
        state, found = _window(
            surface,
            state,
            (jnp.asarray(root, begun.dtype), numbers, jnp.asarray(learning)),
            (jax.random.fold_in(key, window), jnp.asarray(1 if learning else thin)),
            (method, length, doublings),
        )
        made += int(found.gradients)
        late = np.asarray(found.path[:, length // 2 :], float).reshape(-1, size)
        if learning:
            step = float(found.step)
        else:
            kept.append(found)
        if window < WINDOWS and np.isfinite(late).all():
            root = _scale(late, surface.walled)
            step = 0.5 * size ** (-1 / 3)
    path, density = (np.concatenate([np.asarray(part) for part in parts], 1)[:, :draws] for parts in _columns(kept))
    acceptance = float(np.mean([float(part.acceptance) for part in kept]))
    facts = (acceptance, sum(int(part.divergent) for part in kept), made)
    return samples_of(method, surface, path, density, heat=heat, facts=facts, chart=chart(surface))


def _scale(late: np.ndarray, walled: bool) -> np.ndarray:
    """A root of the covariance of places; with walls the same for all directions, so that mirrors keep the energy."""
    spread = np.atleast_2d(np.cov(late, rowvar=False)) + 1e-6 * np.eye(late.shape[1])
    return np.sqrt(np.mean(np.diag(spread))) * np.eye(late.shape[1]) if walled else np.linalg.cholesky(spread)


def _columns(kept: list[Window]) -> tuple[list[Array], list[Array]]:
    return [part.path for part in kept], [part.density for part in kept]


@eqx.filter_jit
def _window(
    surface: Surface,
    begun: Chains,
    scale: tuple[Array, Array, Array],
    course: tuple[Array, Array],
    how: tuple[str, int, int],
) -> tuple[Chains, Window]:
    """A window of steps of all chains, which share one step and one scale."""
    from blackjax.adaptation.step_size import dual_averaging_adaptation
    from blackjax.mcmc.hmc import HMCState

    (root, numbers, learning), (key, thin), (method, count, doublings) = scale, course, how
    coordinates = chart(surface)
    density = log_density(surface, numbers[0], numbers[1], coordinates)
    turned = None if coordinates.turned is None else _scaled(coordinates.turned, root)
    longest = jnp.inf if turned is None else LONGEST[method]  # where nothing but walls holds a walk back
    # the map's Jacobian is a constant
    transition = _transition(method, lambda y: density(root @ y), doublings, turned)
    init, update, final = dual_averaging_adaptation(GOALS[method])
    places = jax.scipy.linalg.solve_triangular(root, begun.places.T, lower=True).T
    states = cast(Any, HMCState)(places, begun.density, begun.slope @ root)
    none = jnp.zeros((), jnp.int32)

    def one(number: Array, carry: tuple) -> tuple:
        key, states, rule, made, lost, rates = carry
        size = jnp.minimum(jnp.where(learning, jnp.exp(rule.log_step_size), numbers[2]), longest)
        keys = jax.random.split(jax.random.fold_in(key, number), len(places))
        states, taken, divergent, rate = jax.vmap(transition, (0, 0, None))(keys, states, size)
        rate = jnp.mean(jnp.nan_to_num(rate))
        made, lost = made + jnp.sum(taken, dtype=made.dtype), lost + jnp.sum(divergent, dtype=lost.dtype)
        return key, states, update(rule, rate), made, lost, rates + rate

    def move(carry: tuple, key: Array) -> tuple[tuple, tuple[Array, Array]]:
        after = jax.lax.fori_loop(0, thin, one, (key, *carry))[1:]
        return after, (after[0].position @ root.T, after[0].logdensity)

    carry = (states, init(numbers[2]), none, none, jnp.zeros_like(numbers[0]))
    (after, rule, made, lost, rates), (path, heights) = jax.lax.scan(move, carry, jax.random.split(key, count))
    slopes = jax.scipy.linalg.solve_triangular(root, after.logdensity_grad.T, lower=True, trans=1).T
    ended = Chains(after.position @ root.T, after.logdensity, slopes)
    step = jnp.minimum(jnp.where(learning, final(rule), numbers[2]), longest)
    path, heights = jnp.swapaxes(path, 0, 1), jnp.swapaxes(heights, 0, 1)
    return ended, Window(path, heights, step, made, lost, rates / (count * thin))


def _scaled(turned: Turn, root: Array) -> Turn:
    """Mirrors for places and speeds that are brought to scale."""

    def at_scale(place: Array, speed: Array, length: Scalar) -> tuple[Array, Array]:
        found = jnp.stack(turned(root @ place, root @ speed, length), 1)
        found = jax.scipy.linalg.solve_triangular(root, found, lower=True)
        return found[:, 0], found[:, 1]

    return at_scale


def _leapfrog(turned: Turn) -> Callable[..., Any]:
    """Leapfrog steps of unit masses that are mirrored at walls, as BlackJAX wants an integrator."""

    def integrator(density: Callable[[Array], Array], _: Any) -> Callable[..., Any]:
        slope: Callable[[Array], Any] = jax.value_and_grad(density)

        def step(state: Any, size: Array) -> Any:
            place, speed, _, gradient = (jnp.asarray(part) for part in state)
            place, speed = turned(place, speed + 0.5 * size * gradient, size)
            height, gradient = slope(place)
            return state._replace(
                position=place, momentum=speed + 0.5 * size * gradient, logdensity=height, logdensity_grad=gradient
            )

        return step

    return integrator


def _transition(
    method: str, density: Callable[[Array], Array], doublings: int, turned: Turn | None
) -> Callable[..., tuple]:
    """A step: from key, state and size to state, gradients taken, divergence, acceptance."""
    import blackjax
    from blackjax.mcmc.integrators import velocity_verlet

    integrator = velocity_verlet if turned is None else _leapfrog(turned)
    if method == "MALA":  # one step of Hamilton's, whose square is twice the length of Langevin's
        kernel: Callable[..., Any] = blackjax.hmc.build_kernel(integrator)

        def langevin(key: Array, state: Any, size: Array) -> tuple:
            state, info = kernel(key, state, density, jnp.sqrt(2.0 * size), jnp.ones_like(state.position), 1)
            return state, jnp.ones((), jnp.int32), jnp.zeros((), jnp.int32), info.acceptance_rate

        return langevin
    walk: Callable[..., Any] = blackjax.nuts.build_kernel(integrator)

    def unturned(key: Array, state: Any, size: Array) -> tuple:
        state, info = walk(key, state, density, size, jnp.ones_like(state.position), doublings)
        lost = info.is_divergent.astype(jnp.int32)
        return state, info.num_integration_steps.astype(jnp.int32), lost, info.acceptance_rate

    return unturned
