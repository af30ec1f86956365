"""The scanner: panels of a fixed price above and below a cubic metre, and the published places for them."""

from __future__ import annotations

import json
from importlib.resources import files

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.core import Stage
from daedalus.detectors.edges import Edges, SigmoidEdges
from daedalus.detectors.panels import Panels
from daedalus.objectives import budget_shares
from daedalus.reconstruction.closest_approach import ClosestApproach
from daedalus.reconstruction.line_fit import LineFit
from daedalus.studies.muon_tomography.design import LowerPanels, PricedScannerDesign, ScannerDesign, UpperPanels
from daedalus.units import cm, mm

SIDE = 100 * cm  # width in x and y of what is scanned
FLOOR, RIM = 40 * cm, 140 * cm  # its bottom and top
TOP = 180 * cm  # height of the plane on which muons start
BUDGET = 6.0  # EUR; nominal sum of the published set-up
PRICE = 1.0  # EUR/m2; nominal price of panel area in the published set-up
RESOLUTION = 0.1 * mm  # of each panel in x and y


def panel_stacks(
    design: ScannerDesign | PricedScannerDesign,
    edges: Edges | None = None,
    *,
    sampled: bool = False,
    efficiency: float = 1.0,
    thickness: float = 0.0,
) -> tuple[Panels, Panels]:
    """The panels above and below, sharp; ``edges`` is the form of their relaxed ones.

    Args:
        design: where they stand, and how the budget is shared.
        edges: form of relaxed edges; sigmoid by default.
        sampled: how relaxed edges act, see `daedalus.detectors.panels.Panels`.
        efficiency: probability of a hit in a panel that is crossed [1].
        thickness: of each panel [radiation lengths].
    """
    spans, above = panel_spans(design), len(design.upper.z)

    def stack(arm: UpperPanels | LowerPanels, span: Float[Array, "plane"], label: str) -> Panels:
        form = SigmoidEdges() if edges is None else edges
        return Panels(
            arm.x, arm.y, arm.z, span, RESOLUTION, efficiency, None, label, form, sampled, PRICE, thickness=thickness
        )

    return stack(design.upper, spans[:above], "upper"), stack(design.lower, spans[above:], "lower")


def tracking(least_hits: int = 2) -> tuple[Stage, ...]:
    """The stages from the hits of both arms to closest approaches; a track needs so many hits [1]."""
    return LineFit("upper", least_hits), LineFit("lower", least_hits), ClosestApproach()


def panel_spans(design: ScannerDesign | PricedScannerDesign) -> Float[Array, "plane"]:
    """The widths of all panels, upper ones first, that spend the budget [m]."""
    budget = design.budget if isinstance(design, PricedScannerDesign) else BUDGET
    return jnp.concatenate(spans(design.upper.share, design.lower.share, budget / PRICE))


def spans(
    upper: Float[Array, "above"], lower: Float[Array, "below"], area: Float[Array, ""] | float
) -> tuple[Float[Array, "above"], Float[Array, "below"]]:
    """The widths of squares above and below that share an area [m].

    Args:
        upper: logits of the shares of those above [1].
        lower: of those below [1].
        area: of all together [m2].
    """
    widths = jnp.sqrt(budget_shares(jnp.concatenate([upper, lower]), area))
    return widths[: len(upper)], widths[len(upper) :]


def panel_cost(design: ScannerDesign | PricedScannerDesign) -> Float[Array, ""]:
    """The price of all panels [EUR]."""
    upper, lower = panel_stacks(design)
    return upper.cost + lower.cost


def reference_design(name: str, spending: str = "fixed") -> ScannerDesign | PricedScannerDesign:
    """A published layout, "initial", "human_1" or "human_2", or one of ours in the folder references."""
    table = json.loads((files("daedalus.studies.muon_tomography") / "references" / f"{name}.json").read_text())[
        "panels"
    ]
    places = lambda rows, axis: jnp.asarray(np.array([row[axis] for row in rows]) * cm)  # rounded once
    columns = {arm: {axis: places(rows, axis) for axis in "xyz"} for arm, rows in table.items()}
    shares = {arm: jnp.array([row.get("share", 0.0) for row in table[arm]]) for arm in table}
    upper = UpperPanels(**columns["upper"], share=shares["upper"])
    lower = LowerPanels(**columns["lower"], share=shares["lower"])
    return (
        ScannerDesign(upper, lower) if spending == "fixed" else PricedScannerDesign(upper, lower, jnp.asarray(BUDGET))
    )
