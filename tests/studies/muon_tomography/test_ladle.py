"""The ladle as it stands: what is in it, its levels, its reference designs, and what a level means to a muon."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Summaries
from daedalus.errors import ProblemError, StageError, ValidityWarning
from daedalus.events import Tracks
from daedalus.geometry import crossing, walk
from daedalus.studies.muon_tomography.ladle import likelihood_level
from daedalus.studies.muon_tomography.ladle.poca_level import poca_expected_mse
from daedalus.studies.muon_tomography.ladle.problem import ladle_fill_level
from daedalus.studies.muon_tomography.ladle.scenario import labelled_level, ladle_volume, uniform_level
from daedalus.studies.muon_tomography.scanner import panel_cost, panel_spans, reference_design

STEEL, MELT, SLAG, AIR = 0.01782, 0.01991, 0.08211, 303.9  # radiation lengths [m]
FLOOR = 0.4


def power_moments(level, position, direction):
    """Integral of the path length to the floor's height, to the powers 0, 1 and 2, over the radiation length."""
    volume = ladle_volume(level)
    table = volume.inverse_radiation_length.ravel()
    enter, leave = crossing(volume.voxels.box, position, direction)
    entry = tuple(p + enter * u for p, u in zip(position, direction, strict=True))
    total = (FLOOR - entry[2]) / direction[2]

    def step(sums, voxel, near, far):
        power = jnp.take(table, voxel, mode="clip")
        ends = total - near, total - far
        return tuple(s + power * (ends[0] ** k - ends[1] ** k) / k for k, s in enumerate(sums, start=1))

    zero = jnp.zeros_like(enter)
    return walk(volume.voxels, entry, direction, step=step, initial=(zero,) * 3, length=leave - enter)


MOMENTS = jax.jit(power_moments)


def lines(places, slopes):
    """Lines down from z = 1.8 with given x and y there and slopes dx/dz."""
    norm = np.sqrt(1 + np.sum(np.square(slopes), 0))
    position = (*map(jnp.asarray, places), jnp.full(len(norm), 1.8))
    return position, tuple(jnp.asarray(u) for u in (-slopes[0] / norm, -slopes[1] / norm, -1 / norm))


RANDOM = np.random.default_rng(1)
SLOPES = RANDOM.uniform(-0.7, 0.7, (2, 40))
PLACES = RANDOM.uniform(-0.2, 1.2, (2, 40)) + 0.9 * SLOPES  # where a line is 0.9 m above the ladle's middle


def test_a_vertical_ray_through_the_middle():
    places = np.full((2, 40), 0.45)
    places[0, 1] = 0.05  # through a wall
    found = MOMENTS(jnp.asarray(0.73), *lines(places, np.zeros((2, 40))))
    expected = 0.1 / STEEL + 0.23 / MELT + 0.1 / SLAG + 0.57 / AIR
    assert float(found[0][0]) == pytest.approx(expected, rel=1e-9)
    assert float(found[0][1]) == pytest.approx(1.0 / STEEL, rel=1e-9)
    layers = ((0, 0.1, STEEL), (0.1, 0.33, MELT), (0.33, 0.43, SLAG), (0.43, 1.0, AIR))
    second = sum((top**3 - bottom**3) / 3 / X0 for bottom, top, X0 in layers)
    assert float(found[2][0]) == pytest.approx(second, rel=1e-9)
    # the slag ends at the rim
    full = MOMENTS(jnp.asarray(1.35), *lines(places, np.zeros((2, 40))))
    assert float(full[0][0]) == pytest.approx(0.1 / STEEL + 0.85 / MELT + 0.05 / SLAG, rel=1e-9)


@pytest.mark.parametrize("number", [0, 4, 9, -2, -1])
def test_the_likelihood_and_the_transport_mean_the_same_ladle(number):
    level = float(likelihood_level.NODES[number])
    position, direction = lines(PLACES, SLOPES)
    expected = MOMENTS(jnp.asarray(level), position, direction)
    one = jnp.ones(40)
    track = Tracks(
        position[0], position[1], jnp.asarray(SLOPES[0]), jnp.asarray(SLOPES[1]), position[2],
        one, one, one, one > 0, one,
    )  # fmt: skip
    secant = jnp.sqrt(1 + track.tx**2 + track.ty**2)
    found = jax.jit(likelihood_level._moments)(track, secant)
    inside = np.asarray(expected[0]) > 1e-4  # less counts as this much
    assert 25 < inside.sum() < 40
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine[number][inside], theirs[inside], rtol=1e-10, atol=1e-10)


def test_labels_are_exact_and_levels_fill_their_strata():
    key = jax.random.key(1)
    labels = [float(labelled_level(key, jnp.asarray(k), 16).level) for k in range(16)]
    assert labels == pytest.approx([0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3] * 2, abs=1e-12)
    count = 500
    draw = jax.vmap(lambda k, i: uniform_level(k, i, count).level)
    levels = np.asarray(draw(jax.random.split(key, count), jnp.arange(count)))
    edges = 0.55 + 0.8 * np.arange(count + 1) / count
    assert np.all((levels > edges[:-1]) & (levels < edges[1:]))
    within = (levels - edges[:-1]) / (0.8 / count)
    assert np.mean(within) == pytest.approx(0.5, abs=4 / np.sqrt(12 * count))


@pytest.mark.parametrize(
    ("name", "x", "upper", "lower"),
    [
        ("initial", 0.0, (1.48, 1.47, 1.46, 1.45), (0.35, 0.34, 0.33, 0.32)),
        ("human_1", 0.5, (1.80, 1.75, 1.50, 1.45), (0.35, 0.30, 0.05, 0.00)),
        ("human_2", 0.5, (1.75, 1.65, 1.55, 1.45), (0.35, 0.25, 0.15, 0.05)),
    ],
)
def test_reference_designs(name, x, upper, lower):
    design = reference_design(name)
    for arm, heights in ((design.upper, upper), (design.lower, lower)):
        np.testing.assert_allclose(arm.z, heights, atol=1e-12)
        np.testing.assert_allclose([arm.x, arm.y], x, atol=1e-12)
    np.testing.assert_allclose(panel_spans(design), np.sqrt(6 / 8), rtol=1e-12)  # 0.866 m
    assert float(panel_cost(design)) == pytest.approx(6.0, rel=1e-12)
    assert float(panel_cost(reference_design(name, "soft"))) == pytest.approx(6.0, rel=1e-12)


@pytest.mark.parametrize(
    "option",
    [{"momentum_resolution": 1.0}, {"segments": 0}, {"tail_fraction": 1.0}, {"efficiency": 0.0}, {"least_hits": 1}],
)
def test_impossible_options_are_refused(option):
    with pytest.raises(ProblemError, match=f"{next(iter(option))} is"):
        ladle_fill_level(**option)


def test_options_make_the_problem_they_name():
    assert ladle_fill_level(spending="soft").space.size == ladle_fill_level().space.size + 1 == 33
    free = ladle_fill_level(spending="free")
    assert free.space.size == 33
    assert [objective.name for objective in free.objectives] == [each.name for each in ladle_fill_level().objectives]
    names = [figure.name for figure in ladle_fill_level(estimator="poca").figures]
    assert names == ["expected_poca_mse", "poca_mse", "likelihood_mse", "cost"]
    texts = [" ".join(ladle_fill_level(muons=m).physics) for m in ("spectrum", "published")]
    assert "energy loss on" in texts[0]
    assert "5 GeV" in texts[1]
    assert "energy loss off" in texts[1]


@pytest.mark.slow
def test_muons_of_a_file_take_the_place_of_the_spectrum(tmp_path):
    path = tmp_path / "muons.csv"
    random = np.random.default_rng(2)
    rows = np.column_stack([random.uniform(0.2, 0.8, (500, 2)), np.full((500, 2), 1.8), random.uniform(0, 6, 500)])
    lines_ = [f"{x},{y},{z},0.1,{phi},4" for x, y, z, _, phi in rows]
    path.write_text("x [m],y [m],z [m],theta [rad],phi [rad],p [GeV]\n" + "\n".join(lines_) + "\n")
    with pytest.warns(ValidityWarning, match="500 muons and 40000 events"):
        problem = ladle_fill_level(muon_file=str(path))
    assert "sha256" in problem.physics[0]
    found = problem.evaluate(problem.references["human_2"], key=jax.random.key(0), events=200, scenarios=4)
    assert float(found.accepted) > 100  # all of them cross the middle of every panel; two hits of four in each arm
    with pytest.raises(StageError, match="no such file"):
        ladle_fill_level(muon_file=str(tmp_path / "absent.csv"))


def test_scans_with_one_point_or_none_tell_nothing():
    truth = jnp.linspace(0.6, 1.3, 8)
    weights, heights = np.full((8, 5), 1e4), np.asarray(truth)[:, None] * 0.5 + 0.1 * np.linspace(-1, 1, 5)

    def expected(w, dtype=jnp.float64):
        sums = np.stack([np.stack([np.sum(v * heights**k, 1) for k in range(3)], -1) for v in (w, w**2)], 1)
        summaries = Summaries({"poca": jnp.asarray(sums, dtype)}, jnp.ones(8, dtype))
        return float(poca_expected_mse(summaries, truth.astype(dtype)))

    prior = float(np.var(truth))
    variance = np.var(0.1 * np.linspace(-1, 1, 5), ddof=1) / 5  # of the mean of five equal weights
    assert expected(weights) == pytest.approx(prior * variance / (variance + 0.25 * prior), rel=0.03)
    for lonely in (weights * (np.arange(5) == 2), 0.0 * weights):
        assert expected(lonely) == pytest.approx(prior, rel=1e-6)
        assert expected(lonely, jnp.float32) == pytest.approx(prior, rel=1e-2)


@pytest.mark.parametrize("scale", [1e4, 1e-8, 1e-11, 1e-20])
def test_the_expected_error_does_not_depend_on_the_unit_of_the_weights(scale):
    truth = jnp.linspace(0.6, 1.3, 8, dtype=jnp.float32)
    heights = np.asarray(truth)[:, None] * 0.5 + 0.1 * np.linspace(-1, 1, 5)

    def expected(w):
        sums = jnp.stack([jnp.stack([jnp.sum(v * heights**k, 1) for k in range(3)], -1) for v in (w, w**2)], 1)
        return poca_expected_mse(Summaries({"poca": sums.astype(jnp.float32)}, jnp.ones(8, jnp.float32)), truth)

    value, slope = jax.value_and_grad(expected)(jnp.full((8, 5), scale, jnp.float32))
    assert bool(jnp.all(jnp.isfinite(slope)))
    usual = float(expected(jnp.ones((8, 5), jnp.float32)))
    assert float(value) == pytest.approx(usual if scale > 1e-12 else float(np.var(truth)), rel=0.02)


def test_no_level_is_special():
    # the ladle of a level between labels differs from its neighbours by the difference of the materials only
    line = lines(np.full((2, 40), 0.45), np.zeros((2, 40)))
    thickness = [float(MOMENTS(jnp.asarray(level), *line)[0][0]) for level in (0.699, 0.7, 0.701, 0.75)]
    for low, high in itertools.pairwise(zip((0.699, 0.7, 0.701, 0.75), thickness, strict=True)):
        assert (high[1] - low[1]) / (high[0] - low[0]) == pytest.approx(1 / MELT - 1 / AIR, rel=1e-6)
