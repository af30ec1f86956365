"""The scanner as data: panels above and below, each a plate of plastic scintillator."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from daedalus.core import Design, Problem
from daedalus.detectors.panels import Panels
from daedalus.geometry import Element, plain
from daedalus.units import cm

THICKNESS = 1 * cm  # of a plate at most: a usual one of scintillator; the chain takes panels for thin
ROOM = 0.9  # of the distance between two panels that a plate may fill, so that plates never overlap [1]
THINNEST = 1e-6  # m; of a plate, where two panels stand in one plane
MATERIAL = "plastic scintillator"


def scanner_layout(problem: Problem, design: Design) -> tuple[Element, ...]:
    """The panels of a scanner, as the chain of the problem has them; what is scanned is left out.

    Args:
        problem: a problem with stacks of panels.
        design: the design.
    """
    stages = problem.pipeline(design, key=jax.random.key(0)).stages
    stacks = [stage for stage in stages if isinstance(stage, Panels)]
    return tuple(element for stack in stacks for element in _plates(stack))


def _plates(stack: Panels) -> list[Element]:
    """The panels of one stack, thinner where two are closer than a plate's thickness."""
    along = lambda value: plain(jnp.broadcast_to(value, stack.z.shape))
    width, length = (along(side) for side in jnp.broadcast_to(stack.span, (2, len(stack.z))))
    x, y, z = along(stack.x), along(stack.y), along(stack.z)
    thickness = _thickness(np.array([x, y, z]), np.array([width, length]))
    resolution, efficiency, price = along(stack.resolution), along(stack.efficiency), along(stack.price)
    return [
        Element(
            name=f"{stack.label}_{k}",
            centre=(x[k], y[k], z[k]),
            size=(width[k], length[k], thickness),
            material=MATERIAL,
            properties={
                "resolution": (resolution[k], "mm"),
                "efficiency": (efficiency[k], "1"),
                "price": (price[k] * width[k] * length[k], "EUR"),
            },
        )
        for k in range(len(z))
    ]


def _thickness(centre: Float[np.ndarray, "3 plane"], width: Float[np.ndarray, "2 plane"]) -> float:
    """The thickness of all plates of a stack [m]: the usual one, or what panels above each other leave room for."""
    first, second = np.triu_indices(centre.shape[1], 1)
    apart = np.abs(centre[:, first] - centre[:, second])
    above = np.all(apart[:2] < 0.5 * (width[:, first] + width[:, second]), axis=0)
    return float(max(min([THICKNESS, *(ROOM * apart[2, above])]), THINNEST))
