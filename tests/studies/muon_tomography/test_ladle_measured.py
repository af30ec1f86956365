"""The ladle problem at work: acceptance, estimates that know no grid, and gradients by value."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Objective, Partition, Point
from daedalus.studies.muon_tomography.ladle.likelihood_level import likelihood_level
from daedalus.studies.muon_tomography.ladle.poca_level import poca_level
from daedalus.studies.muon_tomography.ladle.problem import ladle_fill_level

KEY = jax.random.key(21)
SCANS = 24
PUBLISHED = ladle_fill_level(muons="published")
PARTITION = PUBLISHED.partition(1000, SCANS)


@eqx.filter_jit
def sharp(point, key):
    """Accepted muons, both estimates and the truth, scan by scan, with the real apparatus."""
    summaries, truths = PUBLISHED.summaries(point, key=key, partition=PARTITION)
    return summaries.accepted, poca_level(summaries), likelihood_level(summaries), truths.level


def read(name, key=KEY):
    return [np.asarray(column) for column in sharp(PUBLISHED.space.point(PUBLISHED.references[name]), key)]


@pytest.mark.slow
def test_the_initial_layout_sees_one_muon_in_eighteen():
    accepted, *_ = read("initial")
    # issue and reference code: about 6 %; 24 000 muons know it to 0.15 %
    assert np.mean(accepted) / 1000 == pytest.approx(0.056, abs=0.01)
    better, *_ = read("human_1")
    assert np.mean(better) > 2 * np.mean(accepted)


def test_estimates_know_no_grid_of_labels():
    # levels lie anywhere: what is left after one straight line for all does not hang on the place within 10 cm
    rows = [read("human_1", jax.random.key(seed)) for seed in (1, 2, 3)]
    _, poca, likely, level = (np.concatenate(column) for column in zip(*rows, strict=True))
    phase = np.mod(level, 0.1) / 0.1
    for estimate in (poca, likely):
        slope, offset = np.polyfit(estimate, level, 1)
        off = offset + slope * estimate - level
        wave = np.stack([np.cos(2 * np.pi * phase), np.sin(2 * np.pi * phase)])
        amplitude, error = 2 * np.mean(wave * off, 1), np.std(off) * np.sqrt(2 / len(off))
        assert np.all(np.abs(amplitude) < 4 * error)
        between = np.abs(phase - 0.5) < 0.25
        gap = np.std(off[between]) / np.std(off[~between])
        assert 0.6 < gap < 1.7  # 36 levels each: 12 % of a standard deviation either way
    assert np.mean((likely - level) ** 2) < 0.6 * np.mean((np.polyval(np.polyfit(poca, level, 1), poca) - level) ** 2)
    assert np.mean(likely - level) == pytest.approx(0.0, abs=4 * np.std(likely - level) / np.sqrt(len(level)) + 2e-3)


# ------------------------------------------------------------------ gradients, on the smooth path


def raw(design, summaries, truths):
    """The squared error of the likelihood's level without a correction, which needs three scenarios."""
    return summaries.mean((likelihood_level(summaries) - truths.level) ** 2)


SMOOTH = dataclasses.replace(
    ladle_fill_level(muons="published", sampled_edges=False),
    objectives=(Objective("raw", raw, "m2", 1e-4),),
    metrics=(),
)


def near_human():
    """A layout off every symmetry and bound."""
    point = SMOOTH.space.point(SMOOTH.references["human_2"])
    shift = 0.05 * jnp.asarray(np.random.default_rng(1).normal(size=point.cube.shape))
    return Point(jnp.clip(point.cube + shift, 0.05, 0.95), point.learned)


def slope_of(partition):
    def loss(point):
        summaries, truths = SMOOTH.summaries(point, key=KEY, partition=partition, softness=1.0)
        return raw(None, summaries, truths)

    value, slope = eqx.filter_jit(eqx.filter_value_and_grad(loss))(near_human())
    return float(value), np.asarray(slope.cube)


@pytest.mark.slow  # two gradient programs of 1e4 muons in float64
def test_the_blocked_gradient_is_the_unblocked_one():
    whole, cut = slope_of(Partition(10_000, 1, 1, 10_000)), slope_of(Partition(10_000, 1, 1, 2_500))
    assert cut[0] == pytest.approx(whole[0], rel=1e-9)
    np.testing.assert_allclose(cut[1], whole[1], rtol=1e-5, atol=1e-5 * np.max(np.abs(whole[1])))
    assert np.all(whole[1] != 0)


def test_derivatives_equal_finite_differences():
    partition = Partition(200, 1, 1, 200)
    _, slope = slope_of(partition)

    @eqx.filter_jit
    def loss(cube):
        point = Point(cube, near_human().learned)
        summaries, truths = SMOOTH.summaries(point, key=KEY, partition=partition, softness=1.0)
        return raw(None, summaries, truths)

    cube, h = near_human().cube, 1e-5
    largest = np.max(np.abs(slope))
    for number in range(0, len(cube), 3):
        move = lambda step, number=number: float(loss(cube.at[number].add(step)))
        expected = (8 * (move(h) - move(-h)) - (move(2 * h) - move(-2 * h))) / (12 * h)
        assert slope[number] == pytest.approx(expected, rel=1e-6, abs=1e-6 * largest)
