"""What may vary: where the units stand."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.core import Design, Exchange, parameter
from daedalus.geometry.rotations import replicated
from daedalus.units import km


class ArrayDesign(Design):
    """A ground array: units, which may be repeated by rotation around the origin.

    They are exchangeable, unless some stay where they are, or the first ones matter by themselves.
    """

    x: Float[Array, "unit"] = parameter(-5 * km, 5 * km, "m", doc="east of the origin; the site decides, not the bound")
    y: Float[Array, "unit"] = parameter(-5 * km, 5 * km, "m", doc="north of the origin")
    fold: int = eqx.field(static=True, default=1)  # copies of every unit around the origin, itself included
    alike: bool = eqx.field(static=True, default=True)  # units may be exchanged

    @property
    def symmetries(self) -> tuple[Exchange, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Units in any order are one array, if they are alike."""
        return (Exchange(("x", "y"), by="x"),) if self.alike else ()

    @property
    def places(self) -> Float[Array, "station 2"]:
        """Where all units stand, copies included [m]."""
        own = jnp.stack([jnp.asarray(self.x), jnp.asarray(self.y)], -1)
        return own if self.fold == 1 else replicated(own, self.fold)
