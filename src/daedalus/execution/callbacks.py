"""Foreign simulators inside compiled functions: for fast ones that never fail, as a link of a chain."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from daedalus.core import Answer, Request, SimulationError, Simulator, Space, attempted
from daedalus.errors import ProblemError
from daedalus.execution.answers import Shapes
from daedalus.units import unit as unit_value

Values = dict[str, Array]
Columns = dict[str, np.ndarray]
InJit = Callable[..., Values]


@runtime_checkable
class Directional(Simulator, Protocol):
    """A simulator that knows derivatives along one direction at a time, as forward-mode tools do."""

    def along(self, request: Request, direction: Mapping[str, float]) -> Mapping[str, float]:
        """The derivatives, by value, along a direction, by parameter [display units]."""
        ...


@runtime_checkable
class InRows(Simulator, Protocol):
    """A simulator that takes many points at once, as `SharedLibrary` does."""

    parameters: Sequence[str]  # in the order of the points' entries

    def rows(
        self, points: Float[np.ndarray, "start param"], *, events: int, seed: int, gradient: bool
    ) -> tuple[Float[np.ndarray, "start value"], Float[np.ndarray, "start value param"] | None]:
        """The values at many points, all of them single numbers, and if asked for their Jacobians [display units]."""
        ...


def in_jit(
    simulator: Simulator,
    parameters: Space | Sequence[str],
    *,
    events: int = 1,
    shapes: Shapes | None = None,
    vmap_method: Literal["sequential", "expand_dims", "broadcast_all"] = "expand_dims",
) -> InJit:
    """A function ``(vector, seed=0) -> values by name`` that runs a simulator and works under jit, grad and vmap.

    The simulator is called back from compiled code, in the process's own thread: only for fast ones. There is no
    retry, and one that fails ends the whole call. Long simulations belong into a `Problem` with a simulator.

    A simulator with derivatives can be differentiated forwards and backwards, once: it runs a single time for a value
    with its gradient, if all values are single numbers. One with products of its Jacobian and a direction
    (`Directional`) can be differentiated forwards only. Others raise when a derivative is asked for.

    Args:
        simulator: what is run; the same seed has to give the same values.
        parameters: which parameter each entry of the vector is: a space, and the vector is in house units, or names,
            and the vector is in the simulator's own units.
        events: how many events the simulator is asked for [1].
        shapes: shapes of the values that are no single numbers.
        vmap_method: how many points reach the simulator's side at once under vmap; see `jax.pure_callback`.

    Raises:
        ProblemError: (when traced) a derivative is asked for, and there is none.
    """
    host = _Host(simulator, *_axes(simulator, parameters), events, dict(shapes or {}))

    def called(function: Callable[..., Any], results: Any, *given: Array) -> Any:
        return jax.pure_callback(function, results, *given, vmap_method=vmap_method)

    @jax.custom_jvp
    def evaluated(point: Float[Array, "param"], seed: Int[Array, ""]) -> Values:
        return called(host.values, host.shaped(()), point, seed)

    @evaluated.defjvp
    def _(primals: tuple[Array, Array], tangents: tuple[Array, Any]) -> tuple[Values, Values]:
        (point, seed), move = primals, tangents[0]
        if simulator.differentiable and not shapes:
            # one call: the Jacobian comes with the values, and what is left is linear in the move
            values, slopes = called(host.jacobian, (host.shaped(()), host.shaped(point.shape)), point, seed)
            return values, {name: slope @ move for name, slope in slopes.items()}
        if isinstance(simulator, Directional):
            return evaluated(point, seed), called(host.along, host.shaped(()), point, seed, move)
        raise ProblemError(
            f"a derivative of {', '.join(simulator.names)} is asked for, but the simulator gives none"
            f"{', for some are no single numbers' if shapes else ''}. Use an optimiser without gradients, or a "
            "simulator that is differentiable."
        )

    return lambda point, seed=0: evaluated(jnp.asarray(point, jnp.result_type(float)), jnp.asarray(seed, jnp.int32))


def _axes(simulator: Simulator, parameters: Space | Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """The names of a vector's entries, and their display units in units of the vector."""
    space = isinstance(parameters, Space)
    names = parameters.names if space else tuple(parameters)
    if isinstance(simulator, InRows) and set(names) != set(simulator.parameters):
        raise ProblemError(
            f"the vector holds {', '.join(names)}; expected the parameters of the simulator, "
            f"{', '.join(simulator.parameters)}."
        )
    return names, np.array([unit_value(entry.unit) for entry in parameters.entries] if space else [1.0] * len(names))


@dataclasses.dataclass(frozen=True)
class _Host:
    """The simulator's side of the callbacks: arrays in, arrays by name out, all with any further axes in front."""

    simulator: Simulator
    parameters: tuple[str, ...]
    units: np.ndarray
    events: int
    shapes: Shapes

    def shaped(self, beyond: tuple[int, ...]) -> dict[str, jax.ShapeDtypeStruct]:
        """The values of one point, with further axes behind."""
        kind = jnp.result_type(float)
        return {n: jax.ShapeDtypeStruct(self.shapes.get(n, ()) + beyond, kind) for n in self.simulator.names}

    def values(self, point: Array, seed: Array) -> Columns:
        """The values."""
        return self._found(point, seed, gradient=False)[0]

    def jacobian(self, point: Array, seed: Array) -> tuple[Columns, Columns]:
        """The values, and their derivatives with the axis of the parameters last."""
        return self._found(point, seed, gradient=True)

    def along(self, point: Array, seed: Array, move: Array) -> Columns:
        """The derivatives of the values along moves."""
        assert isinstance(self.simulator, Directional)
        lead, seeds, points, moves = self._rows(seed, point, move)
        requests = [self._request(*row, gradient=True) for row in zip(points, seeds, strict=True)]
        pairs = zip(requests, map(self._named, moves), strict=True)
        return self._stacked([self.simulator.along(*pair) for pair in pairs], lead)

    def _found(self, point: Array, seed: Array, *, gradient: bool) -> tuple[Columns, Columns]:
        lead, seeds, points = self._rows(seed, point)
        if isinstance(self.simulator, InRows) and len(set(seeds.tolist())) == 1:
            return self._at_once(self.simulator, lead, points, int(seeds[0]), gradient=gradient)
        answers = [self._answer(self._request(*row, gradient=gradient)) for row in zip(points, seeds, strict=True)]
        slopes = [self._slopes(answer) for answer in answers] if gradient else []
        return self._stacked([answer.values for answer in answers], lead), self._stacked(slopes, lead)

    def _at_once(
        self, simulator: InRows, lead: tuple[int, ...], points: np.ndarray, seed: int, *, gradient: bool
    ) -> tuple[Columns, Columns]:
        there = [self.parameters.index(name) for name in simulator.parameters]
        back = [simulator.parameters.index(name) for name in self.parameters]
        values, slopes = simulator.rows(points[:, there], events=self.events, seed=seed, gradient=gradient)
        if not np.all(np.isfinite(values)):
            raise SimulationError(f"some of {', '.join(simulator.names)} are not finite")
        split = lambda array: self._stacked([dict(zip(self.simulator.names, row, strict=True)) for row in array], lead)
        return split(values), {} if slopes is None else split(slopes[..., back] / self.units)

    def _rows(self, seed: Array, *vectors: Array) -> tuple[Any, ...]:
        """The axes in front, then seeds and vectors [display units] with these axes made one."""
        seeds, arrays = np.asarray(seed), [np.asarray(vector) for vector in vectors]
        lead = np.broadcast_shapes(seeds.shape, *[array.shape[:-1] for array in arrays])
        size = len(self.parameters)
        flat = [np.broadcast_to(array, (*lead, size)).reshape(-1, size) / self.units for array in arrays]
        return lead, np.broadcast_to(seeds, lead).reshape(-1), *flat

    def _named(self, row: np.ndarray) -> dict[str, float]:
        return dict(zip(self.parameters, row.tolist(), strict=True))

    def _request(self, row: np.ndarray, seed: Any, *, gradient: bool) -> Request:
        return Request(0, self._named(row), self.events, int(seed), gradient)

    def _answer(self, request: Request) -> Answer:
        outcome = attempted(self.simulator, request)
        if outcome.answer is None:
            raise SimulationError(outcome.cause)
        return outcome.answer

    def _slopes(self, answer: Answer) -> dict[str, np.ndarray]:
        """The derivatives of one answer's values per unit of the vector; absent ones are zero."""
        found = {}
        for name in self.simulator.names:
            per = answer.derivatives.get(name, {})
            found[name] = np.array([per.get(p, 0.0) for p in self.parameters]) / self.units
        return found

    def _stacked(self, rows: Sequence[Mapping[str, Any]], lead: tuple[int, ...]) -> Columns:
        """What the rows hold, by name, with the axes in front put back."""
        names = self.simulator.names if rows else ()
        columns = {name: np.asarray([row[name] for row in rows], jnp.result_type(float)) for name in names}
        return {name: column.reshape((*lead, *column.shape[1:])) for name, column in columns.items()}
