"""Clusters: evaluations by the workers of a Dask cluster, that may be lost, late, or restarted altogether."""

from __future__ import annotations

import dataclasses
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from daedalus.core import Outcome, Problem, Request, Status
from daedalus.errors import RunError
from daedalus.execution.cluster_tasks import answered, ordered, same, timed
from daedalus.search.orders import Delivery, Order

if TYPE_CHECKING:
    from distributed import Client, Future

STRAGGLER = 4.0  # times the median of its kind; then a task is given to an idle worker as well
SHORTEST = 2.0  # [s]; below which nothing is called late
SCAN = 5.0  # [s] between two looks at all that is open
LOOK = 0.5  # [s] between two looks at the workers
STUCK = 60.0  # [s]; so long a worker may go on with what others have done, for it may only be compiling
TURN = 0.5  # [s] between two looks at what is late
ATTEMPTS = 20  # of a task whose workers die: clusters end jobs by the dozen
FIRST_PATIENCE = 30.0  # [s] for a scheduler to be there at all
PATIENCE = 600.0  # [s] for a scheduler that is gone to come back


@dataclasses.dataclass
class Account:
    """What a campaign has had from its cluster."""

    submitted: int = 0
    done: int = 0
    again: int = 0  # times a task had to be submitted once more, after several workers or the scheduler were lost
    lost_workers: int = 0  # that were seen once and then no more
    copies: int = 0  # tasks that were late and given to a second worker
    workers: int = 0  # most at a time
    busy_seconds: float = 0.0  # of workers, for results that counted
    worker_seconds: float = 0.0  # that there were, busy or not, while something was to be done

    @property
    def efficiency(self) -> float:
        """The share of the workers' time that went into results [1]."""
        return self.busy_seconds / self.worker_seconds if self.worker_seconds > 0 else float("nan")

    def table(self) -> dict[str, Any]:
        """The account as a mapping for files."""
        return dataclasses.asdict(self) | {"efficiency": self.efficiency}


@dataclasses.dataclass
class _Task:
    """A piece of work and where it is under way."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    attempts: int = 0
    began: float = 0.0
    futures: list[Future] = dataclasses.field(default_factory=list)


class Cluster:
    """Workers of a Dask cluster as an evaluator of simulators, and as a place where designs are evaluated.

    What is lost with a worker or a scheduler is submitted again, with the same keys: results are the same bits
    wherever they are made, on machines of one kind. What takes much longer than its like is given to an idle worker as
    well; the first result counts. Every task has exactly one result. Clusters hand over programs as Python's pickle:
    use those whose network you trust.
    """

    def __init__(self, connect: Callable[[], Client], *, problem: Problem | None = None) -> None:
        """Connects to a cluster.

        Args:
            connect: makes a client, at first and when its scheduler was lost.
            problem: of a search whose simulator is to be run there, by `submit` and `collect`.

        Raises:
            RunError: there is no scheduler.
        """
        self._connect, self.account = connect, Account()
        self._simulator = None if problem is None else problem.simulator
        self._name, self._tasks = uuid.uuid4().hex[:8], {}
        self._parcels: dict[int, tuple[Any, Future, bytes]] = {}
        self._seconds: list[float] = []
        self._looked: float | None = None
        self._workers: dict[str, int] = {}  # threads, by name, at the last look
        self._ready: queue.SimpleQueue[int] = queue.SimpleQueue()  # tasks of which a future has ended
        self._scanned = self._scheduled = time.monotonic()
        self._working: dict[str, float] = {}  # keys that workers have been given, and since when, while some are idle
        self._given_up: dict[str, tuple[str, float]] = {}  # copies that lost: their workers, until when they may run
        self._client = self._connected()

    def submit(self, request: Request) -> None:
        """Takes a simulator's request; returns at once."""
        assert self._simulator is not None
        self._begin(request.id, answered, self._simulator, request)

    def collect(self) -> Sequence[Outcome]:
        """The outcomes since the last call; waits for one where there is none but requests are open."""
        return [
            dataclasses.replace(self._outcome(number, error, seconds, attempts) if result is None else result,
                                attempts=attempts, wall_seconds=seconds)
            for number, result, error, seconds, attempts in self._ended()
        ]  # fmt: skip

    def deliver(self, problem: Problem, orders: Sequence[Order]) -> Sequence[Delivery]:
        """The deliveries of orders, in the order in which they came."""
        for order in orders:
            self._begin(order.id, ordered, problem, order)
        found: list[Delivery] = []
        while len(found) < len(orders):
            for number, result, error, seconds, attempts in self._ended():
                found.append(Delivery(self._outcome(number, error, seconds, attempts), result))
        return found

    def results(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        """What a function makes of every item, in their order: whole searches, for instance.

        Raises:
            RunError: one of them failed; the text names it and its cause.
        """
        items = list(items)
        for number, item in enumerate(items):
            self._begin(number, function, None, item)
        found: dict[int, Any] = {}
        while len(found) < len(items):
            for number, result, error, _, attempts in self._ended():
                if error:
                    self._abandon()
                    raise RunError(f"item {number} failed on the cluster in {attempts} attempts: {error}.")
                found[number] = result
        return [found[number] for number in range(len(items))]

    def close(self) -> None:
        """Leaves the cluster; what is under way there is given up."""
        self._abandon()
        self._client.close()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _abandon(self) -> None:
        """Gives up all that is open."""
        for task in self._tasks.values():
            self._client.cancel(task.futures, force=True)
        self._tasks.clear()

    def _begin(self, number: int, function: Callable[..., Any], parcel: Any, *arguments: Any) -> None:
        if number in self._tasks:
            raise RunError(f"task {number} is still open; expected an id of its own for each.")
        if not self._tasks:
            self._count()
        self._tasks[number] = _Task(function, (parcel, *arguments))
        self.account.submitted += 1
        self._send(number)

    def _send(self, number: int) -> None:
        """Submits a task, for the first time or again."""
        task = self._tasks[number]
        task.attempts, task.began = task.attempts + 1, time.monotonic()
        parcel, *rest = task.arguments
        sent = rest if parcel is None else [self._parcel(parcel), *rest]
        key = f"daedalus-{self._name}-{number}-{uuid.uuid4().hex[:6]}"
        future = self._client.submit(timed, task.function, *sent, key=key, pure=False)
        task.futures.append(future)
        future.add_done_callback(lambda _: self._ready.put(number))

    def _parcel(self, what: Any) -> Future:
        """A problem or simulator on the cluster: sent once, and made again there where it is lost."""
        import cloudpickle  # comes with Dask

        known = self._parcels.get(id(what))
        if known is None or known[1].client is not self._client or known[1].cancelled():
            pickled = cloudpickle.dumps(what) if known is None else known[2]
            future = self._client.submit(same, pickled, key=f"daedalus-{self._name}-parcel-{uuid.uuid4().hex[:6]}")
            known = self._parcels[id(what)] = what, future, pickled
        return known[1]

    def _ended(self) -> list[tuple[int, Any, str, float, int]]:
        """Number, result, cause of failure, seconds and attempts of what has ended; waits for one if any is open."""
        found: list[tuple[int, Any, str, float, int]] = []
        while self._tasks and not found:
            ready = self._wait()
            self._count()
            for number in ready & set(self._tasks):
                task = self._tasks[number]
                end = self._end(task)
                if end is not None:
                    del self._tasks[number]
                    self._forget(task)
                    self.account.done += 1
                    found.append((number, *end, task.attempts))
                elif not task.futures:
                    self.account.again += 1
                    self._send(number)
            self._copy_the_late()
            self._restart_the_stuck()
        if not self._tasks:
            self._count(last=True)
        return found

    def _end(self, task: _Task) -> tuple[Any, str, float] | None:
        """Result, cause and seconds of a task that has ended; futures that were lost are dropped from it."""
        from distributed import KilledWorker

        for future in list(task.futures):
            if future.status == "finished":
                try:
                    result, seconds = future.result(timeout=PATIENCE)
                except Exception:  # its only copy was lost with a worker just now
                    task.futures.remove(future)
                    continue
                self._seconds.append(seconds)
                self.account.busy_seconds += seconds
                return result, "", seconds
            if future.status in ("error", "cancelled", "lost"):
                task.futures.remove(future)
                cause = future.exception() if future.status == "error" else None
                lost = cause is None or isinstance(cause, KilledWorker)
                if not task.futures and (not lost or task.attempts >= ATTEMPTS):
                    return None, f"{type(cause).__name__}: {cause}", time.monotonic() - task.began
        return None

    def _wait(self) -> set[int]:
        """The tasks that may have ended, after a while at most; all of them now and then: messages may be lost."""
        ready: set[int] = set()
        if self._client.status != "running":
            self._client = self._connected()
            for task in self._tasks.values():
                task.futures.clear()
            return set(self._tasks)
        with suppress(queue.Empty):
            ready.add(self._ready.get(timeout=TURN))
            while True:
                ready.add(self._ready.get_nowait())
        if time.monotonic() - self._scanned > SCAN:
            self._scanned = time.monotonic()
            return set(self._tasks)
        return ready

    def _copy_the_late(self) -> None:
        """Gives what is late to an idle worker as well; time that a task waits for its turn does not count."""
        idle = sum(self._workers.values()) - sum(len(task.futures) for task in self._tasks.values())
        if len(self._seconds) < 3 or idle <= 0 or self._client.status != "running":
            self._working.clear()
            return
        now, late = time.monotonic(), max(SHORTEST, STRAGGLER * float(np.median(self._seconds[-200:])))
        if now - self._scheduled < late / 4:
            return
        self._scheduled = now
        self._working = {key: self._working.get(key, now) for key in self._places()}
        for number, task in self._tasks.items():
            if idle > 0 and len(task.futures) == 1 and now - self._working.get(task.futures[0].key, now) > late:
                self.account.copies += 1
                idle -= 1
                self._send(number)

    def _places(self) -> dict[str, str]:
        """Which worker has been given what, by key."""
        given: dict[str, list[str]] = dict(self._client.processing())  # pyright: ignore  # a client that waits
        return {key: worker for worker, keys in given.items() for key in keys}

    def _restart_the_stuck(self) -> None:
        """Restarts workers that still work on what others have done long since: a thread cannot be stopped."""
        due = [key for key, (_, deadline) in self._given_up.items() if time.monotonic() > deadline]
        for key in due if self._client.status == "running" else ():
            worker, _ = self._given_up.pop(key)
            busy: dict[str, list[str]] = dict(self._client.run(_executing, workers=[worker], on_error="ignore"))  # pyright: ignore
            if key in busy.get(worker, ()):  # in a thread, for it waits until the worker is back
                restart = partial(self._client.restart_workers, [worker], raise_for_error=False)
                threading.Thread(target=restart, daemon=True).start()

    def _forget(self, task: _Task) -> None:
        """Gives up the copies of a task that has ended."""
        others = [future for future in task.futures if future.status == "pending"]
        if others:
            places = self._places()
            self._client.cancel(others, force=True)
            deadline = time.monotonic() + max(STUCK, 2 * (time.monotonic() - task.began))
            keys = [str(future.key) for future in others]
            self._given_up |= {key: (places[key], deadline) for key in keys if key in places}

    def _count(self, *, last: bool = False) -> None:
        """Adds the workers' time since the last look to the account."""
        now = time.monotonic()
        if self._looked is not None and now - self._looked < LOOK and not last:
            return
        running = self._client.status == "running"
        known = self._client.scheduler_info().get("workers", {}) if running else {}
        names = {str(each.get("id", place)): int(each.get("nthreads", 1)) for place, each in known.items()}
        self.account.lost_workers += len(set(self._workers) - set(names))
        self._workers, count = names, sum(names.values())
        self.account.workers = max(self.account.workers, count)
        if self._looked is not None:
            self.account.worker_seconds += count * (now - self._looked)
        self._looked = None if last else now

    def _connected(self) -> Client:
        """A client of the scheduler, which may take a while to come back.

        Raises:
            RunError: it does not.
        """
        began, cause = time.monotonic(), None
        while time.monotonic() - began < (PATIENCE if self.account.submitted else FIRST_PATIENCE):
            try:
                return self._connect()
            except (OSError, TimeoutError) as error:
                cause = error
                time.sleep(1.0)
        raise RunError(f"no scheduler answers: {cause}. Start it, then `daedalus resume` what was under way.")

    def _outcome(self, number: int, error: str, seconds: float, attempts: int) -> Outcome:
        status = Status.FAILED if error else Status.OK
        return Outcome(number, status, cause=error, attempts=attempts, wall_seconds=seconds)


def _executing(dask_worker: Any = None) -> list[str]:
    """The keys of what a worker's threads are working on, wanted or not."""
    return [str(task.key) for task in dask_worker.state.executing]
