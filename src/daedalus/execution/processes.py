"""Process groups: foreign programs with everything they start, which end together and never outlive Python."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any


class ProcessGroup:
    """A running program and everything it has started.

    It has a session of its own: Ctrl-C reaches Python, which then ends the group.
    """

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        """Starts the program.

        Args:
            command: program and arguments.
            options: of `subprocess.Popen`.

        Raises:
            OSError: it cannot be started.
        """
        self.process = subprocess.Popen(command, start_new_session=True, **options)
        self.expired = False  # whether it was killed because its time was over

    @contextmanager
    def within(self, seconds: float | None) -> Iterator[None]:
        """A block in whose course the group is killed when so many seconds are over [s]; None is for ever."""
        if seconds is None:
            yield
            return
        # not Popen.wait(timeout): that sleeps and looks, and is late by up to 50 ms
        timer = threading.Timer(seconds, self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def kill(self) -> None:
        """Ends everything that still runs of the group, and waits for the program itself."""
        with suppress(ProcessLookupError, PermissionError):  # nothing is left of it
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def fate(self) -> str:
        """How the program ended: "exit code 3", "killed by SIGSEGV"."""
        code = self.process.wait()
        if code >= 0:
            return f"exit code {code}"
        with suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
        return f"killed by signal {-code}"

    def _expire(self) -> None:
        self.expired = True
        self.kill()


class ProcessGroups:
    """The process groups somebody answers for; what still runs ends with their owner, or when Python exits."""

    def __init__(self) -> None:
        self._running: set[ProcessGroup] = set()
        weakref.finalize(self, _kill, self._running)

    @contextmanager
    def running(self, command: Sequence[str], **options: Any) -> Iterator[ProcessGroup]:
        """A block with a running program, of which nothing is left after it."""
        group = self.started(command, **options)
        try:
            yield group
        finally:
            self.end(group)

    def started(self, command: Sequence[str], **options: Any) -> ProcessGroup:
        """A program that was started and runs until `end` or `kill`."""
        group = ProcessGroup(command, **options)
        self._running.add(group)
        return group

    def end(self, group: ProcessGroup) -> None:
        """Ends one group."""
        group.kill()
        self._running.discard(group)

    def kill(self) -> None:
        """Ends whatever runs at this moment; whoever waits for it sees it killed."""
        _kill(self._running)


def _kill(groups: set[ProcessGroup]) -> None:
    for group in list(groups):
        group.kill()


def tail(data: bytes, lines: int = 3, characters: int = 300) -> str:
    """The end of what a program wrote, on one line."""
    text = [line.strip() for line in data.decode(errors="replace").splitlines() if line.strip()]
    return " | ".join(text[-lines:])[-characters:]
