"""Put the numbers of validation/ladle.json into the ladle's page: python docs/studies/ladle_table.py

The file has the keys initial, optimised, human_1 and human_2; each has "poca" and "best", each with "value" and
"error" (mean squared error [m2]). Without the file nothing happens.
"""

from __future__ import annotations

import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE, DATA = HERE / "muon_tomography.md", HERE.parents[1] / "validation" / "ladle.json"
LAYOUTS = {
    "initial": "initial",
    "optimised": "optimised",
    "human_1": "human 1, pairs 5 cm apart",
    "human_2": "human 2, evenly spaced",
}
BEGIN, END = (
    "<!-- results: begin (made by docs/studies/ladle_table.py from validation/ladle.json) -->",
    "<!-- results: end -->",
)


def cell(entry: dict[str, float]) -> str:
    """A mean squared error with its standard error, in cm2."""
    digits = max(0, 1 - int(f"{1e4 * entry['error']:e}".split("e")[1])) if entry["error"] > 0 else 2
    return f"{1e4 * entry['value']:.{digits}f} ± {1e4 * entry['error']:.{digits}f}"


def table(found: dict) -> str:
    """The Markdown table of the results."""
    rows = ["| layout | closest approach [cm²] | likelihood [cm²] |", "|---|---|---|"]
    for name, title in LAYOUTS.items():
        rows.append(f"| {title} | {cell(found[name]['poca'])} | {cell(found[name]['best'])} |")
    return "\n".join(rows)


def main() -> None:
    """Replaces what stands between the two marks of the page."""
    if not DATA.exists():
        print(f"{DATA.relative_to(HERE.parents[1])} does not exist; run validation/ladle.py first.")
        return
    text = (
        "Mean squared error of the level, published comparison, hard edges, fresh muons (`validation/ladle.json`):\n\n"
    )
    text += table(json.loads(DATA.read_text(encoding="utf-8")))
    page = PAGE.read_text(encoding="utf-8")
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
