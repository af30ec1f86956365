"""Foreign simulators: the contract between a problem and a program that knows nothing of Daedalus."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from daedalus.core.evaluation import Status


@dataclasses.dataclass(frozen=True)
class Request:
    """What a simulator is asked: one design, so many events, a seed."""

    id: int
    parameters: Mapping[str, float]  # by name [the parameter's display unit]; a choice is its index
    events: int
    seed: int  # 0 to 2^31 - 1; equal seeds ask for equal random numbers
    gradient: bool = False  # derivatives are wanted


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a simulator says: numbers by name, or a column of numbers with one entry per event, or both.

    Figures are functions ``(design, answer, None)`` that read them by name, as ``answer["hits"]``.
    """

    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    errors: Mapping[str, float] = dataclasses.field(default_factory=dict)  # standard errors of values, where known
    columns: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)  # event first
    derivatives: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    # of values, by value and parameter [value per display unit of the parameter]; absent ones count as zero
    derivative_errors: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)


class SimulationError(Exception):
    """An evaluation that ended without an answer; its text is the cause, kept with the row."""

    status = Status.FAILED


class SimulationTimeoutError(SimulationError):
    """An evaluation that did not end in time."""

    status = Status.TIMEOUT


@runtime_checkable
class Simulator(Protocol):
    """A program that answers requests.

    ``names`` are the values and columns its answers must hold; ``differentiable`` says that it gives derivatives.
    One that knows certain designs only has a method ``nearest(wished, taken)``, which moves places of the cube (point
    first) to the nearest ones it knows, besides those that are taken. One that can be ended has ``stop()``.
    """

    names: Sequence[str]
    differentiable: bool

    def __call__(self, request: Request) -> Answer:
        """The answer to a request.

        Raises:
            SimulationError: there is none; any other exception counts as one too.
        """
        ...


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a request ended: exactly one for every request that was submitted."""

    id: int
    status: Status  # OK, FAILED or TIMEOUT
    answer: Answer | None = None  # only where OK
    cause: str = ""  # why not
    attempts: int = 1
    wall_seconds: float = 0.0  # of the last attempt


@runtime_checkable
class Evaluator(Protocol):
    """Where requests are worked on, one after another or side by side."""

    def submit(self, request: Request) -> None:
        """Takes a request; returns at once."""
        ...

    def collect(self) -> Sequence[Outcome]:
        """The outcomes since the last call; waits for one where there is none but requests are open."""
        ...


class Direct:
    """The simplest evaluator: a simulator called in this thread, once per request, when outcomes are collected."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self._open: list[Request] = []

    def submit(self, request: Request) -> None:
        """Takes a request."""
        self._open.append(request)

    def collect(self) -> list[Outcome]:
        """The outcome of the oldest request."""
        return [attempted(self.simulator, self._open.pop(0))] if self._open else []


def attempted(simulator: Simulator, request: Request) -> Outcome:
    """The outcome of one attempt: an answer that was checked, or the cause why there is none."""
    try:
        answer = simulator(request)
        fault = fault_of(answer, simulator.names)
    except SimulationError as cause:
        return Outcome(request.id, cause.status, cause=str(cause))
    except Exception as cause:  # a foreign program may raise anything, and must never end a search
        return Outcome(request.id, Status.FAILED, cause=f"{type(cause).__name__}: {cause}")
    if fault:
        return Outcome(request.id, Status.FAILED, cause=fault)
    return Outcome(request.id, Status.OK, answer)


def fault_of(answer: Answer, names: Sequence[str]) -> str:
    """What is wrong with an answer, in words; empty where nothing is."""
    known = {**answer.values, **answer.columns}
    missing = [name for name in names if name not in known]
    if missing:
        return f"the answer lacks {', '.join(missing)}; it holds {', '.join(known) or 'nothing'}"
    for name, value in known.items():
        try:
            array = np.asarray(value, float)
        except (TypeError, ValueError):
            return f"{name} is {str(value)[:60]!r}; expected numbers"
        if not np.all(np.isfinite(array)):
            return f"{name} holds a number that is not finite"
    unknown = {*answer.derivatives, *answer.derivative_errors, *answer.errors} - set(answer.values)
    if unknown:
        return f"errors or derivatives of {', '.join(sorted(unknown))} are given, of which there is no value"
    lengths = {name: np.shape(column)[:1] for name, column in answer.columns.items()}
    if len(set(lengths.values())) > 1 or () in lengths.values():
        return f"the columns have the lengths {lengths}; expected one entry per event in each"
    return ""
