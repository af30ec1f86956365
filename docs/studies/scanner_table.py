"""Put the searches of the scanners into the page on muon tomography: python docs/studies/scanner_table.py

They are those of validation/scanner_starts.json and validation/robustness.json, made by the scripts of the same names.
Where a file is missing, its part of the page stays as it is.
"""

from __future__ import annotations

import math

from marked_page import cell, fill, table

FIGURES = {
    "x0_error": "squared error of ln(1/X0 + 3/m)",
    "time": "time to find [s]",
    "entropy": "cross entropy",
    "roc_area": "area under the ROC curve",
    "found_at_0.01": "found at 1 % false alarms",
    "found_at_0.05": "found at 5 %",
}
HUMANS = {
    "x0_imaging": ("human_1", "human_2"),
    "block_detection": ("human_1", "human_2"),
    "cargo_hodoscopes": ("even",),
    "walls": ("even",),
}
POOR = {"x0_imaging": "initial", "block_detection": "initial", "cargo_hodoscopes": "crowded", "walls": "corner"}
STARTS = dict.fromkeys(("initial", "crowded", "corner"), "the poor layout")
STARTS |= dict.fromkeys(("human_2", "even"), "the one by hand") | {"random": "a random one"}
GROUPS = {"place": "x and y", "height": "z", "share": "share"}
KINDS = {
    "by hand": "by hand (human 2)",
    "nothing wrong, mean": "searched with nothing wrong",
    "all flaws, mean": "searched with all flaws, mean",
    "all flaws, worst fifth": "the same, worst fifth of scans",
    "all flaws, worst": "the same, worst scan",
}


def starts(found: dict) -> str:
    """Where the searches end, and what lies between the ends."""
    rounds = {name: next(iter(found[name]["searches"].values()))["rounds"] for name in HUMANS}
    lines = [
        "Three searches each, scored with hard edges on fresh scans that all layouts of a problem share. Starts: the",
        "poor layout, the last one by hand, and one drawn at random. Rounds of a search, and scans scored:",
        ", ".join(f"`{name}` {count} and {found[name]['scans_scored']}" for name, count in rounds.items()) + ".",
        "",
        *ends(found),
        "The ends against the best of them on the same scans: the ratio of times (of `x0_imaging` the difference of",
        "errors), the largest excess over a straight line on the way from one end to the other, and the ratio",
        "(difference) that is left when one group of the worse layout's parameters is replaced by that of the best.",
        "",
        *betweens(found),
    ]
    return "\n".join(lines)


def ends(found: dict) -> list[str]:
    """The figures of all layouts."""
    rows = []
    for name, humans in HUMANS.items():
        told = found[name]["figures"]
        labels = [POOR[name], *humans[::-1][:1], "random"]
        for key, title in FIGURES.items():
            if key in told[POOR[name]]:
                by_hand = min if key in ("x0_error", "time", "entropy") else max
                best = by_hand((told[human][key] for human in humans), key=lambda pair: pair[0])
                row = [told[POOR[name]][key], best, *(told[f"from {label}"][key] for label in labels)]
                rows.append([f"`{name}`: {title}", *(cell(*pair) for pair in row)])
    head = ["", "poor layout", "by hand, the better", "from the poor one", "from the one by hand", "from a random one"]
    return table(head, rows)


def betweens(found: dict) -> list[str]:
    """What lies between the ends."""
    rows = []
    for name in HUMANS:
        log = name != "x0_imaging"
        show = (
            (lambda pair: cell(math.exp(pair[0]), math.exp(pair[0]) * pair[1])) if log else (lambda pair: cell(*pair))
        )
        for start, told in found[name]["between"].items():
            line = [pair[0] for pair in told["line"]]
            chord = [line[0] + (line[-1] - line[0]) * k / (len(line) - 1) for k in range(len(line))]
            hump = max(range(len(line)), key=lambda k: line[k] - chord[k])
            excess = line[hump] - chord[hump], told["line"][hump][1]
            over = cell(100.0 * excess[0], 100.0 * excess[1]) + " %" if log else cell(*excess)
            rows.append(
                [f"`{name}`: from {STARTS[start]} against from {STARTS[found[name]['best']]}"]
                + [show(found[name]["minus_best"][f"from {start}"]), over if 0 < hump < len(line) - 1 else "none"]
                + [show(told["exchanged"][group]) for group in GROUPS]
            )
    head = ["", "end", "hump", *(f"{title} of the best" for title in GROUPS.values())]
    return table(head, rows)


def robust(found: dict) -> str:
    """What flaws cost, and what searching with them gains."""
    flaws, settings = found["settings"]["flaws"], found["settings"]
    wide = f"{100 * flaws['tail_fraction']:g} % of the muons scattered three times more widely."
    lines = [
        f"**Flaws.** `x0_imaging`, {settings['searches_of_each_kind']} searches of each kind from human 2,"
        f" {settings['scans_scored']} fresh scans. Standard deviations,",
        f"drawn for each scan: panels out of place by {1e3 * flaws['misalignment']:g} mm in each direction, the"
        f" spectrum off by a power",
        f"of {flaws['spectrum_index']:g} of the momentum; {wide}",
        "Mean over scans, and over the worst fifth:",
        "",
    ]
    cases = [*found["cases"]]
    rows = [[title] + [cell(*_pair(found, case, kind, "mean")) for case in cases] for kind, title in KINDS.items()]
    rows += [
        [f"{title}: worst fifth"] + [cell(*_pair(found, case, kind, "worst fifth")) for case in cases]
        for kind, title in KINDS.items()
    ]
    return "\n".join([*lines, *table(["layout", *cases], rows)])


def _pair(found: dict, case: str, kind: str, share: str) -> tuple[float, float]:
    told = found["cases"][case][kind][share]
    return told["value"], told["error"]


if __name__ == "__main__":
    fill("muon_tomography.md", __file__, {"searches": ("scanner_starts", starts), "flaws": ("robustness", robust)})
