"""Bayesian optimisation: noise, constraints, fronts, mixed spaces, failures, gradients, basins, states."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Goals, Gradient, Space
from daedalus.errors import OptimiserError
from daedalus.landscapes.fronts import hypervolume
from daedalus.optimisers.gaussian_process import GaussianProcess
from daedalus.search.checkpoint import arrays_of, state_of
from daedalus.search.threads import one_thread
from daedalus.testing import evaluated
from optimisers.stepped import Box, Mixed, plain, search


def bowl(places):
    return np.sum((places - [1.0, -2.0]) ** 2, 1)


def test_a_bowl_is_found_in_few_rows():
    _, loss, _ = search(GaussianProcess(), Box(jnp.array([4.0, 4.0])), plain(bowl), 20)
    assert np.min(loss) < 0.02


def test_noise_is_believed_as_reported():
    # 0.3 of noise on every row: the lowest row is lucky, the place of the lowest mean is good
    generator = np.random.default_rng(0)
    places, _, _ = search(GaussianProcess(), Box(jnp.array([4.0, 4.0])), plain(bowl, 0.3, generator), 40)
    assert np.median(bowl(places[-10:])) < 0.5
    assert np.max(np.linalg.norm(places[-20:] - places[-1], axis=1)) > 0.05


@pytest.mark.parametrize("batch", [1, 4])
def test_a_constrained_search_ends_feasible_at_the_optimum(batch):
    # the lowest point of a plane on a disc, from outside it: -sqrt(2)
    def measure(places):
        return {"loss": np.sum(places, 1), "excess": (np.sum(places**2, 1) - 1.0)[:, None]}

    start = Box(jnp.array([2.5, 3.0]))
    _, loss, excess = search(GaussianProcess(batch=batch), start, measure, 40 // batch, goals=Goals(1, 1))
    feasible = excess[:, 0] <= 0
    assert not feasible[0]
    assert np.min(loss[feasible]) < -(2**0.5) + 0.03


@pytest.mark.slow
def test_a_front_is_drawn():
    # squared distances from (1, 0) and (-1, 0): sqrt(f1) + sqrt(f2) = 2 on the front
    def measure(places):
        scores = np.stack([np.sum((places - [end, 0.0]) ** 2, 1) for end in (1.0, -1.0)], 1)
        return {"loss": scores.sum(1), "scores": scores}

    _, _, scores = search(GaussianProcess(), Box(jnp.array([2.0, 2.0])), measure, 45, goals=Goals(2, 0))
    reference = np.array([5.0, 5.0])
    first = np.linspace(0.0, 4.0, 4001)
    exact = np.trapezoid(5.0 - (2.0 - np.sqrt(first)) ** 2, first) + 5.0
    assert hypervolume(scores, reference) > 0.97 * exact


@pytest.mark.slow
def test_whole_numbers_and_choices_are_moved_as_such():
    # the second choice is better by two; the best whole number is 6
    def function(places):
        far = np.sum((places[:, :2] - 1.0) ** 2, 1) + 0.2 * (places[:, 2] - 6.0) ** 2
        return far + 2.0 * np.abs(places[:, 3] - 1.0)

    places, loss, _ = search(GaussianProcess(), Mixed(jnp.array([0.0, 2.0]), 2.0, 0.0), plain(function), 60)
    assert places[np.argmin(loss), 2:].tolist() == [6.0, 1.0]
    assert np.min(loss) < 0.1


def test_failures_are_avoided_even_where_the_start_fails():
    # nothing above 1.5 in the first coordinate gives an answer; the start is there
    bounded = lambda places: np.where(places[:, 0] > 1.5, np.inf, np.sum((places - [1.4, -1.0]) ** 2, 1))
    _, loss, _ = search(GaussianProcess(), Box(jnp.array([1.8, 2.0])), plain(bounded), 50)
    assert np.isinf(loss[0])
    assert np.min(loss) < 0.05
    assert np.mean(np.isfinite(loss[20:])) > 0.5


@pytest.mark.slow
def test_gradients_save_rows():
    # Rosenbrock's valley without its factor of a hundred, in six parameters
    def valley(x):
        return jnp.sum((x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    def measure(places):
        loss, slope = jax.vmap(jax.value_and_grad(valley))(jnp.asarray(places))
        return {"loss": loss, "slope": slope}

    start = Box(jnp.full(6, 2.0))
    steep = search(GaussianProcess(gradients=True), start, measure, 20)[1]
    blind = search(GaussianProcess(), start, plain(lambda p: np.asarray(jax.vmap(valley)(jnp.asarray(p)))), 20)[1]
    assert np.min(steep) < 0.3 * np.min(blind)
    assert np.min(steep) < 0.5


@pytest.mark.slow
def test_both_basins_of_a_mirror_are_found():
    # a double well with minima at (+-2, 0)
    well = lambda places: 0.1 * (places[:, 0] ** 2 - 4.0) ** 2 + places[:, 1] ** 2
    places, loss, _ = search(
        GaussianProcess(), Box(jnp.array([3.0, 1.0])), plain(well, 0.01, np.random.default_rng(1)), 90
    )
    good = loss < 0.1
    assert (good & (places[:, 0] > 0)).any()
    assert (good & (places[:, 0] < 0)).any()


@pytest.mark.parametrize("gradients", [False, True])
@one_thread()
def test_a_state_written_and_read_continues_identically(gradients, tmp_path):
    space, optimiser = Space.of(Box(jnp.full(3, 2.0))), GaussianProcess(batch=2, gradients=gradients, initial=3)
    start = space.point(space.template)

    def rounds(state, numbers):
        for number in numbers:
            proposal = optimiser.ask(state, key=jax.random.key(number))
            state = optimiser.tell(state, proposal, answer(proposal))
        return proposal.points.cube, state

    def answer(proposal):
        cube = proposal.points.cube
        root = jnp.zeros((len(cube), 3, 3)) + 1e-3 * jnp.eye(3)
        slope = dataclasses.replace(proposal.points, cube=2 * (cube - 0.3))
        gradient = Gradient(slope, root) if gradients else None
        return evaluated(jnp.sum((cube - 0.3) ** 2, 1), error=0.01, gradient=gradient)

    begin = optimiser.init(space, start, key=jax.random.key(0), rounds=8)
    _, half = rounds(begin, range(4))
    np.savez(tmp_path / "state.npz", **arrays_of(half))
    with np.load(tmp_path / "state.npz") as stored:
        read = state_of(stored, begin)
    ours, theirs = rounds(half, range(4, 7)), rounds(read, range(4, 7))
    assert jnp.all(ours[0] == theirs[0])


def test_misuse():
    with pytest.raises(OptimiserError, match="batch of GaussianProcess is 0"):
        GaussianProcess(batch=0)
    with pytest.raises(OptimiserError, match="side 0"):
        GaussianProcess(side=0.0)
    space = Space.of(Box(jnp.full(3, 2.0)))
    with pytest.raises(OptimiserError, match="seeks their front"):
        GaussianProcess(gradients=True).init(
            space, space.point(space.template), key=jax.random.key(0), rounds=8, goals=Goals(2, 0)
        )
