"""Put validation/ground_array.json into the page on ground arrays: python docs/studies/ground_array_table.py

The file is made by validation/ground_array.py. Without it nothing happens.
"""

from __future__ import annotations

import statistics

from marked_page import cell, fill, table

FIGURES = {  # title, house units in one of the title's
    "gamma_flux_error": ("flux error [%]", 1e-2),
    "energy_error": ("energy error [%]", 1e-2),
    "pointing_error": ("pointing error [mrad]", 1e-3),
    "source_flux": ("gamma rays of a source for 5 sigma", 1.0),
}
PRICES = {"cable": ("cable [km]", 1e3), "area": ("hull [km2]", 1e6)}
LAST = 10  # rounds whose mean tells where a search is
SCALE = 0.05  # of the loss, in flux errors [%]
SHAPES = {
    "mean_radius": ("mean distance from the middle [m]", 0),
    "rms_radius": ("root mean square [m]", 0),
    "nearest": ("nearest neighbour, median [m]", 0),
    "hull_km2": ("hull [km2]", 2),
    "within_50m_of_edge": ("share within 50 m of the edge", 2),
}


def searches(found: dict) -> str:
    """Where the searches with expected information end, and how alike the ends are."""
    names = of_rung(found, "fisher")
    epochs = found["searches"][names[0]]["epochs"]
    course = [[title(name), *(percent(found, f"{name}, {epoch}") for epoch in epochs)] for name in names]
    best = found["best"]
    others = [name for name in names if name != best]
    rows = [
        [title(name), cell(*pair), cell(*found["between"][name]), f"{found['apart'][best][name]:.0f}"]
        for name, pair in ((name, found["over_best"][end(found, name)]["gamma_flux_error"]) for name in others)
    ]
    samples, showers = found["samples"]
    return "\n".join(
        [
            f"Flux error [%] of the layouts after so many rounds, on {samples} fresh samples of {showers} showers:",
            "",
            *table(["from", *map(str, epochs)], course),
            "The ends:",
            "",
            *ends(found, names),
            f"Against the best end (from {title(best)}), on the same showers: the flux error, that half way between",
            "the two, units paired so that they are nearest, and how far the pairs are apart (root mean square):",
            "",
            *table(["from", "end", "half way", "apart [m]"], rows),
        ]
    )


def full(found: dict) -> str:
    """Where the searches with fits come to, by their own rounds, by fresh showers and by expected information."""
    names, rows = of_rung(found, "full"), []
    for name in names:
        each = found["searches"][name]
        parts = each["loss"][:LAST], each["loss"][-LAST:]
        own = [cell(SCALE * statistics.mean(part), SCALE * statistics.stdev(part) / LAST**0.5) for part in parts]
        expected = [percent(found, f"{name}, {epoch}") for epoch in (1, each["rounds"])]
        rows.append([title(name), str(each["rounds"]), *own, *expected])
    head = ["from", "rounds", f"fits: first {LAST} rounds", f"last {LAST}", "expected: first layout", "last"]
    by_fits = sorted(found["by_fits"].items(), key=lambda pair: pair[1]["gamma_flux_error"])
    fresh = [[name, percent(found, name, "by_fits"), cell(*each["over_best"])] for name, each in by_fits]
    samples, showers = found["samples_by_fits"]
    return "\n".join(
        [
            "Flux error [%] by fits in the search's own rounds, and by expected information:",
            "",
            *table(head, rows),
            f"Ends of searches and layouts by hand, by fits to {samples} fresh samples of {showers} showers:",
            "",
            *table(["layout", "flux error [%]", "over the best"], fresh),
            "The ends of the searches with fits:",
            "",
            *ends(found, names),
        ]
    )


def ends(found: dict, names: list[str]) -> list[str]:
    """What the last layouts of searches look like."""
    shapes = [found["shapes"][end(found, name)] for name in names]
    rows = [[label, *(f"{each[key]:.{digits}f}" for each in shapes)] for key, (label, digits) in SHAPES.items()]
    return table(["", *map(title, names)], rows)


def of_rung(found: dict, rung: str) -> list[str]:
    """The names of the searches in a rung."""
    return [name for name in found["searches"] if name.startswith(rung)]


def end(found: dict, name: str) -> str:
    """The name of a search's last layout."""
    return f"{name}, {found['searches'][name]['epochs'][-1]}"


def hands(found: dict) -> str:
    """All terms of layouts by hand and of searches."""
    best, multi = (end(found, name) for name in (found["best"], "multi"))
    rows, figures = [], found["figures"]
    names = [name for name in figures if name.startswith("by hand")]
    for name in [*names, best, multi]:
        shown = title(name) if name in names else ("searched for the flux" if name == best else "searched for all four")
        cells = [cell(*(number / unit for number in figures[name][key])) for key, (_, unit) in FIGURES.items()]
        cells += [f"{figures[name][key][0] / unit:.1f}" for key, (_, unit) in PRICES.items()]
        rows.append([shown, *cells])
    gains = []
    for name in names:
        by_best = cell(*found["over_best"][name]["gamma_flux_error"])
        keys = ("gamma_flux_error", "energy_error", "pointing_error", "cable")
        gains.append([title(name), by_best, *(ratio(found["over_multi"][name], key) for key in keys)])
    head = ["layout", *(name for name, _ in (FIGURES | PRICES).values())]
    over = ["layout", "flux / searched for it", *(f"{key} / searched for all" for key in ("flux", "energy"))]
    lines = [
        *table(head, rows),
        "Ratios on the same showers, above one where the search is better:",
        "",
        *table([*over, "pointing / searched for all", "cable / searched for all"], gains),
    ]
    return "\n".join(lines)


def ratio(found: dict, key: str) -> str:
    """A ratio with its error, or without one where there is none."""
    value, error = found[key]
    return cell(value, error) if error > 1e-6 else f"{value:.2f}"


def percent(found: dict, name: str, which: str = "figures") -> str:
    """The flux error of a layout."""
    return cell(*(100.0 * number for number in found[which][name]["gamma_flux_error"]))


def title(name: str) -> str:
    """The name of a search or layout for people."""
    return name.split(": ")[-1]


if __name__ == "__main__":
    parts = {"searches": searches, "full": full, "hands": hands}
    fill("ground_array.md", __file__, {mark: ("ground_array", made) for mark, made in parts.items()})
