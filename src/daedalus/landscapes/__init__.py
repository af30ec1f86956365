"""Landscapes: what a search has found, beyond its best design."""

from daedalus.landscapes.errors import LandscapeError
from daedalus.landscapes.fronts import hypervolume, non_dominated

__all__ = ["LandscapeError", "hypervolume", "non_dominated"]
