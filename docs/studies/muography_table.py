"""Put the numbers of validation/muography.json into the page on muography: python docs/studies/muography_table.py

The file is made by validation/muography.py. Without it nothing happens.
"""

from __future__ import annotations

from marked_page import cell, fill, table

DESIGNS = {
    "start": "start: far away on one side",
    "evenly_spaced": "evenly spaced around the hill",
    "hand_made": "hand-made, on the side of the suspected place",
    "optimised_0": "optimised from the south",
    "optimised_1": "optimised from the west",
    "optimised_2": "optimised from the north",
}
PUBLISHED = {"heisinger": "Heisinger et al.", "mei_hime": "Mei & Hime"}


def depth(row: dict) -> str:
    """The depth of a row [m w.e.]."""
    return f"{row['depth']:g}"


def text(found: dict) -> str:
    """The results in Markdown: designs, designs by flux model, depth curve, inclined intensities."""
    placement, models = found["placement"], list(found["flux_integrals"])
    rows = [
        [title, cell(*placement["designs"][name]["days"]), cell(*placement["designs"][name]["found"])]
        for name, title in DESIGNS.items()
    ]
    lines = [
        f"{placement['settings']['voids']} fresh voids, common to all designs; geometric means.",
        "",
        *table(["design", "exposure [days]", "found within 30 days"], rows),
        "Optimised over reference, exposure, paired; the error of `all` includes the spread between starts:",
        "",
    ]
    heads = ["reference", *next(iter(placement["ratios"].values()))]
    lines += table(heads, [[name, *(cell(*v) for v in row.values())] for name, row in placement["ratios"].items()])
    lines += ["The same designs, exposure [days] if the flux is another model's:", ""]
    by_flux = placement["by_flux"]
    lines += table(["design", *models], [[n, *(cell(*by_flux[m][n]) for m in models)] for n in DESIGNS])
    lines += ["Vertical intensity under standard rock, ours over published, with the flux of each model:", ""]
    rows = [
        [depth(row), f"{found['minimum_energies'][depth(row)]:.4g}", PUBLISHED[name], f"{row['published'][name]:.4g}"]
        + [f"{ratio[m]:.2f}" for m in models]
        for row in found["depth_curve"]
        for name, ratio in row["ratio"].items()
    ]
    lines += table(["m w.e.", "E_min [GeV]", "published", "[1/(m² s sr)]", *models], rows)
    lines += ["Inclined intensity, ours over MUTE 3 (daemonflux, with straggling):", ""]
    rows = [
        [depth(row), f"{row['zenith']:.1f}", f"{row['mute']:.4g}", *(f"{row['ratio'][m]:.2f}" for m in models)]
        for row in found["inclined"]
    ]
    lines += table(["m w.e.", "zenith [deg]", "MUTE [1/(m² s sr)]", *models], rows)
    worst = ", ".join(f"{name}: {100 * value:.1f} %" for name, value in found["ranges"].items())
    return "\n".join([*lines, f"Largest deviation of ranges, 0.1 GeV to 1 TeV: {worst}."])


if __name__ == "__main__":
    fill("muography.md", __file__, {"results": ("muography", text)})
