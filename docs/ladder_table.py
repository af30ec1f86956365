"""Put the numbers of validation/ladder.json into the ladder's page: python docs/ladder_table.py

The file is made by validation/ladder.py. Parts that it does not have are left out.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGE, DATA = HERE / "ladder.md", HERE.parent / "validation" / "ladder.json"
MARK = "<!-- {part}: {end} (made by docs/ladder_table.py from validation/ladder.json) -->"
EURO = 1e3


def calls(found: list[dict[str, Any]]) -> list[str]:
    """Calls to the targets in Markdown, a row for each problem and method."""
    rows = ["| problem | method | target | calls, by seed | median | at the end |", "|---|---|---|---|---|---|"]
    problems = list(dict.fromkeys(row["problem"] for row in found))
    last = lambda row: math.inf if (reached := list(row["median"].values())[-1]) is None else reached
    for row in sorted(found, key=lambda row: (problems.index(row["problem"]), "noise" in row, last(row))):
        gradient = {"lbfgs", "adam"} & {row["method"]}
        title = row["problem"] + (", exact gradient, no noise" if row.get("noise") is False else "")
        title += ", exact gradient" if gradient and "noise" not in row else ""
        title = title.replace("_", " ")
        for number, (target, reached) in enumerate(row["calls_to"].items()):
            cells = ", ".join("-" if each is None else str(each) for each in reached)
            median = "-" if row["median"][target] is None else f"**{row['median'][target]}**"
            ends = f"{min(row['final']):.3g} to {max(row['final']):.3g} ({row['budget']})" if number == 0 else ""
            name = (title, f"`{row['method']}`") if number == 0 else ("", "")
            rows.append(f"| {name[0]} | {name[1]} | {target} | {cells} | {median} | {ends} |")
    return rows


def scale(found: list[dict[str, Any]]) -> list[str]:
    """Losses at equal numbers of particles in Markdown, a row for each apparatus and number of parameters."""
    methods = list(dict.fromkeys(row["method"] for row in found))
    rows = ["| apparatus, free | start | " + " | ".join(f"`{each}`" for each in methods) + " |"]
    rows.append("|---" * (2 + len(methods)) + "|")
    for key in dict.fromkeys((row["apparatus"], row["free"]) for row in found):
        here = {row["method"]: row for row in found if (row["apparatus"], row["free"]) == key}
        cells = [numbers(here[each]["loss"], here[each]["error"]) if each in here else "" for each in methods]
        start = next(iter(here.values()))["start"]
        rows.append(f"| {key[0]}, {key[1]} | {start:.4g} | {' | '.join(cells)} |")
    return rows


def fronts(found: dict[str, Any]) -> list[str]:
    """The hypervolume of ZDT1 and the telescope's front in Markdown."""
    zdt1, telescope = found["zdt1"], found["telescope"]
    share = ", ".join(f"{100 * each:.2f}" for each in zdt1["share"])
    rows = [
        f"ZDT1: hypervolume {', '.join(f'{each:.4f}' for each in zdt1['hypervolume'])} of {zdt1['exact']:.4f} "
        f"({share} %), {len(zdt1['share'])} seeds.",
        "",
        "| cost [kEUR] | impact resolution [um] |",
        "|---|---|",
    ]
    columns = (telescope["cost_EUR"], telescope["impact_um"], telescope["impact_error_um"])
    for cost, impact, error in zip(*columns, strict=True):
        rows.append(f"| {cost / EURO:.1f} | {numbers(impact, error)} |")
    for name, title in (("even", "even planes, the reference"), ("adam", "Adam on the weighted sum")):
        rows.append(f"| {telescope[name][0] / EURO:.1f} | {telescope[name][1]:.2f}, {title} |")
    return rows


def numbers(value: float, error: float) -> str:
    """A value with its standard error, two digits of the error."""
    digits = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 2
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def main() -> None:
    """Writes the page."""
    found, page = json.loads(DATA.read_text()), PAGE.read_text()
    for part, text in (("calls", calls), ("scale", scale), ("fronts", fronts)):
        begin, end = (MARK.format(part=part, end=each) for each in ("begin", "end"))
        if part in found:
            before, rest = page.split(begin)
            page = before + begin + "\n" + "\n".join(text(found[part])) + "\n" + end + rest.split(end)[1]
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
