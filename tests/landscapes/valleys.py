"""Surfaces with known answers, and the near-optimal sets that a fine grid finds of them."""

import jax.numpy as jnp
import numpy as np
from scipy import ndimage

from daedalus.landscapes.surface import Height, Surface, analytic

SIDE = 240  # places of the grid along an edge
PAIR = ("a", "b")
BENT = np.array([[2.0, 1.9], [1.9, 2.0]]) * 100  # Hessian of the bowl: eigenvalues 390 and 10


def bowl():
    shift = np.array([0.5, 0.4])
    return analytic(lambda x: 0.5 * (x - shift) @ jnp.asarray(BENT) @ (x - shift), PAIR)


def double_well():
    """Minima near a = -1, the deeper one, and a = +1."""
    return analytic(lambda x: (x[0] ** 2 - 1) ** 2 + 0.1 * x[0] + x[1] ** 2, PAIR, (-2.0, 2.0))


def banana():
    return analytic(lambda x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2, PAIR, (-2.0, 2.0))


def ring():
    return analytic(lambda x: (jnp.sum(x**2) - 1) ** 2, PAIR, (-2.0, 2.0))


def six_hump():
    """Its two best minima are mirror images, (0.0898, -0.7126) and its negative, at -1.0316."""
    camel = lambda a, b: (4 - 2.1 * a**2 + a**4 / 3) * a**2 + a * b + (4 * b**2 - 4) * b**2
    return analytic(lambda x: camel(x[0], x[1]), PAIR, (-2.0, 2.0))


def three_hump():
    """One best minimum at the origin, 0, and two mirror images near (1.7476, -0.8738), at 0.2986."""
    camel = lambda a, b: 2 * a**2 - 1.05 * a**4 + a**6 / 6 + a * b + b**2
    return analytic(lambda x: camel(x[0], x[1]), PAIR, (-3.0, 3.0))


def exchangeable(size):
    """As many equal parameters, wanted at different places: one optimum, and size! copies of it in the cube."""
    goals = jnp.linspace(0.9, 0.1, size)
    loss = lambda x: jnp.sum((-jnp.sort(-x) - goals) ** 2)
    names = tuple(f"z[{i}]" for i in range(size))
    return analytic(loss, names, ordered=lambda cube: -jnp.sort(-cube))


def fenced():
    """A bowl round the middle, of which a + b <= 1 cuts one half off."""
    slope = lambda cube: jnp.sum((cube - 0.5) ** 2)
    height = lambda cube: Height(slope(cube), jnp.zeros_like(cube[0]), cube[0] + cube[1] - 1)
    return Surface(height, PAIR, np.zeros(2), np.ones(2))


def grid():
    edge = (np.arange(SIDE) + 0.5) / SIDE
    return np.stack(np.meshgrid(edge, edge, indexing="ij"), -1).reshape(-1, 2)


def brute(surface, level):
    """Which places of the grid belong to the set, and the shares of its connected parts, largest first."""
    found = surface.heights(grid())
    inside = (found.loss <= level) & (found.excess <= 0)
    labels, count = ndimage.label(inside.reshape(SIDE, SIDE), np.ones((3, 3)))
    sizes = np.sort(np.bincount(labels.ravel(), minlength=count + 1)[1:])[::-1]
    return inside, sizes / sizes.sum()
