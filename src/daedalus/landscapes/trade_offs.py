"""Trade-offs: the front of two or three figures, measured again with fresh events."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from daedalus.core import Constraint, Design, History, Metric, Objective, Problem
from daedalus.landscapes.comparison import KEYS, LOSS, Comparison, compare
from daedalus.landscapes.confirmation import CLOSE, canonical_places
from daedalus.landscapes.errors import LandscapeError
from daedalus.landscapes.fronts import non_dominated

Sense = Literal["minimise", "maximise"]


@dataclasses.dataclass(frozen=True)
class Aim:
    """A figure of a trade-off, and which way is better."""

    name: str
    unit: str
    direction: float  # 1 where less is better, -1 where more is


@dataclasses.dataclass(frozen=True, eq=False)
class Front:
    """Designs of which none is certainly better than another in every figure, in the order of the last figure."""

    aims: tuple[Aim, ...]
    comparison: Comparison  # of the designs, on fresh events and common random numbers
    designs: tuple[Design, ...]

    def __len__(self) -> int:
        return len(self.designs)

    @property
    def values(self) -> Float[np.ndarray, "point objective"]:
        """The figures [unit of each]."""
        return np.stack([self.comparison.mean(aim.name) for aim in self.aims], -1)

    @property
    def errors(self) -> Float[np.ndarray, "point objective"]:
        """Their standard errors [unit of each]."""
        return np.stack([self.comparison.error(aim.name) for aim in self.aims], -1)

    @property
    def samples(self) -> Float[np.ndarray, "key point objective"]:
        """The figures measured with every key [unit of each]."""
        return np.stack([self.comparison[aim.name] for aim in self.aims], -1)

    @property
    def directions(self) -> Float[np.ndarray, "objective"]:
        """1 where less is better, -1 where more is [1]."""
        return np.array([aim.direction for aim in self.aims])

    def taken(self, points: Int[np.ndarray, "some"] | Bool[np.ndarray, "point"]) -> Front:
        """The front of some of the points, in the given order."""
        numbers = np.arange(len(self))[points]
        samples = {name: values[:, numbers] for name, values in self.comparison.samples.items()}
        labels = tuple(self.comparison.labels[number] for number in numbers)
        comparison = Comparison(labels, self.comparison.units, samples)
        return Front(self.aims, comparison, tuple(self.designs[number] for number in numbers))


def trade_off(
    problem: Problem,
    histories: Sequence[History],
    figures: Sequence[str],
    *,
    key: Key[Array, ""],
    senses: Mapping[str, Sense] | None = None,
    most: int = 24,
    keys: int = KEYS,
    events: int | None = None,
    scenarios: int | None = None,
    close: float = CLOSE,
) -> Front:
    """The front of two or three figures among all sound, feasible rows of some searches.

    The rows that no other row beats are measured again; those that then turn out to be beaten by more than two
    standard errors are dropped. Where there are more rows than may be measured, ends and places between them are
    chosen evenly; where there are fewer, rows follow which the errors cannot tell from the front.

    Args:
        problem: the task.
        histories: of searches of it.
        figures: objectives, constraints or metrics by name, or "loss".
        key: decides the fresh events; that of a search may be given, for it never saw them.
        senses: which way is better, of metrics; objectives and constraints tell themselves.
        most: rows that are measured again [1].
        keys: sets of events [1]; a row costs as many evaluations.
        events: per scenario [1]; the problem's own number by default.
        scenarios: of an evaluation [1].
        close: rows nearer than that count as the same design [share of each parameter's range].

    Raises:
        LandscapeError: not two or three figures, a figure whose sense is not known, or no row that has them all.
    """
    wanted = aims(problem, figures, senses)
    read = lambda suffix: np.concatenate([_columns(history, wanted, suffix) for history in histories])
    scores, errors = read("") * [aim.direction for aim in wanted], read("_error")
    usable = np.concatenate([(h["status"] == "ok") & h.complete for h in histories]) & np.isfinite(scores).all(1)
    if not usable.any():
        raise LandscapeError(
            f"no sound, feasible row has finite {', '.join(figures)}; expected some. Metrics are not measured while a "
            "search sees the relaxed apparatus, unless they say always=True."
        )
    scores, places = scores[usable], np.concatenate([canonical_places(problem, h) for h in histories])[usable]
    rows = _chosen(scores, errors[usable], places, most, close)
    owner = np.concatenate([np.full(len(h), number) for number, h in enumerate(histories)])[usable]
    own_row = np.concatenate([np.arange(len(h)) for h in histories])[usable]
    labels = {f"{owner[i]}/{own_row[i]}": histories[int(owner[i])].design(problem, int(own_row[i])) for i in rows}
    return measured_front(problem, labels, wanted, key=key, keys=keys, events=events, scenarios=scenarios)


def measured_front(
    problem: Problem,
    designs: Mapping[str, Design],
    wanted: tuple[Aim, ...],
    *,
    key: Key[Array, ""],
    keys: int = KEYS,
    events: int | None = None,
    scenarios: int | None = None,
) -> Front:
    """The front among designs, measured with fresh events; those that are certainly beaten are dropped.

    Args:
        problem: the task.
        designs: by label.
        wanted: the figures.
        key: decides the fresh events.
        keys: sets of events [1].
        events: per scenario [1]; the problem's own number by default.
        scenarios: of an evaluation [1].
    """
    measured = compare(problem, designs, key=key, keys=keys, events=events, scenarios=scenarios)
    whole = Front(wanted, measured, tuple(designs.values()))
    kept = np.flatnonzero(non_dominated(whole.values * whole.directions, whole.errors))
    return whole.taken(kept[np.argsort(whole.values[kept, -1], kind="stable")])


def aims(problem: Problem, figures: Sequence[str], senses: Mapping[str, Sense] | None = None) -> tuple[Aim, ...]:
    """The figures of a trade-off.

    Args:
        problem: whose figures.
        figures: by name, or "loss".
        senses: which way is better, of those that do not tell; it goes before what a figure tells.

    Raises:
        LandscapeError: not two or three, an unknown one, or one whose sense is not known.
    """
    known, told = {figure.name: figure for figure in problem.figures}, dict(senses or {})
    strange = [name for name in figures if name != LOSS and name not in known]
    silent = [name for name in figures if isinstance(known.get(name), Metric) and name not in told]
    if not 2 <= len(figures) <= 3 or len(set(figures)) < len(figures) or strange or silent:
        raise LandscapeError(
            f"a trade-off of {', '.join(figures) or 'nothing'} of {problem.name!r}, of which {strange} are unknown and "
            f"{silent} do not tell which way is better; expected two or three of {', '.join([LOSS, *known])}, and of "
            'metrics senses={"name": "minimise"} or "maximise".'
        )
    unit = lambda name: "1" if name == LOSS else known[name].unit
    way = lambda name: {"minimise": 1.0, "maximise": -1.0}[told[name]] if name in told else _direction(known.get(name))
    return tuple(Aim(name, unit(name), way(name)) for name in figures)


def _direction(figure: Objective | Constraint | Metric | None) -> float:
    if isinstance(figure, Objective):
        return figure.direction
    return -1.0 if isinstance(figure, Constraint) and not np.isfinite(figure.upper) else 1.0


def _columns(history: History, wanted: tuple[Aim, ...], suffix: str) -> Float[np.ndarray, "row objective"]:
    return np.stack([np.asarray(history[f"{aim.name}{suffix}"], float) for aim in wanted], -1)


def _chosen(scores: np.ndarray, errors: np.ndarray, places: np.ndarray, most: int, close: float) -> np.ndarray:
    """The rows that are worth being measured again: no design twice, those on the front first."""
    front = _different(np.flatnonzero(non_dominated(scores)), scores, places, close)
    if len(front) > most:
        return front[_spread(scores[front], most)]
    unsure = np.setdiff1d(np.flatnonzero(non_dominated(scores, errors)), front)
    both = _different(np.concatenate([front, unsure]), scores, places, close, sort=False)
    others = both[len(front) :]
    return np.concatenate([front, others[_spread(scores[others], most - len(front))]])


def _different(rows: np.ndarray, scores: np.ndarray, places: np.ndarray, close: float, sort: bool = True) -> np.ndarray:
    """The rows without those whose design an earlier one has."""
    kept: list[int] = []
    for row in rows[np.argsort(scores[rows, 0], kind="stable")] if sort else rows:
        if not kept or np.min(np.max(np.abs(places[kept] - places[row]), 1, initial=0.0)) > close:
            kept.append(int(row))
    return np.array(kept, int)


def _spread(scores: np.ndarray, most: int) -> np.ndarray:
    """Numbers of at most so many rows, evenly along the way from one end of the first score to the other."""
    if len(scores) <= most or most < 1:
        return np.arange(min(len(scores), max(most, 0)))
    order = np.argsort(scores[:, 0], kind="stable")
    scaled = scores[order] / np.maximum(np.ptp(scores, 0), 1e-300)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(scaled, axis=0), axis=1))])
    wanted = np.linspace(0.0, along[-1], most)
    return order[np.unique(np.argmin(np.abs(along[:, None] - wanted), 0))]
