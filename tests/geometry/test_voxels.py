"""The walk through voxels: chords, sums against clipping every voxel, and what lies at the edges of the cases."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.geometry import Voxels, crossing, walk

GRIDS = {
    "uneven": ([-1.0, -0.9, 0.2, 0.25, 2.0], [0.0, 0.01, 3.0], [0.4, 0.5, 0.5, 0.83, 1.1, 1.4]),
    "empty layers": ([0.0, 0.0, 1.0, 1.0, 2.0], [0.0, 1.5, 1.5], [0.0, 0.7, 0.7, 0.7, 1.0]),
    "one voxel": ([0.0, 1.0], [0.0, 2.0], [0.0, 0.5]),
}
COUNT = 300


def grid(name):
    return Voxels(*(jnp.asarray(edges, float) for edges in GRIDS[name]))


def table(voxels):
    """A different number in every voxel [1/m]."""
    return jnp.asarray(np.random.default_rng(2).uniform(0.5, 3.0, voxels.shape))


def rays(voxels, seed=3):
    """Lines that cross the box, from the point where they enter, and their chords."""
    random = np.random.default_rng(seed)
    low, high = np.asarray(voxels.box.lower)[:, None], np.asarray(voxels.box.upper)[:, None]
    target = low + (high - low) * random.uniform(0, 1, (3, COUNT))
    direction = random.normal(size=(3, COUNT))
    direction /= np.linalg.norm(direction, axis=0)
    start = target - 10.0 * direction
    enter, leave = crossing(voxels.box, *(tuple(map(jnp.asarray, v)) for v in (start, direction)))
    return start + np.asarray(enter) * direction, direction, np.asarray(leave - enter)


def clipped(voxels, values, position, direction, length=np.inf):
    """The path integral of a table by clipping every line against every voxel, in NumPy."""
    edges = [np.asarray(a) for a in (voxels.x, voxels.y, voxels.z)]
    total = np.zeros(position.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        for cell in np.ndindex(*voxels.shape):
            enter, leave = np.zeros_like(total), np.zeros_like(total) + length
            for axis, number in enumerate(cell):
                low, high = edges[axis][number], edges[axis][number + 1]
                ends = np.sort([(e - position[axis]) / direction[axis] for e in (low, high)], axis=0)
                enter, leave = np.fmax(enter, ends[0]), np.fmin(leave, ends[1])
            total += np.maximum(leave - enter, 0.0) * float(values[cell])
    return total


@eqx.filter_jit
def sums(voxels, values, position, direction, length=None):
    flat = jnp.ravel(values)

    def step(total, voxel, near, far):
        return total[0] + (far - near) * jnp.take(flat, voxel, mode="clip"), total[1] + (far - near)

    zero = jnp.zeros(position.shape[1])
    return walk(voxels, tuple(position), tuple(direction), step=step, initial=(zero, zero), length=length)


def integral(voxels, values, position, direction, length=None):
    """The walk's sum of a table and of the lengths; as many lines as always, so that one program serves all."""
    many = [jnp.tile(jnp.asarray(v), (1, COUNT // v.shape[1])) for v in (position, direction)]
    return tuple(np.asarray(total)[: position.shape[1]] for total in sums(voxels, values, *many, length))


@pytest.mark.parametrize("name", GRIDS)
def test_integrals_equal_clipping_every_voxel_and_lengths_the_chord(name):
    voxels = grid(name)
    position, direction, chord = rays(voxels)
    values = table(voxels)
    found, lengths = integral(voxels, values, position, direction)
    np.testing.assert_allclose(lengths, chord, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found, clipped(voxels, values, position, direction), rtol=0, atol=1e-10)


def test_a_path_may_end_or_start_inside_or_be_without_length():
    voxels, values = grid("uneven"), table(grid("uneven"))
    position, direction, chord = rays(voxels)
    length = chord * np.linspace(0.0, 1.0, COUNT)
    found, _ = integral(voxels, values, position, direction, jnp.asarray(length))
    np.testing.assert_allclose(found, clipped(voxels, values, position, direction, length), rtol=0, atol=1e-10)
    assert found[0] == 0.0
    inside = position + 0.37 * chord * direction
    found, _ = integral(voxels, values, inside, direction)
    np.testing.assert_allclose(found, clipped(voxels, values, inside, direction), rtol=0, atol=1e-10)


def test_lines_along_the_axes_both_ways():
    voxels, values = grid("uneven"), table(grid("uneven"))
    low, high = np.asarray(voxels.box.lower), np.asarray(voxels.box.upper)
    edges = [np.asarray(a) for a in (voxels.x, voxels.y, voxels.z)]
    lines, expected = [], []
    for axis, sign in itertools.product(range(3), (1.0, -1.0)):
        position, direction = 0.37 * low + 0.63 * high, np.zeros(3)
        position[axis], direction[axis] = (low if sign > 0 else high)[axis], sign
        cell = [int(np.sum(p > e[1:-1])) for p, e in zip(position, edges, strict=True)]
        index = tuple(slice(None) if number == axis else cell[number] for number in range(3))
        expected.append(np.sum(np.asarray(values)[index] * np.diff(edges[axis])))
        lines.append((position, direction))
    found, _ = integral(voxels, values, *(np.array(column).T for column in zip(*lines, strict=True)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)


def test_a_line_beside_the_grid_collects_nothing():
    voxels = grid("uneven")
    position, direction = np.array([[5.0], [0.5], [2.0]]), np.array([[0.0], [0.6], [-0.8]])
    enter, leave = crossing(voxels.box, *(tuple(map(jnp.asarray, v)) for v in (position, direction)))
    start = position + np.asarray(enter) * direction
    length = jnp.tile(leave - enter, COUNT)
    assert integral(voxels, table(voxels), start, direction, length)[0][0] == 0.0


def test_the_derivative_by_the_edges():
    # one vertical line: moving the edge between two layers exchanges one table value for the other
    values = jnp.array([2.0, 5.0])

    @jax.jit
    @jax.value_and_grad
    def thickness(edge):
        voxels = Voxels(jnp.array([0.0, 1.0]), jnp.array([0.0, 1.0]), jnp.stack([jnp.zeros(()), edge, jnp.ones(())]))
        step = lambda total, voxel, near, far: total + (far - near) * values[voxel]
        lines = [tuple(jnp.array([v]) for v in row) for row in ((0.4, 0.4, 1.0), (0.0, 0.0, -1.0))]
        return walk(voxels, *lines, step=step, initial=jnp.zeros(1))[0]

    value, slope = thickness(jnp.asarray(0.3))
    assert float(value) == pytest.approx(0.3 * 2 + 0.7 * 5, rel=1e-12)
    assert float(slope) == pytest.approx(2.0 - 5.0, rel=1e-12)
    assert grid("uneven").shape == (4, 2, 5)


def test_the_derivative_by_edges_that_x_and_y_have_in_common():
    values = table(grid("empty layers"))[:2, :2, :2]
    position, direction, _ = rays(Voxels(*(jnp.array([0.0, 0.4, 1.0]),) * 3), seed=5)
    start, lines = position - 0.5 * direction, tuple(map(jnp.asarray, direction))

    @jax.jit
    def total(edges):
        voxels = Voxels(*edges)
        enter, leave = crossing(voxels.box, tuple(map(jnp.asarray, start)), lines)
        entry = tuple(p + enter * u for p, u in zip(start, lines, strict=True))
        step = lambda value, voxel, near, far: value + (far - near) * jnp.take(values.ravel(), voxel, mode="clip")
        return jnp.mean(walk(voxels, entry, lines, step=step, initial=jnp.zeros(COUNT), length=leave - enter))

    edges = jnp.tile(jnp.array([0.0, 0.4, 1.0]), (3, 1))
    slope = jax.jit(jax.grad(total))(edges)
    for place in np.ndindex(3, 3):
        move = lambda h, place=place: total(edges.at[place].add(h))
        assert float(slope[place]) == pytest.approx(float(move(1e-6) - move(-1e-6)) / 2e-6, abs=1e-8)
