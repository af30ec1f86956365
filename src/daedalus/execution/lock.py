"""Locks: one writer at a time, whose name everybody can read."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
from pathlib import Path
from typing import Any

from daedalus.errors import RunError
from daedalus.execution.files import read_json
from daedalus.execution.manifest import now

BOOT = Path("/proc/sys/kernel/random/boot_id")  # Linux: a machine that was started again holds no locks
PATIENCE = 60.0  # [s]; a lock that has no name after so long will not get one


class Lock:
    """The right to write into a folder, as a file that only one process can make; a context.

    Made with O_EXCL, which network file systems honour. A lock whose process no longer runs on this machine is taken
    over; whether one on another machine runs cannot be known from here. A process that has a lock gets it again, and
    gives it back where it got it first.
    """

    def __init__(self, path: Path, *, broken: bool = False) -> None:
        """Takes the lock.

        Args:
            path: its file.
            broken: take it in any case: its holder is known to be gone.

        Raises:
            RunError: another process holds it; its name is in the message.
        """
        self.path, self._mine = path, False
        try:
            door = path.with_name(f".{path.name}.door")
            with open(door, "w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # only one process of this machine looks whether a holder is gone
                try:
                    self._take(broken, os.fstat(file.fileno()).st_mtime)
                finally:
                    door.unlink(missing_ok=True)
        except OSError as cause:
            raise RunError(f"the lock {path} cannot be made: {cause}. Choose another folder.") from cause

    def _take(self, broken: bool, at: float) -> None:
        """Takes the lock at a time by the clock of its file system [s]."""
        if self.path.exists():
            found = _holder(self.path)
            if _is_me(found):
                return
            nameless = not found and at - self.path.stat().st_mtime > PATIENCE  # killed before it wrote its name
            if broken or nameless or _gone(found):
                self.path.unlink()
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError as cause:
            raise RunError(
                f"{self.path.parent} is being written by {_name(_holder(self.path))}; expected a folder that nobody "
                "writes to. Wait for it, choose another folder, or --break-lock if that process is gone."
            ) from cause
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(_self()))
            file.flush()
            os.fsync(file.fileno())
        self._mine = True

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        if self._mine and _is_me(_holder(self.path)):  # nobody has broken it since
            self.path.unlink(missing_ok=True)


def holder(path: Path) -> str | None:
    """Who holds a lock and still runs, as far as can be known from here; None for nobody."""
    if not path.exists():
        return None
    found = _holder(path)
    return None if _gone(found) else _name(found)


def _self() -> dict[str, Any]:
    return {"host": socket.gethostname(), "process": os.getpid(), "user": _user(), "since": now(), "boot": _boot()}


def _is_me(found: dict[str, Any]) -> bool:
    me = _self()
    return all(found.get(name) == me[name] for name in ("host", "process", "boot"))


def _holder(path: Path) -> dict[str, Any]:
    try:
        return read_json(path)
    except RunError:  # just being written, or just gone
        return {}


def _name(found: dict[str, Any]) -> str:
    if not found:
        return "a process that has not written its name yet"
    return f"process {found.get('process')} of {found.get('user')} on {found.get('host')}, since {found.get('since')}"


def _gone(found: dict[str, Any]) -> bool:
    """Whether a holder certainly does not run any more."""
    if found.get("host") != socket.gethostname():
        return False
    if found.get("boot") != _boot():
        return True
    try:
        os.kill(int(found["process"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _boot() -> str:
    return BOOT.read_text().strip() if BOOT.exists() else ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a user database
        return str(os.getuid())
