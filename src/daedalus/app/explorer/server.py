"""`daedalus explore`: the page of a run folder, served from this machine to who has the token."""

from __future__ import annotations

import logging
import socket
from functools import lru_cache
from pathlib import Path
from typing import Any

import dash
from flask import Flask, Response, make_response, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from daedalus.app.explorer.callbacks import Layout, connect
from daedalus.app.explorer.designs import Designs, folder_of
from daedalus.app.explorer.live import Live, prepared
from daedalus.app.explorer.page import TITLE, page
from daedalus.app.explorer.token import LOOPBACK, Access, access
from daedalus.app.report import filed_task
from daedalus.app.screen import remark
from daedalus.app.task import Task
from daedalus.catalogue import resolved
from daedalus.errors import RunError

ASSETS = Path(__file__).with_name("assets")
DRAWN = 64  # layouts that are kept
LAST_PORT = 65535
LARGEST = 8_000_000  # bytes of a request
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
REFUSED = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Not shown</title></head>
<body style="font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; color: #222">
<h1 style="font-size: 1.3rem">This page is not shown to you</h1><p>{why}</p>
</body></html>"""
NO_TOKEN = (
    "The address has no token, or another one. Open the whole address that <code>daedalus explore</code> printed when "
    "it was started, with <code>?token=...</code> at its end. Every start has a new token, unless one is chosen with "
    "<code>--token</code>."
)
NO_NAME = (
    "This server was asked for under a name that it is not served under. Open the address that <code>daedalus "
    "explore</code> printed; to serve other names, start it with <code>--host NAME</code>."
)


def serve(path: Path, *, host: str, port: int, token: str | None, events: int | None) -> None:
    """Serves the page of a run folder until Ctrl-C.

    Args:
        path: the run folder.
        host: the name or address to serve on.
        port: 0 for a free one.
        token: that a visitor needs; a random one where it is None.
        events: particles per scenario; as many as keep moves quick where it is None.

    Raises:
        RunError: no run folder, its problem cannot be followed live, a short token, or an address that cannot be had.
    """
    door = access(host, token)
    with _socket(host, port) as listening:
        remark("compiling the evaluation ...")
        server = served(explorer(*live_run(path, events), door).server, listening)
        try:
            shown = "127.0.0.1" if host in ("0.0.0.0", "") else host
            shown = f"[{shown}]" if ":" in shown else shown
            if host not in LOOPBACK:
                remark("whoever can reach this machine and has the token can look; what travels is not encrypted.")
            print(f"http://{shown}:{server.port}/?token={door.token}", flush=True)
            remark("open this address in a browser; Ctrl-C ends it.")
            server.serve_forever()
        finally:
            server.server_close()


def live_run(path: Path, events: int | None = None) -> tuple[Live, Task]:
    """The live evaluation of a run folder, compiled, and its task.

    Args:
        path: the run folder.
        events: particles per scenario; as many as keep moves quick where it is None.

    Raises:
        RunError: no run folder, or its problem cannot be followed live.
    """
    if events is not None and events < 1:
        raise RunError(f"events is {events}; expected a whole number of at least 1.")
    folder = folder_of(path)
    found = filed_task(folder)
    chosen, recipe = found.configuration, found.recipe
    sizes = {"events": chosen.events or recipe.events, "scenarios": chosen.scenarios or recipe.scenarios}
    live = prepared(Designs(folder, found.problem), seed=chosen.seed, fixed=events, **sizes)
    return live, found


def explorer(live: Live, found: Task, door: Access) -> dash.Dash:
    """The application: its page, its callbacks, and a door that lets nobody in without the token.

    Args:
        live: the evaluating side.
        found: the task, whose study may draw layouts.
        door: who may look.
    """
    app = dash.Dash(
        __name__, assets_folder=str(ASSETS), title=f"{live.problem.name} · {TITLE}",
        update_title="", add_log_handler=False, serve_locally=True, enable_mcp=False, use_pages=False,
    )  # fmt: skip
    layout = _layout(live, found)
    ground = resolved(found.offer.ground)(live.problem) if layout is not None and found.offer.ground else None
    app.layout = lambda: page(live, drawn=layout is not None)
    connect(app, live, layout, ground)
    _guard(app, door)
    return app


def served(app: Any, listening: socket.socket) -> BaseWSGIServer:
    """A server of an application on a socket, a thread per request; `serve_forever` starts it."""
    host, port = listening.getsockname()[:2]
    return make_server(host, port, app, threaded=True, request_handler=_Quiet, fd=listening.fileno())


class _Quiet(WSGIRequestHandler):
    """Requests are no news; their addresses hold the token."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Says nothing."""


def _layout(live: Live, found: Task) -> Layout | None:
    """What draws a place, once tried: the first drawing compiles; a study that cannot draw does not cost the page."""
    if not found.offer.layout:
        return None
    draw = resolved(found.offer.layout)
    layout = lru_cache(DRAWN)(lambda place: live.drawn(place, lambda design: tuple(draw(live.problem, design))))
    try:
        layout(live.place(live.designs.first()))
    except Exception as cause:
        remark(f"the layout cannot be drawn: {cause!r}")
        return None
    return layout


def _socket(host: str, port: int) -> socket.socket:
    if not 0 <= port <= LAST_PORT:
        raise RunError(f"port is {port}; expected 0 for a free one, or up to {LAST_PORT}. Choose another --port.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as cause:
        raise RunError(
            f"{host or 'all addresses'}, port {port}, cannot be served: {cause}. Choose another --port (0 for a free "
            "one), and a --host of this machine."
        ) from cause


def _guard(app: dash.Dash, door: Access) -> None:
    """Lets no request in without the token, and makes whatever else goes wrong a short answer."""
    server: Flask = app.server
    server.config["MAX_CONTENT_LENGTH"] = LARGEST
    logging.getLogger(server.name).setLevel(logging.CRITICAL)
    scripts = " ".join(app.csp_hashes())

    def check() -> Response | None:
        if not door.serves(request.headers.get("Host")):
            return _refusal(NO_NAME)
        if not any(map(door.knows, (request.args.get("token"), request.cookies.get(door.cookie)))):
            return _refusal(NO_TOKEN)
        return None

    def remember(answer: Response) -> Response:
        if (
            answer.status_code < 400
            and door.serves(request.headers.get("Host"))
            and door.knows(request.args.get("token"))
        ):
            answer.set_cookie(door.cookie, door.token, httponly=True, samesite="Strict", path="/")
        for name, text in HEADERS.items():
            answer.headers.setdefault(name, text.format(scripts=scripts))  # Dash's scripts may be cached
        return answer

    def failed(cause: Exception) -> Any:
        if isinstance(cause, HTTPException):
            return cause
        remark(f"a request could not be understood: {cause!r}")
        return make_response("This request could not be understood; load the page again.", 400)

    server.before_request_funcs.setdefault(None, []).insert(0, check)  # before those of Dash
    server.after_request(remember)
    server.register_error_handler(Exception, failed)


def _refusal(why: str) -> Response:
    return make_response(REFUSED.format(why=why), 403)
