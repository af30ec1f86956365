"""`daedalus report`: the figures and the page of a run, remade from its record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from daedalus.app.configuration import configuration_file
from daedalus.app.device import prepare
from daedalus.app.landscape_tables import tables
from daedalus.app.moving import write_animation
from daedalus.app.pictures import pictures
from daedalus.app.screen import remark, with_error
from daedalus.app.task import Task, task
from daedalus.errors import RunError
from daedalus.execution import RunFolder, read_design, read_history
from daedalus.execution.design_file import LEAVES
from daedalus.execution.files import read_json, write_text
from daedalus.execution.run_folder import ANIMATION, CONFIGURATION, DESIGN, FIGURES, HISTORY, LANDSCAPE, REPORT, START

_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>$title</title><style>
body { font: 16px/1.5 system-ui, sans-serif; color: #222 }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: 0 }
h2 { font-size: 1.1rem; margin-top: 2.2rem }
p { color: #555; margin-top: .2rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .9rem .2rem 0; text-align: left; vertical-align: top }
th, td { border-bottom: 1px solid #e6e6e6 }
th { font-weight: 600; color: #555 }
td.best { font-weight: 600 }
img { max-width: 100% }
figure { margin: 1rem 0 }
figcaption { color: #555; font-size: .9rem }
</style></head><body>
<h1>$title</h1><p>$subtitle</p>
$body
</body></html>
""")


def remake(path: Path) -> None:
    """Remakes the figures of a run folder from its record, and writes its report.

    Raises:
        RunError: the folder is not a run's or is malformed, or the problem has changed its version since.
    """
    folder = RunFolder(path)
    found = filed_task(folder)
    history = read_history(path)
    start = read_design(path / START, found.problem)
    measured = folder.result()
    after = read_design(path / DESIGN, found.problem) if measured and (path / DESIGN).exists() else None
    folder.write_figures(pictures(found, history, start, after, measured))
    write_animation(folder, found, history)
    write_report(folder)
    remark(f"written: {path / REPORT}")


def filed_task(folder: RunFolder) -> Task:
    """The task of a run folder; this process is prepared for it.

    Raises:
        RunError: the folder is not a run's or is malformed, or the problem has changed its version since.
    """
    noted = folder.manifest()
    given = configuration_file(folder.path / CONFIGURATION)
    prepare(given.precision)
    found = task(given)
    check_version(noted, found.problem.version)
    return found


def check_version(noted: Mapping[str, Any], version: str) -> None:
    """Checks that a run's problem is still the present one.

    Raises:
        RunError: the version differs.
    """
    if noted.get("problem_version") != version:
        raise RunError(
            f"the run was of version {noted.get('problem_version')} of {noted.get('problem')}, which is now "
            f"at version {version}; expected the same. Install Daedalus {noted.get('daedalus')}, or run anew."
        )


def write_report(folder: RunFolder) -> None:
    """Writes report.html from the files of a run folder; it shows what is there."""
    noted, measured = folder.manifest(), folder.result()
    parts = []
    if noted.get("cause"):
        parts.append(f"<p><strong>{escape(str(noted['status']))}</strong>: {escape(str(noted['cause']))}</p>")
    if measured:
        parts.append(_results(measured))
    parts += [_picture(name) for name in noted.get("figures", []) if (folder.figures / f"{name}.png").exists()]
    if (folder.figures / ANIMATION).exists():
        parts.append(_animation())
    parts += _designs(folder)
    if (folder.path / LANDSCAPE).exists():
        found = tables(read_json(folder.path / LANDSCAPE))
        parts += [_section(title, _table(rows[0], rows[1:])) for title, rows in found.items()]
    parts.append(_section("How it was made", _facts(noted)))
    leaves = [Path(name).with_suffix(LEAVES).name for name in (DESIGN, START)]
    files = (HISTORY, CONFIGURATION, "manifest.json", LANDSCAPE, DESIGN, START, *leaves, "result.json")
    links = (f'<a href="{name}">{name}</a>' for name in files if (folder.path / name).exists())
    parts.append(f"<p>Files: {', '.join(links)}. Repeat: <code>daedalus rerun {escape(folder.path.name)}</code></p>")
    subtitle = f"version {noted.get('problem_version')} · {noted.get('status')} · {noted.get('started_at')}"
    title = escape(str(noted.get("problem")))
    write_text(folder.path / REPORT, _PAGE.substitute(title=title, subtitle=escape(subtitle), body="\n".join(parts)))


def _results(measured: Mapping[str, Any]) -> str:
    designs = measured["designs"]
    rows = []
    for name, line in measured["figures"].items():
        cells = [with_error(d["values"].get(name), d["errors"].get(name)) for d in designs.values()]
        rows.append([name, *cells, "" if line["unit"] == "1" else line["unit"], line["doc"]])
    head = ["figure", *designs, "unit", "meaning"]
    note = (
        f"<p>Measured on the real apparatus, {measured['scenarios']} scenarios of {measured['events']} "
        "particles that neither the search nor the choice of the design has seen. "
        "Errors are standard errors.</p>"
    )
    return _section("Result", note + _table(head, rows, best=list(designs).index("optimised") + 1))


def _picture(name: str) -> str:
    title, place = escape(name.replace("_", " ")), f"{FIGURES}/{escape(name)}"
    return (
        f'<figure><a href="{place}.pdf"><img src="{place}.png" alt="{title}"></a>'
        f"<figcaption>{title}</figcaption></figure>"
    )


def _animation() -> str:
    image = f'<img src="{FIGURES}/{ANIMATION}" alt="the search">'
    return f"<figure>{image}<figcaption>the layout during the search, and the loss</figcaption></figure>"


def _designs(folder: RunFolder) -> list[str]:
    if not (folder.path / DESIGN).exists() or not (folder.path / START).exists():
        return []
    before, after = (read_json(folder.path / name) for name in (START, DESIGN))
    first = before["parameters"]
    rows = [
        [name, f"{first[name]['value']:.6g}", f"{line['value']:.6g}", line["unit"]]
        for name, line in after["parameters"].items()
    ]
    learned = after.get("learned")
    note = f"<p>Learned: {learned['numbers']} numbers, in {escape(learned['file'])}.</p>" if learned else ""
    table = _table(["parameter", "start", "optimised", "unit"], rows, best=2) if rows else ""
    return [_section("Design", table + note)]


def _facts(noted: Mapping[str, Any]) -> str:
    partition, device = noted.get("partition", {}), noted.get("device", {})
    lines = {
        "search": f"{noted.get('rounds')} rounds, {noted.get('starts')} starts, {noted.get('optimiser')}",
        "events": f"{partition.get('scenarios')} scenarios of {partition.get('events')} particles",
        "moved": f"{noted.get('parameters', '?')} parameters, {noted.get('learned_numbers', 0)} learned numbers",
        "physics on": ", ".join(noted.get("physics", [])) or "nothing declared",
        "seed and precision": f"{noted.get('seed')}, {noted.get('precision')}",
        "device": f"{device.get('count')} x {device.get('kind')} ({device.get('platform')})",
        "versions": ", ".join(
            f"{k} {v}" for k, v in {"daedalus": noted.get("daedalus"), **noted.get("packages", {})}.items() if v
        ),
        "time": f"{noted.get('started_at')} to {noted.get('finished_at')}",
    }
    return _table([], [[name, text] for name, text in lines.items()])


def _section(title: str, body: str) -> str:
    return f"<h2>{escape(title)}</h2>\n{body}"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], best: int = -1) -> str:
    top = "".join(f"<th>{escape(str(name))}</th>" for name in head)
    mark = lambda number: ' class="best"' if number == best else ""
    line = lambda row: "".join(f"<td{mark(i)}>{escape(str(cell))}</td>" for i, cell in enumerate(row))
    body = "\n".join(f"<tr>{line(row)}</tr>" for row in rows)
    return f"<table><tr>{top}</tr>\n{body}</table>"
