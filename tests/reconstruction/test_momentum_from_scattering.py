"""Momentum from scattering: likelihood of the full covariance, calibrated posteriors, the known limit, derivatives."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.detectors.panels import Panels
from daedalus.errors import StageError
from daedalus.events import Hits, Momenta, Particles, blank_events
from daedalus.physics.flux import Guan2015
from daedalus.physics.kicks import kick_variance
from daedalus.physics.particles import muon
from daedalus.reconstruction.momentum_from_scattering import (
    MomentumFromScattering,
    momentum_likelihood,
    node_probabilities,
)
from daedalus.reconstruction.scattered_line_fit import hit_covariance

KEY = jax.random.key(3)
GRID = np.geomspace(0.2, 20.0, 24)
Z, THICKNESS = np.array([1.0, 0.8, 0.4, 0.5]), np.array([0.1, 0.2, 0.05, 0.1])


def particles(momentum, slope=0.6):
    count = len(momentum)
    random = np.random.default_rng(1)
    size, azimuth = slope * np.sqrt(random.uniform(size=count)), random.uniform(0, 2 * np.pi, count)
    uz = -1 / np.sqrt(1 + size**2)
    columns = (np.zeros(count), np.zeros(count), np.full(count, 2.0), size * np.cos(azimuth) * uz,
               size * np.sin(azimuth) * uz, uz, momentum)  # fmt: skip
    return blank_events(jnp.arange(count, dtype=jnp.uint32)).add(Particles(*map(jnp.asarray, columns)))


def panels(z=Z, thickness=THICKNESS, *, label="upper", efficiency=1.0, resolution=2e-4):
    middle = jnp.zeros(len(z))
    span = middle + 99.0
    return Panels(
        middle, middle, jnp.asarray(z), span, resolution, efficiency, None, label, thickness=jnp.asarray(thickness)
    )


@eqx.filter_jit
def after(stages, events):
    for number, stage in enumerate(stages):
        events = stage(events, key=jax.random.fold_in(KEY, number))
    return events


def restricted_likelihood(x, V, z):
    """By its definition, with dense matrices: the density of what a line leaves over."""
    A = np.stack([np.ones_like(z), z], 1)
    W = np.linalg.inv(V)
    N = A.T @ W @ A
    left = W - W @ A @ np.linalg.inv(N) @ A.T @ W
    return -0.5 * (np.linalg.slogdet(V)[1] + np.linalg.slogdet(N)[1] + x @ left @ x)


def test_the_likelihood_is_that_of_the_full_covariance_also_with_a_hit_missing():
    events = after([panels(efficiency=0.9)], particles(np.full(40, 0.7)))
    hits, beta_momentum = events[Hits, "upper"], muon.beta_momentum(jnp.array([0.3, 1.0, 5.0]))
    found = np.asarray(jax.jit(momentum_likelihood)(hits, jnp.asarray(THICKNESS), beta_momentum))
    checked = {3: 0, 4: 0}
    for event in range(40):
        there = np.asarray(hits.recorded[:, event])
        if there.sum() < 3:
            np.testing.assert_array_equal(found[:, event], 0.0)
            continue
        x, y, z = (np.asarray(v)[there] for v in (hits.x[:, event], hits.y[:, event], Z))
        weights = np.full(len(z), 1.0 / 2e-4**2)
        tx, ty = np.polyfit(z, x, 1, w=weights)[0], np.polyfit(z, y, 1, w=weights)[0]
        n = np.array([tx, ty]) / np.hypot(tx, ty)
        slant = np.sqrt(1 + tx**2 + ty**2)
        expected = []
        for value in beta_momentum:
            kick = np.asarray(kick_variance(jnp.asarray(THICKNESS), value[None], jnp.array([slant])))[:, 0]
            total = 0.0
            for u, factor in ((n[0] * x + n[1] * y, slant**4), (n[0] * y - n[1] * x, slant**2)):
                V = np.asarray(hit_covariance(jnp.asarray(-Z), jnp.full(4, 2e-4), jnp.asarray(kick * factor)))
                total += restricted_likelihood(u, V[np.ix_(there, there)], z)
            expected.append(total)
        np.testing.assert_allclose(np.diff(found[:, event]), np.diff(expected), atol=1e-4)  # dense: rounding
        checked[int(there.sum())] += 1
    assert min(checked.values()) > 5


@pytest.mark.parametrize("mean", ["momentum", "inverse_square"])
def test_the_posterior_means_what_it_says(mean):
    # momenta drawn from the prior: squared pulls are one on average, whatever the shape of the posterior
    prior, count = GRID**-0.5, 4000
    drawn = np.random.default_rng(5).choice(len(GRID), count, p=prior / prior.sum())
    stages = [
        panels(efficiency=0.95),
        panels(Z - 2.0, label="lower", efficiency=0.95),
        MomentumFromScattering(
            {"upper": jnp.asarray(THICKNESS), "lower": jnp.asarray(THICKNESS)}, GRID, prior, mean=mean
        ),
    ]
    found = after(stages, particles(GRID[drawn]))[Momenta]
    value, error, true = np.asarray(found.value), np.asarray(found.relative_error), GRID[drawn]
    if mean == "momentum":
        off, sigma = true - value, error * value
    else:
        off, sigma = true**-2 - value**-2, 2 * error * value**-2
    scale = np.sqrt(np.mean(sigma**2))
    assert np.mean(off) == pytest.approx(0.0, abs=5 * scale / np.sqrt(count))
    assert np.mean(off**2) == pytest.approx(scale**2, abs=5 * np.std(off**2 - sigma**2) / np.sqrt(count))
    assert np.mean(off**2) < 0.6 * np.var(true if mean == "momentum" else true**-2)  # it does measure


def test_where_scattering_dominates_the_error_is_one_over_the_root_of_twice_the_degrees_of_freedom():
    planes, count = 14, 300
    z, thickness = np.linspace(1.0, 0.0, planes), np.full(planes, 0.5)
    grid = np.geomspace(0.5, 8.0, 41)
    stages = [panels(z, thickness, resolution=1e-6), MomentumFromScattering({"upper": jnp.asarray(thickness)}, grid)]
    found = after(stages, particles(np.full(count, 2.0), slope=0.1))[Momenta]
    limit = 1 / np.sqrt(2 * 2 * (planes - 2))  # two projections: 14 %
    assert np.mean(found.relative_error) == pytest.approx(limit, rel=0.05)
    pulls = (np.asarray(found.value) / 2.0 - 1.0) / limit
    assert np.mean(pulls) == pytest.approx(0.0, abs=0.25 + 5 / np.sqrt(count))  # skewed: the mean is above the mode
    assert np.std(pulls) == pytest.approx(1.0, abs=0.1 + 5 / np.sqrt(2 * count))


def test_without_three_hits_the_prior_is_kept():
    prior = node_probabilities(Guan2015(), np.geomspace(0.6, 50.0, 12))
    grid = np.geomspace(0.6, 50.0, 12)
    stage = MomentumFromScattering({"upper": jnp.asarray(THICKNESS[:2])}, grid, prior)
    found = after([panels(Z[:2], THICKNESS[:2]), stage], particles(np.full(5, 2.0)))[Momenta]
    mean = np.sum(prior * grid)
    np.testing.assert_allclose(found.value, mean, rtol=1e-12)
    np.testing.assert_allclose(found.relative_error, np.sqrt(np.sum(prior * grid**2) - mean**2) / mean, rtol=1e-9)
    assert prior.sum() == pytest.approx(1.0)
    with pytest.raises(StageError, match="a prior of 3 numbers for 12 momenta"):
        MomentumFromScattering({"upper": jnp.asarray(THICKNESS)}, grid, np.ones(3))


def test_derivatives_equal_central_differences():
    events = particles(np.full(30, 0.8))
    fit = MomentumFromScattering({"upper": jnp.asarray(THICKNESS)}, GRID)

    @jax.jit
    @jax.value_and_grad
    def total(numbers):  # designs move panels: hits, heights and covariance follow
        stage = dataclasses.replace(panels(efficiency=0.9), z=numbers[0], thickness=numbers[1])
        momentum = eqx.tree_at(lambda f: f.stacks["upper"], fit, numbers[1])
        found = momentum(stage(events, key=KEY), key=KEY)[Momenta]
        return jnp.mean(jnp.log(found.value)) + jnp.mean(found.relative_error)

    numbers = jnp.stack([jnp.asarray(Z), jnp.asarray(THICKNESS)])
    slope = total(numbers)[1]
    for place in ((0, 0), (0, 2), (1, 1)):
        h = 1e-4 * float(numbers[place])
        move = lambda step, place=place: total(numbers.at[place].add(step))[0]
        difference = (8 * (move(h) - move(-h)) - (move(2 * h) - move(-2 * h))) / (12 * h)
        assert float(slope[place]) == pytest.approx(float(difference), rel=1e-5)
