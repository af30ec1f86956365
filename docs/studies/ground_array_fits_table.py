"""Put the numbers of validation/ground_array_fits.json into its page: python docs/studies/ground_array_fits_table.py

The file is made by validation/ground_array_fits.py. Without it nothing happens.
"""

from __future__ import annotations

from marked_page import cell, fill, table

KINDS = {"gamma": "gamma rays", "proton": "protons"}
BINS = ("0-300", "1000-3000", "3000-30000")  # particles expected, of the rows
HEAD = ["", "particles", "pull: core", "ln E", "direction", "in 68.3 %", "ln E / expected", "direction", "statistic"]
FIGURES = {
    "gamma_flux_error": ("flux error [%]", 100.0),
    "energy_error": ("energy error [%]", 100.0),
    "pointing_error": ("pointing error [mrad]", 1000.0),
}


def fits(found: dict) -> str:
    """Pulls, coverage and ratios by layout, kind and particles expected, and the figures on both rungs, in Markdown."""
    rows, lost, groups = [], [], 0
    for layout, each in found["layouts"].items():
        for kind, title in KINDS.items():
            whole = each["fits"][f"{kind}, all"]
            groups += whole["showers"]
            low = whole["below_truth"][0] if "below_truth" in whole else 0.0
            lost.append(f"{title}, {layout}: {100 * (1.0 - whole['sound'][0]):.1f} % and {100 * low:.1f} %")
            for counts in BINS:
                row = each["fits"][f"{kind}, {counts}"]
                if "pulls" in row:
                    rows.append([f"{layout}, {title}", counts, *cells(row, each["repeated"].get(f"{kind}, {counts}"))])
    lines = [
        f"Of {groups} triggered showers, fits that did not converge, and of the others those that are less likely than",
        f"the truth: {'; '.join(lost)}. Robust widths of pulls, coverage of the direction's ellipse, then actual",
        "residuals and the mean of ln L(gamma) - ln L(proton) over what the closed form expects:",
        "",
        *table(HEAD, rows),
        *table(["closed form, fits (ratio)", *(title for title, _ in FIGURES.values())], totals(found)),
    ]
    return "\n".join(lines)


def cells(row: dict, again: dict | None) -> list[str]:
    """The numbers of one group of showers."""
    pulls = row["pulls"]
    both = lambda one, other: mean(pulls[one]["width"], pulls[other]["width"])
    widths = [both("x", "y"), cell(*pulls["log_energy"]["width"]), both("ux", "uy")]
    ratios = [cell(*row[f"{name}_over_expected"]) for name in ("energy", "pointing")]
    told = cell(*again["mean_over_expected"]) if again else "-"
    return [*widths, f"{100 * row['ellipses'][0][0]:.1f} %", *ratios, told]


def mean(one: list[float], other: list[float]) -> str:
    """The mean of two numbers with equal errors."""
    return cell(0.5 * (one[0] + other[0]), 0.5 * (one[1] ** 2 + other[1] ** 2) ** 0.5)


def totals(found: dict) -> list[list[str]]:
    """The problem's figures, layout by layout."""
    rows = []
    for layout, each in found["layouts"].items():
        told = []
        for key, (_, scale) in FIGURES.items():
            both = [cell(*(scale * n for n in each["figures"][rung][key])) for rung in ("fisher", "full")]
            told.append(f"{both[0]}, {both[1]} ({cell(*each['figures']['full_over_fisher'][key])})")
        rows.append([layout, *told])
    return rows


if __name__ == "__main__":
    fill("ground_array.md", __file__, {"fits": ("ground_array_fits", fits)})
