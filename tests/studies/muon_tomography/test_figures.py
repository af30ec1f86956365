"""The ladle's figures: what is drawn is what was measured."""

import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest

from daedalus.studies.muon_tomography.ladle import figures
from daedalus.studies.muon_tomography.ladle.problem import ladle_fill_level
from daedalus.studies.muon_tomography.scanner import panel_spans


@pytest.fixture(scope="module")
def drawn():
    problem = ladle_fill_level()
    with pytest.MonkeyPatch.context() as few:
        few.setattr(figures, "SCENARIOS", 16)
        few.setattr(figures, "MUONS", 250)
        yield figures.ladle_figures(problem, problem.start, problem.references["human_1"], key=jax.random.key(5))
    assert not plt.get_fignums()  # nothing is left behind in pyplot


def test_three_figures(drawn):
    assert list(drawn) == ["layout", "levels", "error_by_level"]


def test_panels_are_drawn_to_scale(drawn):
    problem = ladle_fill_level()
    side = drawn["layout"].axes[1]  # after, from the side
    human = problem.references["human_1"]
    wanted = {(float(z), float(s)) for z, s in zip(human.upper.z, panel_spans(human)[:4], strict=True)}
    groups = [c for c in side.collections if c.get_label() in ("upper", "lower")]
    boxes = [path.vertices / 100 for group in groups for path in group.get_paths()]
    found = {(round(float(np.mean(box[[0, 2], 1])), 6), round(float(np.ptp(box[:, 0])), 6)) for box in boxes}
    assert {(round(z, 6), round(s, 6)) for z, s in wanted} <= found
    assert len(boxes) == 8


def test_the_corner_sees_fewer_muons_than_the_middle(drawn):
    before, after = (axes.get_title("left") for axes in drawn["layout"].axes[:2])
    share = [float(title.split()[1]) for title in (before, after)]
    assert before.startswith("start")
    assert after.startswith("optimised")
    assert 1.0 < share[0] < 0.8 * share[1] < 20.0


def test_the_legend_tells_the_error_of_the_points(drawn):
    above, below = drawn["levels"].axes[1], drawn["levels"].axes[3]
    for line, difference in zip(above.lines[1:], below.lines[1:], strict=True):
        rms = np.sqrt(np.nanmean(difference.get_ydata() ** 2))
        assert f"{rms:.2g} cm" in line.get_label()
        np.testing.assert_allclose(line.get_ydata() - line.get_xdata(), difference.get_ydata(), atol=1e-9)


def test_every_layout_has_its_error_by_level(drawn):
    for axes in drawn["error_by_level"].axes:
        assert [bars.get_label() for bars in axes.containers] == ["start", "optimised", "human 1", "human 2"]


def test_rms_and_its_error():
    level = np.repeat([0.0, 1.0], 50)
    error = np.where(np.arange(100) % 2, 1.0, 3.0)  # squares 1 and 9: mean 5, spread 4
    middle, rms, bar = figures._by_level(level, error)
    np.testing.assert_allclose(rms, np.sqrt(5.0))
    np.testing.assert_allclose(bar, 4.0 * np.sqrt(50 / 49) / np.sqrt(50) / (2 * np.sqrt(5.0)))
    assert len(middle) == 2


def test_the_ladle_is_drawn_up_to_its_level():
    wall, inside, melt, slag = figures.ladle_elements(0.9)
    np.testing.assert_allclose([*wall.lower, *wall.upper], [0.0, 0.0, 0.4, 1.0, 1.0, 1.4], atol=1e-12)
    np.testing.assert_allclose([melt.upper[2], slag.lower[2], slag.upper[2]], [0.9, 0.9, 1.0])
    assert inside.material == "air"
    assert not wall.sensitive
