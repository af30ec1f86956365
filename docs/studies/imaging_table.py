"""Put the numbers of validation/imaging.json into the page on muon tomography: python docs/studies/imaging_table.py

The file is made by validation/imaging.py. Without it nothing happens.
"""

from __future__ import annotations

import math

from marked_page import cell, fill, table

METHODS = {
    "poca": "closest approach",
    "shared": "closest approach, shared",
    "likelihood_8": "likelihood, 8 steps",
    "likelihood": "likelihood, fitted",
    "clusters": "clusters",
}
MINUTES = ("1", "5", "20")
SIDES = {"2": "20 cm", "1": "10 cm"}


def percent(ratio: float) -> str:
    """A ratio's distance from one in per cent."""
    return f"{100.0 * (ratio - 1.0):+.2f}"


def share(value: list[float]) -> str:
    """A share with its error; with Wilson's interval where the binomial error vanishes."""
    return cell(*value[:2]) if value[1] > 0 else f"{value[0]:.2f} ({value[2]:.3f} to {value[3]:.3f})"


def scattering(found: dict) -> list[str]:
    """Simulated widths, displacements and correlations."""
    ways = {"one draw": "one draw", "ten draws": "ten draws", "ten voxels": "ten voxels"}
    rows = [
        [f"{row['momentum']:g} GeV, {row['material']}", f"{1e3 * row['highland']:.3f}"]
        + [percent(row[way]["angle"]) for way in ways]
        + [percent(row["one draw"]["displacement"]), f"{row['one draw']['correlation']:.4f}"]
        + [percent(row["lynch_dahl"]["angle"]), percent(row["lynch_dahl_width"] / row["highland"])]
        + [f"{row['tails']['angle']:.3f}"]
        for row in found["rows"]
    ]
    head = ["10 cm", "Highland [mrad]", *(f"angle, {way} [%]" for way in ways.values()), "displacement [%]"]
    head += ["correlation", "angle, law of Lynch and Dahl [%]", "that law over Highland [%]", "angle with tails [1]"]
    return [
        f"**Scattering.** {found['muons']:,} vertical muons through 10 cm, without energy loss: rms plane angle and",
        "displacement over the formula, minus one (Highland with the logarithm of the total path, PDG 2024 eq. 34.16;",
        "displacement L θ/√3, correlation √3/2 = 0.8660). The statistical error of both is",
        f"{100 * found['error']:.2f} %; rows share their random numbers. With tails √1.16 = 1.077 is expected.",
        "",
        *table(head, rows),
    ]


def inversion(found: dict) -> list[str]:
    """Inferred over true inverse radiation lengths of slabs."""
    rows = []
    for row in found["rows"]:
        loss = row["with_loss"]
        rows.append(
            [f"{row['material']}, {100 * row['depth']:g} cm"]
            + [percent(row["noise_free"][m]) for m in ("poca", "likelihood")]
            + [percent(row["sampled"][m]) for m in ("poca", "shared", "likelihood")]
            + [percent(row["tails"][m]) for m in ("poca", "likelihood")]
            + ([percent(loss[m]) for m in ("poca", "likelihood")] if loss else ["", ""])
        )
    head = ["slab", "noise-free, PoCA", "likelihood", "sampled, PoCA", "shared", "likelihood", "tails, PoCA"]
    head += ["likelihood", "energy loss, 3 GeV, PoCA", "likelihood"]
    return [
        "**Radiation lengths of homogeneous slabs**: inferred over true 1/X0, minus one, in per cent. 10 GeV, perfect",
        "tracks, no energy loss but for the last two columns (3 GeV; the maps assume 12 MeV a radiation length in all",
        f"matter). {found['muons']:,} muons are sampled, the statistical error is {100 * found['error']:.2f} %",
        "(the likelihood: 0.7 of it). Tails should add 15 %: a variance 1.16 times as large, less what the logarithm",
        "takes.",
        "",
        *table(head, rows),
    ]


def laws(found: dict) -> list[str]:
    """Part A."""
    lines, points = [*scattering(found["scattering"]), *inversion(found["inversion"])], found["closest_approach"]
    lines += [
        f"**Closest approach** of {points['lines']:,} pairs of constructed lines, angles from "
        f"{1e3 * points['least_angle']:g} mrad: largest deviation",
        f"{points['float64']:.1e} m in float64, {1e3 * points['float32']:.1f} mm in float32.",
        "",
        "**Flux.** Numerical integration of the published formulas: vertical integral intensity [1/(m² s sr)] above an",
        "energy (Reyna, EcoMug: momentum), and rate through a horizontal plane, 0 to 90 degrees [1/(cm² min)].",
        "",
    ]
    models = found["flux"]
    head = ["model", *(f"> {row['above']:g} GeV" for row in models["guan"])]
    head += [f"rate > {row['above']:g} GeV" for row in models["guan"]]
    rows = [
        [name, *(f"{r['vertical']:.4g}" for r in row), *(f"{r['rate']:.3g}" for r in row)]
        for name, row in models.items()
    ]
    return [*lines, *table(head, rows)]


def maps(found: dict) -> list[str]:
    """Errors of maps by exposure and method."""
    head = ["minutes", "method", "error, all voxels", "in matter", "in air", "median abs ln ratio in matter"]
    head += ["minus shared, paired", "time [s]"]
    rows = [
        [minutes, title]
        + [cell(*found[minutes][name][key]) for key in ("error", "error_matter", "error_air", "ratio")]
        + ["" if name == "shared" else cell(*found[minutes][name]["minus_shared"])]
        + [f"{found[minutes][name]['seconds']:.2g}"]
        for minutes in MINUTES
        for name, title in METHODS.items()
    ]
    return table(head, rows)


def paired(one: dict, other: dict) -> str:
    """The mean difference of errors, scene by scene, with its standard error."""
    gap = [a - b for a, b in zip(one["by_scene"], other["by_scene"], strict=True)]
    mean = sum(gap) / len(gap)
    return cell(mean, math.sqrt(sum((g - mean) ** 2 for g in gap) / (len(gap) - 1) / len(gap)))


def detection(found: dict, key: str) -> list[str]:
    """Area and detection probabilities of blocks of two sizes."""
    head = ["uranium", "method"]
    head += [f"{what}, {m} min" for m in MINUTES if m in found["2"]["poca"] for what in ("area", "1 %", "5 %")]
    rows = []
    for size, side in SIDES.items():
        for name, title in METHODS.items():
            if name not in found[size]:
                continue
            entry = found[size][name]
            cells = [
                text
                for minutes in MINUTES
                if minutes in entry
                for text in (
                    cell(*entry[minutes]["area"]),
                    share(entry[minutes]["at_0.01"]),
                    share(entry[minutes]["at_0.05"]),
                )
            ]
            if key:
                reached = entry["minutes_to_reach"]
                cells.append(f"{reached:.2g}" if reached else "not reached")
            rows.append([side, title, *cells])
    return table(head + ([key] if key else []), rows)


def coverage(found: dict) -> list[str]:
    """Shares of voxels within one and two claimed errors, and medians of pulls."""
    told = {"within_1": "within 1", "within_2": "within 2", "pull_median": "median pull", "pull_68": "68 % of pulls"}
    pairs = [(place, key) for place in ("matter", "air") for key in told]
    rows = [
        [minutes, title, *(f"{found[minutes][name][f'{key}_{place}'][0]:.2f}" for place, key in pairs)]
        for minutes in MINUTES
        for name, title in METHODS.items()
        if name != "clusters"
    ]
    return table(["minutes", "method", *(f"{place}: {told[key]}" for place, key in pairs)], rows)


def tails(found: dict, plain: dict) -> list[str]:
    """Maps with tails, and how much they differ from those without, scene by scene."""
    ours = found["5"]
    rows = [
        [title, cell(*ours[name]["error"]), paired(ours[name], plain["5"][name]), cell(*ours[name]["ratio"])]
        for name, title in METHODS.items()
    ]
    return table(["method", "error, all voxels", "minus without tails, paired", "median abs ln ratio in matter"], rows)


def text(found: dict) -> str:
    """The results in Markdown."""
    imaging, blocks = found["imaging"], found["detection"]
    tail = found["tails"]
    counts = ", ".join(f"{imaging['accepted'][m]:.0f} after {m} min" for m in MINUTES)
    scans = blocks["found"]["2"]["poca"]["20"]["scans"]
    some = blocks["found"]["2"]["likelihood"]["20"]["scans"]
    ends = [sum(f["converged"] for f in imaging["fits"][m]) for m in MINUTES]
    steps = [f"{max(f['change'] for f in imaging['fits'][m]):.2g}" for m in MINUTES]
    lines = [
        *laws(found["laws"]),
        f"**Maps of random blocks.** {imaging['scenes']} scenes, {found['settings']['muons_per_second']:.0f} muons per",
        f"second through the cubic metre, of which the layout {found['settings']['layout']} accepts {counts}.",
        "Errors are mean squares of ln((1/X0 + 3/m) / (true + 3/m)), ± over scenes. Of the likelihood's",
        f"{imaging['scenes']} fits, {ends[0]}, {ends[1]} and {ends[2]} are flagged as converged to 1 % in all voxels;",
        f"a last step of the others changed a voxel by up to {steps[0]}, {steps[1]} and {steps[2]} in ln(1/X0).",
        f"Clusters are calibrated on as many other scenes. Times are those of one {found['settings']['device']}.",
        "",
        *maps(imaging),
        "Steps of the likelihood from the shared map, all muons of 5 minutes, mean of the first scenes:",
        "",
        *table(
            ["steps", "error, all voxels", "in matter", "in air", "median abs ln ratio in matter"],
            [[steps, *(f"{v:.3f}" for v in values)] for steps, values in imaging["steps"].items()],
        ),
        f"**Hidden blocks.** {scans[0]} scans with a block, {scans[1]} without; {some[0]} and {some[1]} for the",
        "likelihood to convergence, or 60 steps. Area under ROC and share found at 1 and 5 % false alarms; with so",
        "few scans without a block, 1 % means that none of them is above the threshold. Last column: minutes until",
        "95 % are found at 1 %, interpolated.",
        "",
        *detection(blocks["found"], "95 % at 1 % [min]"),
        "**Coverage** of the claimed errors; right ones would have 0.68 and 0.95 of the voxels within one and two,",
        "and 68 % of the pulls within 1. Clusters claim no error.",
        "",
        *coverage(imaging),
        "**Tails**: 2 % of muons scattered three times more widely, 5 minutes, the same scenes and random",
        "numbers. Maps, then hidden blocks:",
        "",
        *tails(tail["imaging"], imaging),
        *detection(tail["detection"], ""),
    ]
    return "\n".join(lines).rstrip()


if __name__ == "__main__":
    fill("muon_tomography.md", __file__, {"imaging": ("imaging", text)})
