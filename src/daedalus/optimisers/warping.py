"""Warping: losses bent so that a Gaussian process describes them, whatever their tail."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float

from daedalus.errors import OptimiserError

POWERS = {"none": (1.0,), "root": (0.5,), "log": (0.0,), "auto": (1.0, 0.5, 0.0)}
SMALLEST = 1e-12  # knee and spread, where all values are equal [share of the values' size]


@dataclasses.dataclass(frozen=True)
class Warping:
    """The increasing map (u^p - 1) / p (a logarithm for p = 0) of u = 1 + (y - lowest) / knee, made of unit variance.

    Box and Cox, J. R. Stat. Soc. B 26 (1964) 211, equation 2, with a shift; which power it should be is asked of the
    likelihood, as by Snelson, Rasmussen and Ghahramani, NeurIPS 2003.
    """

    power: float
    lowest: float  # of the values it is made for
    knee: float  # distance from it beyond which the map bends
    centre: float  # mean of the mapped values
    spread: float  # their standard deviation

    @staticmethod
    def of(values: Float[np.ndarray, "row"], errors: Float[np.ndarray, "row"], power: float) -> Warping:
        """The warping of a power for some values.

        Args:
            values: finite ones [any unit].
            errors: their standard errors, well below the knee, so that the map is straight across them [same unit].
            power: of the family [1].
        """
        if len(values) == 0:
            return Warping(1.0, 0.0, 1.0, 0.0, 1.0)
        tiny = SMALLEST * max(float(np.max(np.abs(values))), SMALLEST)
        lowest = float(np.min(values))
        knee = max(float(np.median(values)) - lowest, 4 * float(np.median(errors)), tiny)
        bent = Warping(power, lowest, knee, 0.0, 1.0)(values)
        return Warping(power, lowest, knee, float(np.mean(bent)), max(float(np.std(bent)), SMALLEST))

    def __call__(self, values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """The mapped values [1]."""
        ratio = 1 + (values - self.lowest) / self.knee
        bent = np.log(ratio) if self.power == 0 else (ratio**self.power - 1) / self.power
        return (bent - self.centre) / self.spread

    def slope(self, values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """The map's derivative [1 / unit of the values]; errors and slopes are multiplied by it."""
        ratio = 1 + (values - self.lowest) / self.knee
        return ratio ** (self.power - 1) / (self.knee * self.spread)


def powers(name: str) -> tuple[float, ...]:
    """The powers a warping of a name may have.

    Raises:
        OptimiserError: an unknown name.
    """
    if name not in POWERS:
        raise OptimiserError(f"the warping is {name!r}; expected one of {', '.join(POWERS)}.")
    return POWERS[name]
