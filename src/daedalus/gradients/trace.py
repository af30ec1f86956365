"""The trace of a program: each elementary step with its value, its tangent and its adjoint, as textbooks draw them."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import eval_jaxpr
from jax.extend.core import Literal
from jaxtyping import ArrayLike

from daedalus.gradients.errors import GradientError
from daedalus.gradients.tables import html_table, markdown_table, number, text_table

Vector = ArrayLike | Sequence[float]

_FORMULAS = {
    "add": "{} + {}",
    "sub": "{} - {}",
    "mul": "{} * {}",
    "div": "{} / {}",
    "pow": "{}^{}",
    "neg": "-{}",
    "gt": "{} > {}",
    "lt": "{} < {}",
    "ge": "{} >= {}",
    "le": "{} <= {}",
    "eq": "{} = {}",
    "ne": "{} != {}",
    "log": "ln({})",
    "logistic": "sigmoid({})",
    "square": "{}^2",
    "select_n": "where({0}, {2}, {1})",
    "convert_element_type": "cast({})",
}
_INLINED = ("pjit", "jit", "closed_call", "remat2", "checkpoint")
_MOVES = ("slice", "squeeze", "reshape", "dynamic_slice", "gather", "split", "broadcast_in_dim", "rev", "transpose")
_CONTROL = ("while", "scan", "cond")


class Contribution(NamedTuple):
    """What a later step adds to the adjoint of an earlier one: its own adjoint times its partial derivative."""

    step: str  # name of the later step
    adjoint: float
    partial: float  # d later / d earlier


@dataclasses.dataclass(frozen=True)
class Step:
    """One elementary step of a program."""

    name: str  # v_-1, v_0 for the last two inputs, then v_1, v_2, ...
    formula: str
    value: float
    tangent: float  # derivative of the step along the direction
    adjoint: float  # derivative of the result by the step
    contributions: tuple[Contribution, ...]  # which add up to the adjoint; none for the result itself


@dataclasses.dataclass(frozen=True, eq=False)
class Trace:
    """The forward and the reverse trace of a program; ``print`` shows both as tables."""

    value: float
    gradient: np.ndarray  # by reverse accumulation
    tangent: float  # by forward accumulation: the gradient along the direction
    point: np.ndarray
    direction: np.ndarray
    steps: tuple[Step, ...]
    result: str  # name of the step that is the result

    @property
    def forward(self) -> list[tuple[str, ...]]:
        """The rows of the forward trace: step, formula, value, tangent."""
        rows = [(step.name, step.formula, number(step.value), number(step.tangent)) for step in self.steps]
        return [*rows, ("y", self.result, number(self.value), number(self.tangent))]

    @property
    def reverse(self) -> list[tuple[str, ...]]:
        """The rows of the reverse trace, from the result back: adjoint, contributions, these in numbers, sum."""
        return [_reverse_row(step, self.result) for step in reversed(self.steps)]

    def markdown(self) -> str:
        """Both tables in Markdown, with formulas in dollars."""
        return "\n\n".join(self._rendered(markdown_table))

    def __str__(self) -> str:
        return "\n\n".join(self._rendered(text_table))

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def _repr_html_(self) -> str:
        return "\n".join(f"<p>{part}</p>" if part[0] != "<" else part for part in self._rendered(html_table))

    def _rendered(self, table: Callable[[Sequence[str], list[tuple[str, ...]]], str]) -> list[str]:
        vector = lambda numbers: f"({', '.join(map(number, numbers))})"
        return [
            f"y = {number(self.value)} at x = {vector(self.point)}, gradient {vector(self.gradient)}",
            f"Forward, in the direction {vector(self.direction)}:",
            table(("step", "formula", "value", "tangent"), self.forward),
            "Reverse:",
            table(("adjoint", "contributions", "in numbers", "value"), self.reverse),
        ]


def trace(f: Callable[..., Any], x: Vector, *, direction: Vector | None = None) -> Trace:
    """The forward and the reverse trace of a scalar program of numbers, at a point.

    The program is taken apart into the elementary steps that JAX differentiates; each gets its value, its tangent
    (forward accumulation) and its adjoint (reverse accumulation). A function with a derivative rule of its own is one
    step. Source: Griewank and Walther, Evaluating Derivatives (2nd ed., 2008), chapter 1; Baydin, Pearlmutter, Radul
    and Siskind, JMLR 18 (2018) 153, section 3.

    Args:
        f: takes the vector x, or its components as separate arguments.
        x: a number or a vector.
        direction: of the tangents; that of the first component by default.

    Raises:
        GradientError: x is not a vector, the result not a number, or the program has loops, branches or steps that act
            on whole arrays.
    """
    point = jnp.asarray(x, float)
    if point.ndim > 1:
        raise GradientError(f"found x of shape {point.shape}, expected a number or a vector.")
    separate = len(_required(f)) > 1
    closed = jax.make_jaxpr((lambda vector: f(*vector)) if separate else f)(point)
    shapes = [variable.aval.shape for variable in closed.jaxpr.outvars]
    if shapes != [()]:
        raise GradientError(f"found a result of shape {shapes}, expected one number: trace one component at a time.")
    labels = [f"x{i}" for i in range(point.size)] if point.ndim else ["x"]
    program = _Program([_Node(label, entry) for label, entry in zip(labels, point.reshape(-1))], point.size)
    (out,) = program.run(closed.jaxpr, closed.consts, [_Numbers(np.arange(point.size).reshape(point.shape))])
    seed = np.eye(point.size)[0] if direction is None else np.asarray(direction, float).reshape(point.size)
    if not isinstance(out, _Numbers):  # the result does not depend on x: a step without source
        program.nodes.append(_Node(number(out), jnp.asarray(out)))
        out = _Numbers(np.asarray(len(program.nodes) - 1))
    return program.trace(int(out.of), np.asarray(point).reshape(-1), seed)


def _required(f: Callable[..., Any]) -> list[str]:
    """The positional arguments without a default."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    named = inspect.signature(f).parameters.values()
    return [each.name for each in named if each.kind in positional and each.default is each.empty]


class _Numbers(NamedTuple):
    """A variable of the program that depends on x: the numbers of the nodes which are its entries."""

    of: np.ndarray


@dataclasses.dataclass
class _Node:
    """A step while the program is read: its partial derivatives by earlier nodes, by number."""

    formula: str
    value: Any
    partials: dict[int, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class _Program:
    """The nodes of a program, in the order in which they are computed; the first ones are its inputs."""

    nodes: list[_Node]
    inputs: int

    def run(self, jaxpr: Any, constants: Sequence[Any], arguments: Sequence[Any]) -> list[Any]:
        """Reads a program: appends its steps, answers with its results."""
        known = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*constants, *arguments]))
        for equation in jaxpr.eqns:
            known.update(zip(equation.outvars, self._apply(equation, jaxpr, known)))
        return [_read(atom, known) for atom in jaxpr.outvars]

    def _apply(self, equation: Any, jaxpr: Any, known: dict[Any, Any]) -> Sequence[Any]:
        name = equation.primitive.name
        if name in _INLINED:
            inner = equation.params["jaxpr"]
            arguments = [_read(atom, known) for atom in equation.invars]
            return self.run(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), arguments)
        given = {atom: known[atom] for atom in equation.invars if not isinstance(atom, Literal)}
        alone = jaxpr.replace(constvars=[], invars=list(given), outvars=equation.outvars, eqns=[equation])
        call = lambda *values: eval_jaxpr(alone, [], *values)
        depends = [isinstance(value, _Numbers) for value in given.values()]
        if not any(depends):
            return call(*given.values())
        if name in _MOVES and depends[0] and not any(depends[1:]):
            moved, *places = given.values()
            return [_Numbers(np.asarray(each)) for each in call(jnp.asarray(moved.of), *places)]
        return [self._step(equation, given, call)]

    def _step(self, equation: Any, given: dict[Any, Any], call: Callable[..., list[Any]]) -> _Numbers:
        """Appends one elementary step."""
        name, shapes = equation.primitive.name, {atom.aval.shape for atom in (*equation.invars, *equation.outvars)}
        if name in _CONTROL or shapes != {()}:
            what = "control flow" if name in _CONTROL else "a step on a whole array"
            remedy = "unpack x0, x1 = x, write loops out, and choose with jnp.where"
            raise GradientError(f"found {what} ({name!r}), expected elementary steps on single numbers: {remedy}.")
        sources = {atom: int(value.of) for atom, value in given.items() if isinstance(value, _Numbers)}
        values = given | {atom: self.nodes[i].value for atom, i in sources.items()}
        constant = lambda atom: isinstance(atom, Literal) or atom not in sources
        text = lambda atom: number(_read(atom, values)) if constant(atom) else self.name(sources[atom])
        node = _Node(_formula(equation, list(map(text, equation.invars))), call(*values.values())[0])
        for atom, slope in _partials(equation, call, values, list(sources)).items():  # x[0] * x[0] reads a node twice
            node.partials[sources[atom]] = node.partials.get(sources[atom], 0.0) + slope
        self.nodes.append(node)
        return _Numbers(np.asarray(len(self.nodes) - 1))

    def name(self, node: int) -> str:
        """The name of a node: v_0 is the last input."""
        return f"v_{node + 1 - self.inputs}"

    def trace(self, result: int, point: np.ndarray, direction: np.ndarray) -> Trace:
        """Both accumulations, once all steps are known."""
        tangents = list(map(float, direction))
        for node in self.nodes[self.inputs :]:
            tangents.append(sum(partial * tangents[i] for i, partial in node.partials.items()))
        adjoints = [float(i == result) for i in range(len(self.nodes))]
        contributions: list[list[Contribution]] = [[] for _ in self.nodes]
        for later in reversed(range(len(self.nodes))):
            for i, partial in self.nodes[later].partials.items():
                contributions[i].append(Contribution(self.name(later), adjoints[later], partial))
                adjoints[i] += adjoints[later] * partial
        steps = tuple(
            Step(self.name(i), node.formula, node.value.item(), tangents[i], adjoints[i], tuple(contributions[i]))
            for i, node in enumerate(self.nodes)
        )
        gradient, end = np.array(adjoints[: self.inputs]), steps[result]
        return Trace(float(end.value), gradient, end.tangent, point, direction, steps, end.name)


def _read(atom: Any, known: dict[Any, Any]) -> Any:
    aval: Any = atom.aval
    return jnp.asarray(atom.val, aval.dtype) if isinstance(atom, Literal) else known[atom]


def _partials(
    equation: Any, call: Callable[..., list[Any]], values: dict[Any, Any], variables: list[Any]
) -> dict[Any, float]:
    """The derivatives of a scalar equation by those of its variables that are real numbers."""
    real = lambda atom: jnp.issubdtype(atom.aval.dtype, jnp.floating)
    variables = list(filter(real, variables))
    if not variables or not real(equation.outvars[0]):
        return {}
    moved = lambda *numbers: call(*(values | dict(zip(variables, numbers))).values())[0]
    slopes = jax.grad(moved, tuple(range(len(variables))))(*(values[atom] for atom in variables))
    return dict(zip(variables, map(float, slopes)))


def _formula(equation: Any, texts: list[str]) -> str:
    name = equation.primitive.name
    if name == "integer_pow":
        return f"{texts[0]}^{equation.params['y']}"
    if name in _FORMULAS:
        return _FORMULAS[name].format(*texts)
    if name.startswith("custom_"):  # a function with a derivative rule of its own goes by its own name
        name = equation.params["call_jaxpr"].jaxpr.debug_info.func_name
    return f"{name}({', '.join(texts)})"


def _reverse_row(step: Step, result: str) -> tuple[str, ...]:
    terms = [("1", "1")] if step.name == result else []
    for later, adjoint, partial in step.contributions:
        factor = number(partial) if partial >= 0 else f"({number(partial)})"
        terms.append((f"bar({later}) * d{later}/d{step.name}", f"{number(adjoint)} * {factor}"))
    symbols, numbers = zip(*(terms or [("0", "0")]))
    return f"bar({step.name})", " + ".join(symbols), " + ".join(numbers), number(step.adjoint)
