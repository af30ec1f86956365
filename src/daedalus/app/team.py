"""Teams: several processes that compute one search together. One leads and keeps the record, the others follow."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import jax
import numpy as np

from daedalus.app.device import cores, prepare
from daedalus.app.words import Place
from daedalus.errors import RunError
from daedalus.execution import RunFolder
from daedalus.execution.design_file import LEAVES
from daedalus.execution.run_folder import CONFIGURATION, JOURNAL, START
from daedalus.search import Progress, Watcher

_told = threading.Event()  # the followers know what is searched
PATIENCE = 60.0  # [s]; for followers to end after their leader has
DEVICES = "JAX_NUM_CPU_DEVICES"


@contextmanager
def team(place: Place) -> Iterator[bool]:
    """Makes this process one of several, and tells whether it leads; alone it does.

    Followers on this machine are started here and end with this context. Those of a batch system join from outside.

    Raises:
        RunError: fewer than one process, or both ways at once.
    """
    if place.processes < 1 or (place.processes > 1 and place.distributed):
        raise RunError(
            f"processes is {place.processes} and distributed {place.distributed}; expected at least one process, "
            "started either here (--processes) or by a batch system (--distributed)."
        )
    if place.processes == 1 and not place.distributed:
        yield True
        return
    if place.processes > 1:
        os.environ.setdefault(DEVICES, str(max(1, cores() // place.processes)))
    prepare()
    if place.distributed:
        jax.distributed.initialize()  # the batch system's variables say who is who
        leads = jax.process_index() == 0
        with _dismissing() if leads else nullcontext():
            yield leads
        return
    address = f"127.0.0.1:{_free_port()}"
    followers = [_follower(address, place.processes, number) for number in range(1, place.processes)]
    try:
        jax.distributed.initialize(address, place.processes, 0)
        with _dismissing():
            yield True
        jax.distributed.shutdown()
        for follower in followers:
            follower.wait(PATIENCE)
    finally:
        for follower in followers:
            follower.kill()  # JAX's processes do not heed SIGTERM
            follower.wait()


@contextmanager
def _dismissing() -> Iterator[None]:
    """Lets followers go where their leader fails: JAX ends processes that lose each other by force."""
    try:
        yield
    except BaseException:
        if not _told.is_set():
            _sent(json.dumps({}).encode())
        jax.distributed.shutdown()
        raise


def announce(folder: RunFolder) -> None:
    """Tells the followers what is searched, as the folder's files have it; nothing where there are none."""
    if jax.process_count() > 1:
        _told.set()
        places = [folder.path / name for name in (CONFIGURATION, START, Path(START).with_suffix(LEAVES))]
        files = {each.name: b64encode(each.read_bytes()).decode() for each in places if each.exists()}
        _sent(json.dumps(files).encode())
        _sent(folder.journal.read_bytes() if folder.journal.exists() else b"")


@contextmanager
def announced() -> Iterator[RunFolder | None]:
    """A follower's side of `announce`: what is searched, in a folder of its own that is thrown away.

    None where the leader has nothing to do.
    """
    files = json.loads(_sent(b""))
    if not files:
        yield None
        return
    journal = _sent(b"")
    with tempfile.TemporaryDirectory(prefix="daedalus-") as place:
        folder = RunFolder(Path(place))
        for name, text in files.items():
            (folder.path / name).write_bytes(b64decode(text))
        if journal:
            (folder.path / JOURNAL).write_bytes(journal)
        yield folder


def agreed(budgets: Sequence[Watcher], wished: Callable[[], bool]) -> Watcher:
    """A watcher by which all processes end their search after the same chunk, when the leader does.

    Args:
        budgets: watchers that end the search; only the leader's count.
        wished: whether the leader was asked to end.
    """

    def watch(progress: Progress) -> None:
        ends = wished()
        try:
            for budget in budgets:
                budget(progress)
        except KeyboardInterrupt:
            ends = True
        if _agreed(ends):
            raise KeyboardInterrupt

    return watch


@contextmanager
def released() -> Iterator[None]:
    """Ends the followers' search where the leader's alone fails in this context, as a full disk makes it."""
    try:
        yield
    except BaseException as cause:
        if jax.process_count() > 1 and not hasattr(cause, "history"):  # else all of them have stopped by themselves
            _agreed(True)
        raise


@contextmanager
def deferred_signals() -> Iterator[Callable[[], bool]]:
    """SIGTERM and Ctrl-C end nothing in this context: they are only noted, and the function tells whether one came."""
    came = threading.Event()
    signals = (signal.SIGTERM, signal.SIGINT)
    before = {each: signal.signal(each, lambda *_: came.set()) for each in signals}
    try:
        yield came.is_set
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _agreed(ends: bool) -> bool:
    from jax.experimental import multihost_utils  # brings much that a single process does not need

    return bool(multihost_utils.broadcast_one_to_all(np.int32(ends)))


def _sent(text: bytes) -> bytes:
    """The leader's text, in every process."""
    from jax.experimental import multihost_utils

    size = int(multihost_utils.broadcast_one_to_all(np.int32(len(text))))
    if size == 0:
        return b""
    own = np.frombuffer(text.ljust(size, b"\0"), np.uint8)
    return np.asarray(multihost_utils.broadcast_one_to_all(own)).astype(np.uint8).tobytes()


def _follower(address: str, count: int, number: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "daedalus.app.follow", address, str(count), str(number)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]
