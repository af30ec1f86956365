"""Response maps: intensity, what is recorded where, errors, and two kinds of derivative."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import dblquad

from daedalus.core import Derivative
from daedalus.detectors.response_map import ResponseMap
from daedalus.events import Hits, Particles, blank_events

KEY = jax.random.key(4)
COUNT = 30_000
X, Y = np.array([[0.2, 0.8, 0.5], [0.5, 0.4, 0.1]]), np.array([[0.3, 0.6, 0.1], [0.2, 0.9, 0.5]])
WIDTH, AREA = np.array([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]]), np.array([[0.1, 0.0, 1.0], [0.3, 0.4, 0.05]])


def particles(count=COUNT):
    random = np.random.default_rng(1)
    x, y = random.uniform(-0.5, 1.5, (2, count))
    columns = (x, y, np.ones(count), np.zeros(count), np.zeros(count), -np.ones(count), np.full(count, 3.0))
    return blank_events(jnp.arange(count, dtype=jnp.uint32)).add(Particles(*map(jnp.asarray, columns))), (x, y)


def response_map(**settings):
    mixture = map(jnp.asarray, (X, Y, WIDTH, AREA))
    return ResponseMap(*mixture, jnp.array([0.5, 0.3]), 1e-3, 0.9, "upper", price=3.0, **settings)


def intensity(x, y, plane):
    square = ((x - X[plane]) ** 2 + (y - Y[plane]) ** 2) / (2 * WIDTH[plane] ** 2)
    return np.sum(AREA[plane] / (2 * np.pi * WIDTH[plane] ** 2) * np.exp(-square))


def test_the_intensity_can_be_drawn_and_integrates_to_the_sensitive_area():
    stage = response_map()
    x, y = np.meshgrid(np.linspace(-0.3, 1.1, 5), np.linspace(0.0, 1.0, 4))
    drawn = stage.intensity(jnp.asarray(x), jnp.asarray(y))
    assert drawn.shape == (2, 4, 5)
    for plane, *place in np.ndindex(2, 4, 5):
        assert float(drawn[plane, *place]) == pytest.approx(intensity(x[*place], y[*place], plane), rel=1e-12)
    whole = dblquad(lambda b, a: intensity(a, b, 1), -2, 3, -2, 3, epsabs=1e-6)[0]
    assert float(stage.sensitive_area[1]) == pytest.approx(whole, rel=1e-5) == pytest.approx(0.75)
    assert float(stage.cost) == pytest.approx(3.0 * AREA.sum())


def test_hits_are_recorded_and_measured_as_the_intensity_says():
    events, (x, y) = particles()
    hits = eqx.filter_jit(response_map())(events, key=KEY)[Hits, "upper"]
    density = np.asarray(response_map().intensity(jnp.asarray(x), jnp.asarray(y)))
    chance = 0.9 * (1 - np.exp(-density))
    surplus = np.sum(np.asarray(hits.recorded) - chance, 1)
    assert np.all(np.abs(surplus) < 4 * np.sqrt(np.sum(chance * (1 - chance), 1)))
    # by brute force: n elements, given that there are any, average to resolution / sqrt(mean n)
    for rate in (1e-4, 0.5, 3.0):
        place = np.argmin(np.abs(density[0] - rate))
        n = np.arange(1, 60)
        weights = np.exp(n * np.log(density[0, place]) - np.cumsum(np.log(n)))
        mean = np.sum(n * weights) / np.sum(weights)
        assert float(hits.sigma[0, place]) == pytest.approx(1e-3 / np.sqrt(mean), rel=1e-6)
    pulls = (np.stack([hits.x, hits.y]) - np.stack([x, y])[:, None]) / np.asarray(hits.sigma)
    assert np.std(pulls) == pytest.approx(1.0, rel=5 / np.sqrt(2 * pulls.size))


def test_the_score_function_gives_the_derivative_of_the_acceptance():
    events, (x, y) = particles()

    def moved(move):  # one plane aside, both with more area
        x = jnp.asarray(X) + move[0] * jnp.array([[1.0], [0.0]])
        return dataclasses.replace(response_map(), x=x, area=jnp.asarray(AREA) * (1 + move[1]))

    @jax.jit
    def counted(move):
        stage = moved(move)
        after = stage(events, key=KEY)
        return jnp.where(jnp.all(after[Hits, "upper"].recorded, 0), after.weight, 0.0)

    def expected(move):
        stage = moved(move)
        return jnp.sum(jnp.prod(-0.9 * jnp.expm1(-stage.intensity(jnp.asarray(x), jnp.asarray(y))), 0))

    shares = np.asarray(jax.jit(jax.jacfwd(counted))(jnp.zeros(2)))
    law = np.asarray(jax.jit(jax.jacfwd(expected))(jnp.zeros(2)))
    error = np.sqrt((shares**2).sum(0))
    assert np.all(np.abs(shares.sum(0) - law) < 4 * error)
    assert np.all(error < 0.4 * np.abs(law))  # the test can fail
    assert set(np.unique(counted(jnp.zeros(2)))) == {0.0, 1.0}


def test_the_weighted_map_has_the_exact_derivative_of_what_it_does():
    events, _ = particles(100)
    stage = response_map(sampled=False).softened(0.5)

    @jax.jit
    def total(numbers):
        changed = eqx.tree_at(lambda s: (s.x, s.y, s.width, s.area), stage, tuple(numbers))
        hits = changed(events, key=KEY)[Hits, "upper"]
        return jnp.mean(hits.probability * (hits.x + 2 * hits.y)) + 0.1 * jnp.mean(hits.sigma)

    numbers = jnp.stack([jnp.asarray(v) for v in (X, Y, WIDTH, AREA + 0.1)])
    slope, direction = (
        jax.jit(jax.grad(total))(numbers),
        jnp.asarray(np.random.default_rng(3).normal(size=(4, 4, 2, 3))),
    )
    for along in direction:
        move = lambda h, along=along: total(numbers + h * along)
        difference = (8 * (move(1e-5) - move(-1e-5)) - (move(2e-5) - move(-2e-5))) / 12e-5
        assert float(jnp.sum(slope * along)) == pytest.approx(float(difference), rel=1e-6)


def test_what_the_map_says_of_its_derivative():
    assert response_map().derivative == Derivative.NOISY
    assert response_map().softened(1.0).derivative == Derivative.NOISY
    soft = response_map(sampled=False).softened(1.0)
    assert soft.derivative == Derivative.BIASED
    assert soft.softened(None).derivative == Derivative.NOISY
