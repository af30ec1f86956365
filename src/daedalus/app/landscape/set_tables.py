"""The tables of near-optimal sets, basins, tolerances and fronts, and of what matters."""

from __future__ import annotations

import math
from typing import Any

from daedalus.app.screen import with_error

Rows = list[list[str]]
MOST = 40  # parameters of the table of a set
TRUSTED = 1.01  # R-hat up to which chains agree (Vehtari et al., Bayesian Anal. 16 (2021) 667)


def set_tables(landscape: dict[str, Any]) -> dict[str, Rows]:
    """The near-optimal set: what is known of it as a whole, and each parameter in it.

    Args:
        landscape: as `daedalus landscape` writes it.
    """
    found = landscape["near_optimal"]
    share = f"{100 * landscape['looked']['near_optimal']['allowance']:g} %"
    whole = [["what", "value", "meaning"], *_whole(found)]
    head = ["parameter", "mean", "spread", "5 % below", "5 % above", "design of the run", "unit"]
    rows = [
        [
            name,
            *(with_error(*line[kind]) for kind in ("mean", "spread", "low", "high")),
            f"{found['run']['values'][name]:.5g}",
            line["unit"],
        ]
        for name, line in list(found["parameters"].items())[:MOST]
    ]
    return {
        f"Near-optimal set: all designs within {share} of the least loss": whole,
        "The parameters in the near-optimal set": [head, *rows],
    }


def _whole(found: dict[str, Any]) -> Rows:
    whose = "the events that the set is of" if found.get("fitted") is None else "the fit"
    inside = "inside the set" if found["run"]["inside"] else f"outside: the set has better designs, on {whose}"
    rows = [
        ["method", found["method"], f"{found['how']}; {found['evaluations']} evaluations"],
        ["least loss", with_error(*found["best"]["loss"]), f"on {whose}"],
        ["loss of the run's design", with_error(*found["run"]["loss"]), inside],
    ]
    rows.append(["share of the box", _share(found), found["volume_note"] or "volume of all bounds is 1"])
    if not found["volume_note"]:
        rows.append(["side", with_error(*found["side"]), "of the cube that is as large, all ranges being 1"])
    parts = ", ".join(f"{100 * share:.3g} %" for share in found["components"][:6])
    rows.append(["connected parts", str(len(found["components"])), f"their shares: {parts}"])
    rows.append(["independent designs", f"{found['effective']:.3g}", f"that {found['points']} points are worth"])
    rows += _trust(found["sampling"]) + _fit(found.get("fitted"))
    for kind, line in found["again"].items():
        share, error = line["inside"]
        apparatus = f"with fresh events, {kind} apparatus"
        text = f"of {line['designs']} designs {apparatus}; they are behind the least by {with_error(*line['behind'])}"
        rows.append(["still inside", f"{100 * share:.0f} ± {100 * error:.0f} %", text])
        rows.append(["run's design behind the least", with_error(*line["run"]), apparatus])
    return rows


def _trust(sampling: dict[str, Any] | None) -> Rows:
    if sampling is None:
        return []
    rhat = [value for value in sampling["rhat"].values() if value is not None and math.isfinite(value)]
    least = [value for value in sampling["effective"].values() if value is not None and math.isfinite(value)]
    worst = max(rhat, default=math.nan)
    told = "the chains agree" if worst <= TRUSTED else "the chains disagree: the set is larger than what is shown"
    rows = [
        ["largest R-hat", f"{worst:.3f}", f"of {sampling['worst']}; up to {TRUSTED} is well: {told}"],
        ["effective draws", f"{min(least, default=math.nan):.0f}", f"of {sampling['draws']}, of the worst parameter"],
        ["acceptance", f"{100 * sampling['acceptance']:.0f} %", f"{sampling['divergent']} divergent"],
    ]
    return rows


def _fit(fitted: dict[str, Any] | None) -> Rows:
    if fitted is None:
        return []
    bowl = f"{100 * fitted['shrinkage']:.0f} % of what makes the fit unlike a round bowl was noise and is left out"
    stiffer = "what the loss rises by in the set, by what the fit says; above 1 the fit was made stiffer by as much"
    return [
        ["losses by those of the fit", with_error(*fitted["slope"]), f"1 where the fit holds; {bowl}"],
        ["stiffness", with_error(*fitted["stiffness"]), stiffer],
    ]


def _share(found: dict[str, Any]) -> str:
    """The volume, by its power of ten where it is less than the smallest number."""
    power = found.get("volume_log10")
    if found["volume"][0] == 0 and power is not None and math.isfinite(power):
        return f"1e{power:.0f}"
    return _number(*found["volume"])


def _number(value: float | None, error: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "not known"
    if error is None or not math.isfinite(error):
        return f"{value:.3g}"
    return f"{value:.3g} ± {error:.2g}"


def basin_tables(landscape: dict[str, Any]) -> dict[str, Rows]:
    """The basins, best first.

    Args:
        landscape: as `daedalus landscape` writes it.
    """
    found = landscape["basins"]
    head = ["basin", "loss", "with fresh events", "behind the first", "real apparatus", "share of the starts"]
    head += ["distance to the first", "to the run's design"]
    rows = [
        [
            str(number + 1),
            *(with_error(*line[kind]) for kind in ("loss", "again", "behind", "real")),
            f"{100 * line['share'][0]:.0f} ± {100 * line['share'][1]:.0f} %",
            *(f"{100 * line[kind]:.1f} % of the ranges" for kind in ("from_best", "from_run")),
        ]
        for number, line in enumerate(found["each"])
    ]
    title = (
        f"Basins: {found['found']} from {found['starts']} descents, {found['sound']} of which ended with a feasible "
        f"design and {found['settled']} before their steps ran out"
    )
    return {title: [head, *rows]}


def smoothing_tables(landscape: dict[str, Any]) -> dict[str, Rows]:
    """What building with tolerances costs.

    Args:
        landscape: as `daedalus landscape` writes it.
    """
    found = landscape["smoothing"]
    head = ["design", "loss as designed", "expected as built", "lost by tolerances", "as built, against the run's"]
    rows = [
        [label, *(with_error(*line[kind]) for kind in ("loss", "expected", "lost", "expected_to_run"))]
        for label, line in found["designs"].items()
    ]
    given = [f"{name} {value:.3g} {found['units'][name]}" for name, value in found["tolerances"].items()]
    text = ", ".join(given[:6]) + (f" and {len(given) - 6} more" if len(given) > 6 else "")
    return {f"Tolerances: standard deviations {text}; {found['draws']} built, fresh events": [head, *rows]}


def front_tables(landscape: dict[str, Any]) -> dict[str, Rows]:
    """The front, a budget a line.

    Args:
        landscape: as `daedalus landscape` writes it.
    """
    found = landscape["front"]
    cost, names = found["cost"], found["performance"]
    text = lambda name: f"{name} [{found['units'][name]}]"
    head = ["budget", text(cost), *(t for name in names for t in (text(name), "one more buys")), ""]
    slopes = {name: _slopes(found["marginal"][name]) for name in names}
    bend = found["knee"].get("cost", [None])[0]
    rows = []
    for point in found["points"]:
        at = point["figures"][cost][0]
        notes = [] if point["on_front"] else ["certainly beaten"]
        if bend is not None and point["on_front"] and math.isclose(at, bend):
            chance = f"{100 * found['knee']['chance']:.2g} %"
            notes.append(f"knee: {with_error(*found['knee']['distance'])}; by chance in {chance}")
        cells = [c for name in names for c in (with_error(*point["figures"][name]), slopes[name].get(at, ""))]
        rows.append([f"{point['budget']:.5g}", with_error(*point["figures"][cost]), *cells, "; ".join(notes)])
    own = [c for name in names for c in (with_error(*found["run"][name]), "")]
    rows.append(["design of the run", with_error(*found["run"][cost]), *own, ""])
    missed = (
        f"; not met: {', '.join(f'{budget:.5g}' for budget in found['missed'])} (more --rounds may)"
        if found["missed"]
        else ""
    )
    return {f"Front: the best within each budget of {cost}{missed}": [head, *rows]}


def _slopes(marginal: dict[str, Any]) -> dict[float, str]:
    return {cost: with_error(value, error) for cost, value, error in marginal.get("each", [])}


def matter_tables(landscape: dict[str, Any]) -> dict[str, Rows]:
    """What matters, the steepest parameter first.

    Args:
        landscape: as `daedalus landscape` writes it.
    """
    found = landscape["sensitivities"]
    head = [
        "parameter",
        "slope of the loss",
        "per",
        "slope over its range",
        "elasticity",
        "total index in the set, at most",
    ]
    order = sorted(found, key=lambda name: -abs(found[name]["over_range"][0] or 0.0))
    rows = [
        [
            name,
            with_error(*found[name]["slope"]),
            found[name]["unit"],
            with_error(*found[name]["over_range"]),
            with_error(*found[name]["elasticity"]),
            _bound(found[name]["bound"]),
        ]
        for name in order
    ]
    return {"What matters: the slopes at the design, and the share of the loss's variance round the set": [head, *rows]}


def _bound(bound: list[float] | None) -> str:
    """A bound on a share; one above 1 bounds nothing."""
    if not bound:
        return ""
    return f"no bound ({bound[0]:.2g})" if bound[0] >= 1 else with_error(*bound)


def contribution_tables(landscape: dict[str, Any]) -> dict[str, Rows]:
    """Which scenarios drive the loss.

    Args:
        landscape: as `daedalus landscape` writes it.
    """
    found = landscape["contributions"]
    share = "" if found["worst_tenth"] is None else f"{100 * found['worst_tenth']:.0f} %"
    rows = [
        ["truth", "from", "to", "scenarios", "loss there"],
        ["all", "", "", str(found["sound"]), with_error(*found["mean"])],
    ]
    for truth, parts in found["by"].items():
        for part in parts:
            ends = (f"{part[end]:.4g}" for end in ("from", "to"))
            rows.append([truth, *ends, str(part["count"]), with_error(*part["value"])])
    text = f"; the worst tenth of them makes {share} of it" if share else ""
    return {f"Who drives the loss: {found['scenarios']} scenarios on the real apparatus{text}": rows}


def missing_tables(landscape: dict[str, Any]) -> dict[str, Rows]:
    """What could not be looked at, and why.

    Args:
        landscape: as `daedalus landscape` writes it.
    """
    left = landscape.get("left_out") or {}
    rows = [[name.replace("_", " "), text] for name, text in left.items()]
    return {"Not looked at": [["part", "because"], *rows]} if rows else {}
