"""The record of a search: its journal in terms of rounds, evaluations and checkpoints."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from daedalus.core import Answer, Evaluator, History, Outcome, Point, Request, Status
from daedalus.errors import RunError
from daedalus.execution.journal import Damage, Journal, Record, read_journal
from daedalus.search import Progress
from daedalus.search.checkpoint import Checkpoint, arrays_of, state_of
from daedalus.search.guards import Fault

BEGIN, ROUNDS, EVALUATION, FAULT, FAILED = "begin", "rounds", "evaluation", "fault", "failed"
ROW, STATE, LEAF = "row/", "state/", "leaf/"
ROOM, GROWTH = 2**22, 4.0  # a journal is rewritten beyond these: length [bytes], and growth since it was [1]
DECISIVE = (  # what a search that goes on must share with its beginning
    "problem", "problem_version", "optimiser", "starts", "seed", "rounds", "chunk", "partition", "precision",
    "random_numbers", "most_events",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class SearchRecord:
    """What a journal says of a search."""

    made_of: Mapping[str, Any]  # the manifest with which it began; empty where it has not
    checkpoint: Checkpoint | None  # after the last recorded rounds; None before the first
    outcomes: Sequence[Outcome]  # of a foreign simulator, for rounds that were not finished
    damage: Sequence[Damage]
    failed: str = ""  # why it ended, where its last rounds were not sound
    failed_under: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # the guards it then had
    faults: Sequence[Record] = ()  # points whose loss or gradient was not finite, for `fault_of`


class Recorder:
    """A watcher that appends the rounds since its last call to a journal, and keeps the journal short.

    Every record of rounds holds the optimiser's state, of which the last one is enough, and the learned leaves of new
    rows, of which few are kept: where the journal has grown by a factor, it is written again without the others.
    """

    def __init__(self, journal: Journal, known: int = 0) -> None:
        """Rows up to a number are in the journal already."""
        self.journal, self.known = journal, known
        self._least = max(journal.size, ROOM)

    def __call__(self, progress: Progress) -> None:
        """Appends the newest rounds and the optimiser's state after them, and first what was not finite in them."""
        for fault in progress.faults:
            self.journal.append(_of_fault(fault))
        self.journal.append(_of_rounds(progress.done, progress.history, arrays_of(progress.state), since=self.known))
        self.known = len(progress.history)
        if self.journal.size > GROWTH * self._least:
            self.journal.rewrite(compacted(read_search(self.journal.path)))
            self._least = max(self.journal.size, ROOM)


class RecordedEvaluator:
    """An evaluator whose outcomes are in the journal before a search sees them; known ones are not asked for again."""

    def __init__(self, evaluator: Evaluator, journal: Journal, known: Sequence[Outcome] = ()) -> None:
        """Outcomes that an earlier process recorded are ready at once."""
        self.evaluator, self.journal = evaluator, journal
        self._known = {outcome.id: outcome for outcome in known}
        self._ready: list[Outcome] = []

    def submit(self, request: Request) -> None:
        """Takes a request."""
        if request.id in self._known:
            self._ready.append(self._known.pop(request.id))
        else:
            self.evaluator.submit(request)

    def collect(self) -> Sequence[Outcome]:
        """The outcomes since the last call."""
        ready, self._ready = self._ready, []
        if ready:
            return ready
        found = self.evaluator.collect()
        for outcome in found:
            self.journal.append(_of_outcome(outcome))
        return found


def begun(made_of: Mapping[str, Any]) -> Record:
    """The first record of a search."""
    return Record(BEGIN, made_of, {})


def failure(cause: str, guards: Mapping[str, Any]) -> Record:
    """The record of an end that was an error, under certain guards."""
    return Record(FAILED, {"cause": cause, "guards": guards}, {})


def fault_of(record: Record, like: Point) -> Fault:
    """The fault in a record.

    Args:
        record: of `SearchRecord.faults`.
        like: any point of the problem.
    """
    return Fault(**record.facts, point=state_of(record.arrays, like))


def read_search(path: Path) -> SearchRecord:
    """The search in a journal, up to the first damage; rounds behind it need a state that is lost.

    Where not even the first record was written whole, it is made of nothing.

    Raises:
        RunError: no file, or its beginning is lost.
    """
    found = read_journal(path)
    if not found.records:
        return SearchRecord({}, None, (), found.damage)
    records = found.records[: found.continuous]
    if not records or records[0].kind != BEGIN:
        told = "; ".join(map(str, found.damage)) or "it is empty"
        raise RunError(f"{path} holds no search: {told}. Start it again with `daedalus rerun`.")
    rounds = [record for record in records if record.kind == ROUNDS]
    last = max((n for n, record in enumerate(records) if record.kind == ROUNDS), default=0)
    outcomes = [_outcome(record) for record in records[last + 1 :] if record.kind == EVALUATION]
    failed = next((record.facts for record in reversed(records[last:]) if record.kind == FAILED), {})
    faults = {record.facts["row"]: record for record in records if record.kind == FAULT}
    ended = failed.get("cause", ""), failed.get("guards", {})
    return SearchRecord(records[0].facts, _checkpoint(rounds), outcomes, found.damage, *ended, tuple(faults.values()))


def compacted(found: SearchRecord) -> list[Record]:
    """The records of a search with all its rounds as one: only the last state is needed to go on."""
    records = [begun(found.made_of), *found.faults]
    if found.checkpoint is not None:
        records.append(_of_rounds(found.checkpoint.done, found.checkpoint.history, found.checkpoint.state, since=0))
    records += [_of_outcome(outcome) for outcome in found.outcomes]
    return records + ([failure(found.failed, found.failed_under)] if found.failed else [])


def differing(made_of: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What must be equal for a search to go on and is not, as lines "name: then, now".

    Guards may be others, but that a method's points are drawn back is a part of its state.
    """
    lines = [f"{n}: {made_of.get(n)} then, {now.get(n)} now" for n in DECISIVE if made_of.get(n) != now.get(n)]
    old, new = (each.get("guards", {}).get("unsound", "stop") for each in (made_of, now))
    return lines + ([f"unsound: {old} then, {new} now"] if old != new and "shrink" in (old, new) else [])


def _checkpoint(rounds: Sequence[Record]) -> Checkpoint | None:
    if not rounds:
        return None
    columns = [_part(record, ROW) for record in rounds]
    columns = {name: np.concatenate([each[name] for each in columns]) for name in columns[0]}
    record_of = {row: record for record in rounds for row in record.facts.get("leaves", ())}
    kept = rounds[-1].facts.get("kept", ())
    history = History(columns, {row: _part(record_of[row], f"{LEAF}{row}/") for row in kept})
    return Checkpoint(rounds[-1].facts["done"], _part(rounds[-1], STATE), history)


def _of_rounds(done: int, history: History, state: Mapping[str, np.ndarray], *, since: int) -> Record:
    """The record of the rounds whose rows come after so many, with the learned leaves of those that are kept."""
    arrays = {ROW + name: column[since:] for name, column in history.columns.items()}
    arrays |= {STATE + name: leaf for name, leaf in state.items()}
    new = {row: leaves for row, leaves in history.learned.items() if row >= since}
    arrays |= {f"{LEAF}{row}/{name}": np.asarray(leaf) for row, leaves in new.items() for name, leaf in leaves.items()}
    told = {"leaves": list(new), "kept": list(history.learned)} if history.learned else {}
    return Record(ROUNDS, {"done": done, **told}, arrays)


def _part(record: Record, kind: str) -> dict[str, np.ndarray]:
    """The arrays of a kind in a record, by the rest of their names."""
    return {name[len(kind) :]: array for name, array in record.arrays.items() if name.startswith(kind)}


def _of_fault(fault: Fault) -> Record:
    facts = {field.name: getattr(fault, field.name) for field in dataclasses.fields(fault) if field.name != "point"}
    return Record(FAULT, facts, arrays_of(fault.point))


def _of_outcome(outcome: Outcome) -> Record:
    answer = outcome.answer
    facts = {"id": outcome.id, "status": int(outcome.status), "cause": outcome.cause, "attempts": outcome.attempts}
    facts["wall_seconds"] = outcome.wall_seconds
    if answer is None:
        return Record(EVALUATION, facts, {})
    plain = lambda numbers: {name: float(number) for name, number in numbers.items()}
    nested = lambda tables: {name: plain(table) for name, table in tables.items()}
    facts["errors"] = plain(answer.errors)
    facts |= {n: nested(getattr(answer, n)) for n in ("derivatives", "derivative_errors")}
    values = {f"value/{name}": np.asarray(value, float) for name, value in answer.values.items()}
    return Record(EVALUATION, facts, values | {f"column/{n}": np.asarray(c) for n, c in answer.columns.items()})


def _outcome(record: Record) -> Outcome:
    facts, answer = dict(record.facts), None
    if "errors" in facts:
        parts = {n: facts.pop(n) for n in ("errors", "derivatives", "derivative_errors")}
        of = lambda kind: {n[len(kind) :]: a for n, a in record.arrays.items() if n.startswith(kind)}
        answer = Answer(values={n: v[()] for n, v in of("value/").items()}, columns=of("column/"), **parts)
    return Outcome(**{**facts, "status": Status(facts["status"])}, answer=answer)
