"""Panels that deflect: variances in closed form, any order of heights, only what is crossed, derivatives."""

import dataclasses
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.detectors.edges import SigmoidEdges
from daedalus.detectors.panels import Panels
from daedalus.detectors.passage import passage
from daedalus.events import Hits, Particles, blank_events, normals, uniforms
from daedalus.physics.kicks import kick_variance
from daedalus.physics.particles import muon
from daedalus.reconstruction.scattered_line_fit import hit_covariance

KEY = jax.random.key(5)
COUNT = 20_000
Z, THICKNESS = np.array([1.0, 0.7, 0.2]), np.array([0.02, 0.05, 0.01])
MOMENTUM = 0.5  # GeV


def particles(slopes=(0.0, 0.0), count=COUNT, up=False):
    """Equal particles through the origin at z = 2."""
    direction = np.array([*slopes, 1.0]) / np.sqrt(1 + np.dot(slopes, slopes)) * (1 if up else -1)
    columns = [np.full(count, v) for v in (0.0, 0.0, 2.0, *direction, MOMENTUM)]
    return blank_events(jnp.arange(count, dtype=jnp.uint32)).add(Particles(*map(jnp.asarray, columns)))


def panels(z=Z, thickness=THICKNESS, *, edges=None, resolution=1e-9, x=0.0, span=99.0):
    middle = jnp.zeros(len(z))
    full = lambda value: jnp.broadcast_to(jnp.asarray(value), middle.shape)
    thick = thickness if isinstance(thickness, float) else jnp.asarray(thickness)
    return Panels(
        full(x), middle, jnp.asarray(z), full(span), resolution, 1.0, edges, "upper", sampled=False, thickness=thick
    )


@eqx.filter_jit
def passed(stage, events):
    return stage(events, key=KEY)


def variances(slant=1.0, thickness=THICKNESS):
    beta_momentum = muon.beta_momentum(jnp.array([MOMENTUM]))
    return np.asarray(kick_variance(jnp.asarray(thickness), beta_momentum, jnp.array([slant])))[:, 0]


def test_the_outgoing_slope_has_highlands_variance_and_more_along_the_inclination():
    after = passed(panels(), particles((0.6, 0.8)))[Particles]
    tx, ty = np.asarray(after.slopes)
    along, across = 0.6 * tx + 0.8 * ty, 0.6 * ty - 0.8 * tx
    whole, square = variances(np.sqrt(2.0)).sum(), 2.0  # 1 / cos^2
    assert np.mean(along) == pytest.approx(1.0, abs=5 * square * np.sqrt(whole / COUNT))
    for slopes, law in ((along, whole * square**2), (across, whole * square)):
        assert np.var(slopes) == pytest.approx(law, rel=5 * np.sqrt(2 / COUNT))
    np.testing.assert_allclose(after.ux**2 + after.uy**2 + after.uz**2, 1.0, rtol=1e-12)
    np.testing.assert_array_equal(after.z, Z.min())


@pytest.mark.parametrize("up", [False, True], ids=["down", "up"])
def test_hits_have_the_covariance_of_the_kicks_before_them(up):
    events = particles((0.1, 0.0), up=up)
    for order in ((0, 1, 2), (2, 0, 1)):
        z, thickness = Z[list(order)], THICKNESS[list(order)]
        hits = passed(panels(z, thickness, resolution=1e-3), events)[Hits, "upper"]
        slant = np.sqrt(1.01)
        for measured, straight, factor in ((hits.x, 0.1 * (z - 2.0), slant**4), (hits.y, 0 * z, slant**2)):
            found = np.cov(np.asarray(measured) - straight[:, None])
            flown = jnp.asarray(z if up else -z)
            law = np.asarray(
                hit_covariance(flown, jnp.full(3, 1e-3), jnp.asarray(factor * variances(slant, thickness)))
            )
            scale = np.sqrt(np.outer(np.diag(law), np.diag(law)))
            np.testing.assert_allclose(found / scale, law / scale, atol=5 * np.sqrt(2 / COUNT))


def test_the_order_in_which_planes_are_listed_does_not_matter():
    events, generator = particles((0.3, -0.2), count=7)[Particles], np.random.default_rng(1)
    kick = jnp.asarray(generator.normal(size=(2, 3, 7)) * 0.01)
    presence = lambda x, y, size: jnp.exp(-(x**2) / size)
    size = np.array([1.0, 2.0, 3.0])

    @jax.jit
    def found(rows):
        there = passage(events, jnp.asarray(Z)[rows], tuple(kick[:, rows]), presence, (jnp.asarray(size)[rows],))
        back = jnp.argsort(rows)
        return there.x[back], there.y[back], there.presence[back], there.particles

    first, *others = (found(jnp.asarray(order)) for order in itertools.permutations(range(3)))
    assert all(eqx.tree_equal(first, other) for other in others)


def test_panels_without_thickness_are_those_they_were():
    events = particles((0.3, -0.2), count=50)
    stage = panels(thickness=0.0, resolution=1e-3)
    after = passed(stage, events)
    assert not stage.deflects
    assert eqx.tree_equal(after[Particles], events[Particles])
    noise, draw = jax.jit(lambda i: (normals(KEY, i, 6), uniforms(KEY, i, 3, lane=1)))(events.index)
    straight = jnp.stack(events[Particles].at_z(stage.z[:, None]))
    found = jnp.stack([after[Hits, "upper"].x, after[Hits, "upper"].y])
    np.testing.assert_allclose(found, straight + 1e-3 * noise.reshape(2, 3, 50), rtol=1e-14)
    np.testing.assert_array_equal(after[Hits, "upper"].recorded, draw < 1.0)
    nothing = passed(panels(thickness=np.zeros(3), resolution=1e-3), events)  # a traced thickness may be zero too
    np.testing.assert_allclose(nothing[Hits, "upper"].x, after[Hits, "upper"].x, atol=1e-14)
    np.testing.assert_allclose(nothing[Particles].ux, events[Particles].ux, rtol=1e-14)


def test_only_panels_that_are_crossed_deflect():
    events = particles(count=500)
    with_all = passed(panels(), events)
    aside = passed(panels(x=np.array([0.0, 9.0, 0.0]), span=2.0), events)
    thin = passed(panels(thickness=THICKNESS * [1, 0, 1]), events)
    assert np.all(np.asarray(aside[Hits, "upper"].recorded) == np.array([[True], [False], [True]]))
    share = np.sqrt(variances()[0] / variances(thickness=THICKNESS * [1, 0, 1])[0])  # logarithm of the whole stack
    tx = lambda after: np.asarray(after[Particles].slopes[0])
    np.testing.assert_allclose(tx(aside), share * tx(thin), atol=1e-7)  # to first order in the kicks
    assert np.var(tx(with_all)) > 1.5 * np.var(tx(aside))
    missed = passed(panels(x=9.0, span=2.0), events)[Particles]
    np.testing.assert_allclose(missed.uz, -1.0, rtol=1e-15)


def test_derivatives_equal_central_differences():
    events = particles((0.3, -0.2), count=60)
    stage = panels(edges=SigmoidEdges(), resolution=1e-3, span=2.0)

    @jax.jit
    @jax.value_and_grad
    def total(numbers):
        changed = dataclasses.replace(stage, z=numbers[0], thickness=numbers[1])
        after = changed(events, key=KEY)
        hits, out = after[Hits, "upper"], after[Particles]
        return jnp.sum(hits.x + 2 * hits.y) + jnp.sum(hits.probability) + 100 * jnp.sum(out.ux - out.uy)

    numbers = jnp.stack([jnp.asarray(Z), jnp.asarray(THICKNESS)])
    slope = total(numbers)[1]
    for place in np.ndindex(2, 3):
        h = 1e-4 * float(numbers[place])
        move = lambda step, place=place: total(numbers.at[place].add(step))[0]
        difference = (8 * (move(h) - move(-h)) - (move(2 * h) - move(-2 * h))) / (12 * h)
        assert float(slope[place]) == pytest.approx(float(difference), rel=1e-6)


def test_relaxed_kicks_become_those_of_hard_panels():
    events = particles((0.1, 0.1), count=200)
    hard = panels(x=np.array([0.0, 1.0, 0.0]), span=2.0)
    off = [
        np.abs(np.subtract(*(passed(s, events)[Particles].slopes[0] for s in (hard, hard.softened(width))))).max()
        for width in jnp.array([1.0, 0.1, 0.003])
    ]
    assert off[0] > off[1] > 10 * off[2]
