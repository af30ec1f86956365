"""Commands about problems: list, show, evaluate, export, events, compare, check, conformance, profile; and version.

They import what they need when they are called, so that `--help` and `list` answer at once.
"""

from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from daedalus.app.words import Precision, Problem, Settings, Workplace, flat

_PLACE = Workplace()


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

    show_sheet(name, flat(set))


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
    show_evaluation(name, design, settings=flat(set), as_json=json, **values)


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
    place: Annotated[Workplace, arg(name="")] = _PLACE,
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
        place: whose workers make whole searches.
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
        settings=flat(set),
        place=place,
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
    run_check(name, out=out, strict=strict, settings=flat(set), **places, **values)


def conformance(
    name: Positional[Problem],
    /,
    *,
    events: int = 61,
    set: Settings = [],  # noqa: B006
    precision: Precision = "float64",
) -> None:
    """Check that a problem keeps the rules: space, stages, objectives, gradients by value.

    Args:
        name: the problem.
        events: particles per scenario; more where so few give no finite figure.
        set: options of the problem.
        precision: of all numbers; derivatives are compared with finite differences, which needs float64.
    """
    from daedalus.app.conformance import check

    check(name, flat(set), precision, events)


def version() -> None:
    """Print the version."""
    from daedalus._version import version as installed

    print(installed())


def profile(
    name: Positional[Problem],
    /,
    *,
    repeats: int = 5,
    events: int | None = None,
    scenarios: int | None = None,
    seed: int = 0,
    set: Settings = [],  # noqa: B006
    out: Path | None = None,
    precision: Precision = "float32",
) -> None:
    """Show where the time of an evaluation goes: stages, passes of sums, figures, gradient.

    Args:
        name: the problem.
        repeats: how often each part is timed.
        events: particles per scenario.
        scenarios: scenarios per evaluation.
        seed: decides every random number.
        set: options of the problem.
        out: a folder for the table and the figure.
        precision: of all numbers.
    """
    from daedalus.app.profile import profile as run_profile

    values = {"events": events, "scenarios": scenarios, "seed": seed, "precision": precision}
    run_profile(name, repeats=repeats, out=out, settings=flat(set), **values)


def export(
    what: Annotated[Positional[str], arg(metavar="NAME|DIR")],
    /,
    *,
    to: Annotated[tuple[Path, ...], arg(metavar="FILE ...")],
    design: str | None = None,
    set: Settings = [],  # noqa: B006
) -> None:
    """Write the layout of an apparatus for other programs: .json, .csv, .gdml for Geant4, or .geojson for maps.

    Args:
        what: a problem, or a run folder.
        to: the files; their endings say the form.
        design: a design file, a run folder, or the name of a reference design; the start of a problem, or the best
            design of a run folder, by default.
        set: options of the problem.
    """
    from daedalus.app.export import export as write

    write(what, to, design, settings=flat(set))


def events(
    what: Annotated[Positional[str], arg(metavar="NAME|DIR")],
    /,
    *,
    to: Annotated[Path, arg(metavar="FILE")],
    design: str | None = None,
    events: int | None = None,
    scenarios: int | None = None,
    seed: int | None = None,
    set: Settings = [],  # noqa: B006
    precision: Precision | None = None,
) -> None:
    """Write the events that `evaluate` sees: particles, hits, tracks and what else the stages add, one row per event.

    Args:
        what: a problem, or a run folder.
        to: the file, .parquet or .root.
        design: a design file, a run folder, or the name of a reference design; the start of a problem, or the best
            design of a run folder, by default.
        events: particles per scenario.
        scenarios: scenarios; those of the study's final measurement by default.
        seed: decides every random number; that of the run, or 0, by default.
        set: options of the problem.
        precision: of all numbers; that of the run, or float32, by default.
    """
    from daedalus.app.events import write

    values = {"events": events, "scoring_scenarios": scenarios, "seed": seed, "precision": precision}
    write(what, to, design, settings=flat(set), **values)
