"""Limits: what a design's performance would be without one effect or another."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Array, Float, Key, PyTree

from daedalus.core import Design, Pipeline, Problem, Stage
from daedalus.landscapes.comparison import KEYS, LOSS, Comparison, Differences, compare_tasks
from daedalus.landscapes.errors import LandscapeError

REAL = "as it is"
STATISTICS = "statistics"


@dataclasses.dataclass(frozen=True, eq=False)
class Limits:
    """One design in several variants of a problem, on common random numbers as far as these draw alike."""

    comparison: Comparison  # as it is, and then every variant

    @property
    def labels(self) -> tuple[str, ...]:
        """The effects that are switched off one at a time."""
        return self.comparison.labels[1:]

    def differences(self, figure: str = LOSS) -> Differences:
        """What each variant changes of a figure, paired: variant minus as it is [unit of the figure]."""
        found = self.comparison.differences(figure, to=REAL)
        return Differences(found.value[1:], found.error[1:], found.pairs[1:])

    def ranking(self, figure: str = LOSS, *, direction: float = 1.0) -> tuple[str, ...]:
        """The effects, what limits most first.

        Args:
            figure: by which.
            direction: 1 where less of it is better, -1 where more is.
        """
        gain = -direction * self.differences(figure).value
        return tuple(self.labels[number] for number in np.argsort(-gain, kind="stable"))

    def shares(self) -> Float[np.ndarray, "variant"]:
        """The part of the loss that each variant takes away [1]; they need not add up, for effects combine."""
        return -self.differences().value / self.comparison.mean()[0]


def with_stages(problem: Problem, change: Callable[[Stage], Stage]) -> Problem:
    """The problem with every stage of its chain changed, which is how variants are made: options and keys stay.

    Args:
        problem: the task.
        change: from a stage to the one in its place, often itself.

    Raises:
        LandscapeError: a foreign simulator evaluates the problem; it has no stages.
    """
    build = problem.build
    if build is None:
        raise LandscapeError(
            f"{problem.name!r} is evaluated by a foreign simulator; expected a chain of stages. Make the variant there."
        )

    def other(design: Any, truth: PyTree) -> Pipeline:
        chain = build(design, truth)
        return Pipeline([change(stage) for stage in chain.stages], chain.passes)

    return dataclasses.replace(problem, build=other)


def limits(
    problem: Problem,
    variants: Mapping[str, Problem],
    design: Design,
    *,
    key: Key[Array, ""],
    keys: int = KEYS,
    events: int | None = None,
    scenarios: int | None = None,
    more_events: int = 16,
) -> Limits:
    """What limits the performance of a design: each variant of the problem lacks one effect.

    The variant "statistics", so many times as many events in every scenario, is made here; of figures that refer to a
    fixed number of events, whatever is simulated, it shows only what few simulated ones make of them. The design stays
    what it is: what another one could make of a variant is not asked. A variant can come out worse, where the
    reconstruction makes a bad use of what it is given.

    Args:
        problem: the task as it is.
        variants: by the effect that is switched off; the same design must fit.
        design: at which.
        key: decides the fresh events.
        keys: sets of events [1]; every variant costs as many evaluations.
        events: per scenario [1]; the problem's own number by default.
        scenarios: of an evaluation [1].
        more_events: factor of the variant "statistics" [1]; 1 leaves it out.

    Raises:
        LandscapeError: a variant has a reserved name or another design, or fewer than two keys.
    """
    names = problem.space.names
    wrong = [label for label, variant in variants.items() if variant.space.names != names]
    wrong += [label for label in variants if label in (REAL, STATISTICS)]
    if wrong:
        raise LandscapeError(
            f"the variant {', '.join(wrong)} has other parameters than {problem.name!r}, or a name that is taken; "
            f"expected the same parameters, and names other than {REAL!r} and {STATISTICS!r}."
        )
    number = problem.events if events is None else events
    tasks = {label: dataclasses.replace(each, events=number) for label, each in {REAL: problem, **variants}.items()}
    if more_events > 1:
        tasks[STATISTICS] = dataclasses.replace(problem, events=more_events * number)
    pairs = {label: (each, design) for label, each in tasks.items()}
    return Limits(compare_tasks(pairs, key=key, keys=keys, scenarios=scenarios))
