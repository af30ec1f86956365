"""Put the numbers of the ladle's searches into its page: python docs/studies/ladle_table.py

They are those of validation/ladle.json, made by validation/ladle.py, and of validation/ladle_stages.json, made by
validation/ladle_stages.py. Where a file is missing, its part of the page stays as it is.
"""

from __future__ import annotations

import math

from marked_page import fill

LAYOUTS = {
    "initial": "initial",
    "optimised": "optimised",
    "human_1": "human 1, pairs 5 cm apart",
    "human_2": "human 2, evenly spaced",
}
LEVELS = {"labels": "eight published levels", "uniform": "levels of 55 to 135 cm"}
ESTIMATES = {"poca": "closest approach", "best": "likelihood"}
COLUMNS = [(estimate, levels) for levels in LEVELS for estimate in ESTIMATES]
WAYS = {
    "one_stage": "one stage",
    "first_stage": "first of two stages",
    "by_hand": "the same, x and y set to the centre",
    "two_stages": "two stages",
    "polished": "one stage, then heights and shares",
}
PAIRS = {
    "two_stages_minus_one_stage": "two stages minus one",
    "polished_minus_one_stage": "one stage, then heights and shares, minus one stage",
    "by_hand_minus_first_stage": "first stage, centred minus as found",
    "two_stages_minus_by_hand": "second stage, end minus start",
    "two_stages_minus_human_1": "two stages minus human 1",
    "two_stages_minus_human_2": "two stages minus human 2",
}


def cell(entry: dict[str, float]) -> str:
    """A mean squared error with its standard error, two digits of the error, in cm2."""
    value, error = 1e4 * entry["value"], 1e4 * entry["error"]
    digits = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 2
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def text(found: dict) -> str:
    """The results in Markdown: a table of layouts, and one of paired differences."""
    heads = [f"{ESTIMATES[estimate]}, {LEVELS[levels]}" for estimate, levels in COLUMNS]
    rows = [f"| mean squared error [cm²] | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for name, title in LAYOUTS.items():
        rows.append(f"| {title} | {' | '.join(cell(found[name][e][v]) for e, v in COLUMNS)} |")
    for human, differences in found["paired_difference_optimised_minus_human"].items():
        title = f"optimised minus {human.replace('_', ' ')}, paired"
        rows.append(f"| {title} | {' | '.join(cell(differences[v][e]) for e, v in COLUMNS)} |")
    plain = lambda value: "; ".join(map(str, value)) if isinstance(value, list | dict) else value
    told = "; ".join(f"{name.replace('_', ' ')}: {plain(value)}" for name, value in found["settings"].items())
    return "\n".join(
        [
            "Published comparison, hard edges, ladles and muons that no search has seen and that all layouts share;",
            "errors of `optimised` and of its differences include the spread between optimisation seeds.",
            "",
            *rows,
            "",
            *seeds(found),
            "",
            f"Settings: {told}." if len(told) < 1000 else "Settings: see `validation/ladle.json`.",
        ]
    )


def seeds(found: dict) -> list[str]:
    """The results seed by seed in Markdown, with the paired differences to the better human layout of each estimate."""
    better = {e: min(("human_1", "human_2"), key=lambda human: found[human][e]["value"]) for e in ESTIMATES}
    heads = [f"{ESTIMATES[e]} | minus {better[e].replace('_', ' ')} (the better human), paired" for e in ESTIMATES]
    rows = ["Eight published levels, cm², search by search:", "", f"| seed | {' | '.join(heads)} |", "|---" * 5 + "|"]
    for number, result in enumerate(found["seeds"]):
        cells = [str(number)]
        for e in ESTIMATES:
            value, error = found["paired_difference_optimised_minus_human"][better[e]]["labels"][e]["by_seed"][number]
            cells += [cell(result[e]), cell({"value": value, "error": error})]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def stages(found: dict) -> str:
    """One stage and two in Markdown: layouts, paired differences, search by search, and where the panels stand."""
    one, first, second = (found["settings"]["rounds"][name] for name in ("one_stage", "first_stage", "second_stage"))
    rounds = dict(zip(WAYS, (one, first, first, first + second, one + second), strict=True))
    heads = [f"{ESTIMATES[estimate]}, {LEVELS[levels]}" for estimate, levels in COLUMNS]
    rows = [f"| mean squared error [cm²] | rounds | {' | '.join(heads)} |", "|---" * (2 + len(heads)) + "|"]
    for name, title in WAYS.items():
        cells = [cell(found["scores"][name][e][v]) for e, v in COLUMNS]
        rows.append(f"| {title} | {rounds[name]} | {' | '.join(cells)} |")
    for name, title in PAIRS.items():
        cells = [cell(found["paired_differences"][name][v][e]) for e, v in COLUMNS]
        rows.append(f"| {title}, paired | | {' | '.join(cells)} |")
    told = "; ".join(f"{name.replace('_', ' ')} {softness}" for name, softness in found["settings"]["softness"].items())
    lines = [
        f"Published comparison, {len(found['seeds'])} seeds, the ladles and muons of the result above;",
        f"errors include the spread between seeds. Softness: {told}.",
        "",
    ]
    return "\n".join([*lines, *rows, "", *by_seed(found), "", *places(found["panels"])])


def by_seed(found: dict) -> list[str]:
    """Two stages minus one in Markdown, search by search."""
    differences = found["paired_differences"]["two_stages_minus_one_stage"]["labels"]
    rows = ["Two stages minus one, paired, eight published levels, cm², search by search:", ""]
    rows += [f"| seed | {' | '.join(ESTIMATES.values())} |", "|---" * (1 + len(ESTIMATES)) + "|"]
    for number in range(len(found["seeds"])):
        each = [differences[e]["by_seed"][number] for e in ESTIMATES]
        rows.append(f"| {number} | {' | '.join(cell({'value': v, 'error': e}) for v, e in each)} |")
    return rows


def places(panels: dict) -> list[str]:
    """Sides and heights of the panels of each arm in Markdown, from the largest down, as the range over the seeds."""
    ways = ("one_stage", "two_stages")
    rows = ["Sides and heights of the panels of each arm, from the largest down, cm, least to most over the seeds:", ""]
    rows += [f"| panel | {' | '.join(f'{WAYS[way]}, side | height' for way in ways)} |", "|---" * 5 + "|"]
    for arm in ("upper", "lower"):
        ranked = {way: [sorted(each[arm], key=lambda row: -row[1]) for each in panels[way]] for way in ways}
        for number in range(len(ranked[ways[0]][0])):
            columns = [[each[number][column] for each in ranked[way]] for way in ways for column in (1, 0)]
            ends = [(f"{min(values):.0f}", f"{max(values):.0f}") for values in columns]
            cells = [low if low == high else f"{low} to {high}" for low, high in ends]
            rows.append(f"| {arm} {number + 1} | {' | '.join(cells)} |")
    return rows


if __name__ == "__main__":
    fill("muon_tomography.md", __file__, {"results": ("ladle", text), "stages": ("ladle_stages", stages)})
