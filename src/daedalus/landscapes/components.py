"""Components: the connected parts of a near-optimal set."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from daedalus.landscapes.membership import Membership
from daedalus.landscapes.soundings import Soundings, soundings
from daedalus.landscapes.strings import straight

NODES = 800  # most places of the graph
MEASURED = 7  # places of a measured line


def connected(
    thought: Membership,
    points: Soundings,
    weights: Float[np.ndarray, "point"],
    found: Soundings,
    *,
    allowance: float,
    fill: Float[np.ndarray, "draw param"] | None = None,
    neighbours: int = 8,
    images: int = 8,
    lines: int = 32,
) -> tuple[Int[np.ndarray, "point"], Float[np.ndarray, "component"], int]:
    """The part of each point, the parts' shares of the volume, largest first, and the evaluations this took.

    Places of the set are joined to their nearest neighbours where a straight line stays in the set by interpolation;
    then the parts left are joined where a measured line between their closest places stays in it. Two parts may still
    be one where a bend is too sharp for the number of points.

    Args:
        thought: the membership function.
        points: of the set.
        weights: theirs.
        found: all soundings; those of the set are joined too.
        allowance: of the set [loss].
        fill: places that fill what is thought to be the set evenly, for better shares than the points' weights give.
        neighbours: of a place [1].
        images: places at which a line is looked up [1].
        lines: most lines that are measured [1].
    """
    surface, level = thought.surface, float(found.losses[found.best]) + allowance
    others = found[np.flatnonzero(found.met & (found.losses <= level))]
    pick = lambda rows, most: rows if len(rows) <= most else rows[:: -(-len(rows) // most)]
    some = pick(np.arange(len(points)), NODES)
    nodes = np.concatenate([points.cubes[some], pick(others.cubes, NODES)])
    tree = KDTree((nodes - thought.rise.centre) @ thought.rise.scale)
    edges, made, tried = _open(thought, nodes, tree, neighbours, images), 0, set()
    while made < lines * MEASURED:
        labels = _labels(edges, len(nodes))
        pair = _closest(np.asarray(tree.data), labels, tried)
        if pair is None:
            break
        path = soundings(surface, straight(nodes[pair[0]], nodes[pair[1]], MEASURED))
        made += MEASURED
        tried.add(pair)
        if np.all(path.met & (path.losses <= level)):
            edges.append(pair)
    labels = _labels(edges, len(nodes))
    part = lambda cubes: labels[tree.query((surface.canonical(cubes) - thought.rise.centre) @ thought.rise.scale)[1]]
    of_points = part(points.cubes)
    of_points[some] = labels[: len(some)]
    seen = of_points if fill is None else np.concatenate([of_points, part(fill)])
    counts = weights if fill is None else np.ones(len(seen))
    sums = np.bincount(seen, counts, minlength=labels.max() + 1)
    kept = np.flatnonzero(np.bincount(of_points, minlength=len(sums)))  # a part without a point has no measured share
    order = kept[np.argsort(-sums[kept], kind="stable")]
    numbers = np.zeros(len(sums), int)
    numbers[order] = np.arange(len(order))
    return numbers[of_points], sums[order] / sums[order].sum(), made


def _open(thought: Membership, nodes: np.ndarray, tree: KDTree, neighbours: int, images: int) -> list:
    """The pairs of near places whose straight lines stay in the set, by interpolation."""
    count = min(neighbours + 1, len(nodes))
    near = np.atleast_2d(tree.query(tree.data, k=count)[1]).reshape(len(nodes), count)
    pairs = np.unique(np.sort(np.stack([np.repeat(np.arange(len(nodes)), count), near.ravel()], 1), 1), axis=0)
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    share = np.arange(1, images + 1)[:, None, None] / (images + 1)
    paths = (1 - share) * nodes[pairs[:, 0]] + share * nodes[pairs[:, 1]]
    inside = (thought.margin(paths.reshape(-1, nodes.shape[1])).reshape(images, -1) <= 0).all(0)
    return [tuple(pair) for pair in pairs[inside]]


def _labels(edges: list, count: int) -> np.ndarray:
    rows = np.array(edges, int).reshape(-1, 2)
    return connected_components(coo_matrix((np.ones(len(rows)), rows.T), (count, count)), directed=False)[1]


def _closest(places: np.ndarray, labels: np.ndarray, tried: set) -> tuple[int, int] | None:
    """The closest untried pair of the smallest part that has one, and any other part."""
    for label in np.argsort(np.bincount(labels), kind="stable"):
        mine, theirs = np.flatnonzero(labels == label), np.flatnonzero(labels != label)
        if not len(theirs) or len(mine) == 0:
            continue
        apart, to = (np.atleast_1d(part) for part in KDTree(places[theirs]).query(places[mine]))
        for i in np.argsort(apart, kind="stable")[:3]:
            pair = (int(min(mine[i], theirs[to[i]])), int(max(mine[i], theirs[to[i]])))
            if pair not in tried:
                return pair
    return None
