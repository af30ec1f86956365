"""The problem of the blobs: a network and bins for the CLs, the discovery or the uncertainty, or a classifier."""

from __future__ import annotations

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from daedalus.catalogue import Recipe
from daedalus.core import Metric, Objective, Pipeline, Problem, Summaries
from daedalus.core.pipeline import Summary
from daedalus.errors import ProblemError
from daedalus.events import Events, Observables, Processes
from daedalus.inference.bin_edges import even_fractions
from daedalus.inference.binning import Bins, Intervals
from daedalus.inference.histfactory.figures_of_merit import MERITS
from daedalus.inference.histfactory.model import BinnedModel
from daedalus.inference.histfactory.templates import Channel, HistoSys, NormFactor, Sample
from daedalus.inference.neural_summary import LABEL, NeuralSummary, dense_network
from daedalus.inference.process_templates import ProcessTemplates, Templates
from daedalus.objectives import binary_cross_entropy
from daedalus.optimisers import Adam
from daedalus.optimisers.schedules import Constant
from daedalus.studies.binned_analysis.blobs.design import BlobsDesign
from daedalus.studies.binned_analysis.blobs.source import DOWN, NOMINAL, PROCESSES, SIGNAL, UP, Blobs

CLASSIFIERS = {"cross_entropy": (NOMINAL,), "cross_entropy_augmented": (NOMINAL, UP, DOWN)}  # their backgrounds
LOSSES = (*MERITS, *CLASSIFIERS)
MEANS = {  # of signal and background as expected, up and down [1]
    "demo": ((-1.0, 1.0), (1.0, -1.0), (2.5, 2.0), (-2.5, -1.5)),  # demonstration notebook of neos
    "appendix": ((-1.0, 1.0), (2.5, 2.0), (-2.5, -1.5), (1.0, -1.0)),  # the paper's appendix: the backgrounds permuted
}
YIELDS = (20.0, 100.0)  # of signal and background: 2 and 10, times 10 (demonstration notebook) [events]
FLOOR = 1e-3  # added to every bin, so that none is empty (neos, hists_from_nn) [events]
MARGIN = 0.05  # in ln CLs below counting all events, above which an analysis has failed [1]
BANDWIDTH = 0.09  # of the demonstration's soft bins [1]
FIGURES = {  # name and meaning of the figures of merit
    "cls": ("log_cls", "ln of the median expected CLs at signal strength 1"),
    "discovery": ("log_p0", "ln of the median expected p-value of no signal"),
    "uncertainty": ("log_uncertainty", "ln of the expected standard deviation of the signal strength"),
    "generalised_variance": ("log_volume", "ln of the volume of the error ellipsoid of all parameters"),
}


def neos_blobs(
    loss: str = "cls",
    *,
    bins: int = 4,
    width: int = 64,
    free_edges: bool = True,
    free_bandwidth: bool = False,
    means: str = "demo",
    sample: int | None = None,
    single: bool = False,
    initialisation: int = 0,
) -> Problem:
    """The problem of one loss.

    Args:
        loss: "cls", "discovery", "uncertainty", "generalised_variance"; or, as controls, "cross_entropy" of signal and
            nominal background, and "cross_entropy_augmented" of signal and all three.
        bins: of the output [1].
        width: units of each of the two hidden layers; the demonstration has 1024 [1].
        free_edges: whether the bins' edges are optimised too; not with cross entropy, which has no bins.
        free_bandwidth: whether the bandwidth of the soft bins is optimised too.
        means: of the blobs: "demo", or "appendix", which are those with the backgrounds permuted.
        sample: points per process in a fixed sample that is trained on; by default every step sees fresh points.
        single: whether the network works in single precision where the process has double.
        initialisation: number of the network's first weights [1].

    Raises:
        ProblemError: an unknown loss or set of means, or fewer than two bins.
    """
    if loss not in LOSSES or means not in MEANS or bins < 2 or (sample is not None and sample < 1):
        raise ProblemError(
            f"loss {loss!r}, means {means!r}, {bins} bins, a sample of {sample}; expected one of {', '.join(LOSSES)}, "
            f"one of {', '.join(MEANS)}, at least two bins, and a positive sample or None."
        )
    frozen = ([] if free_edges and loss in MERITS else ["fractions"]) + ([] if free_bandwidth else ["bandwidth"])
    figures = {n: Objective(short, partial(merit, n), scale=0.1, doc=t) for n, (short, t) in FIGURES.items()}
    network = blobs_network(width, initialisation, single=single)
    entropy = Objective("cross_entropy", mean_cross_entropy, scale=0.01, doc="mean of signal and background")
    others = [Metric(o.name, o.function, doc=o.doc) for name, o in figures.items() if name != loss]
    return Problem(
        name="binned_analysis/neos_blobs",
        start=BlobsDesign(network, even_fractions(bins), jnp.asarray(BANDWIDTH)),
        source=Blobs(MEANS[means], sample),
        build=partial(build, CLASSIFIERS.get(loss, ())),
        objectives=(figures.get(loss, entropy),),
        metrics=(
            *others,
            Metric("cls", lambda *given: jnp.exp(merit("cls", *given)), doc="median expected CLs"),
            Metric("failed", failed, doc="1 where the CLs is not 5 % below that of all events in one bin"),
        ),
        frozen=tuple(frozen),
        doc="a network and bins for the limit on a signal, with an uncertain shape of the background",
        events=8000,
        physics=(
            f"{YIELDS[0]:g} signal and {YIELDS[1]:g} background events expected in blobs of unit covariance",
            "background's shape between three blobs: histosys, code 4p, Gaussian constraint",
            f"means of the {means}; " + ("fresh points in every step" if sample is None else f"{sample} points each"),
        ),
    )


def blobs_recipe(problem: Problem) -> Recipe:
    """How the problem is best run: Adam with the demonstration's learning rate and bandwidth."""
    how = Adam(learned_rate=1e-3, step_share=0.01, softness=Constant(1.0))
    return Recipe(how, rounds=300, events=8000, scenarios=1, scoring_scenarios=1)


def blobs_network(width: int, initialisation: int = 0, *, single: bool = False) -> eqx.nn.MLP:
    """A network of two hidden layers with an output between 0 and 1.

    Args:
        width: units of each hidden layer [1].
        initialisation: number of its first weights [1].
        single: whether it has single precision.
    """
    key = jax.random.fold_in(jax.random.key(0), initialisation)
    network = dense_network(2, 1, width=width, depth=2, key=key)
    network = eqx.tree_at(lambda each: each.final_activation, network, jax.nn.sigmoid)
    lower = lambda leaf: leaf.astype(jnp.float32) if single and eqx.is_inexact_array(leaf) else leaf
    return jax.tree.map(lower, network)


def build(backgrounds: tuple[int, ...], design: BlobsDesign, truth: PyTree) -> Pipeline:
    """The pipeline of an analysis: network and bins; and the sums its templates are made of.

    Args:
        backgrounds: the processes whose cross entropy is summed beside the signal's; none: it is not.
        design: the analysis.
        truth: not used.
    """
    sums: dict[str, Summary] = {"templates": ProcessTemplates(PROCESSES)}
    if backgrounds:
        sums["cross_entropy"] = partial(cross_entropy_sums, backgrounds)
    bins = Bins(Intervals(design.edges, design.bandwidth), source=LABEL)
    return Pipeline([NeuralSummary(design.network, (0, 1)), bins], sums)


def cross_entropy_sums(backgrounds: tuple[int, ...], events: Events, earlier: PyTree) -> Float[Array, "2 2"]:
    """The sums over signal and background events (rows) of the cross entropy and of one [1]."""
    number = events[Processes].number
    signal, background = number == SIGNAL, jnp.isin(number, np.array(backgrounds))
    loss = binary_cross_entropy(events[Observables, LABEL].values[0], signal)
    weight = jnp.where(jnp.stack([signal, background]) & events.alive, events.effective_weight, 0.0)
    return jnp.stack([weight @ loss, jnp.sum(weight, -1)], -1)


def mean_cross_entropy(design: BlobsDesign, summaries: Summaries, truths: PyTree) -> Float[Array, ""]:
    """The mean cross entropy, signal and background counted alike [1]; ln 2 for a guess."""
    loss, number = jnp.moveaxis(summaries["cross_entropy"], -1, 0)
    return summaries.mean(jnp.mean(loss / jnp.maximum(number, 1.0), -1))


def blobs_model(templates: Templates) -> BinnedModel:
    """The statistical model: a signal of free strength "mu", and a background with an uncertain shape."""
    scale = np.array([YIELDS[0], *[YIELDS[1]] * (PROCESSES - 1)])
    counts = scale[:, None] * templates.shares + FLOOR
    signal = Sample("signal", counts[SIGNAL], (NormFactor("mu"),))
    background = Sample("background", counts[NOMINAL], (HistoSys("shape", counts[DOWN], counts[UP]),))
    return BinnedModel.of([Channel("blobs", (signal, background))], "mu")


def merit(name: str, design: BlobsDesign, summaries: Summaries, truths: PyTree) -> Float[Array, ""]:
    """A figure of merit by its name in `MERITS` [1]; infinite where its fit did not converge."""
    one = lambda templates: MERITS[name](blobs_model(templates)).loss
    return summaries.mean(jax.vmap(one)(summaries["templates"]))


def failed(design: BlobsDesign, summaries: Summaries, truths: PyTree) -> Float[Array, ""]:
    """One for an analysis that excludes hardly better than counting all events, or without a finite CLs [1]."""
    signal = Sample("signal", jnp.full(1, YIELDS[0]), (NormFactor("mu"),))
    counting = BinnedModel.of([Channel("all", (signal, Sample("background", jnp.full(1, YIELDS[1]))))], "mu")
    return 1.0 - (merit("cls", design, summaries, truths) < MERITS["cls"](counting).value - MARGIN)
