"""The page: what stands where, before anything is moved."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from daedalus.app.explorer.fields import TOGETHER, groups, scale_of
from daedalus.app.explorer.live import Live

EVERY = 4000  # ms between two looks at the run folder
TITLE = "Daedalus explorer"


def page(live: Live, *, drawn: bool) -> html.Div:
    """The page of a run; values are filled in when it has been loaded.

    Args:
        live: the evaluating side.
        drawn: whether the study has a layout.
    """
    problem, names = live.problem, live.problem.space.names
    scales = [scale_of(entry) for entry in problem.space.entries]
    return html.Div(
        [
            dcc.Location(id="location", refresh=False),
            dcc.Interval(id="tick", interval=EVERY),
            dcc.Download(id="file"),
            *(dcc.Store(id=name) for name in ("place", "typed", "asked", "answer", "seen", "shown", "settled")),
            dcc.Store(id="pinned", data=[]),
            dcc.Store(id="held", data=[]),
            dcc.Store(id="scales", data=scales),
            _header(live),
            html.Div(id="message", role="status", **{"aria-live": "polite"}),  # pyright: ignore[reportArgumentType]
            html.Main(
                [
                    html.Div([_actions(live), _parameters(live, list(names))], className="column"),
                    html.Div([_figures(live), *([_drawing()] if drawn else [])], className="column"),
                ],
                className="columns",
            ),
            _section("Pinned designs", html.Div(id="pins", className="wide")),
            _section("The search", html.P(id="run"), dcc.Graph(id="search", config=_CONFIG), *_rows()),
        ],
        className="page",
    )


_CONFIG: Any = {"displayModeBar": False, "displaylogo": False, "responsive": True}


def _section(title: str, *parts: Any) -> html.Section:
    return html.Section([html.H2(title), *parts])


def _header(live: Live) -> html.Header:
    problem, sizes = live.problem, live.sizes
    text = f"{problem.doc} · run folder {live.designs.title} · version {problem.version}"
    sample = (
        f"Every figure comes from the same {sizes.scenarios} × {sizes.events} events (scenarios × particles), whatever "
        "the design: moves are smooth, and differences are paired. These events are others than those of the run."
    )
    return html.Header([html.H1(problem.name), html.P(text), html.P(sample, className="sample")])


def _actions(live: Live) -> html.Section:
    begin = dcc.Dropdown(id="begin", options=options(live), placeholder="choose a design ...", searchable=True)
    upload = dcc.Upload(html.Button("Open a file ..."), id="upload", multiple=False, max_size=4_000_000)
    buttons = [
        ("back", "Pull back to feasible", "the least move that meets the constraints which are known beforehand"),
        ("improve", "Re-optimise the others", "a short descent of all that is not held; what was moved last is held"),
        ("pin", "Pin", "keep this design for comparison"),
        ("download", "Download", "as a design file, for daedalus evaluate --design"),
    ]
    return html.Section(
        [
            html.Div([html.Label("Begin with"), begin, upload], className="line"),
            html.Div(
                [html.Button(text, id=name, n_clicks=0, title=title) for name, text, title in buttons], className="line"
            ),
        ],
        className="actions",
    )


def _parameters(live: Live, names: list[str]) -> html.Section:
    found = groups(names)
    chooser = dcc.Dropdown(
        id="group", options=list(found), value=next(iter(found)), clearable=False, searchable=True, placeholder="field"
    )
    many = len(names) > TOGETHER
    told = f"{len(names)} parameters; choose or type which to see." if many else f"{len(names)} parameters."
    return _section(
        "Parameters",
        html.Div([html.P(told), html.Div(chooser, className="chooser", hidden=not many)]),
        html.P(id="shading", className="sample"),
        html.Div(id="rows"),
    )


def _figures(live: Live) -> html.Section:
    choice = dcc.Dropdown(
        id="against", options=options(live), value=live.designs.settled(live.designs.first()), clearable=False
    )
    return _section(
        "Figures",
        html.Div([html.Label("Compare with"), choice], className="line"),
        html.Div(id="status"),
        html.Div(id="figures", className="wide"),
        html.P(id="timing", className="sample"),
    )


def _drawing() -> html.Section:
    return _section("Layout", dcc.Graph(id="drawing", config=_CONFIG))


def _rows() -> list[Any]:
    return [
        html.Div(
            [
                html.Label("Row"),
                dcc.Input(id="row", type="text", debounce=True, className="field", placeholder="number"),
                html.Button("Take this row", id="take_row", n_clicks=0),
                html.Button("Take the best row so far", id="take_best", n_clicks=0),
                html.Small("or click a point above"),
            ],
            className="line",
        )
    ]


def options(live: Live, pinned: list[str] = []) -> list[dict[str, str]]:  # noqa: B006
    """What a chooser of designs offers: those with a name, the best row so far, and the pinned ones."""
    names = live.designs.names()
    found = [{"label": text, "value": live.designs.settled(name)} for name, text in names.items()]
    return found + [{"label": f"pinned: {name}", "value": f"pinned {name}"} for name in pinned]
