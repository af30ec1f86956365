"""The binned clustered algorithm: the published metric by hand, and dense voxels come out low."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.events import Scatterings
from daedalus.geometry import Voxels
from daedalus.inference.binned_clusters import cluster_score
from daedalus.physics.scattering import HIGHLAND_ENERGY

EDGE = jnp.array([0.0, 0.5, 1.0])
VOXELS = Voxels(EDGE, EDGE, EDGE)


def points(place, angle):
    one = jnp.ones(len(place))
    x, y, z = jnp.asarray(place, float).T
    return Scatterings(x, y, z, one, one, one, jnp.asarray(angle, float), one, one, one > 0, one)


def test_the_metric_by_hand_of_the_most_scattered():
    place = np.array([[0.1, 0.1, 0.1], [0.2, 0.1, 0.1], [0.1, 0.3, 0.1], [0.4, 0.4, 0.4], [0.9, 0.9, 0.9]])
    angle = np.array([0.01, 0.02, 0.03, 0.001, 0.01])
    found = cluster_score(points(place, angle), jnp.full(5, 3.0), jnp.ones(5), VOXELS, most=3)
    strength = angle * 3.0 / HIGHLAND_ENERGY
    pairs = [
        np.log(np.linalg.norm(place[i] - place[j]) / (strength[i] * strength[j]))
        for i, j in itertools.combinations(range(3), 2)  # the fourth scatters too little to be kept
    ]
    assert float(found[0, 0, 0]) == pytest.approx(float(np.median(pairs)), rel=1e-6)
    assert np.isinf(found[1, 1, 1])  # one point
    assert np.isinf(found[0, 1, 0])  # none


def test_points_without_weight_or_outside_do_not_count():
    place = np.array([[0.1, 0.1, 0.1], [0.2, 0.1, 0.1], [0.1, 0.3, 0.1], [0.1, 0.1, 1.2]])
    angle, weight = np.full(4, 0.01), jnp.array([1.0, 1.0, 0.0, 1.0])
    found = cluster_score(points(place, angle), jnp.full(4, 3.0), weight, VOXELS)
    assert np.all(np.isinf(found))


def test_denser_is_lower():
    key = jax.random.key(0)
    place = jax.random.uniform(key, (400, 3))
    dense = jnp.all(place < 0.5, 1)
    angle = jnp.abs(jax.random.normal(jax.random.fold_in(key, 1), (400,))) * jnp.where(dense, 0.03, 0.003)
    found = cluster_score(points(place, angle), jnp.full(400, 3.0), jnp.ones(400), VOXELS)
    others = np.delete(np.asarray(found).ravel(), 0)
    assert float(found[0, 0, 0]) < others.min() - 1.0
