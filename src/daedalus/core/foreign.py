"""Foreign evaluations: from the answer of a simulator to figures, errors and, if it has derivatives, a gradient."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.core.design import Design
from daedalus.core.evaluation import Evaluation, Gradient, Pressure, Status
from daedalus.core.figures import Figures, Readings, jackknife, unknown
from daedalus.core.simulator import Answer, Outcome
from daedalus.core.space import Point, Space
from daedalus.units import unit as unit_value

GROUPS = 16  # of events that are left out in turn for the errors of figures of columns


def foreign_evaluation(
    space: Space,
    figures: Figures,
    design: Design,
    outcome: Outcome,
    *,
    gradient: bool = False,
    pressure: Pressure | None = None,
) -> Evaluation:
    """The evaluation of a design by a foreign simulator; a failed one has infinite loss and its cause's status.

    Errors are the propagated ones of the values and, where there are columns, the jackknife's over groups of events,
    in quadrature. The gradient is the chain rule through the simulator's derivatives and the figures' own; it is zero
    where there is no answer.
    """
    nowhere = Gradient(jax.tree.map(jnp.zeros_like, space.point(design)), jnp.zeros((1, space.size)))
    if outcome.answer is None:
        return _without_answer(figures, outcome.status, nowhere if gradient else None)
    answer = outcome.answer
    values = {name: jnp.asarray(value, jnp.result_type(float)) for name, value in answer.values.items()}
    columns = {name: np.asarray(column, float) for name, column in answer.columns.items()}
    read = lambda v, c=columns, d=design: figures.read(d, {**v, **c}, None, real=True)
    found, slopes = read(values), None
    if gradient:
        by_value = jax.grad(lambda v: read(v).pressed(pressure))(values)
        by_design = jax.grad(lambda cube: read(values, d=space.design(cube)).pressed(pressure))(space.cube(design))
        chained = sum(by_value[name] * _derivative(answer, name, space) for name in answer.derivatives)
        slopes = Gradient(Point(by_design + chained, nowhere.value.learned), _root(answer, by_value, space))
    events = float(next((len(c) for c in columns.values()), 1))
    counts = {"accepted": events, "effective": events, "empty": 0, "nothing": False}
    errors = _errors(answer, values, columns, found, read)
    return figures.evaluation(found, errors, slopes, **{name: jnp.asarray(n) for name, n in counts.items()})


def _errors(answer: Answer, values: dict[str, Any], columns: dict[str, Any], found: Readings, read: Any) -> Readings:
    """Standard errors: linear in the values' errors, jackknifed over groups of the columns' events."""
    squares = jax.tree.map(jnp.zeros_like, found)
    known = False
    for name, error in answer.errors.items():
        if name in values:
            slope = jax.jvp(lambda v: read(v, columns), (values,), (_direction(values, name),))[1]
            squares = jax.tree.map(lambda total, d, e=error: total + (d * e) ** 2, squares, slope)
            known = True
    events = len(next(iter(columns.values()), ()))
    if events > 1:
        group = np.arange(events) % min(GROUPS, events)
        parts = [read(values, {n: c[group != g] for n, c in columns.items()}) for g in range(min(GROUPS, events))]
        jack = jackknife(jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts))
        return jax.tree.map(lambda total, e: jnp.sqrt(total + e**2), squares, jack)
    return jax.tree.map(jnp.sqrt, squares) if known else unknown(found)


def _direction(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {n: jnp.ones_like(v) if n == name else jnp.zeros_like(v) for n, v in values.items()}


def _derivative(answer: Answer, name: str, space: Space, *, errors: bool = False) -> Float[Array, "param"]:
    """The derivative of a value with respect to the cube, or its standard error."""
    per = (answer.derivative_errors if errors else answer.derivatives)[name]
    span = [(entry.upper - entry.lower) / unit_value(entry.unit) for entry in space.entries]
    return jnp.asarray([per.get(entry.name, 0.0) * s for entry, s in zip(space.entries, span, strict=True)])


def _root(answer: Answer, by_value: dict[str, Array], space: Space) -> Float[Array, "param param"]:
    """The root of the covariance of the gradient from the errors of the derivatives, which are taken as independent."""
    rows = (by_value[n] * _derivative(answer, n, space, errors=True) for n in answer.derivative_errors)
    return jnp.diag(jnp.sqrt(sum((row**2 for row in rows), start=jnp.zeros(space.size))))


def _without_answer(figures: Figures, status: Status, gradient: Gradient | None) -> Evaluation:
    nan = lambda count: jnp.full(count, jnp.nan)
    named = {f.name: nan(()) for f in (*figures.objectives, *figures.constraints, *figures.metrics)}
    scores, rows = nan(figures.goals.objectives), nan(figures.goals.constraints)
    whole = lambda number: jnp.asarray(int(number), jnp.int32)
    return Evaluation(
        values=named,
        errors=dict(named),
        loss=jnp.asarray(jnp.inf),
        loss_error=nan(()),
        scores=scores,
        score_errors=scores,
        excess=rows,
        excess_errors=rows,
        status=whole(status),
        accepted=jnp.zeros(()),
        effective=jnp.zeros(()),
        empty=whole(0),
        gradient=gradient,
    )
