"""The figures of imaging and detection: what is drawn is what was measured, on the same scans for all layouts."""

import dataclasses

import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest

from daedalus.inference.roc import roc_curve
from daedalus.physics.materials import material
from daedalus.studies.muon_tomography.blocks import figures
from daedalus.studies.muon_tomography.blocks.problem import block_detection, x0_imaging
from daedalus.studies.muon_tomography.layout import scanner_layout
from daedalus.studies.muon_tomography.paths import Passages, deflection_points, paths

pytestmark = pytest.mark.slow  # compiles the chain of whole scans

KEY = jax.random.key(5)


def few(problem):
    """The problem with short scans."""
    return dataclasses.replace(problem(method="poca"), events=400)


@pytest.fixture(scope="module")
def imaging():
    problem = few(x0_imaging)
    with pytest.MonkeyPatch.context() as short:
        short.setattr(figures, "IMAGES", 4)
        yield problem, figures.imaging_figures(problem, problem.start, problem.references["human_2"], key=KEY)
    assert not plt.get_fignums()  # nothing is left behind in pyplot


def test_imaging_has_four_figures(imaging):
    assert list(imaging[1]) == ["layout", "layout_in_space", "slices", "error_by_material"]


def test_panels_stand_where_they_are(imaging):
    problem, drawn = imaging
    for axes, design in zip(drawn["layout"].axes[:2], (problem.start, problem.references["human_2"]), strict=True):
        elements = scanner_layout(problem, problem.space.canonical(design))
        for label in ("upper", "lower"):
            group = next(c for c in axes.collections if c.get_label() == label)
            found = sorted(tuple(np.round([*p.vertices.min(0), *p.vertices.max(0)], 4)) for p in group.get_paths())
            mine = [e for e in elements if e.name.startswith(label)]
            wanted = [np.round([100 * end[k] for end in (e.lower, e.upper) for k in (0, 2)], 4) for e in mine]
            assert found == sorted(map(tuple, wanted))


def test_the_corner_accepts_fewer_muons(imaging):
    titles = [axes.get_title("left") for axes in imaging[1]["layout"].axes[:2]]
    assert [title.split(":")[0] for title in titles] == ["start", "optimised"]
    start, human = (float(title.split()[1]) for title in titles)
    assert 1.0 < start < 0.8 * human < 20.0


def test_slices_of_true_and_inferred_share_their_colours(imaging):
    grid = np.array(imaging[1]["slices"].axes[:15]).reshape(3, 5)
    limits = {axes.collections[-1].get_clim() for axes in grid[:, :3].flat}
    assert len(limits) == 1
    assert [axes.get_title().split("\n")[0] for axes in grid[0]] == [
        "true", "start", "optimised", "start, error", "optimised, error",
    ]  # fmt: skip


def test_every_material_has_a_box_per_layout(imaging):
    matter, air = imaging[1]["error_by_material"].axes
    names = [tick.get_text() for tick in matter.get_xticklabels()]
    assert set(names) <= {"water", "aluminium", "iron", "lead", "uranium"}
    assert [tick.get_text() for tick in air.get_xticklabels()] == ["air"]
    assert 1 <= len(matter.patches) <= 2 * len(names)
    assert len(air.patches) == 2


def test_materials_are_known_by_their_radiation_length():
    iron = 1.0 / material("iron").X0
    assert figures.material_names(np.array([[iron, iron]])) == {"iron": iron}
    assert figures.material_names(np.array([iron, 3.21])) == {}
    assert figures.material_names(np.linspace(0, 1, 50)) == {}


def straight(accepted):
    """Passages of muons that are not scattered."""
    arm = lambda z: np.array([0.4 + 0.1 * (z - 1.0), 0.5, 0.1, 0.0, z])[:, None] * np.ones(len(accepted))
    place = np.array([[0.4, 0.5, 2.0], [0.5, 0.5, 0.5], [1.0, 1.0, 1.0]])
    return Passages(arm(1.6), arm(0.2), place, np.array([0.01, 0.02, 0.03]), np.array(accepted, float))


def test_an_unscattered_muon_is_drawn_straight():
    (path,) = paths(straight([False, True, False]), 5)
    np.testing.assert_allclose(path[0], 0.4 + 0.1 * (path[2] - 1.0), atol=1e-12)
    np.testing.assert_allclose(path[1], 0.5)
    assert (path[2, 0], path[2, -1]) == (1.8, 0.0)


def test_points_of_accepted_muons_within_the_volume_are_drawn():
    np.testing.assert_allclose(deflection_points(straight([True, True, True]), 9).angle, [0.01, 0.02])
    np.testing.assert_allclose(deflection_points(straight([False, True, True]), 9).angle, [0.02])
    assert len(paths(straight([True, True, True]), 2)) == 2


def test_detection_compares_roc_curves_on_the_same_scans():
    problem = few(block_detection)
    designs = {"start": problem.start, "human": problem.references["human_1"]}
    truth, read = figures.readings(problem, designs, key=KEY, scans=16)
    assert truth.size == 2
    np.testing.assert_array_equal(truth.present, np.arange(16) % 2 == 0)
    curve = roc_curve(figures.block_scores(read["human"].maps, truth), truth.present)
    with pytest.MonkeyPatch.context() as short:
        short.setattr(figures, "SCANS", 16)
        drawn = figures.detection_figures(problem, problem.start, problem.references["human_2"], key=KEY)
    assert list(drawn) == ["layout", "layout_in_space", "slices", "roc"]
    lines = {str(line.get_label()).split(":")[0]: line for line in drawn["roc"].axes[0].lines}
    assert {"start", "optimised", "human 1", "human 2"} <= set(lines)
    np.testing.assert_allclose(lines["human 1"].get_ydata(), curve.found)
