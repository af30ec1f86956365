"""Shared libraries as simulators: functions of C, Fortran or anything else with the C calling convention."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Float

from daedalus.core import Answer, Request
from daedalus.errors import RunError


@final
class SharedLibrary:
    """A simulator that is a function of a shared library, called in this process.

    In C: ``void function(const double *parameters, double *values)``. The derivative, where there is one, gives
    both: ``void derivative(const double *parameters, double *values, double *jacobian)``, one row of the Jacobian per
    value and one column per parameter. A sampled function is also told how many events and which seed, as
    ``(parameters, int64_t events, int64_t seed, values[, jacobian])``. A value that is not finite says that the
    function failed. A library that may crash takes Python with it: call it in an isolated `PythonFunction`.
    """

    def __init__(
        self,
        path: Path | str,
        function: str,
        *,
        parameters: Sequence[str],
        names: Sequence[str],
        derivative: str | None = None,
        sampled: bool = False,
    ) -> None:
        """Loads the library.

        Args:
            path: of the library.
            function: its name there.
            parameters: names of the parameters, in the function's order; it gets them in their display units.
            names: names of the values, in the function's order.
            derivative: the name of the function that gives the Jacobian too.
            sampled: whether both are told the number of events and the seed.

        Raises:
            RunError: the library cannot be loaded, or has no such function.
        """
        try:
            library = ctypes.CDLL(os.fspath(Path(path).absolute()))
            self._function = getattr(library, function)
            self._derivative = None if derivative is None else getattr(library, derivative)
        except (OSError, AttributeError) as cause:
            raise RunError(f"{path}: {cause}; expected a shared library with the function {function}.") from cause
        self.parameters, self.names, self.sampled = tuple(parameters), tuple(names), sampled
        whole = [ctypes.c_int64, ctypes.c_int64] if sampled else []
        for found, outputs in ((self._function, 1), (self._derivative, 2)):
            if found is not None:
                found.restype, found.argtypes = None, [ctypes.c_void_p, *whole, *[ctypes.c_void_p] * outputs]

    @property
    def differentiable(self) -> bool:
        """Whether there is a function that gives the Jacobian."""
        return self._derivative is not None

    def __call__(self, request: Request) -> Answer:
        """The function's answer to a request.

        Raises:
            KeyError: the request lacks a parameter.
        """
        point = np.array([[request.parameters[name] for name in self.parameters]], float)
        gradient = request.gradient and self.differentiable
        values, jacobian = self.rows(point, events=request.events, seed=request.seed, gradient=gradient)
        derivatives = {}
        if jacobian is not None:
            rows = (dict(zip(self.parameters, row.tolist(), strict=True)) for row in jacobian[0])
            derivatives = dict(zip(self.names, rows, strict=True))
        return Answer(dict(zip(self.names, values[0].tolist(), strict=True)), derivatives=derivatives)

    def rows(
        self, points: Float[np.ndarray, "start param"], *, events: int, seed: int, gradient: bool
    ) -> tuple[Float[np.ndarray, "start value"], Float[np.ndarray, "start value param"] | None]:
        """The values at many points and, if asked for, their Jacobians [display units].

        Args:
            points: the parameters, in the function's order [display units].
            events: how many, for a sampled function [1].
            seed: for a sampled function [1].
            gradient: whether the Jacobians are wanted; there has to be a derivative.
        """
        points = np.ascontiguousarray(points, np.float64)
        values = np.full((len(points), len(self.names)), np.nan)
        jacobian = np.full((*values.shape, len(self.parameters)), np.nan) if gradient else None
        function = self._derivative if gradient else self._function
        assert function is not None
        told = (events, seed) if self.sampled else ()
        arrays = [array for array in (points, values, jacobian) if array is not None]
        places = [(array.ctypes.data, array.strides[0]) for array in arrays]
        for row in range(len(points)):
            given, *taken = (start + row * stride for start, stride in places)
            function(given, *told, *taken)
        return values, jacobian
