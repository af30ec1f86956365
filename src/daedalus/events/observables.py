"""Observables: numbers an analysis works with, how nuisances shift them, and the scores of what nature drew."""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, Float, Int


class Observables(eqx.Module):
    """What is known of every event, and its derivative by nuisance parameters that transform it exactly.

    A nuisance that moves or stretches what is observed (an energy scale, an alignment) has a derivative event by event;
    one that changes how often something occurs has none, and is a weight or a score.
    """

    values: Float[Array, "observable event"]  # [house units]
    slopes: Float[Array, "nuisance observable event"]  # by each nuisance parameter [house units / its unit]


class Scores(eqx.Module):
    """The score d ln p / d theta of what was drawn, by each nuisance parameter; its mean is zero.

    Of the density p of the undistorted truth: the derivative of any expectation, of sharp bins too, is the mean of
    what is counted times the score.
    """

    values: Float[Array, "nuisance event"]  # [1 / the nuisance parameter's unit]


class Processes(eqx.Module):
    """Which process every event comes from, numbered from zero: signal, background ..."""

    number: Int[Array, "event"]  # [1]
