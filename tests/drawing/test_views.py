"""Views: panels, voxels, tracks and points are drawn where they are, to scale."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from daedalus.drawing.density import density_scale
from daedalus.drawing.palette import CYCLE
from daedalus.drawing.scene import Contents, Scene, alike, frame, length_unit
from daedalus.drawing.space import bare_faces, box_faces, draw_space, inside, space_figure
from daedalus.drawing.views import draw_view, legend_entries, views_figure
from daedalus.geometry import Element
from daedalus.geometry.polygons import disc, polygon
from daedalus.geometry.regions import region
from drawing import apparatus


def drawn(plane, **changes):
    axes = Figure().subplots()
    draw_view(axes, apparatus.scene(**changes), plane)
    return axes


def boxes(axes, label):
    """Left, right, lower and upper end of every box of a group [m]."""
    found = [c for c in axes.collections if c.get_label() == label]
    corners = [path.vertices for collection in found for path in collection.get_paths()]
    return {tuple(np.round([*np.sort(np.unique(c[:, 0])), *np.sort(np.unique(c[:, 1]))], 9)) for c in corners}


@pytest.mark.parametrize("plane", ["xz", "yz", "xy"])
def test_the_extents_of_panels_in_the_axes_are_those_of_the_elements(plane):
    axes = drawn(plane)
    across, up = ("xyz".index(axis) for axis in plane)
    for label, elements in {"over": apparatus.UPPER, "under": [apparatus.LOWER]}.items():
        wanted = {tuple(np.round([e.lower[k], e.upper[k], e.lower[j], e.upper[j]], 9) * 100)
                  for e in elements for k, j in [(across, up)]}  # fmt: skip
        np.testing.assert_allclose(sorted(boxes(axes, label)), sorted(wanted))  # in cm
    assert (axes.get_xlabel(), axes.get_ylabel()) == (f"{plane[0]} [cm]", f"{plane[1]} [cm]")
    assert axes.get_aspect() == 1.0


def test_panels_are_bars_from_the_side_and_outlines_from_the_top():
    for plane, filled in (("xz", True), ("xy", False)):
        (group,) = (c for c in drawn(plane).collections if c.get_label() == "under")
        assert (len(group.get_facecolor()) > 0) is filled
        np.testing.assert_allclose(group.get_edgecolor()[0, :3], np.array(bytearray.fromhex(CYCLE[0][1:])) / 255)


def test_voxels_show_the_densest_along_the_line_of_sight_in_their_place():
    mesh = drawn("xz").collections[1]
    corners, seen = mesh.get_coordinates(), np.asarray(mesh.get_array())
    np.testing.assert_allclose(corners[0, :, 0], 100 * apparatus.VOXELS.x)
    np.testing.assert_allclose(corners[:, 0, 1], 100 * apparatus.VOXELS.z)
    np.testing.assert_array_equal(seen, apparatus.density().max(1).T)
    mesh = drawn("xy").collections[1]
    np.testing.assert_array_equal(np.asarray(mesh.get_array()), apparatus.density().max(2).T)


def test_a_radiograph_is_the_mean_weighted_with_lengths():
    contents = Contents(apparatus.VOXELS, apparatus.density(), along="mean")
    wanted = (apparatus.density() * np.diff(apparatus.VOXELS.z)).sum(2) / 1.0
    np.testing.assert_allclose(contents.seen(2), wanted)
    assert "mean" in contents.label


def test_tracks_and_points_are_where_they_are():
    axes, scene = drawn("yz"), apparatus.scene()
    np.testing.assert_allclose(axes.lines[0].get_xydata().T, 100 * scene.tracks[0][1:])
    dots = axes.collections[-1]
    np.testing.assert_allclose(dots.get_offsets().T, 100 * scene.points.place[1:])
    small, large = dots.get_sizes()
    assert small < 0.2 * large


def test_the_legend_names_what_is_there_once():
    scene = apparatus.scene(labels={"over": "upper plates"})
    entries = list(legend_entries(scene))
    assert entries[:5] == ["steel", "lead", "water", "under", "upper plates"]
    assert entries[5:] == ["tracks", "closest approach, 4 mrad", "closest approach, 20 mrad"]
    figure = views_figure({"one": scene, "two": scene})
    assert [text.get_text() for text in figure.legends[0].get_texts()][:6] == entries[:6]


def test_scenes_side_by_side_share_frame_and_dots():
    few = apparatus.scene(points=None)
    moved = apparatus.scene(elements=(Element("over_0", (3.0, 0.5, 1.0), (0.5, 0.5, 0.01), "silicon"),))
    figure = views_figure({"one": few, "two": moved}, planes=("xz", "yz", "xy"))
    first, second = figure.axes[:2]
    assert first.get_xlim() == second.get_xlim()
    assert first.get_ylim() == second.get_ylim()
    assert first.get_title("left") == "one"
    many = alike({"one": moved, "two": apparatus.scene()})
    assert many["one"].points.large == many["two"].points.large
    assert not plt.get_fignums()


def test_contents_without_names_have_a_colour_bar():
    contents = Contents(apparatus.VOXELS, apparatus.density())
    figure = views_figure({"one": apparatus.scene(contents=contents)})
    assert "1/X_0" in figure.axes[-1].get_ylabel()


GROUND = region(polygon([(0.0, 0.0), (4000.0, 0.0), (0.0, 3000.0)]), [disc((500.0, 600.0), 200.0)])
UNITS = [Element(f"unit_{k}", (900.0 * k, 700.0, 1.0), (15.0, 15.0, 2.0), "water") for k in range(2)]


def test_a_ground_makes_a_map_with_dots_for_what_is_too_small_to_be_seen():
    scene = Scene([*UNITS, Element("hall", (2000.0, 300.0, 5.0), (300.0, 200.0, 10.0), "concrete")], ground=GROUND)
    axes = Figure().subplots()
    draw_view(axes, scene, "xy")
    outline, hole = axes.patches
    np.testing.assert_allclose(outline.get_xy()[:3], [(0, 0), (4, 0), (0, 3)])  # km
    assert (hole.center, hole.radius) == ((0.5, 0.6), 0.2)
    (dots,) = axes.lines
    np.testing.assert_allclose(dots.get_xydata(), [(0.0, 0.7), (0.9, 0.7)])
    assert boxes(axes, "hall") == {(1.85, 2.15, 0.2, 0.4)}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("east [km]", "north [km]")
    assert list(legend_entries(scene)) == ["site", "forbidden", "unit", "hall"]
    np.testing.assert_allclose(frame(scene, margin=0.0)[:2], [(-7.5, 4000.0), (0.0, 3000.0)])
    turned, side = Figure().subplots(1, 2)
    draw_view(turned, scene, "yx")
    np.testing.assert_allclose(turned.patches[0].get_xy()[:3], [(0, 0), (0, 4), (3, 0)])
    assert turned.get_xlabel() == "north [km]"
    draw_view(side, scene, "xz")
    assert (side.get_xlabel(), len(side.patches)) == ("x [km]", 0)


def test_close_up_the_same_elements_are_outlines():
    axes = Figure().subplots()
    draw_view(axes, Scene(UNITS, ground=GROUND), "xy", within=((-50.0, 50.0), (650.0, 750.0), (0.0, 2.0)))
    assert not axes.lines
    assert (-7.5, 7.5, 692.5, 707.5) in boxes(axes, "unit")


@pytest.mark.parametrize(("extent", "name"), [(0.02, "mm"), (0.6, "cm"), (5.0, "m"), (4e3, "km")])
def test_units_follow_the_extent(extent, name):
    assert length_unit(((0.0, extent), (0.0, 0.01), (0.0, 0.01)))[0] == name


def test_the_frame_holds_elements_and_contents():
    x, y, z = frame(apparatus.scene(), margin=0.0)
    np.testing.assert_allclose([*x, *y, *z], [-0.1, 1.9, 0.0, 0.9, 0.045, 1.61])
    assert frame(Scene()) == frame(Scene(), Scene())


def test_in_space_everything_has_its_place():
    (axes,) = space_figure({"one": apparatus.scene()}).axes
    assert len(axes.collections) == 4 + 1  # elements and blocks
    assert axes.get_xlabel() == "x [cm]"
    np.testing.assert_allclose(axes.get_zlim(), 100 * np.array(frame(apparatus.scene())[2]))
    faces = box_faces(apparatus.LOWER)
    assert faces.shape == (6, 4, 3)
    np.testing.assert_allclose(faces.min((0, 1)), apparatus.LOWER.lower)
    np.testing.assert_allclose(faces.max((0, 1)), apparatus.LOWER.upper)
    assert {tuple(np.ptp(face, axis=0) == 0) for face in faces} == {tuple(row) for row in np.eye(3, dtype=bool)}


def test_in_space_only_faces_between_matter_and_none_are_drawn():
    full = Contents(apparatus.VOXELS, np.full((2, 3, 4), 100.0))
    faces = bare_faces(full, 1.0)
    assert len(faces) == 2 * (2 * 3 + 3 * 4 + 2 * 4)
    area = sum(np.prod(np.ptp(face, axis=0)[[other for other in range(3) if other != axis]]) for _, axis, face in faces)
    np.testing.assert_allclose(area, 2 * (1.0 * 0.9 + 1.0 * 1.0 + 0.9 * 1.0))
    empty = Figure().add_subplot(projection="3d")
    draw_space(empty, Scene(contents=Contents(apparatus.VOXELS, np.zeros((2, 3, 4)))))
    assert not empty.collections


def test_tracks_end_at_the_frame_in_space():
    track = np.array([[0.5, 0.5], [0.5, 0.5], [-1.0, 3.0]])
    fine = inside(track, ((0.0, 1.0), (0.0, 1.0), (0.0, 1.0)))
    known = fine[:, np.isfinite(fine[0])]
    np.testing.assert_allclose((known[2].min(), known[2].max()), (0.0, 1.0), atol=0.03)
    np.testing.assert_allclose(known[:2], 0.5)


def test_the_density_scale_holds_the_densest():
    scale = density_scale(apparatus.density())
    assert (scale.vmax, round(scale.vmin, 4)) == (200.0, round(200.0 / 10**2.5, 4))
    assert density_scale(np.array([np.nan, 500.0])).vmax == 500.0
    assert density_scale().vmax == 1.0
