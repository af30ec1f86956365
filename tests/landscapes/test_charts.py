"""Charts: walks that are turned back at walls keep the density inside, and can be undone."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.landscapes.chains import mala_samples, nuts_samples
from daedalus.landscapes.charts import chart, mirrored
from daedalus.landscapes.surface import Height, analytic

KEY = jax.random.key(5)
HEAT = 0.4  # [loss]
RADIUS = 0.3  # of what is forbidden in the middle
SETTINGS = {
    mala_samples: {"chains": 8, "warmup": 300, "draws": 3000},
    nuts_samples: {"chains": 4, "warmup": 200, "draws": 1500},
}


def loss(x):
    return x[0] + 0.5 * x[1]


def below_the_diagonal(x):
    """The nearest place of the triangle x + y <= 1."""
    return x - jnp.maximum(jnp.sum(x) - 1.0, 0.0) / 2


def beyond_the_diagonal(x):
    return jnp.sum(x) - 1.0 - 1e-6


def around_the_disc(x):
    """The nearest place out of a disc in the middle, whose edge is no flat wall."""
    away = x - 0.5
    distance = jnp.sqrt(jnp.sum(away**2))
    return jnp.where(distance < RADIUS, 0.5 + away * RADIUS / jnp.maximum(distance, 1e-9), x)


def within_the_disc(x):
    return RADIUS - 1e-6 - jnp.sqrt(jnp.sum((x - 0.5) ** 2))


def walled(admitted, known):
    free = analytic(loss, ("a", "b"))
    height = lambda cube: Height(loss(cube), jnp.zeros_like(cube[0]), known(cube))
    return dataclasses.replace(free, height=height, admitted=admitted, known=known, walled=True)


TRIANGLE, RING = walled(below_the_diagonal, beyond_the_diagonal), walled(around_the_disc, within_the_disc)


def grid_of(surface):
    """Places all over the allowed part of the cube, with their shares of the density."""
    side = (np.arange(600) + 0.5) / 600
    cubes = np.stack(np.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
    heights = surface.known_excess(cubes) <= 0
    shares = np.where(heights, np.exp(-(cubes[:, 0] + 0.5 * cubes[:, 1]) / HEAT), 0.0)
    return cubes, shares / shares.sum()


@pytest.mark.parametrize("method", list(SETTINGS), ids=lambda method: method.__name__)
@pytest.mark.parametrize("surface", [TRIANGLE, RING], ids=["triangle", "ring"])
def test_walks_keep_the_density_up_to_the_walls(surface, method):
    start = np.array([[0.1, 0.1]])
    found = method(surface, start, temperature=HEAT, key=KEY, **SETTINGS[method])
    draws = found.cubes.reshape(-1, 2)
    cubes, shares = grid_of(surface)
    assert np.all(found.excess <= 0)
    assert found.losses.ravel() == pytest.approx(draws @ [1.0, 0.5], abs=1e-4)
    assert np.all(found.rhat < 1.02)
    worth = found.effective.min()
    assert worth > 400
    parts = {
        "near the bounds": lambda at: (at.min(1) < 0.02) | (at.max(1) > 0.98),
        "near the wall": lambda at: (np.abs(at.sum(1) - 1) < 0.03) | (np.abs(np.hypot(*(at - 0.5).T) - RADIUS) < 0.03),
        "beyond": lambda at: at[:, 0] > 0.6,
        "above": lambda at: at[:, 1] > 0.5,
    }
    for inside in parts.values():
        expected = shares[inside(cubes)].sum()
        assert np.mean(inside(draws)) == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / worth))
    means = (shares[:, None] * cubes).sum(0)
    spread = np.sqrt((shares[:, None] * (cubes - means) ** 2).sum(0))
    assert (draws.mean(0) - means) / spread == pytest.approx(np.zeros(2), abs=4 / np.sqrt(worth))


@pytest.mark.parametrize("surface", [TRIANGLE, RING], ids=["triangle", "ring"])
def test_moves_can_be_undone(surface):
    turned = jax.jit(jax.vmap(mirrored(surface), (0, 0, None)))
    rng = np.random.default_rng(3)
    starts = surface.allowed(rng.random((400, 2))).astype(np.float32)
    speeds = rng.normal(size=(400, 2)).astype(np.float32)
    after, back = turned(starts, speeds, 0.1)
    assert np.all(surface.known_excess(np.asarray(after)) <= 0)
    assert np.all((after >= 0) & (after <= 1))
    assert np.linalg.norm(back, axis=1) == pytest.approx(np.linalg.norm(speeds, axis=1), rel=1e-3)
    hit = np.abs(np.asarray(after) - (starts + 0.1 * speeds)).max(1) > 1e-5
    assert 0.1 < hit.mean() < 0.6
    again, _ = turned(after, -back, 0.1)
    undone = np.abs(np.asarray(again) - starts).max(1) < 1e-4
    assert undone.mean() > 0.97  # but for corners


def test_without_known_constraints_chains_walk_in_logits():
    free = chart(analytic(loss, ("a", "b")))
    cubes = np.array([[0.2, 0.7]])
    assert free.turned is None
    assert np.asarray(free.cube(jnp.asarray(free.coordinates(cubes)))) == pytest.approx(cubes, rel=1e-5)
    slope = jax.jacobian(free.cube)(jnp.asarray(free.coordinates(cubes)[0]))
    assert float(free.log_jacobian(jnp.asarray(free.coordinates(cubes)[0]))) == pytest.approx(
        float(jnp.linalg.slogdet(slope)[1]), rel=1e-4
    )
