"""The telescope as data: planes of silicon along the beam."""

from __future__ import annotations

import jax

from daedalus.core import Problem
from daedalus.detectors.strips import StripPlanes
from daedalus.detectors.telescope import TelescopeDesign
from daedalus.geometry import Element, plain


def telescope_layout(problem: Problem, design: TelescopeDesign) -> tuple[Element, ...]:
    """The planes of a telescope, numbered along the beam as in the design; their boxes and read-out are left out.

    Args:
        problem: the telescope's problem.
        design: the design.
    """
    stages = problem.pipeline(design, key=jax.random.key(0)).stages
    (strips,) = (stage for stage in stages if isinstance(stage, StripPlanes))
    rows = zip(plain(design.z), plain(design.thickness), plain(design.pitch), strict=True)
    return tuple(
        Element(
            name=f"plane_{number}",
            centre=(0.0, 0.0, z),
            size=(strips.span, strips.span, thickness),
            material="silicon",
            properties={"pitch": (pitch, "um")},
        )
        for number, (z, thickness, pitch) in enumerate(rows)
    )
