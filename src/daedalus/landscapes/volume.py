"""Volumes: shares of the unit cube, by their logarithms."""

from __future__ import annotations

import dataclasses
from math import exp, inf, lgamma, log, nan, pi


@dataclasses.dataclass(frozen=True)
class Volume:
    """A share of the cube, by its logarithm: of many parameters it may be less than the smallest number."""

    log: float = nan  # -inf where nothing is inside, NaN where it is unknown
    relative_error: float = nan  # standard error of the share, over it [1]

    @classmethod
    def of(cls, share: float, error: float) -> Volume:
        """The volume of a share of the cube with its standard error [1]."""
        return cls(log(share), error / share) if share > 0 else cls(-inf, nan)

    @property
    def share(self) -> float:
        """Of the cube [1]."""
        return exp(self.log)

    @property
    def error(self) -> float:
        """Of the share, its standard error [1]."""
        return self.share * self.relative_error

    def side(self, size: int) -> tuple[float, float]:
        """The edge of a cube that is as large, all ranges being 1, and its standard error.

        Args:
            size: number of parameters [1].
        """
        side = exp(self.log / size)
        return side, side / size * self.relative_error


def log_ball(size: int) -> float:
    """The logarithm of the volume of the unit ball of so many dimensions [1]."""
    return size / 2 * log(pi) - lgamma(size / 2 + 1)
