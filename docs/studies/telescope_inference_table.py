"""Put the numbers of the telescope with its analysis into their page: python docs/studies/telescope_inference_table.py

The file validation/telescope_with_inference.json is made by the script beside it. Without it nothing happens.
"""

from __future__ import annotations

import statistics

from marked_page import cell, fill, table

WAYS = {
    "start": "start",
    "bins_only": "the start's planes, bins searched",
    "one_after_other": "planes for pointing, then bins",
    "together": "planes and bins together",
    "together_after": "together, from planes and then bins",
}
HEAD = ["design", "uncertainty [%]", "less than one after the other [%]", "error of pointing [um]", "cost [kEUR]"]


def text(found: dict) -> str:
    """The comparison in Markdown."""
    rows = []
    for way, title in WAYS.items():
        measured = [seed["measured"][way] for seed in found["seeds"]]
        mean = lambda name, m=measured: statistics.mean(statistics.mean(each[name]) for each in m)
        spread = statistics.stdev([statistics.mean(each["uncertainty"]) for each in measured])
        gain = found["gains"][way]
        rows.append(
            [
                title,
                cell(100 * mean("uncertainty"), 100 * spread) if spread > 1e-7 else f"{100 * mean('uncertainty'):.2f}",
                ""
                if way == "one_after_other"
                else f"{gain['percent']:.2f} ± {gain['error']:.2f} ± {gain['spread']:.2f}",
                f"{1e6 * mean('impact'):.1f}",
                f"{mean('cost') / 1e3:.1f}",
            ]
        )
    settings = found["settings"]
    lines = [
        f"Mean of {len(found['seeds'])} searches with its spread, {settings['rounds']} rounds each; sharp bins, real",
        "strips, fresh particles (errors of the gain: of the particles, and the spread of searches).",
        "",
        *table(HEAD, rows),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    fill("binned_analysis.md", __file__, {"telescope": ("telescope_with_inference", text)})
