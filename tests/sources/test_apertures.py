"""Muons through windows and boxes against brute force: a large window, and the lines that happen to pass."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chi2, ks_2samp

from daedalus.errors import StageError
from daedalus.events import Particles, blank_events
from daedalus.sources import CosmicMuons, HorizontalWindow, ThroughBox, WindowAndBox

LOWER, UPPER, START = (0.2, -0.1, 0.3), (1.0, 1.1, 0.9), 1.1
ZENITHS = (0.0, float(np.deg2rad(60.0)))
REACH = float(np.tan(ZENITHS[1])) * (START - LOWER[2])
WIDE = HorizontalWindow((LOWER[0] - REACH, UPPER[0] + REACH), (LOWER[1] - REACH, UPPER[1] + REACH), START)
NARROW = HorizontalWindow((0.0, 1.3), (-0.2, 0.9), START)
FALSE_ALARM = 1e-4  # of each comparison below, with fixed keys

draw = eqx.filter_jit(lambda source, index, key: source(blank_events(index), key=key)[Particles])


def sample(aperture, number, seed):
    source = CosmicMuons(aperture, zeniths=ZENITHS)
    return source, jax.tree.map(np.asarray, draw(source, jnp.arange(number, dtype=jnp.uint32), jax.random.key(seed)))


def entries(muons):
    """Run to the box, face of entry (0 to 2 for x, y, z) and whether the line crosses the box at all."""
    at, along = np.stack([muons.x, muons.y, muons.z]), np.stack([muons.ux, muons.uy, muons.uz])
    runs = (np.stack([LOWER, UPPER])[:, :, None] - at) / along
    first, last = runs.min(axis=0), runs.max(axis=0)
    return first.max(axis=0), first.argmax(axis=0), first.max(axis=0) < last.min(axis=0)


def features(muons):
    """Numbers whose distributions are compared, and the face of entry with its side."""
    run, axis, _ = entries(muons)
    x, y, z = muons.x + run * muons.ux, muons.y + run * muons.uy, muons.z + run * muons.uz
    face = np.where(axis == 2, 4, 2 * axis + (np.choose(axis, [muons.ux, muons.uy, muons.uz]) < 0))
    distributions = {
        "start x": muons.x,
        "start y": muons.y,
        "uz": muons.uz,
        "ux": muons.ux,
        "p": muons.momentum,
    }
    for axis_of_face in range(3):
        on = axis == axis_of_face
        for name, values in {"x": x, "y": y, "z": z, "ux": muons.ux, "uy": muons.uy}.items():
            if name != "xyz"[axis_of_face]:
                distributions[f"{name} on face {axis_of_face}"] = values[on]
    return distributions, np.bincount(face, minlength=5)


@pytest.fixture(scope="module")
def brute_force():
    """Muons from a window so wide that none through the box is missed."""
    source, muons = sample(WIDE, 600_000, 1)
    crosses = entries(muons)[2]
    return source, muons, crosses


def compare(found, expected):
    """Kolmogorov-Smirnov on every distribution, chi2 on the faces."""
    (values, faces), (reference, reference_faces) = features(found), features(expected)
    for name in values:
        assert ks_2samp(values[name], reference[name]).pvalue > FALSE_ALARM, name
    scale = np.sqrt(reference_faces.sum() / faces.sum())
    used = (faces + reference_faces) > 0
    distance = (scale * faces - reference_faces / scale) ** 2 / (faces + reference_faces).clip(1)
    assert distance[used].sum() < chi2.isf(FALSE_ALARM, used.sum() - 1)


def test_through_box_is_brute_force(brute_force):
    wide, everything, crosses = brute_force
    source, muons = sample(ThroughBox(LOWER, UPPER, START), 60_000, 2)
    assert entries(muons)[2].mean() > 0.9999  # all but rounding at the edges
    compare(muons, jax.tree.map(lambda values: values[crosses], everything))
    share, error = crosses.mean(), np.sqrt(crosses.mean() / len(crosses))
    assert abs(source.rate() / wide.rate() - share) < 4.0 * error


def test_window_and_box_is_brute_force(brute_force):
    wide, everything, crosses = brute_force
    passes = crosses & (np.abs(everything.x - 0.65) < 0.65) & (np.abs(everything.y - 0.35) < 0.55)
    source, muons = sample(WindowAndBox(NARROW, LOWER, UPPER), 60_000, 3)
    compare(muons, jax.tree.map(lambda values: values[passes], everything))
    share, error = passes.mean(), np.sqrt(passes.mean() / len(passes))
    assert abs(source.rate() / wide.rate() - share) < 4.0 * error


def test_all_attempts_end_with_a_muon_in_the_window():
    source = CosmicMuons(WindowAndBox(NARROW, LOWER, UPPER))
    events = eqx.filter_jit(lambda key: source(blank_events(jnp.arange(4096, dtype=jnp.uint32)), key=key))(
        jax.random.key(4)
    )
    muons = events[Particles]
    assert bool(events.alive.all())
    assert bool(jnp.all((muons.x >= 0.0) & (muons.x <= 1.3)))
    assert bool(jnp.all((muons.y >= -0.2) & (muons.y <= 0.9)))


def test_muons_start_on_the_plane_and_go_down_with_unit_direction():
    for aperture in (NARROW, ThroughBox(LOWER, UPPER, START), WindowAndBox(NARROW, LOWER, UPPER)):
        _, muons = sample(aperture, 512, 6)
        assert np.all(muons.z == START)
        assert np.all(muons.uz < 0.0)
        np.testing.assert_allclose(muons.ux**2 + muons.uy**2 + muons.uz**2, 1.0, rtol=1e-12)


def test_projected_area_of_a_box():
    """Overhead it is the top; edge on, the mean over azimuth of two visible sides: 2 (A_x + A_y) / pi."""
    box = ThroughBox(LOWER, UPPER, START)
    overhead, edge_on = box.accepted_area(np.array([0.0, np.pi / 2]))
    assert overhead == pytest.approx(0.8 * 1.2)
    assert edge_on == pytest.approx(2.0 * (1.2 * 0.6 + 0.8 * 0.6) / np.pi)


def test_shadow_inside_a_wide_window_is_the_whole_box():
    zenith = np.linspace(*ZENITHS, 7)
    shadow = WindowAndBox(WIDE, LOWER, UPPER).accepted_area(zenith)
    np.testing.assert_allclose(shadow, ThroughBox(LOWER, UPPER, START).accepted_area(zenith), rtol=2e-3)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: HorizontalWindow((1.0, 1.0), (0.0, 1.0), 0.0), "x range from 1.0 to 1.0 m is empty"),
        (lambda: HorizontalWindow((0.0, 1.0), (0.0, float("nan")), 0.0), "y range"),
        (lambda: ThroughBox((0.0, 0.0, 2.0), (1.0, 1.0, 1.0), 3.0), "z range"),
        (lambda: ThroughBox(LOWER, UPPER, 0.5), "below the box's top"),
        (
            lambda: WindowAndBox(HorizontalWindow((0.0, 1.0), (0.0, 1.0), 0.5), LOWER, UPPER),
            "below the box's top",
        ),
    ],
)
def test_bad_shapes_are_refused(build, message):
    with pytest.raises(StageError, match=message):
        build()
