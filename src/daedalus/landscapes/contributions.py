"""Contributions: which scenarios, or groups of events, drive the loss of a design."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, PyTree

from daedalus.core import Design, Partition, Problem, Summaries
from daedalus.landscapes.errors import LandscapeError

GROUPS = 16  # of events, where a problem has one scenario only


@dataclasses.dataclass(frozen=True, eq=False)
class Binned:
    """Contributions averaged over ranges of a truth, each of as many scenarios."""

    lower: Float[np.ndarray, "bin"]  # least truth in the bin [house units]
    upper: Float[np.ndarray, "bin"]  # largest one [house units]
    count: Int[np.ndarray, "bin"]  # scenarios [1]
    value: Float[np.ndarray, "bin"]  # mean contribution [1]
    error: Float[np.ndarray, "bin"]  # its standard error; NaN of a single scenario [1]


@dataclasses.dataclass(frozen=True, eq=False)
class Contributions:
    """One number per scenario, whose mean is the loss: how much it would be if all scenarios were like this one."""

    value: Float[np.ndarray, "scenario"]  # NaN of a scenario without an accepted event [1]
    truths: dict[str, Float[np.ndarray, "scenario"]]  # the numbers that tell scenarios apart, by name [house units]
    loss: float  # of all scenarios together [1]

    @property
    def mean(self) -> float:
        """The mean contribution: the loss, without its bias of first order in one over the number of scenarios [1]."""
        return float(np.nanmean(self.value))

    @property
    def error(self) -> float:
        """The standard error of the loss, if scenarios are random [1]."""
        return float(np.nanstd(self.value, ddof=1) / np.sqrt(np.sum(np.isfinite(self.value))))

    def by(self, truth: str, *, bins: int = 4) -> Binned:
        """The contributions in ranges of a truth.

        Args:
            truth: its name.
            bins: ranges of equally many scenarios [1].

        Raises:
            LandscapeError: no truth of that name, or fewer scenarios than ranges.
        """
        sound = np.flatnonzero(np.isfinite(self.value))
        if truth not in self.truths or not 1 <= bins <= len(sound):
            raise LandscapeError(
                f"{len(sound)} scenarios in {bins} ranges of {truth!r}; expected as many scenarios as ranges at least, "
                f"and a truth among {', '.join(self.truths) or 'none: the scenarios are told apart by no number'}."
            )
        order = sound[np.argsort(self.truths[truth][sound], kind="stable")]
        parts = np.array_split(order, bins)
        column = lambda of: np.array([of(part) for part in parts])
        spread = lambda part: np.std(self.value[part], ddof=1) / np.sqrt(len(part)) if len(part) > 1 else np.nan
        return Binned(
            column(lambda part: self.truths[truth][part[0]]),
            column(lambda part: self.truths[truth][part[-1]]),
            column(len),
            column(lambda part: np.mean(self.value[part])),
            column(spread),
        )


def contributions(
    problem: Problem,
    design: Design,
    *,
    key: Key[Array, ""],
    events: int | None = None,
    scenarios: int | None = None,
) -> Contributions:
    """The contribution of every scenario to the loss of a design, by leaving it out.

    They are the pseudo-values n L - (n - 1) L_i of the n scenarios with accepted events, L_i the loss without scenario
    i (Tukey, Ann. Math. Statist. 29 (1958) 614), for a loss need not be a sum over scenarios. Where a problem has one
    scenario, it is made several times with events of its own each: the scatter is then that of groups of events.

    Args:
        problem: the task.
        design: at which.
        key: decides scenarios and events.
        events: per scenario [1]; the problem's own number by default.
        scenarios: that are made [1]; the problem's own number by default, or 16 groups of events.

    Raises:
        LandscapeError: a foreign simulator, whose sums are not known, or fewer than two scenarios.
    """
    own = problem.scenarios.count if problem.scenarios.count > 1 else GROUPS
    count = own if scenarios is None else scenarios
    if not problem.traceable or count < 2:
        raise LandscapeError(
            f"{count} scenarios of {problem.name!r}, {'with' if problem.traceable else 'without'} sums of their own; "
            "expected two or more with. A foreign simulator gives figures of all events together only."
        )
    partition = problem.partition(problem.events if events is None else events, count)
    whole, without, weight, truths = _left_out(problem, design, partition, key)
    active = weight > 0
    value = np.where(active, np.sum(active) * whole - (np.sum(active) - 1) * without, np.nan)
    return Contributions(value, _columns(truths, count), float(whole))


def _left_out(
    problem: Problem, design: Design, partition: Partition, key: Array
) -> tuple[Array, np.ndarray, np.ndarray, PyTree]:
    """The loss, the losses without each scenario, the scenarios' weights and their truths."""
    space = problem.space

    @jax.jit
    def found(cube: Array, key: Array) -> tuple[Array, Array, Array, PyTree]:
        point = dataclasses.replace(space.point(design), cube=cube)
        summaries, truths = problem.summaries(point, key=key, partition=partition)
        at = space.design(point)

        def loss(weight: Array) -> Array:
            read = Summaries(summaries.sums, weight)
            return problem.machine_loss({o.name: o.function(at, read, truths) for o in problem.objectives})

        number = jnp.arange(partition.scenarios)
        without = jax.lax.map(lambda one: loss(jnp.where(number == one, 0.0, summaries.weight)), number)
        return loss(summaries.weight), without, summaries.weight, truths

    whole, without, weight, truths = found(space.cube(design), key)
    return whole, np.asarray(without), np.asarray(weight), truths


def _columns(truths: PyTree, count: int) -> dict[str, np.ndarray]:
    """The scalar truths that differ between scenarios, by name."""
    leaves = jax.tree_util.tree_flatten_with_path(truths)[0]
    named = {jax.tree_util.keystr(path).lstrip("."): np.asarray(leaf) for path, leaf in leaves}
    return {name: leaf for name, leaf in named.items() if name and leaf.shape == (count,) and np.ptp(leaf) > 0}
