"""Neural summaries and bins: how nuisances reach counts, through the network and through scores."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Derivative, Pipeline, Stage
from daedalus.errors import StageError
from daedalus.events import Events, Memberships, Observables, Processes, Scores, blank_events, normals
from daedalus.inference.binning import Bins, Intervals, Softmax
from daedalus.inference.neural_summary import LABEL, NeuralSummary, dense_network
from daedalus.inference.process_templates import ProcessTemplates

KEY = jax.random.key(11)
NETWORK = dense_network(2, 4, width=16, key=jax.random.key(3))
EVENTS = 200_000
SHIFT, SCALE = 0.3, 1.4


class Gaussians(Stage):
    """Two numbers: one moved by a nuisance, the other stretched by a second one; and one that nobody reads."""

    shift: jax.Array | float = SHIFT
    scale: jax.Array | float = SCALE
    scored: bool = eqx.field(static=True, default=True)

    name = "gaussians"
    derivative = Derivative.EXACT

    def __call__(self, events: Events, *, key: jax.Array) -> Events:
        """The events with observables, scores and a process."""
        u, v = normals(key, events.index, 2)
        values = jnp.stack([u + self.shift, jnp.full_like(u, 7.0), v * self.scale])
        zero, one = jnp.zeros_like(u), jnp.ones_like(u)
        slopes = jnp.stack([jnp.stack([one, zero, zero]), jnp.stack([zero, zero, v])])
        events = events.add(Observables(values, slopes)).add(Processes((events.index % 2).astype(jnp.int32)))
        return events.add(Scores(jnp.stack([u, (v**2 - 1) / self.scale]))) if self.scored else events


@eqx.filter_jit
def templates(source, bins, network=NETWORK):
    chain = Pipeline([source, NeuralSummary(network, (0, 2)), bins], {"found": ProcessTemplates(2)})
    return chain.sums(chain.events(jnp.arange(EVENTS), EVENTS, key=KEY), 0, {})["found"]


BINS = {
    "softmax": Bins(Softmax(0.5), source=LABEL, softness=1.0),
    "intervals": Bins(Intervals(jnp.array([-9.0, -0.5, 0.4, 1.0, 9.0]), 0.3, row=1), source=LABEL, softness=1.0),
}


@pytest.mark.parametrize("bins", BINS.values(), ids=BINS)
def test_slopes_are_the_derivatives_of_the_counts(bins):
    found = templates(Gaussians(), bins)
    for number, name in enumerate(("shift", "scale")):
        moved = lambda step, n=name: templates(
            dataclasses.replace(Gaussians(), **{n: getattr(Gaussians(), n) + step}), bins
        )
        difference = (moved(1e-5).counts - moved(-1e-5).counts) / 2e-5
        np.testing.assert_allclose(found.slopes[:, number], difference, rtol=1e-4, atol=2e-4 * np.abs(difference).max())
    np.testing.assert_allclose(jnp.sum(found.counts, -1), found.number, rtol=1e-10)
    np.testing.assert_allclose(jnp.sum(found.slopes, -1), 0.0, atol=1e-6 * EVENTS)


@pytest.mark.parametrize("bins", BINS.values(), ids=BINS)
def test_scores_give_the_same_slopes_within_their_error(bins):
    through, scored = templates(Gaussians(), bins), templates(Gaussians(), dataclasses.replace(bins, by_score=True))
    np.testing.assert_allclose(scored.counts, through.counts, rtol=1e-12)
    error = np.sqrt(2.0 * scored.squares)[:, None] + np.sqrt(EVENTS) * 0.5  # scores have variances 1 and 2 / SCALE^2
    assert np.all(np.abs(scored.slopes - through.slopes) < 4 * error)
    assert np.max(np.abs(through.slopes) / error) > 20  # so that the comparison says something


@pytest.mark.parametrize("bins", BINS.values(), ids=BINS)
def test_sharp_bins_move_as_their_slopes_say(bins):
    sharp = bins.softened(None)
    found, step = templates(Gaussians(), sharp), 0.05
    for number, name in enumerate(("shift", "scale")):
        moved = lambda step, n=name: templates(
            dataclasses.replace(Gaussians(), **{n: getattr(Gaussians(), n) + step}), sharp
        )
        difference = (moved(step).counts - moved(-step).counts) / (2 * step)
        crossed = np.sqrt(np.abs(moved(step).counts - moved(-step).counts) + 1000.0) / (2 * step)
        error = np.sqrt(crossed**2 + 2.0 * np.asarray(found.squares))
        assert np.all(np.abs(found.slopes[:, number] - difference) < 4.5 * error + 2e-3 * EVENTS)  # 2e-3: finite steps
    assert set(np.unique(found.counts % 1)) == {0.0}


def test_soft_bins_tend_to_the_sharp_ones():
    for bins in BINS.values():
        sharp = templates(Gaussians(), bins.softened(None)).counts
        off = [
            float(jnp.max(jnp.abs(templates(Gaussians(), bins.softened(s)).counts - sharp))) for s in (1.0, 0.1, 1e-4)
        ]
        assert off[0] > 3 * off[1]
        assert off[2] < 20
        assert bins.derivative == Derivative.BIASED
        assert bins.softened(None).derivative == Derivative.NONE


def test_the_network_is_differentiated_with_its_slopes():
    def total(step):
        weights = jax.tree.map(
            lambda a: a + step * jnp.cos(jnp.arange(a.size).reshape(a.shape)), eqx.filter(NETWORK, eqx.is_array)
        )
        network = eqx.combine(weights, NETWORK)
        smooth = eqx.tree_at(lambda n: n.activation, network, jnp.tanh)
        record = Gaussians()(blank_events(jnp.arange(50, dtype=jnp.uint32)), key=KEY)
        record = BINS["softmax"](NeuralSummary(smooth, (0, 2))(record, key=KEY), key=KEY)
        return jnp.sum(jnp.sin(record[Memberships].slopes * jnp.arange(50)))

    expected = (float(total(1e-5)) - float(total(-1e-5))) / 2e-5
    assert float(jax.grad(total)(0.0)) == pytest.approx(expected, rel=1e-6)


def test_events_that_are_dead_do_not_count_whatever_they_hold():
    record = Gaussians()(blank_events(jnp.arange(60, dtype=jnp.uint32)), key=KEY)
    record = BINS["softmax"](NeuralSummary(NETWORK, (0, 2))(record, key=KEY), key=KEY)
    alive = record.index % 3 != 0
    spoilt = jax.tree.map(lambda a: jnp.where(alive, a, jnp.nan), record[Memberships])
    found = ProcessTemplates(2)(record.accept(alive).add(spoilt).reweight(jnp.full(60, 2.0)), {})
    np.testing.assert_allclose(found.number, 2.0 * np.array([20.0, 20.0]))
    np.testing.assert_allclose(jnp.sum(found.counts, -1), found.number)
    assert np.all(found.share_errors > 0)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))


def test_sharp_slopes_need_scores():
    with pytest.raises(StageError, match=r"depend on 2 nuisance parameters.*holds no Scores"):
        templates(Gaussians(scored=False), BINS["softmax"].softened(None))
    assert templates(Gaussians(scored=False), BINS["softmax"]).slopes.shape == (2, 2, 4)


def test_no_nuisances_need_no_scores():
    seen = Observables(jnp.ones((3, 5)), jnp.zeros((0, 3, 5)))
    record = blank_events(jnp.arange(5, dtype=jnp.uint32)).add(seen)
    for softness in (None, 1.0):
        found = Bins(Softmax()).softened(softness)(NeuralSummary(NETWORK, (0, 2), label="")(record, key=KEY), key=KEY)
        assert found[Memberships].slopes.shape == (0, 4, 5)


def test_a_network_keeps_its_own_precision():
    single = jax.tree.map(lambda a: a.astype(jnp.float32) if eqx.is_array(a) else a, NETWORK)
    narrow, wide = templates(Gaussians(), BINS["softmax"], single), templates(Gaussians(), BINS["softmax"])
    assert narrow.counts.dtype == wide.counts.dtype == jnp.float64
    np.testing.assert_allclose(narrow.shares, wide.shares, rtol=1e-5)
    assert float(jnp.max(jnp.abs(narrow.shares - wide.shares))) > 0


def test_weights_are_drawn_as_he_advises():
    network = dense_network(40, 7, width=500, depth=2, key=KEY)
    spread = [float(jnp.var(layer.weight)) * layer.weight.shape[1] for layer in network.layers]
    np.testing.assert_allclose(spread, [2.0, 2.0, 1.0], rtol=0.1)
    assert all(float(jnp.max(jnp.abs(layer.bias))) == 0 for layer in network.layers)
