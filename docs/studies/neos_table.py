"""Put the numbers of validation/neos.json into the page on binned analysis: python docs/studies/neos_table.py

The file is made by validation/neos.py. Without it nothing happens.
"""

from __future__ import annotations

from marked_page import fill, table

ROWS = {
    "CLs": "CLs, edges free",
    "CLs, even bins": "CLs, even bins",
    "CLs, fixed sample of 10 000": "CLs, edges free, fixed sample of 10 000 of each",
    "uncertainty": "uncertainty",
    "discovery": "discovery",
    "generalised variance": "generalised variance",
    "cross entropy": "cross entropy",
    "cross entropy, augmented": "cross entropy, augmented",
    "cross entropy, then edges for CLs": "cross entropy, then the edges for the CLs",
    "CLs, 8 bins": "CLs, 8 bins",
    "cross entropy, 8 bins": "cross entropy, 8 bins",
    "CLs, appendix's means": "CLs, appendix's means",
    "cross entropy, appendix's means": "cross entropy, appendix's means",
    "cross entropy, augmented, appendix's means": "cross entropy, augmented, appendix's means",
}
HEAD = ["trained for", "CLs / 1e-7", "uncertainty of the strength", "p0"]


def text(found: dict) -> str:
    """The comparison in Markdown."""
    rows = [[title, *cells(found[name])] for name, title in ROWS.items() if name in found]
    starts = {len(row["runs"]) for row in found.values()}
    trainings = sum(len(row["runs"]) for row in found.values())
    failed, bad = (sum(int(row[name]) for row in found.values()) for name in ("failed", "bad_steps"))
    return "\n".join(
        [
            f"Median of {'/'.join(map(str, sorted(starts)))} first networks, and their range. {trainings} trainings, "
            f"of which {failed} failed;",
            f"{bad} of their steps had a loss or a gradient that was not finite, or a fit that did not converge.",
            "",
            *table(HEAD, rows),
        ]
    )


def cells(row: dict) -> list[str]:
    """The figures of one row."""
    cls, width = ([row[name][which] for which in ("median", "least", "most")] for name in ("cls", "uncertainty"))
    limit = "{} ({} to {})".format(*(short(1e7 * value) for value in cls))
    return [limit, "{:.3f} ({:.3f} to {:.3f})".format(*width), f"{row['p0']['median']:.0e}".replace("e-0", "e-")]


def short(value: float) -> str:
    """Two digits, or all before the point."""
    return f"{value:.{2 if value < 0.995 else 1 if value < 9.95 else 0}f}"


if __name__ == "__main__":
    fill("binned_analysis.md", __file__, {"neos": ("neos", text)})
