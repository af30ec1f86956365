"""The blobs: counts in closed form, the demonstration's own model in pyhf, derivatives, and that a search helps."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pyhf
import pytest
from scipy.stats import norm

from daedalus.core import Point
from daedalus.errors import ProblemError
from daedalus.events import Observables, Processes, blank_events
from daedalus.inference.bin_edges import fractions_of
from daedalus.inference.histfactory.figures_of_merit import MERITS
from daedalus.search import optimise
from daedalus.studies.binned_analysis.blobs.design import BlobsDesign
from daedalus.studies.binned_analysis.blobs.problem import (
    FLOOR,
    LOSSES,
    MEANS,
    YIELDS,
    blobs_model,
    blobs_network,
    blobs_recipe,
    merit,
    neos_blobs,
)

KEY = jax.random.key(3)
WIDTH = 8
PROBLEM = neos_blobs(width=WIDTH)
EDGES = np.array([0.0, 0.3, 0.55, 0.8, 1.0])
DIRECTION = np.array([-0.6, 0.8])


def linear_network(gain=1.0):
    """A network whose output is the logistic function of the points' projection on a direction."""
    zero = jax.tree.map(lambda x: jnp.zeros_like(x) if eqx.is_array(x) else x, blobs_network(WIDTH))
    first = jnp.zeros((WIDTH, 2)).at[:2].set(np.stack([DIRECTION, -DIRECTION]))
    second = jnp.zeros((WIDTH, WIDTH)).at[0, 0].set(1.0).at[1, 1].set(1.0)
    last = jnp.zeros((1, WIDTH)).at[0, :2].set(jnp.array([gain, -gain]))
    return eqx.tree_at(lambda n: [layer.weight for layer in n.layers], zero, [first, second, last])


LINEAR = BlobsDesign(linear_network(), fractions_of(EDGES), 0.09)


def counts_in_closed_form():
    with np.errstate(divide="ignore"):
        places = np.log(EDGES) - np.log1p(-EDGES)
    shares = [np.diff(norm.cdf(places - DIRECTION @ np.array(mean))) for mean in MEANS["demo"]]
    return np.array([YIELDS[0], *[YIELDS[1]] * 3])[:, None] * shares


def templates(problem, design, *, events=40_000, softness=None):
    partition = problem.partition(events, 1)
    summaries, _ = problem.summaries(problem.space.point(design), key=KEY, partition=partition, softness=softness)
    return jax.tree.map(lambda leaf: leaf[0], summaries["templates"])


def test_counts_of_a_linear_classifier_are_in_closed_form():
    found, expected = templates(PROBLEM, LINEAR), counts_in_closed_form()
    scale = np.array([YIELDS[0], *[YIELDS[1]] * 3])[:, None]
    error = np.sqrt(expected * (scale - expected) / 10_000)
    np.testing.assert_array_less(np.abs(scale * found.shares - expected), 4.5 * error + 1e-9)


@pytest.mark.slow
def test_the_limit_is_that_of_pyhf_for_the_demonstrations_model():
    found = templates(PROBLEM, LINEAR)
    signal, nominal, up, down = (np.array([YIELDS[0], *[YIELDS[1]] * 3])[:, None] * found.shares + FLOOR).tolist()
    shape = {"name": "shape", "type": "histosys", "data": {"hi_data": up, "lo_data": down}}
    samples = [
        {"name": "signal", "data": signal, "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]},
        {"name": "background", "data": nominal, "modifiers": [shape]},
    ]
    pyhf.set_backend("numpy")
    model = pyhf.Model({"channels": [{"name": "blobs", "samples": samples}]}, poi_name="mu")
    init = model.config.suggested_init()
    init[model.config.poi_index] = 0.0
    data = np.asarray(model.expected_data(init))
    _, expected = pyhf.infer.hypotest(1.0, data, model, test_stat="qtilde", return_expected=True)
    measured = PROBLEM.evaluate(LINEAR, key=KEY, events=40_000)
    assert float(measured.values["cls"]) == pytest.approx(float(expected), rel=1e-4)
    ours = blobs_model(found)
    same = np.asarray(ours.expected(jnp.array([0.7, -1.6])))
    order = [0.7 if name == "mu" else -1.6 for name in model.config.par_order]
    np.testing.assert_allclose(same, model.expected_data(order, include_auxdata=False), rtol=1e-9)


@pytest.mark.slow
def test_derivatives_by_edges_bandwidth_and_weights():
    problem = neos_blobs(width=WIDTH, free_bandwidth=True)
    partition = problem.partition(400, 1)

    @jax.jit
    def run(cube, bias):
        network = eqx.tree_at(lambda n: n.layers[1].bias, problem.start.network, bias)
        point = problem.space.point(eqx.tree_at(lambda d: d.network, problem.space.design(cube), network))
        summaries, truths = problem.summaries(point, key=KEY, partition=partition, softness=1.0)
        return jnp.stack([merit(name, problem.start, summaries, truths) for name in MERITS])

    cube, bias = problem.space.cube(problem.start), jnp.full(WIDTH, 0.1)
    by_cube, by_bias = jax.jit(jax.jacrev(run, (0, 1)))(cube, bias)
    assert cube.shape == (4,)
    step = 1e-4
    for axis in range(4):
        move = jnp.zeros(4).at[axis].set(step)
        difference = (run(cube + move, bias) - run(cube - move, bias)) / (2 * step)
        np.testing.assert_allclose(by_cube[:, axis], difference, rtol=1e-5, atol=1e-7)
    move = jnp.zeros(WIDTH).at[2].set(step)
    difference = (run(cube, bias + move) - run(cube, bias - move)) / (2 * step)
    np.testing.assert_allclose(by_bias[:, 2], difference, rtol=1e-4, atol=1e-6)  # rectifiers have kinks


@pytest.mark.slow
def test_a_short_search_excludes_more_without_a_bad_step():
    problem, recipe = PROBLEM, blobs_recipe(PROBLEM)
    history = optimise(problem, recipe.optimiser, key=KEY, rounds=120, events=2000, chunk=40)
    assert set(history["status"]) == {"ok"}
    best = history.design(problem, len(history) - 1)
    before, after = (problem.evaluate(d, key=jax.random.key(77), events=40_000) for d in (problem.start, best))
    assert float(after.values["log_cls"]) < float(before.values["log_cls"]) - 5.0
    assert float(after.values["cls"]) < 1e-4
    assert float(after.values["failed"]) == 0.0
    assert not np.allclose(best.fractions, problem.start.fractions)
    assert float(best.bandwidth) == float(problem.start.bandwidth)


def test_a_summary_that_tells_nothing_has_failed():
    blind = BlobsDesign(linear_network(gain=0.0), PROBLEM.start.fractions, 0.09)
    found = PROBLEM.evaluate(blind, key=KEY, events=40_000)
    assert float(found.values["failed"]) == 1.0
    s, b = YIELDS
    counting = norm.logsf(np.sqrt(2 * (s - b * np.log1p(s / b)))) + np.log(2)
    assert float(found.values["log_cls"]) == pytest.approx(counting, rel=1e-3)  # all events in one bin, but the floor


@pytest.mark.slow
def test_cross_entropy_of_a_guess_and_with_augmentation():
    guess = BlobsDesign(linear_network(gain=0.0), PROBLEM.start.fractions, 0.09)
    plain, augmented = (neos_blobs(loss, width=WIDTH) for loss in ("cross_entropy", "cross_entropy_augmented"))
    for problem in (plain, augmented):
        assert problem.space.size == 0
        assert float(problem.evaluate(guess, key=KEY, events=8000).values["cross_entropy"]) == pytest.approx(np.log(2))
    # the direction leaves the nominal background behind but has the others at zero: worse with augmentation
    values = [float(p.evaluate(LINEAR, key=KEY, events=8000).values["cross_entropy"]) for p in (plain, augmented)]
    z = np.linspace(-9, 9, 4001)
    law = lambda mean, sign: np.trapezoid(norm.pdf(z) * np.logaddexp(0.0, -sign * (z + DIRECTION @ mean)), z)
    means = [np.array(mean) for mean in MEANS["demo"]]
    entropy = [law(means[0], 1), *(law(mean, -1) for mean in means[1:])]
    assert values[0] == pytest.approx(0.5 * (entropy[0] + entropy[1]), abs=0.02)
    assert values[1] == pytest.approx(0.5 * (entropy[0] + np.mean(entropy[1:])), abs=0.02)


def test_the_machine_sees_a_fixed_sample_and_people_do_not():
    source = neos_blobs(width=WIDTH, sample=5).source
    record = blank_events(jnp.arange(400, dtype=jnp.uint32))
    points = lambda soft, key: np.asarray(source.softened(soft)(record, key=key)[Observables].values)
    first, second = points(1.0, KEY), points(1.0, jax.random.key(4))
    own = np.asarray(source(record, key=KEY)[Processes].number) == 1
    assert len(np.unique(first[0, own])) == 5
    np.testing.assert_array_equal(np.unique(first[0, own]), np.unique(second[0, own]))
    assert not np.array_equal(first, second)  # other batches of it
    assert len(np.unique(points(None, KEY)[0, own])) == 100


def test_the_appendix_permutes_the_backgrounds():
    assert MEANS["demo"][0] == MEANS["appendix"][0]
    assert set(MEANS["demo"]) == set(MEANS["appendix"])
    assert neos_blobs(width=WIDTH, means="appendix").source.means == MEANS["appendix"]


def test_single_precision_is_the_networks_alone():
    problem = neos_blobs(width=WIDTH, single=True)
    assert {leaf.dtype for leaf in jax.tree.leaves(problem.space.point(problem.start).learned)} == {
        jnp.dtype("float32")
    }
    both = [p.evaluate(p.start, key=KEY, events=400, softness=1.0) for p in (problem, PROBLEM)]
    assert float(both[0].loss) == pytest.approx(float(both[1].loss), rel=1e-4)
    assert both[0].loss.dtype == jnp.float64


@pytest.mark.parametrize("options", [{"loss": "accuracy"}, {"means": "paper"}, {"bins": 1}, {"sample": 0}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ProblemError, match="expected"):
        neos_blobs(**options)


def test_options_change_what_is_free():
    assert neos_blobs(width=WIDTH).space.names == ("fractions[0]", "fractions[1]", "fractions[2]")
    assert neos_blobs(width=WIDTH, free_edges=False).space.size == 0
    assert neos_blobs(width=WIDTH, free_bandwidth=True, bins=2).space.names == ("fractions[0]", "bandwidth")
    assert isinstance(PROBLEM.space.point(PROBLEM.start), Point)
    for loss in LOSSES:
        assert neos_blobs(loss, width=WIDTH).objectives[0].name
