"""Comparisons: designs measured on common random numbers, and their paired differences."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import jax
import numpy as np
from jaxtyping import Array, Float, Int, Key

from daedalus.core import Design, Evaluation, History, Problem, scoring_key
from daedalus.landscapes.errors import LandscapeError
from daedalus.units import unit as unit_value

LOSS = "loss"
KEYS = 8  # that a design is measured with; the relative error of a standard error is then about 27 %

Samples = Float[np.ndarray, "key design"]


@dataclasses.dataclass(frozen=True)
class Differences:
    """Differences to one of the designs, paired key by key, positive where a figure is larger than there."""

    value: Float[np.ndarray, "design"]  # [unit of the figure]
    error: Float[np.ndarray, "design"]  # standard error, from the scatter over the keys [unit of the figure]
    pairs: Int[np.ndarray, "design"]  # keys with which both were measured [1]

    def interval(self, confidence: float = 0.95) -> Float[np.ndarray, "2 design"]:
        """Below and above what the true differences lie with a confidence (Student 1908) [unit of the figure]."""
        from scipy.stats import t as student  # heavy, and needed here only

        reach = student.ppf(0.5 + 0.5 * confidence, np.maximum(self.pairs - 1, 1)) * self.error
        return np.stack([self.value - reach, self.value + reach])


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """Figures of several designs, all measured with the same keys: each key draws one set of events for all of them.

    Errors come from the scatter over the keys, with one less degree of freedom than there are keys; so do those of
    differences, which are taken key by key. Measurements without a finite number are left out, pair by pair:
    `missing` counts them, for a design that fails often is not as good as the rest of its numbers.
    """

    labels: tuple[str, ...]
    units: Mapping[str, str]  # by figure; the loss has "1"
    samples: Mapping[str, Samples]  # by figure, the loss among them [unit of the figure]

    def __getitem__(self, figure: str) -> Samples:
        """The samples of a figure.

        Raises:
            LandscapeError: there is no such figure.
        """
        if figure not in self.samples:
            raise LandscapeError(f"no figure is called {figure!r}; expected one of {', '.join(self.samples)}.")
        return self.samples[figure]

    @property
    def missing(self) -> Int[np.ndarray, "design"]:
        """How many measurements of each design have no finite loss [1]."""
        return np.sum(~np.isfinite(self[LOSS]), 0)

    def mean(self, figure: str = LOSS) -> Float[np.ndarray, "design"]:
        """The mean over the keys [unit of the figure]."""
        return _mean_and_error(self[figure])[0]

    def error(self, figure: str = LOSS) -> Float[np.ndarray, "design"]:
        """The standard error of the mean; NaN of a single key [unit of the figure]."""
        return _mean_and_error(self[figure])[1]

    def differences(self, figure: str = LOSS, *, to: str = "") -> Differences:
        """The paired differences of a figure to a design, the first one by default.

        Raises:
            LandscapeError: no such figure or design.
        """
        if to and to not in self.labels:
            raise LandscapeError(f"no design is called {to!r}; expected one of {', '.join(self.labels)}.")
        number = self.labels.index(to) if to else 0
        samples = self[figure]
        with np.errstate(invalid="ignore"):  # of infinite losses, which count as missing
            return Differences(*_mean_and_error(samples - samples[:, number, None]))

    def draws(
        self, figures: Sequence[str], *, key: Key[Array, ""], count: int = 2000
    ) -> Float[np.ndarray, "draw design figure"]:
        """Sets of expectations that the samples allow, of several figures jointly [units of the figures].

        The joint distribution of Student's t about the means, with the covariance of the samples over the keys: every
        difference of two designs has the distribution of its own paired test. Flat prior; Gelman and others, Bayesian
        Data Analysis (2013), section 3.6.

        Args:
            figures: by name.
            key: decides the draws.
            count: of the sets [1].

        Raises:
            LandscapeError: fewer than two keys with which everything was measured.
        """
        samples = np.stack([self[figure] for figure in figures], -1)
        samples = samples[np.isfinite(samples).all((1, 2))]
        keys = len(samples)
        if keys < 2:
            raise LandscapeError(f"{keys} keys with which every design has a finite figure; expected at least two.")
        generator, mean = generator_of(key), np.mean(samples, 0)
        normal = generator.standard_normal((count, keys))
        wider = np.sqrt((keys - 1) / generator.chisquare(keys - 1, count))
        weights = (wider[:, None] * normal) / np.sqrt(keys * (keys - 1))
        return mean + np.einsum("ck,kdf->cdf", weights, samples - mean)

    def probability_best(
        self, figure: str = LOSS, *, key: Key[Array, ""], draws: int = 4000
    ) -> Float[np.ndarray, "design"]:
        """How probable it is that each design has the least expectation of a figure, ties shared [1].

        Args:
            figure: less of it is better.
            key: decides the draws.
            draws: see `Comparison.draws` [1].
        """
        drawn = self.draws([figure], key=key, count=draws)[..., 0]
        least = drawn == np.min(drawn, 1, keepdims=True)
        return np.mean(least / np.sum(least, 1, keepdims=True), 0)


def compare(
    problem: Problem,
    designs: Mapping[str, Design],
    *,
    key: Key[Array, ""],
    keys: int = KEYS,
    events: int | None = None,
    scenarios: int | None = None,
) -> Comparison:
    """The comparison of designs of a problem on fresh events, common to all: those of `daedalus.core.scoring_key`.

    Args:
        problem: the task; designs are measured on the real apparatus.
        designs: by label; its own published ones are ``problem.references``.
        key: decides the events; a search with the same key has never seen them.
        keys: sets of events [1]; a design costs as many evaluations.
        events: per scenario [1]; the problem's own number by default.
        scenarios: of an evaluation [1].

    Raises:
        LandscapeError: no design, or fewer than two keys.
        ProblemError: a design accepts no event in any scenario.
    """
    return compare_tasks(
        {label: (problem, design) for label, design in designs.items()},
        key=key,
        keys=keys,
        events=events,
        scenarios=scenarios,
    )


def compare_runs(
    problem: Problem,
    histories: Mapping[str, History],
    *,
    key: Key[Array, ""],
    references: bool = True,
    keys: int = KEYS,
    events: int | None = None,
    scenarios: int | None = None,
) -> Comparison:
    """The comparison of the best rows of several runs, and of the problem's references behind them.

    Args:
        problem: the task.
        histories: of the runs, by label.
        key: decides the events; none of the runs' own, or their rows have seen some of them.
        references: whether the published designs are compared too.
        keys: sets of events [1].
        events: per scenario [1]; the problem's own number by default.
        scenarios: of an evaluation [1].

    Raises:
        LandscapeError: a run and a reference of the same name.
        RunError: a run without a sound row.
    """
    known = dict(problem.references) if references else {}
    twice = sorted(known.keys() & histories.keys())
    if twice:
        raise LandscapeError(f"runs and references are both called {', '.join(twice)}; rename the runs.")
    found = {label: history.design(problem, history.best_row()) for label, history in histories.items()}
    return compare(problem, {**found, **known}, key=key, keys=keys, events=events, scenarios=scenarios)


def compare_tasks(
    tasks: Mapping[str, tuple[Problem, Design]],
    *,
    key: Key[Array, ""],
    keys: int = KEYS,
    events: int | None = None,
    scenarios: int | None = None,
) -> Comparison:
    """The comparison of designs each of a problem of its own, in the figures that all problems have.

    As far as the problems draw alike (same source, same names of stages) they share their random numbers.

    Args:
        tasks: problem and design by label.
        key: decides the events, see `compare`.
        keys: sets of events [1].
        events: per scenario [1]; each problem's own number by default.
        scenarios: of an evaluation [1].

    Raises:
        LandscapeError: no design, or fewer than two keys.
        ProblemError: a design accepts no event in any scenario.
    """
    if not tasks or keys < 2:
        raise LandscapeError(f"{len(tasks)} designs and {keys} keys; expected a design and at least two keys.")
    fresh = [scoring_key(key, number) for number in range(keys)]
    found = [
        [_read(problem, problem.evaluate(design, key=one, events=events, scenarios=scenarios)) for one in fresh]
        for problem, design in tasks.values()
    ]
    first = next(iter(tasks.values()))[0]
    units = {LOSS: "1"} | {figure.name: figure.unit for figure in first.figures}
    shared = [name for name in units if all(name in rows[0] for rows in found)]
    samples = {name: np.array([[row[name] for row in rows] for rows in found]).T for name in shared}
    return Comparison(tuple(tasks), {name: units[name] for name in shared}, samples)


def generator_of(key: Key[Array, ""]) -> np.random.Generator:
    """A generator of numpy's that a key decides."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())


def _read(problem: Problem, evaluation: Evaluation) -> dict[str, float]:
    """Loss and figures in their own units."""
    values = {f.name: float(evaluation.values[f.name]) / unit_value(f.unit) for f in problem.figures}
    return {LOSS: float(evaluation.loss)} | values


def _mean_and_error(samples: Samples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over the keys, its standard error, and the number of keys, without what is not finite."""
    sound = np.isfinite(samples)
    count = np.sum(sound, 0)
    with np.errstate(invalid="ignore", divide="ignore"):  # nothing, or one key only, is NaN
        mean = np.sum(np.where(sound, samples, 0.0), 0) / count
        square = np.sum(np.where(sound, samples - mean, 0.0) ** 2, 0) / (count - 1)
        return mean, np.sqrt(square / count), count
