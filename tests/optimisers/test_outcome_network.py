"""Networks of outcomes: mean and spread, reported errors, frames."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from daedalus.optimisers.outcome_network import MEMBERS, Examples, Frame, OutcomeNetwork


def taught(spread, error, *, count=128, trainings=4):
    """A network taught a line and an excess whose spread grows along the first of two coordinates."""
    key, generator = jax.random.key(0), np.random.default_rng(9)
    frame = Frame(jnp.zeros(2), jnp.ones(2), jnp.eye(2), jnp.zeros(2), jnp.ones(2))
    coordinates = generator.uniform(-1, 1, (count, 2))
    clean = np.column_stack([coordinates @ [1.0, -0.5], 0.5 * coordinates[:, 0] ** 2])
    width = np.hypot(spread * np.exp(coordinates[:, :1]), error)
    outcomes = clean + width * generator.normal(size=clean.shape)
    errors = jnp.full((count, 2), error)
    turns = jax.random.exponential(key, (MEMBERS, count))
    examples = Examples(jnp.asarray(coordinates), jnp.asarray(outcomes), errors, jnp.ones(count), turns)
    network = OutcomeNetwork.untrained(frame, 1, key=key)
    for _ in range(trainings):
        network = network.trained(examples)
    return network, examples, clean


def test_a_network_learns_mean_and_spread_of_outcomes():
    network, _, _ = taught(spread=0.3, error=0.0, count=512)
    mean, spread = jax.vmap(partial(type(network.members).__call__, coordinates=jnp.array([0.5, 0.5])))(network.members)
    np.testing.assert_allclose(jnp.mean(mean, 0), [0.25, 0.125], atol=0.15)
    np.testing.assert_allclose(jnp.mean(spread, 0), 0.3 * np.exp(0.5), rtol=0.3)
    low = jax.vmap(partial(type(network.members).__call__, coordinates=jnp.array([-0.7, 0.0])))(network.members)[1]
    np.testing.assert_allclose(jnp.mean(low, 0), 0.3 * np.exp(-0.7), rtol=0.4)
    # the expectation over samples is the members' mean, the excess a standard deviation more
    said = network(jnp.array([0.5, 0.5]))
    np.testing.assert_allclose(said[0], jnp.mean(mean, 0)[0], rtol=1e-6)
    assert 0.3 < said[1] - jnp.mean(mean, 0)[1] < 0.8


def test_reported_errors_are_not_taken_for_spread():
    network, examples, clean = taught(spread=0.0, error=0.3)
    spread = jax.vmap(jax.vmap(type(network.members).__call__, (None, 0)), (0, None))(
        network.members, examples.coordinates
    )[1]
    assert jnp.median(spread) < 0.1
    estimates = np.asarray(network.estimates(examples))
    measured = np.asarray(examples.outcomes)
    assert np.mean((estimates - clean) ** 2) < 0.2 * np.mean((measured - clean) ** 2)


def test_a_network_says_the_same_from_another_frame():
    network, _, _ = taught(spread=0.1, error=0.1, count=64, trainings=1)
    other = Frame(jnp.array([0.2, -0.1]), jnp.full(2, 0.5), jnp.eye(2), jnp.array([1.0, 2.0]), jnp.array([3.0, 0.5]))
    place = jnp.array([0.3, 0.4])
    seen = network.seen_from(other)((place - other.centre) / other.sizes)
    np.testing.assert_allclose(seen, network(place), rtol=1e-6)
