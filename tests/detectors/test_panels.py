"""Panels: sharp ones by hand, relaxed ones by their derivatives, and heights that do not matter where they must not."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from daedalus.core import Derivative
from daedalus.detectors.edges import GaussianEdges, SigmoidEdges
from daedalus.detectors.panels import Panels
from daedalus.events import Hits, Particles, blank_events
from daedalus.reconstruction.line_fit import line_fit

KEY = jax.random.key(3)
COUNT = 40_000
CENTRE, SPAN, HEIGHT = np.array([0.5, 0.2]), np.array([0.8, 0.6]), np.array([1.0, 0.9])


def particles(count=COUNT, tilt=0.3):
    """Particles on their way down from z = 1, around the panels, with slopes."""
    random = np.random.default_rng(1)
    x, y = random.uniform(-0.5, 1.5, (2, count))
    tx, ty = random.uniform(-tilt, tilt, (2, count))
    norm_ = np.sqrt(1 + tx**2 + ty**2)
    columns = (x, y, np.ones(count), -tx / norm_, -ty / norm_, -1 / norm_, np.full(count, 3.0))
    return blank_events(jnp.arange(count, dtype=jnp.uint32)).add(Particles(*map(jnp.asarray, columns))), (x, y, tx, ty)


def panels(edges=None, efficiency=0.9, resolution=1e-3, sampled=True):
    return Panels(
        jnp.asarray(CENTRE), jnp.asarray(CENTRE[::-1].copy()), jnp.asarray(HEIGHT), jnp.asarray(SPAN),
        resolution, efficiency, edges, "upper", sampled=sampled,
    )  # fmt: skip


@eqx.filter_jit
def seen(stage, events, key=KEY):
    after = stage(events, key=key)
    return after[Hits, "upper"], after.weight


def true_places(lines):
    x, y, tx, ty = lines
    run = HEIGHT[:, None] - 1.0
    return x + run * tx, y + run * ty


def inside(lines):
    x, y = true_places(lines)
    cx, cy, half = CENTRE[:, None], CENTRE[::-1][:, None], SPAN[:, None] / 2
    return (np.abs(x - cx) < half) & (np.abs(y - cy) < half)


def test_a_sharp_panel_is_a_rectangle():
    events, lines = particles()
    hits, weight = seen(panels(efficiency=1.0), events)
    np.testing.assert_array_equal(hits.recorded, inside(lines))
    np.testing.assert_array_equal(hits.probability, inside(lines))
    assert np.all(weight == 1.0)


def test_widths_along_x_and_y_differ_and_the_area_has_a_price():
    events, lines = particles()
    stage = panels(efficiency=1.0)
    stage = eqx.tree_at(lambda s: s.span, stage, jnp.array([SPAN, [0.3, 1.2]]))
    hits, _ = seen(stage, events)
    x, y = true_places(lines)
    near_x = np.abs(x - CENTRE[:, None]) < SPAN[:, None] / 2
    near_y = np.abs(y - CENTRE[::-1][:, None]) < np.array([[0.15], [0.6]])
    np.testing.assert_array_equal(hits.recorded, near_x & near_y)
    priced = eqx.tree_at(lambda s: s.price, stage, 2.5)
    assert float(priced.cost) == pytest.approx(2.5 * (0.8 * 0.3 + 0.6 * 1.2))
    squares = eqx.tree_at(lambda s: s.price, panels(), 2.5)
    assert float(squares.cost) == pytest.approx(2.5 * (0.8**2 + 0.6**2))


def test_efficiency_and_resolution():
    events, lines = particles()
    hits, _ = seen(panels(), events)
    within = inside(lines)
    assert not np.any(np.asarray(hits.recorded) & ~within)
    for plane in (0, 1):
        trials = within[plane].sum()
        share = np.mean(np.asarray(hits.recorded)[plane, within[plane]])
        assert share == pytest.approx(0.9, abs=5 * np.sqrt(0.9 * 0.1 / trials))
    both = np.mean(np.asarray(hits.recorded)[:, np.all(within, 0)].all(0))
    assert both == pytest.approx(0.81, abs=5 * np.sqrt(0.81 * 0.19 / np.sum(np.all(within, 0))))
    noise = np.stack([hits.x, hits.y]) - np.stack(true_places(lines))
    assert np.std(noise) == pytest.approx(1e-3, rel=5 / np.sqrt(2 * noise.size))
    assert np.max(np.abs(np.corrcoef(noise.reshape(4, -1)) - np.eye(4))) < 5 / np.sqrt(COUNT)
    assert np.all(hits.sigma == 1e-3)


def test_panels_of_a_stack_may_differ_in_resolution_and_efficiency():
    events, lines = particles()
    stage = panels(efficiency=jnp.array([0.9, 0.5]), resolution=jnp.array([1e-3, 1e-2]))
    chance = inside(lines)
    for hits in (seen(stage, events)[0], seen(stage.softened(1e-4), events)[0]):
        np.testing.assert_array_equal(hits.sigma, np.broadcast_to([[1e-3], [1e-2]], hits.x.shape))
        noise = (np.asarray(hits.x) - true_places(lines)[0]) / [[1e-3], [1e-2]]
        assert np.std(noise[0]) == pytest.approx(1.0, rel=5 / np.sqrt(2 * COUNT))
        assert np.std(noise[1]) == pytest.approx(1.0, rel=5 / np.sqrt(2 * COUNT))
        for plane, efficiency in enumerate((0.9, 0.5)):
            share = np.mean(np.asarray(hits.recorded)[plane, chance[plane]])
            assert share == pytest.approx(efficiency, abs=5 * 0.5 / np.sqrt(chance[plane].sum()))


def test_the_forms_of_the_edges():
    d = jnp.array([0.0, 0.5, 1.0, -1.0, 2.0])
    sigmoid = lambda x: 1 / (1 + np.exp(-x))
    expected = sigmoid((1 - np.abs(d)) / 0.7) / sigmoid(1 / 0.7)
    np.testing.assert_allclose(SigmoidEdges(0.7).response(d), expected, rtol=1e-12)
    assert float(SigmoidEdges().response(jnp.ones(()))) == pytest.approx(0.683940, rel=1e-5)  # (1 + 1/e) / 2
    folded = [quad(lambda t, x=x: norm.pdf(x - t, scale=0.3), -1, 1)[0] for x in np.asarray(d)]
    np.testing.assert_allclose(GaussianEdges(0.3).response(d), np.array(folded) / folded[0], rtol=1e-8)
    for edges in (SigmoidEdges(0.7), GaussianEdges(0.7)):
        np.testing.assert_allclose(edges.response(d), type(edges)(7.0).scaled(0.1).response(d), rtol=1e-12)
        far = [float(edges.scaled(1e-3).response(jnp.asarray(x))) for x in (0.99, 1.01)]
        assert far == pytest.approx([1.0, 0.0], abs=1e-6)
    assert float(jax.grad(SigmoidEdges().response)(0.0)) == 0.0


@pytest.mark.parametrize("relaxed", [SigmoidEdges(0.5), GaussianEdges(0.5)], ids=["sigmoid", "gaussian"])
def test_the_score_function_gives_the_derivative_of_the_acceptance(relaxed):
    # the expected count of two-hit particles, sum of (0.9)^2 r1 r2 over particles, is analytic; so is its derivative
    events, lines = particles()
    x, y = true_places(lines)

    def acceptance(shift, growth):
        across = (x - CENTRE[:, None] - shift[0]) / (SPAN[:, None] / 2 + growth / 2)
        along = (y - CENTRE[::-1][:, None] - shift[1]) / (SPAN[:, None] / 2 + growth / 2)
        response = np.asarray(relaxed.response(jnp.asarray(across)) * relaxed.response(jnp.asarray(along)))
        return np.sum(np.prod(0.9 * response, 0))

    def counted(move):
        stage = panels(relaxed)
        stage = eqx.tree_at(
            lambda s: (s.x, s.y, s.span), stage, (stage.x + move[0], stage.y + move[1], stage.span + move[2])
        )
        after = stage(events, key=KEY)
        return jnp.where(jnp.all(after[Hits, "upper"].recorded, 0), after.weight, 0.0)

    shares = np.asarray(jax.jit(jax.jacfwd(counted))(jnp.zeros(3)))  # one contribution per particle
    slope, error = shares.sum(0), np.sqrt((shares**2).sum(0))
    h = 1e-5
    moved = lambda k, s: acceptance(s * h * np.eye(3)[k][:2], s * h * (k == 2))
    expected = [(moved(k, 1) - moved(k, -1)) / (2 * h) for k in range(3)]
    assert np.all(np.abs(slope - expected) < 4 * error)
    assert np.all(error < 0.1 * np.max(np.abs(expected)))  # the test can fail
    value = np.asarray(jax.jit(counted)(jnp.zeros(3)))
    mean = acceptance(np.zeros(2), 0.0)
    assert value.sum() == pytest.approx(mean, abs=4 * np.sqrt(mean))
    assert set(np.unique(value)) == {0.0, 1.0}  # values are those of a real detector


def test_weighted_edges_have_exact_derivatives():
    events, _ = particles(200)

    @jax.jit
    def total(numbers):
        stage = panels(SigmoidEdges(), sampled=False)  # so wide that nothing is too far away
        stage = eqx.tree_at(lambda s: (s.x, s.y, s.z, s.span), stage, tuple(numbers))
        hits = stage(events, key=KEY)[Hits, "upper"]
        return jnp.mean(hits.probability * (hits.x + 2 * hits.y)) + 10 * jnp.mean(hits.sigma)

    numbers = jnp.stack([jnp.asarray(v) for v in (CENTRE, CENTRE[::-1].copy(), HEIGHT, SPAN)])
    slope = jax.jit(jax.grad(total))(numbers)
    for place in np.ndindex(4, 2):
        move = lambda h, place=place: total(numbers.at[place].add(h))
        difference = (8 * (move(1e-5) - move(-1e-5)) - (move(2e-5) - move(-2e-5))) / 12e-5
        assert float(slope[place]) == pytest.approx(float(difference), rel=1e-6, abs=1e-10)


def test_weighted_edges_claim_what_they_do():
    events, lines = particles()
    hits, weight = seen(panels(SigmoidEdges(), sampled=False), events)
    assert np.mean(hits.recorded) == pytest.approx(0.9, abs=5 * np.sqrt(0.09 / (2 * COUNT)))  # wherever they pass
    assert np.all(weight == 1.0)
    assert np.min(hits.sigma) == pytest.approx(1e-3, rel=0.1)
    assert np.max(hits.sigma) > 0.1  # far outside a hit says next to nothing
    pulls = (np.stack([hits.x, hits.y]) - np.stack(true_places(lines))) / np.asarray(hits.sigma)
    assert np.std(pulls) == pytest.approx(1.0, rel=5 / np.sqrt(2 * pulls.size))


def test_heights_do_not_matter_to_a_noiseless_straight_track():
    events, _ = particles(50)

    def fitted(z):
        stage = Panels(jnp.full(4, 0.5), jnp.full(4, 0.5), z, jnp.full(4, 9.0), 1e-15, 1.0, None, "upper")
        track = line_fit(stage(events, key=KEY)[Hits, "upper"])
        run = 0.2 - track.z
        return jnp.stack([track.x + run * track.tx, track.y + run * track.ty, track.tx, track.ty])

    z = jnp.array([1.0, 0.9, 0.7, 0.65])
    slopes = jax.jit(jax.jacfwd(fitted))(z)
    assert slopes.shape == (4, 50, 4)
    assert np.max(np.abs(slopes)) < 1e-12
    particle = events[Particles]
    np.testing.assert_allclose(fitted(z)[:2], particle.at_z(0.2), atol=1e-12)


def test_annealing_ends_at_the_sharp_panel():
    events, _ = particles()
    sharp, _ = seen(panels(), events)
    off = [
        np.mean(seen(panels().softened(softness), events)[0].recorded != sharp.recorded)
        for softness in (1.0, 0.1, 0.01, 0.001)
    ]
    assert off[0] > 0.1
    assert all(later < 0.2 * earlier for earlier, later in itertools.pairwise(off))
    again, _ = seen(panels().softened(0.1).softened(None), events)
    assert eqx.tree_equal(again, sharp)


def test_what_the_panels_say_of_their_derivative():
    assert panels().derivative == Derivative.NONE
    assert panels(SigmoidEdges()).derivative == Derivative.BIASED | Derivative.NOISY
    assert panels(SigmoidEdges(), sampled=False).derivative == Derivative.BIASED
    assert panels().name == "panels:upper"
