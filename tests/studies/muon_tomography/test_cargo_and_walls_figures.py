"""The figures of the cargo and of the walls: what is drawn is what was measured, on the same scans for all layouts."""

import dataclasses

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from daedalus.errors import ProblemError
from daedalus.studies.muon_tomography.cargo import figures as cargo
from daedalus.studies.muon_tomography.cargo.exposures import ROOM, need_room
from daedalus.studies.muon_tomography.cargo.problem import cargo_hodoscopes
from daedalus.studies.muon_tomography.detection import PATIENCE, with_patience
from daedalus.studies.muon_tomography.imaging import final_map
from daedalus.studies.muon_tomography.layout import scanner_layout
from daedalus.studies.muon_tomography.options import MapOptions
from daedalus.studies.muon_tomography.walls import figures as walls_figures
from daedalus.studies.muon_tomography.walls.problem import walls
from daedalus.units import s

KEY = jax.random.key(5)


@pytest.fixture(scope="module")
def hidden():
    problem = dataclasses.replace(cargo_hodoscopes(method="poca"), events=400)
    with pytest.MonkeyPatch.context() as short:
        short.setattr(cargo, "SCANS", 8)
        yield problem, cargo.cargo_figures(problem, problem.start, problem.references["even"], key=KEY)
    assert not plt.get_fignums()  # nothing is left behind in pyplot


@pytest.fixture(scope="module")
def buried():
    problem = dataclasses.replace(walls(), events=2000)
    with pytest.MonkeyPatch.context() as short:
        short.setattr(walls_figures, "SITES", 6)
        yield problem, walls_figures.walls_figures(problem, problem.start, problem.references["even"], key=KEY)
    assert not plt.get_fignums()


@pytest.mark.slow  # compiles the chain of whole scans
def test_cargo_has_five_figures(hidden):
    assert list(hidden[1]) == ["layout", "layout_in_space", "slices", "roc", "found_by_exposure"]


@pytest.mark.slow
def test_planes_of_hodoscopes_stand_where_they_are(hidden):
    problem, drawn = hidden
    for axes, design in zip(drawn["layout"].axes[:2], (problem.start, problem.references["even"]), strict=True):
        group = next(c for c in axes.collections if c.get_label() == "upper")
        found = sorted(tuple(np.round([*p.vertices.min(0), *p.vertices.max(0)], 4)) for p in group.get_paths())
        mine = [e for e in scanner_layout(problem, design) if e.name.startswith("upper")]
        wanted = [np.round([100 * end[k] for end in (e.lower, e.upper) for k in (1, 2)], 4) for e in mine]
        assert found == sorted(map(tuple, wanted))
        assert len(found) == 6


@pytest.mark.slow
def test_blocks_are_counted_at_five_times(hidden):
    problem, drawn = hidden
    (axes,) = drawn["found_by_exposure"].axes
    assert [bars.get_label() for bars in axes.containers] == ["optimised", "start", "even"]
    for bars in axes.containers:
        time, found = bars[0].get_data()
        np.testing.assert_allclose(time / time[0], [1.0, 2.0, 4.0, 8.0, 16.0])
        assert ((found >= 0) & (found <= 1)).all()
    seconds = problem.source.exposure(problem.events)
    assert f"[{'s' if seconds > 0.5 else 'ms'}]" in axes.get_xlabel()
    lines = {str(line.get_label()).split(":")[0] for line in drawn["roc"].axes[0].lines}
    assert {"start", "optimised", "even"} <= lines


@pytest.mark.slow
def test_a_longer_scan_is_one_of_more_muons(hidden):
    problem, _ = hidden
    design = problem.references["even"]
    truth, read = cargo.readings_by_exposure(problem, {"even": design}, (0.5, 2.0), key=KEY, scans=4)
    longer = problem.partition(800, 4)
    sums, _ = jax.jit(lambda point: problem.summaries(point, key=KEY, partition=longer))(problem.space.point(design))
    wanted = np.asarray(final_map(sums, truth.voxels, MapOptions(method="poca")).density)
    np.testing.assert_allclose(read["even"].by_exposure[1].density, wanted, rtol=2e-3, atol=1e-3)
    assert np.abs(read["even"].maps.density - wanted).max() > 1.0  # a shorter one sees something else
    np.testing.assert_allclose(read["even"].accepted, np.mean(sums.accepted) / 800, rtol=1e-6)


def test_more_muons_than_there_is_room_for_are_refused():
    need_room([0.1, 0.7 * ROOM])
    with pytest.raises(ProblemError, match="27%"):
        need_room([0.1, 0.9 * ROOM])


def test_the_box_is_drawn_with_walls_of_a_centimetre():
    wall, inside = cargo.steel_box()
    np.testing.assert_allclose(np.subtract(inside.lower, wall.lower), 0.01, atol=1e-12)
    np.testing.assert_allclose([*wall.lower, *wall.upper], [0.0, 0.0, 0.4, 0.6, 2.0, 1.0], atol=1e-12)


@pytest.mark.slow
def test_walls_have_three_figures(buried):
    problem, drawn = buried
    assert list(drawn) == ["layout", "layout_in_space", "time_by_site"]
    texts = {text.get_text() for text in drawn["layout"].legends[0].get_texts()}
    assert {"soil", "wall", "upper panels", "lower panels"} <= texts
    assert "soil" not in {text.get_text() for text in drawn["layout_in_space"].legends[0].get_texts()}
    lines = {str(line.get_label()).split(":")[0]: line for line in drawn["time_by_site"].axes[0].lines}
    assert {"start", "optimised", "even"} <= set(lines)
    patience = PATIENCE * problem.source.exposure(problem.events)
    times = {name: np.asarray(lines[name].get_ydata(), float) for name in ("start", "even")}
    assert all(((each > 0) & (each <= 1.001 * patience)).all() for each in times.values())
    assert (np.diff(times["even"]) >= 0).all()
    assert np.log(times["start"]).mean() > np.log(times["even"]).mean()


def test_pairs_are_told_by_their_ratio():
    hand = np.array([4.0, 1.0, 2.0]) * s
    axes = Figure().subplots()
    walls_figures.draw_times(axes, {"start": 3.0 * hand, "even": hand}, 100.0 * s)
    lines = {str(line.get_label()).split(":")[0]: line for line in axes.lines}
    np.testing.assert_allclose(lines["even"].get_ydata(), [1.0, 2.0, 4.0])
    np.testing.assert_allclose(lines["start"].get_ydata(), [3.0, 6.0, 12.0])
    assert lines["start"].get_label().endswith("s, 3 ± 0 of even")


def test_patience_ends():
    times = with_patience(jnp.array([1e-3, PATIENCE, 1e9]))
    np.testing.assert_allclose(times, [1e-3, PATIENCE / 2, PATIENCE], rtol=2e-5)
