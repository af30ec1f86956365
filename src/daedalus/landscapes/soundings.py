"""Soundings: places where a surface was evaluated, and what it said there."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Float

from daedalus.landscapes.errors import LandscapeError
from daedalus.landscapes.surface import Surface


@dataclasses.dataclass(frozen=True, eq=False)
class Soundings:
    """Evaluated places in canonical order; a place without a finite loss counts as infinitely bad."""

    cubes: Float[np.ndarray, "point param"]
    losses: Float[np.ndarray, "point"]  # [1]
    errors: Float[np.ndarray, "point"]  # standard errors of the losses [1]
    excess: Float[np.ndarray, "point"]  # beyond the worst constraint [scales]

    def __len__(self) -> int:
        """How many places were evaluated."""
        return len(self.losses)

    @property
    def met(self) -> Bool[np.ndarray, "point"]:
        """Where all constraints are met and the loss is finite."""
        return (self.excess <= 0) & np.isfinite(self.losses)

    @property
    def best(self) -> int:
        """The row of the least loss that meets the constraints.

        Raises:
            LandscapeError: no place meets them.
        """
        if not self.met.any():
            raise LandscapeError(
                f"none of {len(self)} evaluated places has a finite loss and meets the constraints; expected one. "
                "Start from a design that does: descents(..., begun=...)."
            )
        return int(np.argmin(np.where(self.met, self.losses, np.inf)))

    def __add__(self, other: Soundings) -> Soundings:
        """These, then the others."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in dataclasses.fields(self))
        return Soundings(*(np.concatenate(pair) for pair in pairs))

    def __getitem__(self, rows: np.ndarray | slice) -> Soundings:
        """Some of them."""
        return Soundings(*(getattr(self, f.name)[rows] for f in dataclasses.fields(self)))


def soundings(surface: Surface, cubes: Float[np.ndarray, "point param"]) -> Soundings:
    """What a surface says at places; one evaluation each.

    Args:
        surface: what is evaluated.
        cubes: where [1].
    """
    found = surface.heights(cubes)
    return recorded(surface, cubes, *(np.asarray(leaf, float) for leaf in (found.loss, found.excess, found.error)))


def recorded(
    surface: Surface,
    cubes: Float[np.ndarray, "point param"],
    losses: Float[np.ndarray, "point"],
    excess: Float[np.ndarray, "point"],
    errors: Float[np.ndarray, "point"] | None = None,
) -> Soundings:
    """Soundings of evaluations that were made elsewhere, brought into canonical order.

    Args:
        surface: what was evaluated.
        cubes: where [1].
        losses: found there [1].
        excess: found there [scales].
        errors: of the losses [1]; None counts as zero.
    """
    errors = np.zeros(len(losses)) if errors is None else errors
    worst = lambda values: np.where(np.isnan(values), np.inf, values).astype(float)
    places = surface.canonical(np.asarray(cubes, float))
    return Soundings(places, worst(losses), np.nan_to_num(errors).astype(float), worst(excess))
