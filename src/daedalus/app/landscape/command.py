"""The parts of a landscape, one after the other; what is found is written after each of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import jax
from matplotlib.figure import Figure

from daedalus.app.landscape import rooms
from daedalus.app.landscape.around import Around, Landscape
from daedalus.app.landscape.basin_figure import basin_figures
from daedalus.app.landscape.free_play_figure import free_play_figure
from daedalus.app.landscape.front import check_front, front, money
from daedalus.app.landscape.front_figure import front_figures
from daedalus.app.landscape.matters import drivers, what_matters
from daedalus.app.landscape.optima import optima
from daedalus.app.landscape.set_figures import set_figures
from daedalus.app.landscape.sets import near_optimal_set
from daedalus.app.landscape.tolerances import smoothing, tolerances
from daedalus.app.landscape_tables import printed, tables
from daedalus.app.report import filed_task, write_report
from daedalus.app.screen import output, remark
from daedalus.app.style import styled
from daedalus.app.words import Look, spoken
from daedalus.errors import DaedalusError, RunError
from daedalus.execution import RunFolder, read_design, read_history
from daedalus.execution.files import json_text, read_json, write_text
from daedalus.execution.run_folder import DESIGN, LANDSCAPE, REPORT
from daedalus.landscapes import LandscapeError


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a landscape: what it says while it is looked at, when it is wanted, what it finds and draws."""

    says: str
    look: Callable[[Around, Landscape], Landscape]
    asked: Callable[[Around], bool] = lambda around: True
    option: str = ""  # that asks for it
    draw: Callable[[Around, Landscape], dict[str, Figure]] = lambda around, landscape: {}


PARTS = {
    "free_play": Part(
        "looking how far each parameter may move",
        rooms.room,
        draw=lambda around, landscape: {"free_play": free_play_figure(landscape)},
    ),
    "directions": Part("finding stiff and sloppy directions", rooms.directions),
    "confirmed": Part("measuring the best rows again", rooms.confirmed),
    "references": Part("comparing with other designs", rooms.references),
    "limits": Part(
        "switching effects off one by one",
        rooms.limited,
        lambda around: around.look.limits and bool(around.found.offer.ideals),
        "--limits, and a study that says how",
    ),
    "basins": Part(
        "descending from many places to see how many optima there are",
        optima,
        lambda around: around.look.descents > 0,
        "--descents N",
        basin_figures,
    ),
    "near_optimal": Part(
        "filling the near-optimal set",
        near_optimal_set,
        lambda around: around.look.sampler != "none",
        "a --sampler",
        lambda around, landscape: set_figures(landscape),
    ),
    "smoothing": Part(
        "building the design with tolerances",
        smoothing,
        lambda around: bool(around.look.tolerance),
        "--tolerance SHARE or NAME=VALUE",
    ),
    "front": Part(
        "searching the best design within each budget",
        front,
        lambda around: bool(around.look.front),
        "--front FIGURE",
        lambda around, landscape: front_figures(landscape),
    ),
    "sensitivities": Part("finding out what matters", what_matters),
    "contributions": Part("finding out which scenarios drive the loss", drivers),
}


def look_around(path: Path, look: Look, *, parts: Mapping[str, Part] = PARTS) -> None:
    """Writes landscape.json and its pictures into a run folder, remakes the report, and prints what was found.

    A part that cannot be looked at is left out, with the reason. What was found before an interrupt or an error is in
    the folder.

    Args:
        path: the run folder.
        look: how closely, and at what.
        parts: that there are, by name.

    Raises:
        RunError: the folder is not a run's, or its search has left no design yet.
        LandscapeError: nothing to look at (a foreign simulator, no sound row), or an option out of range.
    """
    folder = RunFolder(path)
    found = filed_task(folder)
    if not (path / DESIGN).exists():
        raise RunError(f"{path} has no {DESIGN}; expected a finished run. Finish it with `daedalus resume {path}`.")
    given = found.configuration
    events, scenarios = look.events or given.events, look.scenarios or given.scenarios
    look = dataclasses.replace(look, events=events, scenarios=scenarios)
    around = Around(found, read_design(path / DESIGN, found.problem), read_history(path), look)
    if look.front == "cost":
        around = dataclasses.replace(around, look=dataclasses.replace(look, front=money(around)))
    wanted = _checked(around, parts)
    landscape = _begun(around, path)
    try:
        _looked(around, folder, landscape, wanted)
    finally:
        write_report(folder)
        for title, rows in tables(landscape).items():
            output().print(printed(title, rows))
    remark(f"written: {path / LANDSCAPE}, {path / REPORT}")


def _looked(around: Around, folder: RunFolder, landscape: Landscape, parts: Mapping[str, Part]) -> None:
    """Looks at the parts one by one, and writes after each.

    Raises:
        DaedalusError: nothing could be looked at.
    """
    failed: list[DaedalusError] = []
    for name, part in parts.items():
        look = around.look
        remark(f"{part.says} ...")
        try:
            landscape |= part.look(around, landscape)
        except (DaedalusError, jax.errors.JaxRuntimeError) as cause:  # the latter: no memory is left, for instance
            remark(f"no {name.replace('_', ' ')}: {cause}")
            landscape["left_out"][name] = str(cause)
            failed += [cause] if isinstance(cause, DaedalusError) else []
            continue
        landscape["left_out"].pop(name, None)
        sizes = {"allowance": look.allowance, "keys": look.keys, **around.sizes}
        landscape["looked"][name] = sizes | {"options": spoken(look)}
        write_text(folder.path / LANDSCAPE, json_text(landscape))
        with styled():
            folder.write_figures(part.draw(around, landscape))
    write_text(folder.path / LANDSCAPE, json_text(landscape))
    if len(failed) == len(parts):
        raise failed[0]


def _begun(around: Around, path: Path) -> Landscape:
    """What a landscape begins with: what an earlier call has left, if only some parts are wanted."""
    look, version = around.look, around.problem.version
    kept: Landscape = {}
    if look.only and (path / LANDSCAPE).exists():
        kept = read_json(path / LANDSCAPE)
        kept = kept if kept.get("problem_version") == version else {}
    own = {"problem": around.problem.name, "problem_version": version, "allowance": look.allowance}
    own |= {"softness": around.soft, **around.sizes, "keys": look.keys}
    return {**kept, **own, "looked": kept.get("looked", {}), "left_out": kept.get("left_out", {})}


def _checked(around: Around, parts: Mapping[str, Part]) -> dict[str, Part]:
    """The parts that are wanted, in their order, once all options are found to be in range.

    Raises:
        LandscapeError: one is not.
    """
    look = around.look
    least = {
        "allowance": (look.allowance, 0.0), "events": (look.events or 1, 1), "scenarios": (look.scenarios or 1, 1),
        "keys": (look.keys, 2), "best": (look.best, 1), "halvings": (look.halvings, 1), "samples": (look.samples, 8),
        "chains": (look.chains, 2), "descents": (look.descents, 0), "steps": (look.steps, 1),
        "directions": (look.directions, 0),
    }  # fmt: skip
    for name, (value, bound) in least.items():
        above = name == "allowance"
        if not value >= bound or (above and not 0 < value < float("inf")):
            wanted = "a number above zero" if above else f"at least {bound:g}"
            raise LandscapeError(
                f"--{name} {value:g}; expected {wanted}. Leave the option out for its usual value, "
                f"{getattr(Look(), name)}."
            )
    first = around.draws[0]
    tolerances(first, look.tolerance)
    if look.front:
        check_front(around)
    if look.descents > 0 and around.soft is None:
        raise LandscapeError(
            f"--descents {look.descents} for a run whose method saw no derivatives; expected one that did. Leave the "
            "option out, or run anew with a method of descent."
        )
    missing = [name for name in look.only if not parts[name].asked(around)]
    if missing:
        told = ", ".join(f"{name} needs {parts[name].option}" for name in missing)
        raise LandscapeError(f"--only {' '.join(look.only)}; expected the options that ask for these parts: {told}.")
    return {name: part for name, part in parts.items() if part.asked(around) and name in (look.only or parts)}
