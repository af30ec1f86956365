"""The command line: `daedalus list | show | run | resume | status | rerun | evaluate | report | compare | check | ...`.

Commands import what they need when they are called, so that `--help` and `list` answer at once. Exit codes: 0
done, 1 an error that is explained in one line, 2 wrong usage, 130 interrupted by Ctrl-C.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from tyro.conf import Positional, UseAppendAction, arg

from daedalus.errors import DaedalusError

INTERRUPTED = 130  # 128 + SIGINT, as shells report it

Settings = Annotated[UseAppendAction[list[tuple[str, ...]]], arg(metavar="NAME=VALUE ...")]
Problem = Annotated[str, arg(metavar="NAME")]
Folder = Annotated[Path, arg(metavar="DIR")]
Precision = Literal["float32", "float64"]
Unsound = Literal["stop", "skip", "shrink"]


def list_problems() -> None:
    """List the problems there are, from this package and from others."""
    from daedalus.app.listing import listing

    listing()


def show(name: Positional[Problem], /, *, set: Settings = []) -> None:  # noqa: B006
    """Show the data sheet of a problem: parameters, stages, objectives, recipe.

    Args:
        name: the problem, for instance tracking/telescope.
        set: options of the problem.
    """
    from daedalus.app.sheet import show_sheet

    show_sheet(name, _flat(set))


def run(
    name: Annotated[Positional[str], arg(metavar="NAME|CONFIG.toml")],
    /,
    *,
    out: Path | None = None,
    rounds: int | None = None,
    calls: int | None = None,
    events: int | None = None,
    scenarios: int | None = None,
    scoring_scenarios: int | None = None,
    seed: int | None = None,
    optimiser: str | None = None,
    workers: int | None = None,
    hours: float | None = None,
    euros: float | None = None,
    price: float | None = None,
    unsound: Unsound | None = None,
    divergence: float | None = None,
    freeze: tuple[str, ...] = (),
    start: Path | None = None,
    set: Settings = [],  # noqa: B006
    force: bool = False,
    precision: Precision | None = None,
) -> None:
    """Search a problem's designs and leave a run folder with the result.

    Args:
        name: the problem, or a configuration file such as every run leaves in its folder.
        out: the run folder; runs/NAME-TIME by default.
        rounds: rounds of the search.
        calls: evaluations of the search, instead of rounds.
        events: particles per scenario.
        scenarios: scenarios per evaluation in the search.
        scoring_scenarios: scenarios of the final measurement on fresh events.
        seed: decides every random number of the run.
        optimiser: the method by name (grid, random, sobol, tpe, nsga2, cmaes, annealing, de, gp, adam, sgd, lbfgs,
            newton, linear, quadratic, generative), or auto; the study's own by default.
        freeze: parameters that keep the start's values, for instance "z" or "z[0]".
        workers: evaluations of a foreign simulator at a time; as many as there are processors by default.
        hours: after which the run ends in order; `daedalus resume` goes on.
        euros: after which likewise.
        price: of an hour of what one evaluation at a time runs on, in EUR.
        unsound: what to do about a loss or gradient that is not finite: stop, skip the point, or shrink the step.
        divergence: how far losses may stay above the first before the run is ended; 100 by default.
        start: a design file to begin with, or a run folder whose best design it is to be.
        set: options of the problem.
        force: replace the run that is in the folder.
        precision: of all numbers; float32 by default.
    """
    from daedalus.app.search import search

    values = {
        "rounds": rounds,
        "calls": calls,
        "workers": workers,
        "hours": hours,
        "euros": euros,
        "price": price,
        "unsound": unsound,
        "divergence": divergence,
        "freeze": freeze or None,
        "events": events,
        "scenarios": scenarios,
        "scoring_scenarios": scoring_scenarios,
    }
    values |= {"seed": seed, "optimiser": optimiser, "precision": precision}
    search(name, out=out, force=force, settings=_flat(set), start=None if start is None else str(start), **values)


def resume(
    folder: Positional[Folder],
    /,
    *,
    more_rounds: int = 0,
    hours: float | None = None,
    euros: float | None = None,
    unsound: Unsound | None = None,
    break_lock: bool = False,
) -> None:
    """Go on with a run that was killed or interrupted, as if it had never stopped.

    Args:
        folder: the run folder.
        more_rounds: rounds beyond those it was to have.
        hours: after which it ends in order; those of the run by default.
        euros: that all of the run may cost; those of the run by default.
        unsound: what to do from now on about a loss or gradient that is not finite.
        break_lock: also where another process seems to write to the folder.
    """
    from daedalus.app.resume import resume as go_on

    changes = {"hours": hours, "euros": euros, "unsound": unsound}
    go_on(folder, more_rounds=more_rounds, break_lock=break_lock, **changes)


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


def evaluate(
    name: Positional[Problem],
    /,
    *,
    design: str,
    events: int | None = None,
    scenarios: int | None = None,
    seed: int = 0,
    set: Settings = [],  # noqa: B006
    json: bool = False,
    precision: Precision = "float32",
) -> None:
    """Measure a design on the real apparatus, without any optimisation.

    Args:
        name: the problem.
        design: a design file, a run folder, or the name of a reference design ("start" is the problem's
            start).
        events: particles per scenario.
        scenarios: scenarios; those of the study's final measurement by default.
        seed: decides every random number.
        set: options of the problem.
        json: print JSON.
        precision: of all numbers.
    """
    from daedalus.app.evaluate import show_evaluation

    values = {"events": events, "scoring_scenarios": scenarios, "seed": seed, "precision": precision}
    show_evaluation(name, design, settings=_flat(set), as_json=json, **values)


def report(folder: Positional[Folder], /) -> None:
    """Remake the figures of a run from its record, and write report.html.

    Args:
        folder: the run folder.
    """
    from daedalus.app.report import remake

    remake(folder)


def compare(
    name: Positional[Problem],
    /,
    *,
    methods: str,
    budget: int,
    seeds: int = 5,
    figure: str = "loss",
    target: tuple[float, ...] = (),
    events: int | None = None,
    scenarios: int | None = None,
    scoring_scenarios: int | None = None,
    seed: int = 0,
    set: Settings = [],  # noqa: B006
    out: Path | None = None,
    precision: Precision = "float32",
) -> None:
    """Compare methods on a problem: equal budgets, and incumbents that are measured again with fresh events.

    Args:
        name: the problem.
        methods: their names, separated by commas; "recipe" is the study's own.
        budget: evaluations each search may make.
        seeds: searches per method.
        figure: what incumbents are measured by; the loss or a figure's name.
        target: values of that figure to be reached.
        events: particles per scenario.
        scenarios: scenarios per evaluation in the search.
        scoring_scenarios: scenarios of the measurements.
        seed: of the first search.
        set: options of the problem.
        out: a folder for the courses and the figure.
        precision: of all numbers.
    """
    from daedalus.app.compare import compare as run_comparison

    values: dict[str, Any] = {"events": events, "scenarios": scenarios, "scoring_scenarios": scoring_scenarios}
    values |= {"seed": seed, "precision": precision}
    run_comparison(
        name,
        methods=methods.split(","),
        calls=budget,
        seeds=seeds,
        figure=figure,
        targets=target,
        out=out,
        settings=_flat(set),
        **values,
    )


def check(
    name: Positional[Problem],
    /,
    *,
    designs: int = 3,
    keys: int = 8,
    events: int | None = None,
    scenarios: int | None = None,
    parameters: tuple[str, ...] = (),
    softness: tuple[float, ...] = (1.0,),
    seed: int = 0,
    set: Settings = [],  # noqa: B006
    out: Path | None = None,
    strict: bool = False,
    precision: Precision = "float32",
) -> None:
    """Hold a problem's gradient against finite differences of the real apparatus, parameter by parameter.

    Args:
        name: the problem.
        designs: places that are looked at: the start and others around it.
        keys: independent evaluations of each.
        events: particles per scenario.
        scenarios: scenarios per evaluation.
        parameters: names of parameters; all by default.
        softness: scales of the relaxations' widths.
        seed: decides every random number.
        set: options of the problem.
        out: a folder for the table and the figure.
        strict: exit with 1 where a derivative is wrong or zero.
        precision: of all numbers.
    """
    from daedalus.app.check import check as run_check

    values = {"events": events, "scenarios": scenarios, "seed": seed, "precision": precision}
    places: dict[str, Any] = {"designs": designs, "keys": keys, "parameters": parameters, "softness": softness}
    run_check(name, out=out, strict=strict, settings=_flat(set), **places, **values)


def conformance(
    name: Positional[Problem],
    /,
    *,
    set: Settings = [],  # noqa: B006
    precision: Precision = "float64",
) -> None:
    """Check that a problem keeps the rules: space, stages, objectives, gradients by value.

    Args:
        name: the problem.
        set: options of the problem.
        precision: of all numbers; derivatives are compared with finite differences, which needs float64.
    """
    from daedalus.app.conformance import check

    check(name, _flat(set), precision)


def version() -> None:
    """Print the version."""
    from daedalus._version import version as installed

    print(installed())


COMMANDS = {
    "list": list_problems,
    "show": show,
    "run": run,
    "resume": resume,
    "status": status,
    "replay": replay,
    "rerun": rerun,
    "evaluate": evaluate,
    "report": report,
    "compare": compare,
    "check": check,
    "conformance": conformance,
    "version": version,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of a call of the command line.

    Args:
        arguments: the words after the program's name; those of this process by default.
    """
    try:
        tyro.extras.subcommand_cli_from_dict(
            COMMANDS,
            args=arguments,
            prog="daedalus",
            description="The differentiable co-design of experiments.",
        )
    except DaedalusError as cause:
        from daedalus.app.screen import complain

        complain(str(cause))
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `daedalus list | head`
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        return 1
    except SystemExit as end:  # usage and help
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _flat(settings: Sequence[Sequence[str]]) -> list[str]:
    return [text for group in settings for text in group]


if __name__ == "__main__":
    sys.exit(main())
