"""What an array is worth: figures made of sums over showers, and what it takes to build."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from daedalus.core import Summaries
from daedalus.events import Events, ShowerEstimates, Showers
from daedalus.geometry.convex_hull import hull_area
from daedalus.geometry.spanning_tree import spanning_length
from daedalus.inference.class_templates import BINS, class_templates, flux_errors
from daedalus.studies.ground_array.design import ArrayDesign

SHOWERS = 1000.0  # of either kind, expected over the disc of cores: what errors refer to [1]
CUT = 1.585  # radius of the best cut around a point source, in standard deviations of one coordinate (Gaussian) [1]
GAMMA, PROTON = 0, 1


def shower_sums(label: str, events: Events, earlier: PyTree) -> dict[str, Float[Array, "..."]]:
    """The sums of one array: showers made, templates of the statistic, and errors of the gamma rays weighted.

    Args:
        label: of the estimates.
        events: after the reconstruction.
        earlier: nothing.
    """
    found, showers = events[ShowerEstimates, label] if label else events[ShowerEstimates], events[Showers]
    weight = events.effective_weight
    seen, own = weight * found.detected * found.sound, jax.nn.one_hot(showers.primary, 2, axis=0, dtype=weight.dtype)
    gamma = seen * own[GAMMA]
    return {
        "made": own @ weight,
        "lost": own @ (weight * (1.0 - found.sound)),
        "templates": class_templates(seen, found.statistic, found.spread, showers.primary),
        "gamma": jnp.sum(gamma),
        "log_energy": jnp.sum(gamma * found.log_energy_error),
        "pointing": jnp.sum(gamma * found.pointing_error),
    }


def gamma_flux_error(
    design: ArrayDesign, summaries: Summaries, truths: PyTree, *, label: str = "array"
) -> Float[Array, ""]:
    """The relative error of the gamma-ray flux, that of protons fitted along, of `SHOWERS` showers of either [1]."""
    errors = lambda sums: flux_errors(_templates(sums), jnp.full(2, SHOWERS))[GAMMA]
    return summaries.mean(jax.vmap(errors)(summaries[label]))


def staged_flux_error(
    labels: tuple[str, ...], design: ArrayDesign, summaries: Summaries, truths: PyTree
) -> Float[Array, ""]:
    """The geometric mean of the flux errors of the whole array and of its first units [1]."""
    every = jnp.stack([gamma_flux_error(design, summaries, truths, label=label) for label in labels])
    return jnp.exp(jnp.mean(jnp.log(every)))


def energy_error(design: ArrayDesign, summaries: Summaries, truths: PyTree) -> Float[Array, ""]:
    """The mean relative error of the energy of detected gamma rays [1]."""
    return summaries.mean(summaries["array"]["log_energy"] / _some(summaries["array"]["gamma"]))


def pointing_error(design: ArrayDesign, summaries: Summaries, truths: PyTree) -> Float[Array, ""]:
    """The mean error of the direction of detected gamma rays [rad]."""
    return summaries.mean(summaries["array"]["pointing"] / _some(summaries["array"]["gamma"]))


def detected(number: int, design: ArrayDesign, summaries: Summaries, truths: PyTree) -> Float[Array, ""]:
    """The share of showers of one kind that the array detects [1]."""
    return summaries.mean(jax.vmap(lambda sums: jnp.sum(_templates(sums), 1)[number])(summaries["array"]))


def lost(number: int, design: ArrayDesign, summaries: Summaries, truths: PyTree) -> Float[Array, ""]:
    """The share of showers of one kind whose fits did not converge, which count as not detected [1]."""
    sums = summaries["array"]
    return summaries.mean(sums["lost"][:, number] / _some(sums["made"][:, number]))


def source_flux(sky: float, design: ArrayDesign, summaries: Summaries, truths: PyTree) -> Float[Array, ""]:
    """The least number of gamma rays of a point source on the disc of cores for five standard deviations [1].

    N / sqrt(N + B) = 5 for the N that are detected, called gamma rays and within the best circle around the source;
    B is what `SHOWERS` protons over the sky leave there.

    Args:
        sky: solid angle that the protons come from [sr].
        design: the array.
        summaries: the sums.
        truths: nothing.
    """

    def one(sums: dict[str, Array]) -> Array:
        called = jnp.sum(_templates(sums)[:, BINS // 2 :], 1)
        width = sums["pointing"] / _some(sums["gamma"]) / np.sqrt(2.0)  # of one coordinate
        circle = np.pi * (CUT * width) ** 2
        background = SHOWERS * called[PROTON] * circle / sky
        inside = 1.0 - np.exp(-0.5 * CUT**2)
        return 0.5 * (25.0 + 5.0 * jnp.sqrt(25.0 + 4.0 * background)) / _some(inside * called[GAMMA])

    return summaries.mean(jax.vmap(one)(summaries["array"]))


def area(design: ArrayDesign, summaries: Summaries | None, truths: PyTree) -> Float[Array, ""]:
    """The area of the convex hull of the units [m2]; no sums are needed."""
    return hull_area(design.places)


def cable(design: ArrayDesign, summaries: Summaries | None, truths: PyTree) -> Float[Array, ""]:
    """The length of the shortest tree that connects the units [m]; no sums are needed."""
    return spanning_length(design.places)


def _templates(sums: dict[str, Array]) -> Array:
    return sums["templates"] / _some(sums["made"])[:, None]


def _some(value: Array) -> Array:
    return jnp.maximum(value, 1e-12)
