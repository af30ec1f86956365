"""Put the numbers of validation/selection.json into the page on binned analysis: python docs/studies/selection_table.py

The file is made by validation/selection.py. Without it nothing happens.
"""

from __future__ import annotations

from marked_page import fill, table

TITLES = {
    "start": "equal bins, cut at 0.3 (start)",
    "even": "equal bins, best cut of 39",
    "grid": "best of a grid of cuts and edges",
    "search": "search on simulated events (median)",
    "minimum": "the exact minimum",
}
LOSSES = {"cls": "ln CLs", "uncertainty": "ln uncertainty"}


def text(found: dict) -> str:
    """Both tables in Markdown."""
    three = found["cls 3"]
    every = three | {"search": median(three["searches"])}
    edges = lambda row: ", ".join(f"{edge:.1f}" for edge in row["edges"][1:-1])
    rows = [
        [title, f"{every[name]['cut']:.3f}", edges(every[name]), f"{every[name]['exact']:.3f}"]
        for name, title in TITLES.items()
    ]
    lines = ["Three bins, expected ln CLs:", "", *table(["", "cut", "edges [GeV]", "ln CLs"], rows)]
    head = ["", "equal bins, cut 0.3", "equal bins, best cut", "searches", "exact minimum", "sharp, fresh events"]
    seeds = len(three["searches"])
    lines += [
        f"More bins, and the uncertainty of the strength; {seeds} searches each, and what sharp edges measure of the",
        "median one on fresh events:",
        "",
    ]
    return "\n".join([*lines, *table(head, [cells(name, row) for name, row in found.items()])])


def cells(name: str, row: dict) -> list[str]:
    """One line of the second table."""
    loss, bins = name.split()
    values, middle = [each["exact"] for each in row["searches"]], median(row["searches"])
    searches = f"{middle['exact']:.3f} ({min(values):.3f} to {max(values):.3f})"
    numbers = [f"{row[which]['exact']:.3f}" for which in ("start", "even")]
    sharp = f"{middle['sharp']:.3f} ± {middle['sharp_error']:.3f}"
    return [f"{LOSSES[loss]}, {bins} bins", *numbers, searches, f"{row['minimum']['exact']:.3f}", sharp]


def median(searches: list[dict]) -> dict:
    """The search in the middle."""
    return sorted(searches, key=lambda each: each["exact"])[len(searches) // 2]


if __name__ == "__main__":
    fill("binned_analysis.md", __file__, {"selection": ("selection", text)})
