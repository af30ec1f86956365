"""Put the numbers of validation/ladle.json into the ladle's page: python docs/studies/ladle_table.py

The file is made by validation/ladle.py. Without it nothing happens.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE, DATA = HERE / "muon_tomography.md", HERE.parents[1] / "validation" / "ladle.json"
BEGIN = "<!-- results: begin (made by docs/studies/ladle_table.py from validation/ladle.json) -->"
END = "<!-- results: end -->"
LAYOUTS = {
    "initial": "initial",
    "optimised": "optimised",
    "human_1": "human 1, pairs 5 cm apart",
    "human_2": "human 2, evenly spaced",
}
LEVELS = {"labels": "eight published levels", "uniform": "levels of 55 to 135 cm"}
ESTIMATES = {"poca": "closest approach", "best": "likelihood"}
COLUMNS = [(estimate, levels) for levels in LEVELS for estimate in ESTIMATES]


def cell(entry: dict[str, float]) -> str:
    """A mean squared error with its standard error, two digits of the error, in cm2."""
    value, error = 1e4 * entry["value"], 1e4 * entry["error"]
    digits = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 2
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def text(found: dict) -> str:
    """The results in Markdown: a table of layouts, and one of paired differences."""
    heads = [f"{ESTIMATES[estimate]}, {LEVELS[levels]}" for estimate, levels in COLUMNS]
    rows = [f"| mean squared error [cm²] | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for name, title in LAYOUTS.items():
        rows.append(f"| {title} | {' | '.join(cell(found[name][e][v]) for e, v in COLUMNS)} |")
    for human, differences in found["paired_difference_optimised_minus_human"].items():
        title = f"optimised minus {human.replace('_', ' ')}, paired"
        rows.append(f"| {title} | {' | '.join(cell(differences[v][e]) for e, v in COLUMNS)} |")
    plain = lambda value: "; ".join(map(str, value)) if isinstance(value, list | dict) else value
    told = "; ".join(f"{name.replace('_', ' ')}: {plain(value)}" for name, value in found["settings"].items())
    return "\n".join(
        [
            "Published comparison, hard edges, ladles and muons that no search has seen and that all layouts share;",
            "errors of `optimised` and of its differences include the spread between optimisation seeds.",
            "",
            *rows,
            "",
            *seeds(found),
            "",
            f"Settings: {told}." if len(told) < 1000 else "Settings: see `validation/ladle.json`.",
        ]
    )


def seeds(found: dict) -> list[str]:
    """The results seed by seed in Markdown, with the paired differences to the better human layout of each estimate."""
    better = {e: min(("human_1", "human_2"), key=lambda human: found[human][e]["value"]) for e in ESTIMATES}
    heads = [f"{ESTIMATES[e]} | minus {better[e].replace('_', ' ')} (the better human), paired" for e in ESTIMATES]
    rows = ["Eight published levels, cm², search by search:", "", f"| seed | {' | '.join(heads)} |", "|---" * 5 + "|"]
    for number, result in enumerate(found["seeds"]):
        cells = [str(number)]
        for e in ESTIMATES:
            value, error = found["paired_difference_optimised_minus_human"][better[e]]["labels"][e]["by_seed"][number]
            cells += [cell(result[e]), cell({"value": value, "error": error})]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def main() -> None:
    """Replaces what stands between the two marks of the page."""
    if not DATA.exists():
        print("validation/ladle.json does not exist; run validation/ladle.py first.")
        return
    page = PAGE.read_text(encoding="utf-8")
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    found = text(json.loads(DATA.read_text(encoding="utf-8")))
    PAGE.write_text(f"{before}{BEGIN}\n{found}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
