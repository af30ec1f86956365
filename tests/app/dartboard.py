"""A study of somebody else's: where to hang a dartboard and how large to make it."""

from typing import ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from matplotlib.figure import Figure

from daedalus.catalogue import Offer, Recipe, Study
from daedalus.core import (
    Constraint,
    Derivative,
    Design,
    Metric,
    Objective,
    Pipeline,
    Problem,
    Scenarios,
    Stage,
    parameter,
)
from daedalus.events import normals
from daedalus.geometry import Element, plain
from daedalus.geometry.polygons import polygon
from daedalus.geometry.regions import region
from daedalus.optimisers import Adam


class Board(Design):
    """A round board on a wall."""

    place: Float[Array, "2"] = parameter(-1.0, 1.0, "cm", doc="where its centre hangs, on a wall of 2 m")
    radius: Float[Array, ""] = parameter(0.05, 0.5, "mm", doc="how large it is")


class Darts(eqx.Module):
    """Where darts land."""

    at: Float[Array, "2 event"]  # [m]


class Player(Stage):
    """Throws darts around a point of the wall."""

    aim: Float[Array, "2"]
    spread: float
    name: ClassVar[str] = "player"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events, *, key):
        return events.add(Darts(self.aim[:, None] + self.spread * normals(key, events.index, 2)))


class Wall(Stage):
    """Keeps darts that land on the wall; a blind one keeps none, a cursed one loses them."""

    blind: bool
    cursed: Bool[Array, ""]
    name: ClassVar[str] = "wall"
    derivative: ClassVar[Derivative] = Derivative.BIASED

    def __call__(self, events, *, key):
        events = events.accept(jnp.full(events.alive.shape, not self.blind))
        return events.add(Darts(jnp.where(self.cursed, jnp.nan, events[Darts].at)))


def distances(events, earlier, board):
    """Squared distances from the board's centre, and darts on the board."""
    away = jnp.sum((events[Darts].at - board.place[:, None]) ** 2, 0)
    weight = events.effective_weight
    return {
        "squared": jnp.sum(weight * away),
        "on": jnp.sum(weight * (away < board.radius**2)),
        "all": jnp.sum(weight),
    }


def problem(
    spread: float = 0.1, blind: bool = False, cursed: bool = False, wall: Literal["brick", "wood"] = "brick"
) -> Problem:
    """The task of hanging the board."""

    def build(board, aim):
        far = cursed & (jnp.sum(board.place**2) < 0.35)
        player = Player(aim, spread)
        return Pipeline([player, Wall(blind, far)], {"darts": lambda e, earlier: distances(e, earlier, board)})

    def mean(name):
        return lambda board, sums, truths: sums.mean(sums["darts"][name] / jnp.maximum(sums["darts"]["all"], 1e-6))

    return Problem(
        name="dartboard/hang",
        doc="Hang a dartboard where darts land.",
        start=Board(place=[0.6, -0.5], radius=0.2),
        build=build,
        objectives=(
            Objective("distance2", mean("squared"), unit="cm2", scale=0.01, doc="mean squared distance of darts"),
            Objective("price", lambda b, s, t: 100 * b.radius**2, unit="EUR", scale=10.0, doc="price of the board"),
        ),
        constraints=(Constraint("size", lambda b, s, t: b.radius, 0.0, 0.6, unit="cm", doc="must fit the door"),)
        if wall == "wood"
        else (),
        metrics=(Metric("on_board", mean("on"), unit="percent", doc="darts that hit"),),
        scenarios=Scenarios(lambda key, i, n: 0.05 * jax.random.normal(key, (2,)), 4),
        events=50,
        references={"pub": Board(place=[0.0, 0.0], radius=0.225)},
        physics=("darts fly straight",),
    )


class Reach(Design):
    """How far to stand."""

    way: Float[Array, ""] = parameter(1.0, 4.0, "m", doc="from the wall")


def reach() -> Problem:
    """A task with as little as a task can have."""
    return Problem(
        name="dartboard/reach",
        start=Reach(way=2.0),
        build=lambda design, truth: Pipeline(
            [Player(jnp.zeros(2), 0.05 * design.way)],
            {"squared": lambda e, earlier: jnp.sum(e.effective_weight * jnp.sum(e[Darts].at ** 2, 0))},
        ),
        objectives=(Objective("spread2", lambda d, s, t: s.mean(s["squared"] / s.weight.size), unit="cm2"),),
        events=50,
    )


def recipe(problem: Problem) -> Recipe:
    """How to hang it."""
    return Recipe(Adam(step_share=0.05, starts=2, spread=0.2), 12, 40, 4, 16)


def figures(problem, before, after, *, key):
    """The wall."""
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    for name, board in {"before": before, "after": after}.items():
        x, y = np.asarray(board.place)
        axes.errorbar(x, y, xerr=float(board.radius), yerr=float(board.radius), label=name)
    axes.set(xlabel="x [m]", ylabel="y [m]", xlim=(-1, 1), ylim=(-1, 1))
    axes.legend()
    return {"wall": figure}


def layout(problem, board):
    """The board, a plate of steel a centimetre thick."""
    (x, y), (side,) = plain(board.place), plain(2 * board.radius)
    return [Element("board", (x, y, 0.0), (side, side, 0.01), "steel", properties={"price": (1.5, "EUR")})]


def ground(problem):
    """The wall, as a map has it."""
    return region(polygon([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]))


OFFER = Offer(
    "hang a dartboard",
    "dartboard:problem",
    "dartboard:recipe",
    figures="dartboard:figures",
    layout="dartboard:layout",
    ground="dartboard:ground",
)
REACH = Offer("stand before a wall", "dartboard:reach", "dartboard:recipe")
STUDY = Study("dartboard", "darts", {"hang": OFFER, "reach": REACH})
