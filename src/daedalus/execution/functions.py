"""Python functions as simulators, in this process or, so that crashes and hangs are survived, in children of it."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, final

from daedalus.core import Answer, Request, SimulationError, SimulationTimeoutError
from daedalus.errors import RunError
from daedalus.execution.answers import Shapes, answer_of
from daedalus.execution.processes import ProcessGroup, ProcessGroups, tail

CHILD = Path(__file__).with_name("child.py")

Function = Callable[..., Answer | Mapping[str, Any]]


@final
class PythonFunction:
    """A simulator that is a Python function: ``function(parameters, events, seed)``.

    It is given the parameters by name in their display units, and returns a mapping with any of the entries of
    `Answer`, such as ``{"values": {"hits": 12}, "errors": {"hits": 3.5}}``, or an `Answer`. A differentiable one is
    called with ``gradient=True`` or ``False`` too.

    An isolated function runs in child processes, one per thread that calls it, which wait for the next call. Then it
    may crash, hang or be killed; it must be importable (no lambda, nothing defined inside another function), and a
    script that defines it must guard its main part with ``if __name__ == "__main__"``.
    """

    def __init__(
        self,
        function: Function,
        names: Sequence[str],
        *,
        differentiable: bool = False,
        isolated: bool = False,
        timeout: float | None = None,
        shapes: Shapes | None = None,
    ) -> None:
        """Describes the function.

        Args:
            function: called as above.
            names: the values and columns that its answers must hold.
            differentiable: whether it gives derivatives where it is asked for them.
            isolated: whether it runs in child processes.
            timeout: how long it may run, if isolated [s]; None is for ever.
            shapes: shapes of the values, or of the entries of columns, that are no single numbers.

        Raises:
            RunError: a timeout without isolation, or an isolated function that cannot be sent to a child.
        """
        if timeout is not None and not isolated:
            raise RunError("a function in this process cannot be interrupted; expected isolated=True with a timeout.")
        self.function, self.names, self.differentiable = function, tuple(names), differentiable
        self.isolated, self.timeout, self.shapes = isolated, timeout, dict(shapes or {})
        self._sent = _sendable(function) if isolated else b""
        self._groups = ProcessGroups()
        self._idle: list[_Child] = []

    def __call__(self, request: Request) -> Answer:
        """The function's answer to a request.

        Raises:
            SimulationError: it raised, it died, or its answer is not what it must be.
            SimulationTimeoutError: it did not end in time.
        """
        arguments = dict(request.parameters), request.events, request.seed
        options = {"gradient": request.gradient} if self.differentiable else {}
        found = (self._away if self.isolated else self.function)(*arguments, **options)
        expected = {"shapes": self.shapes, "differentiable": self.differentiable}
        return answer_of(found, request, place="what the function returned", **expected)

    def stop(self) -> None:
        """Kills the child processes; evaluations in them fail, and the next ones start new children."""
        with suppress(IndexError):
            while True:
                self._idle.pop().end()
        self._groups.kill()

    def _away(self, *arguments: Any, **options: Any) -> Any:
        """What the function returns in a child."""
        child = self._child()
        try:
            fine, result = child.call(arguments, options, self.timeout)
        except BaseException as cause:  # Ctrl-C too: a child in the middle of something is of no use to anybody
            child.end(patience=2.0 if isinstance(cause, EOFError) else 0.0)
            if not isinstance(cause, (EOFError, OSError, pickle.UnpicklingError)):
                raise
            if child.group.expired:
                raise SimulationTimeoutError(f"no end after {self.timeout:g} s") from cause
            raise SimulationError(f"the function's process ended: {child.group.fate}{child.words}") from cause
        self._idle.append(child)
        if not fine:
            raise SimulationError(result)
        return result

    def _child(self) -> _Child:
        """A child that waits for a call, or a new one."""
        with suppress(IndexError):  # other threads take children too
            while True:
                child = self._idle.pop()
                if child.group.process.poll() is None:
                    return child
                child.end()
        return _Child(self._groups, self._sent)


class _Child:
    """A process that waits for calls of one function."""

    def __init__(self, groups: ProcessGroups, sent: bytes) -> None:
        self._groups, self._sent = groups, sent
        self._said = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - the process's, which shares its position
        self.words = ""  # what it wrote last, once it has ended
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._said}
        self.group: ProcessGroup = groups.started([sys.executable, "-P", str(CHILD)], **pipes)

    def call(self, arguments: tuple[Any, ...], options: dict[str, Any], timeout: float | None) -> tuple[bool, Any]:
        """Whether a call of the function went well, and what came out or why not.

        The time of the first call begins when the function is loaded.

        Raises:
            EOFError: the process died; other errors of files and of pickle mean the same.
        """
        if self._sent:
            self._asked(self._sent)
            self._sent = b""
        self._said.seek(0)
        self._said.truncate()
        with self.group.within(timeout):
            return self._asked(pickle.dumps((arguments, options)))

    def end(self, patience: float = 0.0) -> None:
        """Ends the process, after so long a time in which it may end by itself and say how [s]."""
        if patience:
            with suppress(subprocess.TimeoutExpired):
                self.group.process.wait(patience)
        self._groups.end(self.group)
        self._said.seek(0)
        words = tail(self._said.read())
        self.words = f"; it said last: {words}" if words else "; it said nothing"
        for file in (*self._pipes, self._said):
            with suppress(OSError):  # of what could not be written any more
                file.close()

    @property
    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        process = self.group.process
        assert process.stdin is not None
        assert process.stdout is not None
        return process.stdin, process.stdout

    def _asked(self, message: bytes) -> Any:
        there, back = self._pipes
        there.write(message)
        there.flush()
        return pickle.load(back)


def _sendable(function: Function) -> bytes:
    """What a child needs to know of a function, as it reads it."""
    try:
        sent = pickle.dumps(function)
        script = Path(str(sys.modules["__main__"].__file__)).resolve(strict=True) if b"__main__" in sent else None
    except (pickle.PicklingError, AttributeError, TypeError, OSError) as cause:  # a notebook is no file
        raise RunError(
            f"the function {function!r} cannot be sent to a child process: {cause}. Define it at the top of a module."
        ) from cause
    return pickle.dumps((sys.path, script and str(script))) + sent
