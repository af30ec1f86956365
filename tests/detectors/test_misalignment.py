"""Misalignment: what planes report is what panels that stand there would, in their own coordinates."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from daedalus.detectors.misalignment import Misalignment
from daedalus.detectors.panels import Panels
from daedalus.events import Hits, Particles, blank_events

KEY, COUNT = jax.random.key(1), 40
Z = jnp.array([1.0, 0.8])


def events():
    x, y, tx, ty = np.random.default_rng(1).uniform(-0.4, 0.4, (4, COUNT))
    uz = -1 / np.sqrt(1 + tx**2 + ty**2)
    columns = (x, y, np.full(COUNT, 1.5), tx * uz, ty * uz, uz, np.full(COUNT, 3.0))
    return blank_events(jnp.arange(COUNT, dtype=jnp.uint32)).add(Particles(*map(jnp.asarray, columns)))


@eqx.filter_jit
def passed(stage, record):
    return stage(record, key=KEY)


def seen(z):
    middle = jnp.zeros(2)
    return passed(Panels(middle, middle, z, middle + 9.0, 1e-15, 1.0, None, "upper"), events())


def test_a_displaced_plane_reports_where_it_is_hit():
    rows = ([1e-3, 2e-3], [-1e-3, 0.0], [5e-3, -4e-3], [0.02, -0.3])
    dx, dy, dz, turn = map(jnp.asarray, map(np.array, rows))
    pivot = (0.1, -0.2)
    found = passed(Misalignment("upper", dx, dy, dz, turn, pivot), seen(Z))[Hits, "upper"]
    true = seen(Z + dz)[Hits, "upper"]  # in space
    for k in range(2):
        axes = np.array([[np.cos(turn[k]), np.sin(turn[k])], [-np.sin(turn[k]), np.cos(turn[k])]])  # of the plane
        origin = np.array([pivot[0] + dx[k], pivot[1] + dy[k]])
        own = axes @ (np.stack([true.x[k], true.y[k]]) - origin[:, None]) + np.array(pivot)[:, None]
        np.testing.assert_allclose(np.stack([found.x[k], found.y[k]]), own, atol=1e-12)
    np.testing.assert_array_equal(found.z, Z)


def test_nothing_happens_at_zero():
    before = seen(Z)
    assert eqx.tree_equal(passed(Misalignment("upper"), before)[Hits, "upper"], before[Hits, "upper"])
