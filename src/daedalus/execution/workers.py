"""Workers: requests to a foreign simulator worked on side by side, with every failure kept and accounted for."""

from __future__ import annotations

import atexit
import dataclasses
import os
import queue
import threading
import time
from collections.abc import Collection
from types import TracebackType
from typing import final

from daedalus.core import Outcome, Request, Simulator, Status, attempted
from daedalus.errors import RunError

CLOSED = "stopped, because the workers were closed"


@dataclasses.dataclass(frozen=True)
class Ledger:
    """How many requests were submitted, and in which state they are: the other counts add up to the first."""

    submitted: int = 0
    open: int = 0  # waiting, or worked on
    ok: int = 0
    failed: int = 0
    timeout: int = 0

    def entered(self) -> Ledger:
        """The ledger after a request was submitted."""
        return dataclasses.replace(self, submitted=self.submitted + 1, open=self.open + 1)

    def ended(self, status: Status) -> Ledger:
        """The ledger after a request ended."""
        name = status.name.lower()
        return dataclasses.replace(self, open=self.open - 1, **{name: getattr(self, name) + 1})


@final
class Workers:
    """An evaluator that works on so many requests at once, and tries again what failed.

    Each worker is a thread: good for simulators that are programs or isolated functions, and for libraries that
    release Python's lock. A retry asks for exactly the same, seed included. Every request that is submitted ends in
    exactly one state, also where the workers are closed before it was done: then it has failed. One search at a time.

    A simulator may have a method ``stop()`` that ends what it runs; `Workers.close` calls it, as does leaving a
    ``with`` block. What cannot be stopped is left behind, and its outcome not waited for.
    """

    def __init__(
        self,
        simulator: Simulator,
        *,
        concurrent: int | None = None,
        attempts: int = 2,
        retry_on: Collection[Status] = (Status.FAILED,),
    ) -> None:
        """Starts no thread yet.

        Args:
            simulator: what answers the requests; called in several threads at once.
            concurrent: how many at once [1]; by default as many as there are processors.
            attempts: how often a request is tried at most [1].
            retry_on: the states after which it is tried again. A program that did not end in time would most
                likely not do so again.

        Raises:
            RunError: fewer than one worker or attempt.
        """
        self.concurrent = _processors() if concurrent is None else concurrent
        if self.concurrent < 1 or attempts < 1:
            raise RunError(f"{self.concurrent} workers and {attempts} attempts; expected at least one of each.")
        self.simulator, self.attempts, self.retry_on = simulator, attempts, frozenset(retry_on)
        self._ledger, self._lock = Ledger(), threading.Lock()
        self._open: set[int] = set()
        self._waiting: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._closed = False

    @property
    def ledger(self) -> Ledger:
        """The counts at this moment."""
        return self._ledger

    def submit(self, request: Request) -> None:
        """Takes a request; returns at once.

        Raises:
            RunError: the workers are closed, or a request of this id is still open.
        """
        with self._lock:
            if self._closed or request.id in self._open:
                state = "the workers are closed" if self._closed else f"request {request.id} is still open"
                raise RunError(f"{state}; expected new requests to open workers, each with an id of its own.")
            self._open.add(request.id)
            self._ledger = self._ledger.entered()
        self._waiting.put(request)
        if len(self._threads) < min(self.concurrent, self._ledger.open):
            thread = threading.Thread(target=self._work, daemon=True, name=f"worker {len(self._threads)}")
            atexit.register(self.close)  # before what the simulators have registered, or they would be asked again
            self._threads.append(thread)
            thread.start()

    def collect(self) -> list[Outcome]:
        """The outcomes since the last call; waits for one where there is none but requests are open."""
        found: list[Outcome] = []
        while (not found and self._ledger.open) or not self._done.empty():
            found.append(self._done.get())
        return found

    def close(self) -> None:
        """Ends the work: nothing new is begun, what runs is stopped, what is open has failed."""
        self._closed = True
        atexit.unregister(self.close)
        for _ in self._threads:
            self._waiting.put(None)
        stop = getattr(self.simulator, "stop", None)
        while stop is not None and any(thread.is_alive() for thread in self._threads):
            stop()  # again and again, for a worker may just be about to start a program
            self._threads[-1].join(0.02)
            self._threads = [thread for thread in self._threads if thread.is_alive()]
        with self._lock:
            left = sorted(self._open)
        for number in left:
            self._finish(Outcome(number, Status.FAILED, cause=CLOSED, attempts=0))

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _work(self) -> None:
        while (request := self._waiting.get()) is not None and not self._closed:
            self._finish(self._outcome(request))

    def _outcome(self, request: Request) -> Outcome:
        attempt = 0
        while True:
            attempt, began = attempt + 1, time.perf_counter()
            found = _survived(self.simulator, request)
            found = dataclasses.replace(found, attempts=attempt, wall_seconds=time.perf_counter() - began)
            if self._closed and found.status != Status.OK:
                return dataclasses.replace(found, status=Status.FAILED, cause=CLOSED)
            if found.status not in self.retry_on or attempt >= self.attempts:
                return found

    def _finish(self, outcome: Outcome) -> None:
        """Notes how a request ended; the first outcome counts."""
        with self._lock:
            if outcome.id not in self._open:
                return
            self._open.remove(outcome.id)
            self._done.put(outcome)  # before the ledger says that it is there
            self._ledger = self._ledger.ended(outcome.status)


def _survived(simulator: Simulator, request: Request) -> Outcome:
    """The outcome of an attempt, even of one that wants to end Python: a thread that died would owe an outcome."""
    try:
        return attempted(simulator, request)
    except BaseException as cause:
        return Outcome(request.id, Status.FAILED, cause=f"{type(cause).__name__}: {cause}")


def _processors() -> int:
    """How many processors this process may use [1]."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
