"""Captions: what each picture and table shows, and how somebody reads it who sees such a thing for the first time."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Caption:
    """What a picture is of, and how it is read; ``{allowance}`` stands for how much worse than the best is accepted."""

    title: str
    reading: str


@dataclasses.dataclass(frozen=True)
class Reading:
    """Where a table belongs, and how it is read."""

    consequence: bool  # whether it says what matters rather than which designs are as good
    words: str


CAPTIONS = {
    "search": Caption(
        "The search, round by round",
        "The loss and every figure by the number of the round, as the search saw them; a band is one standard "
        "error. With few starting designs each has a line of its own, with many each design is a dot and the line "
        "is the best one so far. The search sees softened edges, so that there are derivatives, and few "
        "particles: the last points need not agree with the answer, which was measured on the real apparatus.",
    ),
    "comparison": Caption(
        "Every figure of every design",
        "Dots are measured values, bars one standard error. Each panel says whether less or more is better.",
    ),
    "free_play": Caption(
        "Free play of each parameter",
        "Each row is a parameter between its bounds (the ends of the grey line); the tick is the optimised value. "
        "The narrow bar is how far it may move alone before the loss has risen by {allowance}, the wide one how "
        "far it may move when all others are optimised again. A short bar is a parameter that has to be built as "
        "said; a wide bar far longer than the narrow one means that others can make up for it.",
    ),
    "near_optimal_parallel": Caption(
        "Designs that are nearly as good, all parameters at once",
        "Each line is one design whose loss is within {allowance} of the best, coloured by its loss; it crosses "
        "each axis at its value of that parameter, and the black line is the design of the run. Lines that run in "
        "a bundle show a parameter that is settled, a fan one that is free; lines that cross between two axes "
        "mean that one goes down as the other goes up.",
    ),
    "near_optimal_corner": Caption(
        "Designs that are nearly as good, in pairs of parameters",
        "Each dot is a design whose loss is within {allowance} of the best, coloured by its loss; the cross is "
        "the design of the run. On the diagonal is each parameter by itself, elsewhere a pair: an oblique cloud "
        "means that the two can only be changed together, separate clouds that there are different solutions.",
    ),
    "basins": Caption(
        "Different optima",
        "Descents from many beginnings end in these basins, the best first; two ends belong to the same basin if "
        "a path between them stays low. Basins of like loss are different designs, between which something else "
        "may decide.",
    ),
    "front": Caption(
        "What money buys",
        "Each filled dot is a design that nothing cheaper beats; bars are standard errors. Where there is a "
        "vertical line, the curve bends: beyond it one more unit of cost buys clearly less than before.",
    ),
    "smoothing": Caption(
        "The loss when parameters are not built exactly",
        "The loss averaged over designs that scatter about the intended one, by how widely they scatter. A curve "
        "that stays flat is a design which survives tolerances; one that rises soon is a narrow optimum.",
    ),
}
LANDSCAPES = tuple(name for name in CAPTIONS if name not in ("search", "comparison"))
READINGS = {  # by what the titles of tables begin with
    "Free play": Reading(
        False,
        "A parameter with little play has to be built as said.",
    ),
    "Near-optimal set": Reading(
        False,
        "What is known of all these designs together. A large share of the box means that much is free; "
        "connected parts are families of designs between which there is no way that stays as good.",
    ),
    "The parameters in": Reading(
        False,
        "What the good designs have in common: the mean and spread of each parameter over them, and between "
        "which values 90 % of them lie.",
    ),
    "Basins": Reading(
        False,
        "Each row is an optimum of its own, with how many of the descents ended in it and how far it is from "
        "the others, in shares of the parameters' ranges.",
    ),
    "Directions": Reading(
        False,
        "Combinations of parameters along which the loss rises, the steepest first, with the amounts by which "
        "they change together. Along a steep direction little can be changed; one that is called flat has no "
        "certain curvature.",
    ),
    "Tolerances": Reading(
        False,
        "Nothing is built exactly as drawn: the loss that is to be expected of what is really built, and a "
        "design that suffers less from it, where there is one.",
    ),
    "Front": Reading(
        False,
        "A row for every budget: the best design that keeps within it, and what one more unit buys there. At "
        "the knee it begins to buy clearly less.",
    ),
    "What matters": Reading(
        True,
        "How the loss answers to each parameter, the strongest first: a large slope over its range is a "
        "parameter to build with care, one of the size of its error does not matter here. An elasticity is "
        "the relative change of the loss for a relative change of the parameter.",
    ),
    "Who drives": Reading(
        True,
        "Which of nature's cases make the loss large: those are what the apparatus copes with least.",
    ),
    "What limits": Reading(
        True,
        "Each row is the same design with one effect switched off: where the difference is large, that effect "
        "limits the experiment. Differences need not add up, and one can be negative.",
    ),
    "Against": Reading(
        True,
        "The same particles pass all designs, so a difference is known better than the two values it is of.",
    ),
    "The best rows": Reading(
        True,
        "The lowest of many noisy values is on average too low, because a row is picked for its luck as well "
        "as for its merit (the winner's curse): hence the best rows of the search were measured again, with "
        "particles that had no part in picking them. Claimed is what the search saw, again is on the same "
        "softened apparatus; behind the best, and the chance to be best, are on the real one.",
    ),
    "Not looked at": Reading(
        True,
        "",
    ),
}
