"""Responses: a quadratic seen through random events is found again, with errors that hold, and so is its set."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.landscapes import (
    LandscapeError,
    analytic,
    near_optimal,
    nuts_samples,
    response,
    soundings,
    surface,
    temperature,
)
from landscapes.trials import task

KEY = jax.random.key(5)
SIZE = 8
NAMES = tuple(f"x[{i}]" for i in range(SIZE))
MIDDLE = np.linspace(0.35, 0.65, SIZE)
LEAST = 3.0
RISE = 0.5


def bowl():
    """Curvatures from 20 to 500 along random directions."""
    axes = np.linalg.qr(np.random.default_rng(3).normal(size=(SIZE, SIZE)))[0]
    return axes * np.geomspace(20.0, 500.0, SIZE) @ axes.T


def events(chance):
    """The surface of a key: the bowl, and what its events add to value, slope and curvature."""

    def loss(x, key):
        level, tilt, bend = jax.random.normal(key), *jax.random.normal(key, (2, SIZE))
        away = x - MIDDLE
        noise = level + 8.0 * tilt @ away + 50.0 * ((bend @ away) ** 2 - away @ away)
        return LEAST + 0.5 * away @ jnp.asarray(bowl()) @ away + chance * noise

    return lambda key: analytic(lambda x: loss(x, key), NAMES)


def truth(cubes):
    around = cubes - MIDDLE
    return LEAST + 0.5 * np.einsum("ni,ij,nj->n", around, bowl(), around)


def inside(count=4000):
    """Places that fill the true set evenly."""
    rng = np.random.default_rng(1)
    rays = rng.normal(size=(count, SIZE))
    rays *= (rng.random(count) ** (1 / SIZE) / np.linalg.norm(rays, axis=1))[:, None]
    return MIDDLE + np.sqrt(2 * RISE) * rays @ np.linalg.inv(np.linalg.cholesky(bowl()))


def test_a_bowl_without_noise_is_found_exactly():
    found = response(events(0.0), MIDDLE + 0.01, rise=RISE, key=KEY, places=128)
    np.testing.assert_allclose(found.fit.hessian, bowl(), rtol=1e-6, atol=1e-4)
    assert found.shrinkage < 1e-9
    assert found.slope[0] == pytest.approx(1.0, abs=1e-6)
    assert found.stiffness[0] == pytest.approx(1.0, abs=1e-5)
    assert found.evaluations == 128 + 2 * 16
    heights = found.surface.heights(inside(64))
    np.testing.assert_allclose(heights.loss, truth(inside(64)), rtol=1e-5)
    assert np.max(heights.error) < 1e-5


def test_the_set_of_noisy_events_is_the_true_one_which_that_of_fixed_events_is_not():
    make = events(0.5)
    found = response(make, MIDDLE + 0.02, rise=RISE, key=KEY, places=8192)
    for ratio, error in (found.slope, found.stiffness):
        assert abs(ratio - 1.0) < 4 * error
        assert error < 0.2
    heights = found.surface.heights(inside(500))
    wrong = heights.loss - truth(inside(500))
    assert np.sqrt(np.mean((wrong / heights.error) ** 2)) < 2.0
    draws = nuts_samples(
        found.surface, MIDDLE[None], temperature=temperature(RISE, SIZE), key=KEY, chains=4, warmup=200, draws=1000
    )
    assert np.max(draws.rhat) < 1.01
    near = near_optimal(
        found.surface, key=KEY, allowance=RISE, known=soundings(found.surface, MIDDLE[None]), samples=draws
    )
    level = LEAST + RISE
    assert near.weights[truth(near.points) <= level + 0.1 * RISE].sum() > 0.95
    purity = near.weights[truth(near.points) <= level].sum()
    reach = lambda losses: np.mean(losses <= near.loss + near.allowance)
    coverage = reach(found.surface.heights(inside()).loss)
    assert purity > 0.9  # what is stiffened misses some of the set rather than adding to it
    assert coverage > 0.7
    fixed = make(jax.random.fold_in(KEY, 1))  # what its own set leaves of the true one
    near_it = np.clip(MIDDLE + 0.1 * np.random.default_rng(2).normal(size=(20_000, SIZE)), 0.0, 1.0)
    least = np.min(fixed.heights(near_it).loss)
    assert np.mean(fixed.heights(inside()).loss <= least + RISE) < 0.5 * coverage


def test_events_of_a_task_give_the_curvature_of_its_mean():
    problem = task()  # 1 / x + 4 / y, best of those that cost as much at (1, 2)
    make = lambda key: surface(problem, key=key, softness=1.0)
    start = np.asarray(problem.space.point(problem.start).cube, float)
    found = response(make, start, rise=0.05, key=KEY, places=256)
    one = float(make(KEY).heights(start[None]).loss[0])
    assert float(found.surface.heights(start[None]).loss[0]) == pytest.approx(one, rel=0.05)
    assert abs(found.slope[0] - 1.0) < 4 * found.slope[1] + 0.05
    bends = np.diag(found.fit.hessian)
    assert bends[1] / bends[0] == pytest.approx(4.0, rel=0.3)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: response(events(0.1), MIDDLE, rise=RISE, key=KEY, places=31), "31 places for 8 parameters"),
        (lambda: response(events(0.1), MIDDLE, rise=0.0, key=KEY), "a rise of 0"),
        (
            lambda: response(lambda key: analytic(lambda x: jnp.sum(x) / 0.0, NAMES), MIDDLE, rise=RISE, key=KEY),
            "not finite",
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused(act, message):
    with pytest.raises(LandscapeError, match=message):
        act()
