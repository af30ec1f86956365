"""Provenance: how a run was made, how it is repeated, and how it is cited."""

from __future__ import annotations

import shlex
from pathlib import Path

from daedalus.app.report.markup import Section, code, facts, heading, link, paragraph, text
from daedalus.app.report.record import FINISHED, Record
from daedalus.execution.design_file import LEAVES
from daedalus.execution.log import LOG
from daedalus.execution.run_folder import CONFIGURATION, DESIGN, FIGURES, HISTORY, LANDSCAPE, MANIFEST, RESULT, START

TITLE, AUTHORS, LICENCE = (  # as CITATION.cff has them
    "Daedalus: differentiable co-design of scientific experiments",
    "The Daedalus developers",
    "Apache-2.0",
)
FILES = {
    MANIFEST: "what the run was made of and how it ended",
    CONFIGURATION: "the configuration that repeats it",
    HISTORY: "every evaluation of the search, a row each",
    START: "the design that the search began with",
    DESIGN: "the optimised design",
    RESULT: "what the designs are worth, measured on fresh events",
    LANDSCAPE: "what was found around the optimum",
    LOG: "what happened when",
}


def provenance(record: Record) -> Section:
    """How the run was made and how to repeat it."""
    told = (
        "Every random number of the run follows from its seed: on the same versions and the same kind of device, the "
        "same commands give the same numbers. They are to be typed in the folder that holds this run's folder."
    )
    version = record.noted.get("daedalus") or "of any version"
    parts = [heading("Made with"), facts(_facts(record)), heading("Repeat it"), paragraph(told)]
    asked = "What daedalus landscape was asked beyond these options (basins, a front, tolerances) is not on record."
    parts += [code(f"# with Daedalus {version}", *_commands(record)), paragraph(asked if record.landscape else "")]
    parts += [heading("Files"), *_files(record)]
    return Section("How it was made, and how to repeat it", [*parts, heading("Cite it"), *_citation(record)])


def _facts(record: Record) -> dict[str, str]:
    noted = record.noted
    partition, device = noted.get("partition") or {}, noted.get("device") or {}
    versions = {"daedalus": noted.get("daedalus"), "python": noted.get("python"), **(noted.get("packages") or {})}
    return {
        "problem": f"{record.name}, version {noted.get('problem_version', '?')}",
        "search": f"{noted.get('rounds')} rounds, starts: {noted.get('starts')}, {noted.get('optimiser')}",
        "events": f"{partition.get('scenarios')} scenarios of {partition.get('events')} particles",
        "partition": f"errors from {partition.get('groups', '?')} groups of events; at most "
        f"{partition.get('block', '?')} events in memory at once",
        "moved": f"{noted.get('parameters', '?')} parameters, {noted.get('learned_numbers', 0)} learned numbers",
        "physics on": ", ".join(noted.get("physics") or []) or "nothing declared",
        "seed": f"{noted.get('seed')}, random numbers by {noted.get('random_numbers', '?')}",
        "precision": str(noted.get("precision", "?")),
        "device": f"{device.get('count')} x {device.get('kind')} ({device.get('platform')}), {noted.get('system', '')}",
        "versions": ", ".join(f"{name} {number}" for name, number in versions.items() if number),
        "time": f"{noted.get('started_at', '?')} to {noted.get('finished_at', '?')}",
    }  # fmt: skip


def _commands(record: Record) -> list[str]:
    place, name = record.place, shlex.quote(record.name)
    lines = {
        f"daedalus rerun {place}": "runs it again in a new folder and compares every row",
        f"daedalus run {place}/config.toml --out again": "the same without comparing",
    }
    if record.landscape:
        lines |= dict.fromkeys(_looked(record), "looks around the optimum")
    if record.noted.get("status") == FINISHED:
        lines[f"daedalus evaluate {name} --design {place}"] = "measures the optimised design"
        lines[f"daedalus explore {place}"] = "a page on which the design is moved by hand"
    lines[f"daedalus report {place}"] = "draws the figures and writes this page anew"
    return [f"{line}  # {what}" for line, what in lines.items()]


def _looked(record: Record) -> list[str]:
    """The commands that look at the parts again, one for all parts that were looked at with the same options."""
    parts: dict[str, list[str]] = {}
    looked = (record.landscape or {}).get("looked")
    for name, how in (looked if isinstance(looked, dict) else {}).items():
        words = how.get("options") if isinstance(how, dict) else None
        parts.setdefault(shlex.join(map(str, words or [])), []).append(shlex.quote(name))
    begin = f"daedalus landscape {record.place}"
    return [" ".join([begin, *filter(None, [words]), "--only", *names]) for words, names in parts.items()] or [begin]


def _files(record: Record) -> list[str]:
    told = "They lie beside this page, in the same folder; the links work as long as it is opened from there."
    leaves = {Path(name).with_suffix(LEAVES).name: "what it has learned" for name in (DESIGN, START)}
    known = {name: what for name, what in (FILES | leaves).items() if (record.folder.path / name).exists()}
    lines = [f"<li>{link(name)}: {text(what)}</li>" for name, what in known.items()]
    if record.folder.figures.is_dir():
        lines.append(f"<li>{link(FIGURES + '/')}: every figure as PNG and as PDF</li>")
    return [paragraph(told), f"<ul>{''.join(lines)}</ul>"]


def _citation(record: Record) -> list[str]:
    version, day = str(record.noted.get("daedalus") or "unknown"), str(record.noted.get("started_at") or "")[:10]
    told = (
        f"{AUTHORS}, {TITLE}, version {version} ({LICENCE}). Cite with it the paper of the study, which its page names."
    )
    entry = {
        "author": f"{{{AUTHORS}}}",
        "title": f"{{{TITLE}}}",
        "version": version,
        "note": f"Licence {LICENCE}" + (f"; run of {day}" if day else ""),
    }
    body = [f"  {name:<8}= {{{value}}}," for name, value in entry.items()]
    return [paragraph(told), code("@software{daedalus,", *body, "}")]
