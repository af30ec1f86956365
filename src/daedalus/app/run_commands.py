"""Commands about runs: run, resume, status, replay, rerun, report, landscape,
compare-runs, explore.

They import what they need when they are called, so that `--help` and `list` answer at once.
"""

import dataclasses
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from daedalus.app.words import Folder, Limits, Look, Place, Settings, Sizes, flat

_SIZES, _LIMITS, _PLACE, _LOOK = Sizes(), Limits(), Place(), Look()


def run(
    name: Annotated[Positional[str], arg(metavar="NAME|CONFIG.toml")],
    /,
    *,
    out: Path | None = None,
    force: bool = False,
    optimiser: str | None = None,
    freeze: tuple[str, ...] = (),
    start: Path | None = None,
    set: Settings = [],  # noqa: B006
    sizes: Annotated[Sizes, arg(name="")] = _SIZES,
    limits: Annotated[Limits, arg(name="")] = _LIMITS,
    place: Annotated[Place, arg(name="")] = _PLACE,
) -> None:
    """Search a problem's designs and leave a run folder with the result.

    Args:
        name: the problem, or a configuration file such as every run leaves in its folder.
        out: the run folder; runs/NAME-TIME by default.
        force: replace the run that is in the folder.
        optimiser: the method by name (grid, random, sobol, tpe, nsga2, cmaes, annealing, de, gp, adam, sgd, lbfgs,
            newton, linear, quadratic, generative), or auto; the study's own by default.
        freeze: parameters that keep the start's values, for instance "z" or "z[0]".
        start: a design file to begin with, or a run folder whose best design it is to be.
        set: options of the problem.
        sizes: how much is computed.
        limits: when it ends early.
        place: where it computes.
    """
    from daedalus.app.search import search

    values = {"freeze": freeze or None, "optimiser": optimiser, "start": None if start is None else str(start)}
    values |= dataclasses.asdict(sizes) | dataclasses.asdict(limits)
    search(name, out=out, force=force, settings=flat(set), place=place, **values)


def resume(
    folder: Positional[Folder],
    /,
    *,
    more_rounds: int = 0,
    break_lock: bool = False,
    limits: Annotated[Limits, arg(name="")] = _LIMITS,
    place: Annotated[Place, arg(name="")] = _PLACE,
) -> None:
    """Go on with a run that was killed or interrupted, as if it had never stopped.

    Args:
        folder: the run folder.
        more_rounds: rounds beyond those it was to have.
        break_lock: also where another process seems to write to the folder.
        limits: when it ends early; those of the run by default.
        place: where it computes; it may be another place than before.
    """
    from daedalus.app.resume import resume as go_on

    go_on(folder, more_rounds=more_rounds, break_lock=break_lock, place=place, **dataclasses.asdict(limits))


def status(folder: Positional[Folder], /) -> None:
    """Show how far a run is; it may be running.

    Args:
        folder: the run folder.
    """
    from daedalus.app.status import show_status

    show_status(folder)


def replay(folder: Positional[Folder], /, *, row: int | None = None) -> None:
    """Evaluate a point of a run again whose loss or gradient was not finite, with the events it had.

    Args:
        folder: the run folder.
        row: of the history; the first such row by default.
    """
    from daedalus.app.replay import replay as show_replay

    show_replay(folder, row=row)


def rerun(folder: Positional[Folder], /, *, out: Path | None = None, force: bool = False) -> None:
    """Repeat a run and compare: equal in all columns but the clock's.

    Args:
        folder: the run folder to repeat.
        out: the new run folder; runs/NAME-TIME by default.
        force: replace the run that is in the new folder.
    """
    from daedalus.app.rerun import repeat

    repeat(folder, out=out, force=force)


def report(folder: Positional[Folder], /) -> None:
    """Remake the figures of a run from its record, and write report.html.

    Args:
        folder: the run folder.
    """
    from daedalus.app.report import remake

    remake(folder)


def landscape(folder: Positional[Folder], /, *, look: Annotated[Look, arg(name="")] = _LOOK) -> None:
    """Look around the optimum of a run: all designs that are as good, what matters, what limits it, what money buys.

    Args:
        folder: the run folder; landscape.json, pictures and the report are written there, after each part.
        look: how closely, and at what.
    """
    from daedalus.app.landscape.command import look_around

    look_around(folder, look)


def compare_runs(
    folders: Positional[tuple[Path, ...]],
    /,
    *,
    keys: int = 8,
    events: int | None = None,
    scenarios: int | None = None,
    references: bool = False,
) -> None:
    """Compare the designs of several runs of one problem on the same fresh events, with paired differences.

    Args:
        folders: the run folders; the first one is what the others are compared with.
        keys: sets of fresh events that errors come from.
        events: particles per scenario; those of the first run by default.
        scenarios: of an evaluation; those of the first run by default.
        references: also the problem's published designs.
    """
    from daedalus.app.compare_runs import compare_runs as measure

    measure(folders, keys=keys, events=events, scenarios=scenarios, references=references)


def explore(
    folder: Positional[Folder],
    /,
    *,
    host: str = "127.0.0.1",
    port: int = 8050,
    token: str | None = None,
    events: int | None = None,
) -> None:
    """Serve a page on which the designs of a run are moved by hand and compared; the run may be going on.

    Args:
        folder: the run folder.
        host: to serve on; only this machine can look by default.
        port: to serve on; 0 for a free one.
        token: that the address needs; a random one by default.
        events: particles per scenario; as many as keep moves below 0.2 s by default.
    """
    from daedalus.app.explore import explore as serve

    serve(folder, host=host, port=port, token=token, events=events)
