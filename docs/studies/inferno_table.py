"""Put the numbers of validation/inferno.json into the page on binned analysis: python docs/studies/inferno_table.py

The file is made by validation/inferno.py. Without it nothing happens.
"""

from __future__ import annotations

import statistics

from marked_page import fill, table

ROWS = {
    "cross_entropy": "cross entropy",
    **{f"inferno_{number}": f"trained for benchmark {number}" for number in range(5)},
    "inferno_2_score": "for benchmark 2, slopes from scores",
}
PUBLISHED = {  # de Castro and Dorigo 2019, table 1
    "cross_entropy": (14.99, 18.94, 23.94, 21.54, 26.71),
    "inferno_0": (15.51, 18.34, 23.24, 21.38, 26.38),
    "inferno_1": (15.80, 16.79, 21.41, 20.29, 24.26),
    "inferno_2": (15.71, 16.87, 16.95, 16.88, 18.67),
    "inferno_3": (15.70, 16.91, 16.97, 16.89, 18.69),
    "inferno_4": (15.71, 16.89, 16.95, 16.88, 18.68),
    "best classifier": (14.97, 19.12, 24.93, 22.13, 27.98),
    "bound": (14.71, 15.52, 15.65, 15.62, 16.89),
}
HEAD = ["summary", "", *(f"benchmark {number}" for number in range(5))]


def spread(rows: list[dict], key: str, number: int) -> str:
    """The median over initialisations, with the smallest and the largest."""
    values = [row[key][number] for row in rows]
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def published(name: str, title: str = "") -> list[str]:
    """The published row."""
    return [title, "published", *(f"{value:.2f}" for value in PUBLISHED[name])]


def text(found: dict) -> str:
    """The results in Markdown."""
    settings, trainings = found["settings"], found["trainings"]
    rows = []
    for name, title in ROWS.items():
        rows.append([title, "here", *(spread(trainings[name], "sharp", number) for number in range(5))])
        if name in PUBLISHED:
            rows.append(published(name))
    for name, key, title in (
        ("best classifier", "best_classifier", "best classifier, 10 bins"),
        ("bound", "bounds", "unbinned likelihood"),
    ):
        rows.append([title, "here", *(f"{value:.2f}" for value in found[key])])
        rows.append(published(name))
    every = [row for name in ROWS for row in trainings[name]]
    off = max(abs(a / b - 1) for row in every for a, b in zip(row["sharp"], row["shifted"], strict=True))
    failed = sum(row["failed"] > 0 for row in every)
    lost = sum(row["not_finite_rounds"] for row in every)
    lines = [
        f"Median of {settings['initialisations']} first weights (smallest to largest), sharp bins, "
        f"{settings['events_of_a_measurement']:,} fresh events; {settings['rounds']} rounds of",
        f"{settings['events_of_a_round']} events, {settings['precision']}. Of {len(every)} trainings {failed} failed, "
        f"and {lost} rounds had no finite loss.",
        "",
        *table(HEAD, rows),
        "Uncertainties from templates at shifted nuisances (r ± 0.2, l ± 0.5, as published) instead of scores differ",
        f"by {100 * off:.1f} % at most.",
        "",
        *table(
            ["training", "seconds: median (smallest to largest)", "occupied bins", "failed"],
            [[title, *clock(trainings[name])] for name, title in ROWS.items()],
        ),
        f"Seconds from making the problem to the last round, on one {settings['device']} (jax {settings['jax']}),",
        f"{'with' if settings['compiled_programs_kept'] else 'without'} compiled programs kept on disk"
        + (f"; {settings['note']}." if "note" in settings else "."),
    ]
    return "\n".join(lines)


def clock(rows: list[dict]) -> list[str]:
    """What a training took, and what became of it."""
    seconds = [row["seconds"] for row in rows]
    bins = [row["occupied_bins"] for row in rows]
    return [
        f"{statistics.median(seconds):.0f} ({min(seconds):.0f} to {max(seconds):.0f})",
        f"{min(bins):.1f} to {max(bins):.1f}",
        f"{sum(row['failed'] > 0 for row in rows)} of {len(rows)}",
    ]


if __name__ == "__main__":
    fill("binned_analysis.md", __file__, {"inferno": ("inferno", text)})
