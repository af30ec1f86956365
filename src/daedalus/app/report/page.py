"""The page: one HTML file that says what a run was asked and what it found, and that needs nothing else."""

from __future__ import annotations

from importlib.resources import files
from string import Template

import numpy as np

from daedalus.app.report.answer import answer, brief, every
from daedalus.app.report.condition import condition
from daedalus.app.report.gallery import animation, figures
from daedalus.app.report.markup import Section, paragraph, text
from daedalus.app.report.provenance import provenance
from daedalus.app.report.question import question, title
from daedalus.app.report.record import Record, record
from daedalus.app.report.surroundings import consequences, own_pictures, surroundings
from daedalus.app.task import Task
from daedalus.execution import RunFolder, rounds_done
from daedalus.execution.files import write_text
from daedalus.execution.run_folder import REPORT

STYLE = "page.css"
_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>$name · Daedalus report</title>
<style>
$style
</style>
</head>
<body>
<header>
<p class="above">Daedalus report · $name</p>
<h1>$title</h1>
<p class="below">$about</p>
$condition
$brief
</header>
<nav aria-labelledby="contents">
<h2 id="contents">Contents</h2>
<ol>
$contents
</ol>
</nav>
<main>
$body
</main>
<footer><p>$foot</p></footer>
</body>
</html>
""")
_ABOUT = (
    "Daedalus looks for good designs of experiments: it simulates what an apparatus of a given design would measure, "
    "puts a number on how good that is, and changes the design until the number gets no better."
)


def write_report(folder: RunFolder, found: Task | None = None) -> None:
    """Writes report.html from the files of a run folder; it shows what is there.

    Args:
        folder: the run folder.
        found: its task, where it is known already.

    Raises:
        RunError: the folder is not a run's, or a file in it is malformed.
    """
    write_text(folder.path / REPORT, page(record(folder, found)))


def page(found: Record) -> str:
    """The page of a record."""
    sections = [section for section in _sections(found) if any(section.parts)]
    noted = found.noted
    times = [str(noted[name])[:10] for name in ("started_at", "finished_at") if noted.get(name)]
    when = f", {' to '.join(dict.fromkeys(times))}" if times else ""
    return _PAGE.substitute(
        name=text(found.name),
        style=files("daedalus.app.report").joinpath(STYLE).read_text(encoding="utf-8"),
        title=text(title(found)),
        about=text(_ABOUT),
        condition=condition(found),
        brief=paragraph(brief(found), kind="brief"),
        contents="\n".join(f'<li><a href="#{each.anchor}">{text(each.title)}</a></li>' for each in sections),
        body="\n".join(section.html() for section in sections),
        foot=text(f"Run {noted.get('status')}{when}. Written by Daedalus {noted.get('daedalus', '')}."),
    )


def _sections(found: Record) -> list[Section]:
    drawn = [*figures(found, own_pictures(found)), *animation(found)]
    told = "Drawn by the study for the design that the search began with and for the one that it ended with."
    return [
        question(found),
        answer(found),
        Section("Before and after", [paragraph(told), *drawn] if drawn else []),
        _search(found),
        surroundings(found),
        consequences(found),
        provenance(found),
        every(found),
    ]


def _search(found: Record) -> Section:
    """How the search went."""
    history = found.history
    if history is None or not len(history):
        return Section("How the search went", figures(found, ["search"]))
    loss = history["loss"].astype(float)
    sound = np.isfinite(loss)
    told = [f"{len(loss)} evaluations in {rounds_done(history)} rounds"]
    if sound.any():
        best = int(np.argmin(np.where(sound, loss, np.inf)))
        first = float(loss[np.flatnonzero(sound)[0]])
        told.append(f"the loss was {first:.4g} at first")
        told.append(f"it was lowest, {loss[best]:.4g}, in round {history['round'][best]} (counted from 0)")
    if not sound.all():
        told.append(f"{np.count_nonzero(~sound)} evaluations gave no finite loss")
    return Section("How the search went", [paragraph("; ".join(told) + "."), *figures(found, ["search"])])
