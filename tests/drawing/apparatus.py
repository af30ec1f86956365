"""A small apparatus that is drawn in tests: two plates, and a volume of two by three by four voxels between them."""

import jax.numpy as jnp
import numpy as np

from daedalus.drawing.scene import Contents, Points, Scene
from daedalus.geometry import Element, Voxels

LOWER = Element("under_0", (0.5, 0.5, 0.05), (1.2, 0.8, 0.01), "silicon")
UPPER = [Element(f"over_{k}", (0.4 + k, 0.5, 1.5 + 0.1 * k), (1.0, 0.6, 0.02), "silicon") for k in range(2)]
TABLE = Element("table", (0.5, 0.5, 0.1), (0.4, 0.4, 0.1), "steel", sensitive=False)
VOXELS = Voxels(jnp.array([0.0, 0.4, 1.0]), jnp.array([0.0, 0.3, 0.6, 0.9]), jnp.array([0.2, 0.5, 0.8, 1.1, 1.2]))


def density():
    """Air but for one voxel of lead and one of water [1/m]."""
    found = np.full((2, 3, 4), 0.003)
    found[0, 1, 2], found[1, 2, 0] = 178.0, 2.8
    return found


def scene(**changes):
    """The scene of it."""
    track = np.array([[0.1, 0.5, 0.6], [0.2, 0.3, 0.4], [1.7, 0.7, 0.0]])
    points = Points(np.array([[0.3, 0.5], [0.4, 0.5], [0.9, 0.6]]), np.array([0.002, 0.05]))
    contents = Contents(VOXELS, density(), {"lead": 178.0, "water": 2.8, "gold": 299.0})
    given = {"elements": (TABLE, LOWER, *UPPER), "contents": contents, "tracks": (track,), "points": points}
    return Scene(**(given | changes))
