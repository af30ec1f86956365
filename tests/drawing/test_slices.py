"""Slices: the layers of the maps, on one scale."""

import numpy as np

from daedalus.drawing.density import density_scale
from daedalus.drawing.slices import fullest, relative_error, slices_figure
from drawing import apparatus

TRUE = apparatus.density()
FOUND = 1.5 * TRUE
FOUND[1, 0, 2] = np.nan


def test_true_and_inferred_share_their_colours():
    figure = slices_figure(apparatus.VOXELS, {"true": TRUE, "found": FOUND}, levels=[2, 0])
    grid = np.array(figure.axes[:6]).reshape(2, 3)
    meshes = [[axes.collections[-1] for axes in row] for row in grid]
    scale = density_scale(TRUE)
    for row, level in zip(meshes, (2, 0), strict=True):
        assert [mesh.get_clim() for mesh in row[:2]] == [(scale.vmin, scale.vmax)] * 2
        np.testing.assert_array_equal(np.asarray(row[0].get_array()), TRUE[:, :, level].T)
        np.testing.assert_array_equal(np.ma.filled(row[1].get_array(), np.nan), FOUND[:, :, level].T)
    assert grid[0, 0].get_title() == "true\nz = 80 to 110 cm"
    assert grid[0, 2].get_title() == "found, error\nz = 80 to 110 cm"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["thinner than the scale", "not seen"]


def test_unseen_voxels_are_grey():
    figure = slices_figure(apparatus.VOXELS, {"true": TRUE, "found": FOUND}, levels=[2], errors=False)
    grey = figure.axes[1].collections[0]
    np.testing.assert_array_equal(np.isfinite(np.ma.filled(grey.get_array(), np.nan)), np.isnan(FOUND[:, :, 2]).T)


def test_the_relative_error_is_of_matter_only():
    error = relative_error(FOUND, TRUE, 1.0)
    np.testing.assert_allclose(error[0, 1, 2], 0.5)
    np.testing.assert_allclose(error[1, 2, 0], 0.5)
    assert np.isnan(error).sum() == TRUE.size - 2


def test_the_fullest_layers_hold_most_matter():
    assert fullest(TRUE, density_scale(TRUE), 2) == [0, 2]
    assert fullest(np.ones((1, 1, 5)), density_scale(np.ones(1)), 3) == [0, 2, 4]
    assert fullest(np.ones((1, 1, 4)), density_scale(np.ones(1)), 4) == [0, 1, 2, 3]
