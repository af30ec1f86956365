"""What the tests of foreign simulators share: a paraboloid, as a design, as a problem, and as functions."""

import math
import os
import signal
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp

from daedalus.core import Design, Objective, Problem, Request, parameter

FAULTY = Path(__file__).with_name("faulty_program.py")
PYTHON = (sys.executable, "-S", "-E")  # starts in a few milliseconds
START = {"x": 0.5, "y": -1.0}


class Place(Design):
    """Where on the hillside."""

    x: jax.Array = parameter(-0.01, 0.02, "cm", doc="eastwards")
    y: jax.Array = parameter(-2.0, 2.0, "1", doc="northwards")


def hillside_problem(simulator, **changes):
    """The lowest place; it is at x = 1 cm, y = 1, where the height is 2."""
    given = {
        "name": "hillside", "start": Place(0.005, -1.0), "build": None, "simulator": simulator,
        "objectives": (Objective("height", lambda design, answer, truths: jnp.asarray(answer["height"])),),
    }  # fmt: skip
    return Problem(**{**given, **changes})


def request(number=0, *, gradient=False, seed=7, events=10, **parameters):
    return Request(number, {**START, **parameters}, events, seed, gradient)


def height(parameters, events, seed):
    """A function as simulator."""
    x, y = parameters["x"], parameters["y"]
    return {"values": {"height": (x - 1) ** 2 + 2 * (y - 1) ** 2 + 2}, "errors": {"height": 0.5}}


def sloped(parameters, events, seed, gradient):
    """The same with derivatives."""
    x, y = parameters["x"], parameters["y"]
    slope = {"derivatives": {"height": {"x": 2 * (x - 1), "y": 4 * (y - 1)}}} if gradient else {}
    return {**height(parameters, events, seed), **slope}


def wild(parameters, events, seed):
    """The same with accidents, chosen by the seed."""
    if seed == 1:
        raise ValueError("no such place")
    if seed == 2:
        print("about to die", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    if seed == 3:
        time.sleep(60)
    if seed == 4:
        sys.exit(4)
    if seed == 5:
        print("what a function prints does not come between its answers")
        return {"values": {"height": os.getpid()}}
    if seed == 6:
        return {"values": {"height": math.nan}}
    return height(parameters, events, seed)
