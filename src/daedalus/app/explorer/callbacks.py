"""Callbacks: what happens when something on the page is touched; whatever goes wrong becomes a message there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import dash
from dash import ALL, Input, Output, State, ctx, html, no_update

from daedalus.app.explorer.designs import BEST, ROW
from daedalus.app.explorer.fields import groups, rows
from daedalus.app.explorer.files import download, uploaded
from daedalus.app.explorer.live import Live
from daedalus.app.explorer.messages import said, told, warned, words
from daedalus.app.explorer.page import options
from daedalus.app.explorer.place import Place, number, received, shortened
from daedalus.app.explorer.tables import figure_table, pin_table, status_line
from daedalus.app.explorer.views import layout_figure, search_figure
from daedalus.errors import RunError
from daedalus.geometry import Element
from daedalus.geometry.regions import Region

PINNED = "pinned "
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"  # names of pinned designs
KNOWN = 1e-3  # s; what is had faster was known already
Layout = Callable[[Place], Sequence[Element]]
_PLACE, _MESSAGE = Output("place", "data", allow_duplicate=True), Output("message", "children", allow_duplicate=True)


def connect(app: dash.Dash, live: Live, layout: Layout | None, ground: Region | None) -> None:
    """Connects the page's parts with the evaluating side.

    Args:
        app: whose page it is.
        live: the evaluating side.
        layout: the elements of a place; None where the study has none.
        ground: that they stand on.
    """
    _arriving(app, live)
    _moving(app, live)
    _looking(app, live, layout, ground)
    _pinning(app, live)
    _filing(app, live)
    _watching(app, live)
    _in_the_browser(app)


def addressed(live: Live, search: Any) -> Place:
    """The place that the query of an address names: start=NAME, row=N, and parameters by their names.

    Raises:
        RunError: an unknown word, or a value that does not fit.
    """
    asked = dict(parse_qsl(str(search or "").lstrip("?"), keep_blank_values=True, errors="replace"))
    asked.pop("token", None)
    name = f"{ROW}{asked.pop('row')}" if "row" in asked else asked.pop("start", live.designs.first())
    place, names = live.place(name), live.problem.space.names
    for word, text in asked.items():
        if word not in names:
            raise RunError(
                f"the address has {shortened(word)}; expected start, row or the name of a parameter, "
                f"such as {names[0]}. Correct the address, or go on with this design."
            )
        index = names.index(word)
        place = place.moved(index, number(live.problem.space.entries[index], text))
    return place


def _arriving(app: dash.Dash, live: Live) -> None:
    @app.callback(Output("place", "data"), Output("message", "children"), Input("location", "search"))
    def arrive(search: Any) -> Any:
        try:
            return addressed(live, search).table(), ""
        except Exception as cause:
            return live.place(live.designs.first()).table(), warned(words(cause))

    @app.callback(
        Output("rows", "children"), Output("shading", "children"), _MESSAGE, Input("group", "value"),
        Input("against", "value"), State("place", "data"), State("held", "data"), State("pinned", "data"),
        prevent_initial_call="initial_duplicate",
    )  # fmt: skip
    @told(2)
    def show_rows(group: Any, against: Any, place: Any, held: Any, pinned: Any) -> Any:
        space, ranges = live.problem.space, live.designs.free_play()
        found = groups(space.names)
        if group not in found:
            raise RunError(f"no parameters are called {shortened(group)}; choose from the list.")
        here = live.place(live.designs.first()) if place is None else received(space, place)
        other = _named(live, against, pinned)
        held = [name for name in held if isinstance(name, str)] if isinstance(held, list) else []
        shown = rows(
            live.problem, found[group], here.values, against=other.values, held=held, ranges=ranges
        )  # fmt: skip
        return shown, _shading(ranges), no_update


def _shading(ranges: Any) -> list[Any]:
    key = [html.Span(className="mark sample-mark"), " the design that is compared with"]
    if not ranges:
        command = html.Code("daedalus landscape DIR")
        return [*key, " · Near-optimal ranges are not known here: ", command, " finds them, and then they are shaded."]
    wide = [html.Span(className="range profile key"), " near-optimal where the others follow"]
    narrow = [html.Span(className="range slice key"), " where the others stay"]
    return [*key, " · ", *wide, " · ", *narrow]


def _moving(app: dash.Dash, live: Live) -> None:
    space = live.problem.space

    @app.callback(_PLACE, _MESSAGE, Input("typed", "data"), State("place", "data"), prevent_initial_call=True)
    @told(1)
    def typed(given: Any, place: Any) -> Any:
        name = given.get("name") if isinstance(given, dict) else None
        if name not in space.names:
            raise RunError(f"no parameter is called {shortened(name)}. Load the page again.")
        index = space.names.index(name)
        moved = received(space, place).moved(index, number(space.entries[index], given.get("text")))
        return moved.table() | {"moved": name}, ""

    @app.callback(_PLACE, _MESSAGE, Input("begin", "value"), prevent_initial_call=True)
    @told(1)
    def begin(name: Any) -> Any:
        return (no_update, no_update) if name is None else (live.place(str(name)).table(), "")

    @app.callback(_PLACE, _MESSAGE, Input("back", "n_clicks"), State("place", "data"), prevent_initial_call=True)
    @told(1)
    def back(clicks: Any, place: Any) -> Any:
        here = received(space, place)
        there = live.pulled_back(here)
        if there == here:
            return no_update, said(_nothing_to_pull_back(live))
        moved = [name for name, a, b in zip(space.names, here.values, there.values, strict=True) if a != b]
        return there.table(), said(f"Pulled back: {_listed(moved)} moved.")

    @app.callback(
        _PLACE, _MESSAGE, Input("improve", "n_clicks"), State("place", "data"), State("held", "data"),
        prevent_initial_call=True,
        running=[(Output("improve", "disabled"), True, False),
                 (Output("improve", "children"), "Re-optimising (at first, compiling) ...", "Re-optimise the others")],
    )  # fmt: skip
    @told(1)
    def improve(clicks: Any, place: Any, held: Any) -> Any:
        here = received(space, place)
        last = place.get("moved")
        names = [str(name) for name in (held if isinstance(held, list) else []) if name]
        names += [last] if last in space.names and last not in names else []
        there, found = live.improved(here, names)
        kept = f" {_listed(names)} held." if names else ""
        if there == here:
            return no_update, said(f"No lower loss was found in {found.calls} evaluations.{kept}")
        text = f"Loss {found.begin:.5g} to {found.end:.5g} in {found.calls} evaluations.{kept}"
        return there.table() | {"moved": last}, said(text)


def _nothing_to_pull_back(live: Live) -> str:
    known = [c.name for c in live.problem.constraints if c.known]
    measured = [c.name for c in live.problem.constraints if not c.known]
    text = f"Nothing to pull back: {_listed(known)} met." if known else "No constraint is known beforehand."
    return text + (f" What is only measured, {_listed(measured)}, is met by re-optimising." if measured else "")


def _looking(app: dash.Dash, live: Live, layout: Layout | None, ground: Region | None) -> None:
    drawing = [] if layout is None else [Output("drawing", "figure")]
    outputs = [Output("status", "children"), Output("figures", "children"), Output("timing", "children"), *drawing]

    @app.callback(
        Output("answer", "data"), *outputs, _MESSAGE, Input("asked", "data"), Input("against", "value"),
        State("pinned", "data"), prevent_initial_call=True,
    )  # fmt: skip
    def look(asked: Any, against: Any, pinned: Any) -> Any:
        turn = asked.get("number") if isinstance(asked, dict) else None
        try:
            return ({"number": turn}, *seen(asked, against, pinned), no_update)
        except Exception as cause:
            return ({"number": turn}, *[no_update] * len(outputs), warned(words(cause)))

    def seen(asked: Any, against: Any, pinned: Any) -> list[Any]:
        begin = time.perf_counter()
        here = received(live.problem.space, asked.get("place") if isinstance(asked, dict) else None)
        other = _named(live, against, pinned)
        reading, seconds = live.seen(here)
        name = _short(against)
        shown = [status_line(live.problem, reading), figure_table(live.problem, reading, live.reading(other), name)]
        figure = [] if layout is None else [layout_figure(layout(here), layout(other), name, ground)]
        whole = time.perf_counter() - begin
        sizes = f"{live.sizes.scenarios} × {live.sizes.events} events"
        text = (
            f"{sizes} in {1e3 * seconds:.0f} ms, {1e3 * whole:.0f} ms with tables and views"
            if seconds > KNOWN
            else sizes
        )
        return [*shown, f"{text}.", *figure]


def _pinning(app: dash.Dash, live: Live) -> None:
    space = live.problem.space
    pins = Output("pinned", "data", allow_duplicate=True)

    @app.callback(
        pins, _MESSAGE, Input("pin", "n_clicks"), State("place", "data"), State("pinned", "data"),
        prevent_initial_call=True,
    )  # fmt: skip
    @told(1)
    def pin(clicks: Any, place: Any, pinned: Any) -> Any:
        known = _pins(live, pinned)
        free = [letter for letter in LETTERS if letter not in known]
        if not free:
            raise RunError(f"{len(known)} designs are pinned already; drop one of them first.")
        known[free[0]] = received(space, place)
        return _stored(known), said(f"Pinned as {free[0]}.")

    @app.callback(
        _PLACE, _MESSAGE, Input({"type": "take", "name": ALL}, "n_clicks"), State("pinned", "data"),
        prevent_initial_call=True,
    )  # fmt: skip
    @told(1)
    def take(clicks: Any, pinned: Any) -> Any:
        if not any(clicks or []):
            return no_update, no_update
        known = _pins(live, pinned)
        return known[_touched(known)].table(), ""

    @app.callback(
        pins, _MESSAGE, Input({"type": "drop", "name": ALL}, "n_clicks"), State("pinned", "data"),
        prevent_initial_call=True,
    )  # fmt: skip
    @told(1)
    def drop(clicks: Any, pinned: Any) -> Any:
        if not any(clicks or []):
            return no_update, no_update
        known = _pins(live, pinned)
        del known[_touched(known)]
        return _stored(known), ""

    @app.callback(
        Output("pins", "children"), Output("against", "options"), Output("against", "value"), _MESSAGE,
        Input("pinned", "data"), Input("against", "value"), prevent_initial_call="initial_duplicate",
    )  # fmt: skip
    @told(3)
    def show_pins(pinned: Any, against: Any) -> Any:
        known = _pins(live, pinned)
        gone = isinstance(against, str) and against.startswith(PINNED) and against.removeprefix(PINNED) not in known
        against = live.designs.settled(live.designs.first()) if gone else against
        other = live.reading(_named(live, against, pinned))
        lines = [(_short(against), other, False)]
        lines += [(f"{PINNED}{name}", live.reading(place), True) for name, place in known.items()]
        table = pin_table(live.problem, lines, other, _short(against))
        return table, options(live, list(known)), against if gone else no_update, no_update


def _touched(known: Mapping[str, Place]) -> str:
    """The name of the pinned design whose button was pressed."""
    name = str((ctx.triggered_id or {}).get("name", "")).removeprefix(PINNED)
    if name not in known:
        raise RunError(f"nothing is pinned as {shortened(name)}. Load the page again.")
    return name


def _filing(app: dash.Dash, live: Live) -> None:
    @app.callback(
        Output("file", "data"), _MESSAGE, Input("download", "n_clicks"), State("place", "data"),
        prevent_initial_call=True,
    )  # fmt: skip
    @told(1)
    def give(clicks: Any, place: Any) -> Any:
        return download(live, received(live.problem.space, place)), said("Measure it with daedalus evaluate --design.")

    @app.callback(
        _PLACE, _MESSAGE, Input("upload", "contents"), State("upload", "filename"), prevent_initial_call=True
    )  # fmt: skip
    @told(1)
    def receive(contents: Any, name: Any) -> Any:
        if contents is None:
            return no_update, no_update
        learned = live.problem.space.learned_size
        note = " What is learned is the start's." if learned else ""
        return uploaded(live, contents).table(), said(f"Taken from {shortened(name)}.{note}")


def _watching(app: dash.Dash, live: Live) -> None:
    @app.callback(
        Output("run", "children"), Output("search", "figure"), Output("begin", "options"), Output("seen", "data"),
        _MESSAGE, Input("tick", "n_intervals"), State("seen", "data"), prevent_initial_call="initial_duplicate",
    )  # fmt: skip
    @told(4)
    def watch(ticks: Any, seen: Any) -> Any:
        history, status, best = live.designs.history(), live.designs.status(), live.designs.best_row()
        now = {"rows": len(history), "status": status, "best": best}
        if seen == now:
            return no_update, no_update, no_update, no_update, no_update
        text = f"The run is {status}; {len(history)} evaluations"
        if best is not None:
            text += f", the lowest loss is {history['loss'][best]:.5g} in row {best} (of its own events, not these)"
        return f"{text}.", search_figure(history), options(live), now, no_update

    @app.callback(
        _PLACE, _MESSAGE, Input("search", "clickData"), Input("take_row", "n_clicks"), Input("take_best", "n_clicks"),
        Input("row", "n_submit"), State("row", "value"), prevent_initial_call=True,
    )  # fmt: skip
    @told(1)
    def take_row(clicked: Any, row: Any, best: Any, entered: Any, text: Any) -> Any:
        if ctx.triggered_id == "take_best":
            name = BEST
        elif ctx.triggered_id == "search":
            name = f"{ROW}{_clicked(clicked)}"
        else:
            name = f"{ROW}{'' if text is None else text}"
        place = live.place(name)
        return place.table(), said(f"This is {place.leaves} of the history.")


def _clicked(data: Any) -> Any:
    try:
        return data["points"][0]["x"]
    except (TypeError, KeyError, IndexError):
        raise RunError(f"the page sent {shortened(data)} for a point of the search. Load the page again.") from None


def _in_the_browser(app: dash.Dash) -> None:
    """What the browser does itself, in assets/explorer.js: it keeps controls in step, and one question in flight."""
    browser = lambda name: dash.ClientsideFunction("explorer", name)
    every = lambda kind, what: ({"type": kind, "name": ALL}, what)
    slider, field, hold = every("slider", "value"), every("field", "value"), every("hold", "value")
    app.clientside_callback(
        browser("moved"), _PLACE, Input(*slider), State("place", "data"), State("scales", "data"),
        prevent_initial_call=True,
    )  # fmt: skip
    app.clientside_callback(
        browser("typed"), Output("typed", "data"), Input(*field), State("place", "data"), State("scales", "data"),
        prevent_initial_call=True,
    )  # fmt: skip
    app.clientside_callback(
        browser("held"), Output("held", "data"), Input(*hold), State(*every("hold", "id")), State("held", "data"),
        prevent_initial_call=True,
    )  # fmt: skip
    app.clientside_callback(
        browser("placed"), Output("shown", "data"), Input("place", "data"), Input("rows", "children"),
        State("scales", "data"), State(*every("slider", "id")), State(*slider), State(*field),
    )  # fmt: skip
    app.clientside_callback(
        browser("ask"), Output("asked", "data"), Input("place", "data"), State("asked", "data"),
        State("answer", "data"), prevent_initial_call=True,
    )  # fmt: skip
    app.clientside_callback(
        browser("answered"), Output("settled", "data"), Input("answer", "data"), State("place", "data"),
        State("asked", "data"), prevent_initial_call=True,
    )  # fmt: skip


def _named(live: Live, name: Any, pinned: Any) -> Place:
    """The place of a design that a page names, of the run or pinned."""
    if isinstance(name, str) and name.startswith(PINNED):
        known = _pins(live, pinned)
        if name.removeprefix(PINNED) in known:
            return known[name.removeprefix(PINNED)]
    return live.place(str(name))


def _short(name: Any) -> str:
    return str(name)


def _pins(live: Live, pinned: Any) -> dict[str, Place]:
    """The pinned designs that a page keeps, by name."""
    if not isinstance(pinned, list) or len(pinned) > len(LETTERS):
        raise RunError(f"the page sent {shortened(pinned)} for pinned designs. Load the page again.")
    named = [line for line in pinned if isinstance(line, dict) and line.get("name") in list(LETTERS)]
    return {line["name"]: received(live.problem.space, line) for line in named}


def _stored(pins: dict[str, Place]) -> list[dict[str, Any]]:
    return [place.table() | {"name": name} for name, place in pins.items()]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(list(names)[:6]) + (" ..." if len(names) > 6 else "")
    return f"{shown} {'is' if len(names) == 1 else 'are'}"
