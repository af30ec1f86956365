"""Terrain: heights, lengths below the surface against a cone in closed form, derivatives, and files."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.errors import StageError
from daedalus.geometry.solids import Cone
from daedalus.geometry.terrain_files import read_terrain, terrain

CONE = Cone((0.0, 0.0), 0.0, 120.0, 250.0, softening=0.0)
AXIS = np.linspace(-400.0, 400.0, 201)
EAST, NORTH = np.meshgrid(AXIS, AXIS)
MAP = terrain(AXIS, AXIS, np.asarray(CONE.elevation(jnp.asarray(EAST), jnp.asarray(NORTH))), steps=512)


def rays(count=300):
    random = np.random.default_rng(3)
    away, turn = random.uniform(255, 380, count), random.uniform(0, 2 * np.pi, count)
    up, azimuth = random.uniform(0.03, 0.4, count), turn + np.pi + random.uniform(-0.6, 0.6, count)
    position = away * np.cos(turn), away * np.sin(turn), np.full(count, 2.0)
    direction = np.cos(up) * np.cos(azimuth), np.cos(up) * np.sin(azimuth), np.sin(up)
    return tuple(map(jnp.asarray, position)), tuple(map(jnp.asarray, direction))


def test_lengths_are_those_of_the_cone():
    position, direction = rays()
    both = jax.jit(lambda *ray: (CONE.length(*ray), MAP.length(*ray)))
    expected, found = map(np.asarray, both(position, direction))
    long = expected > 40.0
    assert long.sum() > 100
    np.testing.assert_allclose(found[long], expected[long], rtol=5e-3)
    assert found[long].sum() == pytest.approx(expected[long].sum(), rel=5e-4)
    far = jnp.full(len(expected), 300.0)
    before, capped = jax.jit(lambda *ray: (CONE.length(*ray), MAP.length(*ray)))(position, direction, far)
    np.testing.assert_allclose(capped[long], before[long], atol=1.0)


def test_heights_are_bilinear():
    small = terrain(np.array([0.0, 2.0]), np.array([0.0, 1.0]), np.array([[0.0, 4.0], [2.0, 10.0]]))
    assert float(small.elevation(jnp.array(1.0), jnp.array(0.5))) == pytest.approx(4.0)
    assert float(small.slope(jnp.array(0.0), jnp.array(0.0))) == pytest.approx(np.hypot(2.0, 2.0))
    assert small.summit == (2.0, 1.0, 10.0)
    assert small.extent == ((0.0, 2.0), (0.0, 1.0))


def test_lengths_have_exact_derivatives_by_place_direction_and_heights():
    coarse = np.linspace(-300.0, 300.0, 7)
    x, y = np.meshgrid(coarse, coarse)
    heights = 80.0 * np.exp(-(x**2 + y**2) / 150**2) + 0.01 * x

    def length(numbers):
        ground = terrain(coarse, coarse, heights, steps=32)
        ground = type(ground)(jnp.asarray(heights).at[3, 3].add(numbers[4]), ground.corner, ground.spacing, 32)
        place = (numbers[0][None], numbers[1][None], jnp.array([12.0]))
        way = (jnp.cos(numbers[2])[None], jnp.sin(numbers[2])[None], numbers[3][None])
        return ground.length(place, way)[0]

    at = jnp.array([-250.0, 13.0, 0.07, 0.11, 0.0])
    length = jax.jit(length)
    finite = [float(length(at + h) - length(at - h)) / 2e-6 for h in 1e-6 * np.eye(5)]
    assert float(length(at)) > 50
    np.testing.assert_allclose(jax.grad(length)(at), finite, rtol=1e-5, atol=1e-7)


def test_files_give_the_same_terrain(tmp_path):
    heights = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.5]])
    np.savez(tmp_path / "hill.npz", x=np.array([10.0, 15.0, 20.0]), y=np.array([0.0, 5.0]), heights=heights)
    rows = "\n".join(" ".join(map(str, row)) for row in heights[::-1])
    head = "ncols 3\nnrows 2\nxllcorner 7.5\nyllcorner -2.5\ncellsize 5\nNODATA_value -9999\n"
    (tmp_path / "hill.asc").write_text(head + rows + "\n")
    for name in ("hill.npz", "hill.asc"):
        found = read_terrain(tmp_path / name)
        np.testing.assert_allclose(found.heights, heights)
        assert (found.corner, found.spacing) == ((10.0, 0.0), (5.0, 5.0))


HEAD = "ncols 2\nnrows 2\nxllcorner 0\nyllcorner 0\ncellsize 5\nNODATA_value -1\n"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (HEAD + "1 2 3\n", "announces 2 rows of 2"),
        (HEAD + "1 2 3 -1\n", "1 of the terrain's 4 heights are missing"),
        (HEAD.replace("cellsize 5\n", "") + "1 2 3 4\n", "lacks cellsize"),
        (HEAD.replace("cellsize 5", "cellsize 0.001") + "1 2 3 4\n", "degrees"),
        (HEAD + "1 2 three 4\n", "not all numbers"),
        ("ncols two\n", "expected a name and a number"),
    ],
)
def test_malformed_grids_are_refused_with_what_is_wrong(tmp_path, text, match):
    (tmp_path / "hill.asc").write_text(text)
    with pytest.raises(StageError, match=match):
        read_terrain(tmp_path / "hill.asc")


def test_other_files_are_refused(tmp_path):
    np.savez(tmp_path / "hill.npz", x=np.arange(2.0), z=np.arange(2.0))
    (tmp_path / "hill.tif").write_text("")
    for name, match in (("hill.npz", "expected the arrays"), ("hill.tif", "ends in"), ("none.asc", "no file")):
        with pytest.raises(StageError, match=match):
            read_terrain(tmp_path / name)
    with pytest.raises(StageError, match="spacing"):
        terrain(np.array([0.0, 1.0, 3.0]), np.arange(2.0), np.zeros((2, 3)))
    with pytest.raises(StageError, match="shape"):
        terrain(np.arange(3.0), np.arange(2.0), np.zeros((3, 2)))
