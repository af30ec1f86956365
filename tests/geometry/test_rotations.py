"""Rotations: images by hand, and their derivative."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.errors import DesignError
from daedalus.geometry.rotations import replicated


def test_images_are_the_points_turned():
    sector = jnp.asarray(np.random.default_rng(1).uniform(0, 100, (5, 2)))
    every = replicated(sector, 4, (10.0, 20.0))
    np.testing.assert_array_equal(every[:5], sector)
    offset = every - jnp.array([10.0, 20.0])
    np.testing.assert_allclose(offset[5:10], jnp.stack([-offset[:5, 1], offset[:5, 0]], 1), atol=1e-12)
    np.testing.assert_allclose(offset[10:15], -offset[:5], atol=1e-12)
    np.testing.assert_array_equal(replicated(sector, 1, (10.0, 20.0)), sector)
    assert replicated(sector.astype(jnp.float32), 3).dtype == jnp.float32
    with pytest.raises(DesignError, match="0-fold"):
        replicated(sector, 0)


def test_derivatives_are_the_rotations():
    slope = jax.jacobian(lambda sector: replicated(sector, 4, (10.0, 20.0)))(jnp.ones((2, 2)))
    np.testing.assert_allclose(slope[2, :, 0], [[0, -1], [1, 0]], atol=1e-15)
    np.testing.assert_array_equal(slope[2, :, 1], 0.0)
