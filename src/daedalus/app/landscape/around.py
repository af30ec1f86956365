"""What every part of a landscape looks at: the design of a run, fresh events, and the surfaces that they make."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from daedalus.app.task import Task
from daedalus.app.words import Look
from daedalus.core import Design, History, Problem, scoring_key
from daedalus.landscapes import Allowance, Basins, Comparison, Descents, basins, descents, surface
from daedalus.landscapes.comparison import LOSS
from daedalus.landscapes.surface import Surface

FOLD = 64  # of the scoring keys, from which on the landscape draws its events: those of results come before
AGAIN = 128  # of the scoring keys, for events that no surface has seen
SAMPLING = 129  # of the scoring keys, for what is not an event: starts, draws, normals

Landscape = dict[str, Any]  # as landscape.json has it


@dataclasses.dataclass(frozen=True, eq=False)
class Around:
    """The optimum of a run, and how closely it is looked at."""

    found: Task
    design: Design
    history: History
    look: Look  # its events and scenarios are filled in

    @cached_property
    def problem(self) -> Problem:
        """The problem, which starts at the design."""
        return dataclasses.replace(self.found.problem, start=self.design)

    @cached_property
    def key(self) -> Key[Array, ""]:
        """The key of the run."""
        return jax.random.key(self.found.configuration.seed)

    @property
    def sizes(self) -> dict[str, int | None]:
        """Events and scenarios of an evaluation."""
        return {"events": self.look.events, "scenarios": self.look.scenarios}

    @cached_property
    def soft(self) -> float | None:
        """The softness of the relaxed apparatus that the search saw last [1]; None of the real one."""
        return float(self.history["softness"][-1]) if "signal" in self.history.columns else None

    @cached_property
    def cube(self) -> Float[np.ndarray, "param"]:
        """The place of the design [1]."""
        return np.asarray(self.problem.space.cube(self.design), float)

    @cached_property
    def draws(self) -> list[Surface]:
        """A surface for every set of fresh events."""
        make = lambda number: self.surface(scoring_key(self.key, FOLD + number))
        return [make(number) for number in range(self.look.keys)]

    def surface(self, key: Key[Array, ""]) -> Surface:
        """The surface of the events of a key."""
        return surface(self.problem, key=key, softness=self.soft, **self.sizes)

    def chance(self, number: int) -> Key[Array, ""]:
        """A key for the starts, draws or normals of a part."""
        return jax.random.fold_in(scoring_key(self.key, SAMPLING), number)

    @property
    def allowance(self) -> Allowance:
        """What may be lost."""
        return Allowance(self.look.allowance, "best")

    @cached_property
    def measured(self) -> dict[str, Any]:
        """How designs are measured again on the real apparatus."""
        return {"key": scoring_key(self.key, FOLD), "keys": self.look.keys, **self.sizes}

    @cached_property
    def descents(self) -> Descents:
        """Descents on the first surface, from the design and from as many other places as are asked for."""
        return descents(
            self.draws[0],
            key=self.chance(0),
            starts=max(self.look.descents, 1),
            steps=self.look.steps,
            begun=self.cube[None],
        )

    @cached_property
    def basins(self) -> Basins:
        """The basins in which they ended."""
        return basins(self.draws[0], self.descents, allowance=self.allowance)

    def again(
        self, cubes: Float[np.ndarray, "point param"], change: Callable[[Surface], Surface] = lambda given: given
    ) -> Comparison:
        """The losses at places with events that no surface has seen, paired; the designs are called "0", "1", ...

        Args:
            cubes: the places [1].
            change: what is done to a surface before it is read.
        """

        def losses(cubes: Array, key: Array) -> Array:
            with jax.ensure_compile_time_eval():  # what the change draws is no part of the program
                there = change(self.surface(key))
            return jax.lax.map(there.loss, cubes)

        one, places = jax.jit(losses), jnp.asarray(cubes, jnp.result_type(float))
        fresh = scoring_key(self.key, AGAIN)
        found = [np.asarray(one(places, scoring_key(fresh, number)), float) for number in range(self.look.keys)]
        return Comparison(tuple(map(str, range(len(cubes)))), {LOSS: "1"}, {LOSS: np.stack(found)})

    def turned(self, cubes: Float[np.ndarray, "*point param"]) -> Float[np.ndarray, "*point param"]:
        """Places in canonical order brought into the order of the run's design, where parameters are exchangeable."""
        first = self.draws[0]
        if not first.exchangeable:
            return cubes
        moves = np.rint(np.asarray(jax.jacfwd(first.ordered)(jnp.asarray(self.cube, jnp.result_type(float)))))
        return cubes @ moves

    def design_at(self, cube: Float[np.ndarray, "param"]) -> Design:
        """The design at a place."""
        return self.problem.space.design(jnp.asarray(cube, jnp.result_type(float)))

    def named(self, cube: Float[np.ndarray, "param"]) -> dict[str, float]:
        """The parameters at a place, by name [unit of each]."""
        first = self.draws[0]
        return dict(zip(first.names, map(float, first.values(cube)), strict=True))

    def at(self, values: Mapping[str, float]) -> Float[np.ndarray, "param"]:
        """The place where the parameters have values [1]; the inverse of `named`."""
        first = self.draws[0]
        return first.cubes(np.array([values[name] for name in first.names]))
