"""Executables: foreign programs that read a request from a file and leave their answer in another."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Literal, final

from daedalus.core import Answer, Request, SimulationError, SimulationTimeoutError
from daedalus.errors import RunError
from daedalus.execution.answers import Entries, Shapes, answer_of, read_columns, read_entries
from daedalus.execution.processes import ProcessGroups, tail

INPUT = "input.json"
OUTPUT = {"json": "output.json", "parquet": "output.parquet"}
STDOUT, STDERR = "stdout.txt", "stderr.txt"


@final
class Executable:
    """A simulator that is a program: a request in, an answer out, each a file in a working folder of its own.

    The request is a JSON object with the entries of `Request`: id, parameters (by name, in their display units),
    events, seed, gradient. The answer is a JSON object with any of the entries of `Answer`: values, errors, columns,
    derivatives, derivative_errors. With output "parquet" it is a Parquet file with one row per event, and a JSON file
    beside it (its name with .json) is read too where there is one.

    Whatever else happens (an exit code, a signal, no end in time, an answer that is incomplete or no numbers) is a
    failed evaluation whose cause holds the last lines of the program's standard error, or else of its output. After
    the program, and when its time is over, its whole process group is killed. One executable may run in many threads.
    """

    def __init__(
        self,
        command: Sequence[str] | str,
        names: Sequence[str],
        *,
        timeout: float | None = None,
        output: Literal["json", "parquet"] = "json",
        folder: Path | str | None = None,
        environment: Mapping[str, str] | None = None,
        differentiable: bool = False,
        keep: Literal["failed", "all", "none"] = "failed",
        shapes: Shapes | None = None,
    ) -> None:
        """Describes the program; whether it is there shows when it is run.

        Args:
            command: program and arguments. "{input}" and "{output}" stand for the paths of the two files; where they
                are missing, the paths are appended in this order. Arguments that are paths of existing files are
                made absolute, for the program runs in its working folder.
            names: the values and columns that its answers must hold.
            timeout: how long it may run [s]; None is for ever.
            output: what it writes.
            folder: where the working folders are made; by default in the system's folder for temporary files, and
                then none is kept.
            environment: variables that are added to the present ones.
            differentiable: whether it gives derivatives where it is asked for them.
            keep: which working folders stay: of attempts that failed, of all, or of none.
            shapes: shapes of the values, or of the entries of columns, that are no single numbers.

        Raises:
            RunError: an empty command, or working folders that are to stay in no folder.
        """
        words = shlex.split(command) if isinstance(command, str) else list(command)
        if not words:
            raise RunError("the command of an Executable is empty; expected a program and its arguments.")
        if keep == "all" and folder is None:
            raise RunError("keep='all' needs folder=..., the folder in which the working folders shall stay.")
        self.names, self.differentiable = tuple(names), differentiable
        self.command = [_absolute(word) for word in words]
        self.command += [mark for mark in ("{input}", "{output}") if not any(mark in word for word in words)]
        self.timeout, self.output, self.keep = timeout, output, keep
        self.folder = None if folder is None else Path(folder).absolute()
        self.environment = dict(environment or {})
        self.shapes = dict(shapes or {})
        self._groups = ProcessGroups()

    def __call__(self, request: Request) -> Answer:
        """The program's answer to a request.

        Raises:
            SimulationError: there is none, or it is not what it must be.
            SimulationTimeoutError: the program did not end in time.
        """
        with self._working_folder(request) as folder:
            text = json.dumps(dataclasses.asdict(request) | {"parameters": dict(request.parameters)})
            (folder / INPUT).write_text(text, encoding="utf-8")
            self._run(folder)
            found = self._read(folder / OUTPUT[self.output])
            expected = {"shapes": self.shapes, "differentiable": self.differentiable}
            return answer_of(found, request, place=OUTPUT["json"], **expected)

    def stop(self) -> None:
        """Kills what runs at this moment; those evaluations fail."""
        self._groups.kill()

    def _run(self, folder: Path) -> None:
        paths = {"{input}": str(folder / INPUT), "{output}": str(folder / OUTPUT[self.output])}
        command = [_substituted(word, paths) for word in self.command]
        environment = {**os.environ, **self.environment}
        with (folder / STDOUT).open("wb") as out, (folder / STDERR).open("wb") as err:
            streams = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": err}
            try:
                running = self._groups.running(command, cwd=folder, env=environment, **streams)
                with running as group, group.within(self.timeout):
                    group.process.wait()
            except OSError as cause:
                raise SimulationError(f"{self.command[0]} cannot be started: {cause.strerror}") from cause
        if group.expired:
            raise SimulationTimeoutError(f"no end after {self.timeout:g} s{_last_words(folder)}")
        if group.process.returncode != 0:
            raise SimulationError(f"{group.fate}{_last_words(folder)}")

    def _read(self, path: Path) -> Entries:
        if self.output == "json":
            return read_entries(path)
        beside = path.with_suffix(".json")
        entries = read_entries(beside) if beside.exists() else {}
        return {**entries, "columns": read_columns(path)}

    @contextmanager
    def _working_folder(self, request: Request) -> Iterator[Path]:
        """A new folder for an attempt, which is removed afterwards unless it is to be kept."""
        if self.folder is None:
            with tempfile.TemporaryDirectory(prefix="daedalus-", ignore_cleanup_errors=True) as name:
                yield Path(name)
            return
        folder = _new_folder(self.folder, request.id)
        kept = self.keep != "none"
        try:
            yield folder
            kept = self.keep == "all"
        finally:
            if not kept:
                shutil.rmtree(folder, ignore_errors=True)


def _new_folder(parent: Path, number: int) -> Path:
    """A new folder that is named after a request and counts its attempts."""
    parent.mkdir(parents=True, exist_ok=True)
    for attempt in count(1):
        folder = parent / f"{number:06d}-{attempt}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise AssertionError


def _absolute(word: str) -> str:
    """An argument, made absolute where it is the path of a file."""
    return os.path.abspath(word) if os.path.isfile(word) else word


def _substituted(word: str, paths: Mapping[str, str]) -> str:
    for mark, path in paths.items():
        word = word.replace(mark, path)
    return word


def _last_words(folder: Path) -> str:
    """What the program wrote last, as an error if it did; the folder's name, which differs from run to run, is cut."""
    said = (tail((folder / name).read_bytes()) for name in (STDERR, STDOUT))
    words = next(filter(None, said), "").replace(f"{folder}{os.sep}", "")
    return f"; it said last: {words}" if words else "; it said nothing"
