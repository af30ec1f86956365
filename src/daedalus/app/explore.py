"""`daedalus explore`: the page of a run folder; it needs Dash, which not every installation has."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from daedalus.errors import RunError


def explore(path: Path, *, host: str, port: int, token: str | None, events: int | None) -> None:
    """Serves the page of a run folder until Ctrl-C.

    Args:
        path: the run folder.
        host: the name or address to serve on.
        port: 0 for a free one.
        token: that a visitor needs; a random one where it is None.
        events: particles per scenario; as many as keep moves quick where it is None.

    Raises:
        RunError: Dash is not installed, or what `daedalus.app.explorer.server.serve` raises.
    """
    if find_spec("dash") is None:
        raise RunError("the explorer needs the package dash; install it with pip install 'daedalus-design[explorer]'.")
    from daedalus.app.explorer.server import serve

    serve(path, host=host, port=port, token=token, events=events)
