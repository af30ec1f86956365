"""The scanners searched from three starts each: where the searches end, and what lies between the ends.

Run ``python validation/scanner_starts.py`` from the repository's root (hours on two cores, minutes on a graphics card);
it writes ``validation/scanner_starts.json``, search by search. ``--only`` makes the searches of some starts, for
several processes side by side, whose files ``--found`` takes together. The starts are a poor layout, one by hand, and
one drawn at random. All layouts are then scored with hard edges on the same fresh scans, so that their differences are
paired. Where the ends differ, two things are measured on these scans: the figure along the straight line from the best
end to each other end (a hump is a barrier, a flat line a valley), panels paired so that the line is shortest, and each
other end with one group of its parameters replaced by those of the best.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from scan_scores import PROBLEMS, Columns, Scorer, averaged, searched
from scipy.optimize import linear_sum_assignment

from daedalus.core import Design, Point, Problem
from daedalus.execution.design_file import design_from_table, design_table
from daedalus.optimisers.starts import starting_points

HERE = Path(__file__).parent
STARTS = {
    "x0_imaging": ("initial", "human_2", "random"),
    "block_detection": ("initial", "human_2", "random"),
    "cargo_hodoscopes": ("crowded", "even", "random"),
    "walls": ("corner", "even", "random"),
}
RANDOM_SEED = 1
GROUPS = {"place": ("x", "y"), "height": ("z",), "share": ("share",)}
LINE = np.linspace(0.0, 1.0, 11)  # of the way from one end to another [1]


def main() -> None:
    """Searches, scores, compares; writes after each."""
    arguments = parsed()
    report = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    write = lambda: arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    report["settings"] = {
        "jax": jax.__version__,
        "precision": str(jnp.zeros(()).dtype),
    }
    for name in arguments.problems:
        told = report.setdefault(name, {"searches": {}})
        for file in arguments.found:
            told["searches"] |= json.loads(file.read_text()).get(name, {}).get("searches", {})
        for start in STARTS[name]:
            if start not in told["searches"] and start in (arguments.only or STARTS[name]):
                told["searches"][start] = search(PROBLEMS[name](), start, arguments)
                write()
        if not arguments.only:
            told |= compared(name, told["searches"], arguments)
            write()


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--only", nargs="+", default=[], help="starts to search from")
    parser.add_argument("--found", nargs="+", type=Path, default=[], help="files of searches made before")
    parser.add_argument("--rounds", type=int, default=0, help="of a search; the recipe's by default")
    parser.add_argument("--scans", type=int, default=800, help="scored; of detection, half of them hide a block")
    parser.add_argument("--block", type=int, default=8192, help="muons in memory at once")
    parser.add_argument("--out", type=Path, default=HERE / "scanner_starts.json")
    return parser.parse_args()


def search(problem: Problem, start: str, arguments: argparse.Namespace) -> dict:
    """One search: its course, its start and the layout it ends in."""
    first = random_layout(problem) if start == "random" else problem.references[start]
    found = searched(problem, first, rounds=arguments.rounds, block=arguments.block)
    told = f"loss {found['loss'][0]:.2f} -> {np.mean(found['loss'][-5:]):.2f} in {found['seconds']:.0f} s"
    print(f"{problem.name} from {start}: {told}", flush=True)
    tables = {"start": design_table(problem.space, first), "design": design_table(problem.space, found["design"])}
    return found | tables


def random_layout(problem: Problem) -> Design:
    """A layout drawn from the whole space, moved so that it meets what is known beforehand."""
    points = starting_points(problem.space.point(problem.start), 2, key=jax.random.key(RANDOM_SEED))
    return problem.space.design(jax.tree.map(lambda leaf: leaf[1], problem.admitted(points, whole=True)))


def compared(name: str, searches: dict, arguments: argparse.Namespace) -> dict:
    """Figures of all layouts, and what lies between the ends of the searches."""
    scorer = Scorer(name, arguments.scans, block=arguments.block)
    space = scorer.problem.space
    ends = {start: design_from_table(space, each["design"]) for start, each in searches.items()}
    layouts = dict(scorer.problem.references) | {"random": random_layout(scorer.problem)}
    layouts |= {f"from {start}": design for start, design in ends.items()}
    columns = {label: scorer.of(design) for label, design in layouts.items()}
    best = min(ends, key=lambda start: columns[f"from {start}"]["main"].mean())
    own = columns[f"from {best}"]
    result: dict = {
        "device": jax.devices()[0].device_kind,
        "scans_scored": arguments.scans,
        "figures": {label: scorer.figures(each) for label, each in columns.items()},
        # of the logarithm of the time, or of the error of a map, paired
        "minus_best": {label: list(averaged(each["main"] - own["main"])) for label, each in columns.items()},
        "best": best,
        "between": {start: between(scorer, ends[best], end, own) for start, end in ends.items() if start != best},
    }
    print(json.dumps({name: result}), flush=True)
    return result


def between(scorer: Scorer, best: Design, end: Design, own: Columns) -> dict:
    """From the best end to another: the figure along the line and after exchanges, and how far they are apart."""
    space = scorer.problem.space
    names = [entry.name for entry in space.entries]
    low = settled(names, np.asarray(space.values(best), float))
    high = paired(names, low, settled(names, np.asarray(space.values(end), float)))
    fields = np.array([name.split(".")[1].split("[")[0] for name in names])
    members = {group: np.isin(fields, own_fields) for group, own_fields in GROUPS.items()}
    against = lambda values: list(averaged(scorer.of(admitted(scorer.problem, values))["main"] - own["main"]))
    return {
        "line": [against(low + share * (high - low)) for share in LINE],
        "exchanged": {group: against(np.where(inside, low, high)) for group, inside in members.items()},
        # root mean square [m and logit]
        "apart": {group: float(np.sqrt(np.mean((high - low)[inside] ** 2))) for group, inside in members.items()},
    }


def settled(names: list[str], values: np.ndarray) -> np.ndarray:
    """The values with shares whose mean is zero: only their differences matter."""
    shares = np.array([".share" in name for name in names])
    return values - shares * values[shares].mean()


def paired(names: list[str], best: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The other layout's values, its panels in the order in which they are nearest to those of the best."""
    result = other.copy()
    for arm in ("upper", "lower"):
        rows = [
            [names.index(n) for n in names if n.startswith(f"{arm}.{field}[")] for field in ("x", "y", "z", "share")
        ]
        here, there = best[rows].T, other[rows].T
        order = linear_sum_assignment(np.sum((here[:, None] - there) ** 2, -1))[1]
        result[rows] = there[order].T
    return result


def admitted(problem: Problem, values: np.ndarray) -> Design:
    """The layout of these values [house units], moved so that it meets what is known beforehand."""
    cube = (values - problem.space.lower) / (problem.space.upper - problem.space.lower)
    points = Point(jnp.clip(jnp.asarray(cube), 0.0, 1.0)[None], problem.space.point(problem.start).learned)
    return problem.space.design(jax.tree.map(lambda leaf: leaf[0], problem.admitted(points, whole=True)))


if __name__ == "__main__":
    main()
