"""Allowances: how far above the best a loss may lie and still be as good as the best."""

from __future__ import annotations

import dataclasses
from typing import Literal

from daedalus.landscapes.errors import LandscapeError


@dataclasses.dataclass(frozen=True)
class Allowance:
    """A number of losses, of shares of the best loss, or of standard errors of the best loss.

    The standard error is the one that the surface states at its best place. Places of one surface are paired, and
    their differences are surer than that: it says what other events could do to the best loss.
    """

    amount: float  # [1, or the best loss, or its standard error]
    of: Literal["loss", "best", "error"] = "loss"

    def absolute(self, best: float, error: float = 0.0) -> float:
        """The allowance as a difference of losses [1].

        Args:
            best: the least loss [1].
            error: its standard error [1].

        Raises:
            LandscapeError: nothing is allowed.
        """
        found = self.amount * {"loss": 1.0, "best": abs(best), "error": error}[self.of]
        if not found > 0:
            raise LandscapeError(
                f"an allowance of {self.amount:g} in units of the {self.of} is {found:g} above a best loss of {best:g} "
                f"with error {error:g}; expected more than zero. Give the allowance in losses: Allowance(0.1)."
            )
        return found


def allowed(allowance: Allowance | float, best: float, error: float = 0.0) -> float:
    """An allowance, or a bare difference of losses, as a difference of losses [1].

    Args:
        allowance: what may be lost.
        best: the least loss [1].
        error: its standard error [1].

    Raises:
        LandscapeError: nothing is allowed.
    """
    whole = allowance if isinstance(allowance, Allowance) else Allowance(float(allowance))
    return whole.absolute(best, error)
