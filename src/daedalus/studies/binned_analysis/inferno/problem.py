"""The synthetic problem: a network that leaves the least uncertainty of the signal's yield, or one that classifies."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from daedalus.catalogue import Recipe
from daedalus.core import Metric, Objective, Pipeline, Problem, Scenarios, Stage, Summaries
from daedalus.core.pipeline import Summary
from daedalus.errors import ProblemError
from daedalus.events import Events, Observables, Processes
from daedalus.inference.binning import Bins, Intervals, Softmax
from daedalus.inference.count_information import count_information
from daedalus.inference.neural_summary import LABEL, NeuralSummary, dense_network
from daedalus.inference.process_templates import ProcessTemplates, Templates
from daedalus.objectives import binary_cross_entropy
from daedalus.optimisers import Adam
from daedalus.optimisers.schedules import Cosine, Geometric
from daedalus.studies.binned_analysis.inferno.design import SummaryDesign
from daedalus.studies.binned_analysis.inferno.source import SignalAndBackground
from daedalus.studies.binned_analysis.inferno.truth import (
    BACKGROUND,
    BACKGROUND_EVENTS,
    BENCHMARKS,
    OBSERVABLES,
    SIGNAL,
    SIGNAL_EVENTS,
    Nuisances,
    nominal,
)
from daedalus.studies.binned_analysis.inferno.truth import benchmark as benchmark_of

LOSSES = ("variance", "cross_entropy")
SLOPES = ("transformation", "score")
TEMPERATURE = 0.1  # of the soft bins at softness one [1]; the paper's
SMEARING = 0.1  # width of the classifier's bins at softness one, in the logarithm of odds [1]
FAILED = 1.7  # times the least uncertainty: above it a training has failed; the best classifier reaches 1.66 [1]


def inferno_synthetic(
    benchmark: int = 2,
    loss: str = "variance",
    *,
    bins: int = 10,
    width: int = 100,
    depth: int = 2,
    slopes: str = "transformation",
    initialisation: int = 0,
) -> Problem:
    """The problem of one benchmark and one loss.

    Args:
        benchmark: what is not known beside the signal's yield, 0 to 4.
        loss: "variance": of the yield, from the information of soft counts; "cross_entropy": of a classifier, the
            control.
        bins: of the histogram: outputs of the network, or equal bins of the classifier's output [1].
        width: units of each hidden layer [1].
        depth: hidden layers [1].
        slopes: derivatives of soft counts by nuisances: "transformation", through the network, or "score", from the
            density's derivative, which needs the density but only one pass through the network.
        initialisation: number of the network's first weights [1].

    Raises:
        ProblemError: an unknown benchmark, loss or kind of slope, or fewer than two bins.
    """
    known = benchmark_of(benchmark)
    if loss not in LOSSES or slopes not in SLOPES or bins < 2:
        raise ProblemError(
            f"loss {loss!r}, slopes {slopes!r}, {bins} bins; expected one of {', '.join(LOSSES)}, one of "
            f"{', '.join(SLOPES)} and at least two bins."
        )
    classifies = loss == "cross_entropy"
    key = jax.random.fold_in(jax.random.key(0), initialisation)
    network = dense_network(OBSERVABLES, 1 if classifies else bins, width=width, depth=depth, key=key)
    binning = (
        classifier_bins(bins) if classifies else Bins(Softmax(TEMPERATURE), source=LABEL, by_score=slopes == "score")
    )
    entropy = Objective("cross_entropy", mean_cross_entropy, scale=0.01, doc="mean of both processes")
    spread = Objective("uncertainty", partial(uncertainty, benchmark), doc="expected standard deviation of s")
    return Problem(
        name="binned_analysis/inferno_synthetic",
        start=SummaryDesign(network),
        build=partial(build, binning, classifies=classifies),
        objectives=(entropy if classifies else spread,),
        metrics=metrics(benchmark),
        scenarios=Scenarios(nominal, 1, random=False),
        doc="a neural summary of three observables for the yield of a signal with nuisances",
        events=4096,
        physics=(
            f"{SIGNAL_EVENTS:g} signal and {BACKGROUND_EVENTS:g} background events expected",
            "one simulated event in four is signal",
            f"not known beside s: {', '.join('srlb'[i] for i in known.free[1:]) or 'nothing'}",
            "nuisances by exact transformation of the background's observables",
        ),
    )


def inferno_recipe(problem: Problem) -> Recipe:
    """How the problem is best run: Adam, bins that get sharper; measured with 64 times the events of a round."""
    how = Adam(learned_rate=3e-3, schedule=Cosine(1.0, 0.02), softness=Geometric(20.0, 3.0))
    return Recipe(how, rounds=400, events=4096, scenarios=1, scoring_scenarios=64)


def classifier_bins(bins: int) -> Bins:
    """Equal bins of a classifier's output between 0 and 1, as intervals of its logarithm of odds."""
    inner = np.linspace(0.0, 1.0, bins + 1)[1:-1]
    odds = np.log(inner) - np.log1p(-inner)
    edges = jnp.asarray(np.concatenate([[odds[0] - 1.0], odds, [odds[-1] + 1.0]]))  # the outermost bins are open
    return Bins(Intervals(edges, SMEARING), source=LABEL)


def build(binning: Stage, design: SummaryDesign, truth: Nuisances, *, classifies: bool) -> Pipeline:
    """The pipeline of an analysis: events, network, bins; and the sums its templates are made of.

    Args:
        binning: the bins.
        design: the network.
        truth: where the nuisances are.
        classifies: whether the network is a classifier, whose cross entropy is summed too.
    """
    summary = NeuralSummary(design.network, tuple(range(OBSERVABLES)))
    sums: dict[str, Summary] = {"templates": ProcessTemplates(2)}
    if classifies:
        sums["cross_entropy"] = cross_entropy_sums
    return Pipeline([SignalAndBackground(truth.shift, truth.rate), summary, binning], sums)


def cross_entropy_sums(events: Events, earlier: dict[str, Array]) -> Float[Array, "2"]:
    """The sum over events of each process of the cross entropy of the classifier [1]."""
    present = events[Processes].number == SIGNAL
    loss = binary_cross_entropy(jax.nn.sigmoid(events[Observables, LABEL].values[0]), present)
    own = jnp.stack([present, ~present])
    return jnp.sum(jnp.where(own & events.alive, events.effective_weight * loss, 0.0), -1)


def mean_cross_entropy(design: SummaryDesign, summaries: Summaries, truths: Nuisances) -> Float[Array, ""]:
    """The mean cross entropy, both processes counted alike [1]; ln 2 for a guess."""
    total = jnp.sum(summaries["cross_entropy"], 0)
    return jnp.mean(total / jnp.maximum(pooled(summaries).number, 1.0))


def pooled(summaries: Summaries) -> Templates:
    """The templates of all scenarios together, which have the same nuisances."""
    return jax.tree.map(lambda leaf: jnp.sum(leaf, 0), summaries["templates"])


def counts_and_slopes(templates: Templates) -> tuple[Float[Array, "bin"], Float[Array, "4 bin"]]:
    """Expected counts [events], and their derivatives by (s, r, l, b) [events / the parameter's unit]."""
    shares, slopes = templates.shares, templates.share_slopes
    nuisances = SIGNAL_EVENTS * slopes[SIGNAL] + BACKGROUND_EVENTS * slopes[BACKGROUND]
    expected = SIGNAL_EVENTS * shares[SIGNAL] + BACKGROUND_EVENTS * shares[BACKGROUND]
    return expected, jnp.concatenate([shares[SIGNAL][None], nuisances, shares[BACKGROUND][None]])


def uncertainty(number: int, design: SummaryDesign, summaries: Summaries, truths: Nuisances) -> Float[Array, ""]:
    """The expected standard deviation of s in a benchmark, the others profiled [events]."""
    return BENCHMARKS[number].uncertainty(count_information(*counts_and_slopes(pooled(summaries))))


def failed(number: int, design: SummaryDesign, summaries: Summaries, truths: Nuisances) -> Float[Array, ""]:
    """One for a summary hardly better than an untrained one in a benchmark, or without a finite uncertainty [1]."""
    limit = FAILED * BENCHMARKS[number].bound
    return 1.0 - (uncertainty(number, design, summaries, truths) <= limit)  # a NaN is not below


def occupied_bins(design: SummaryDesign, summaries: Summaries, truths: Nuisances) -> Float[Array, ""]:
    """The effective number of bins, exp of the entropy of the expected counts [1]; few after a failed training."""
    expected = counts_and_slopes(pooled(summaries))[0]
    share = expected / jnp.maximum(jnp.sum(expected), 1e-30)
    return jnp.exp(-jnp.sum(jnp.where(share > 0, share * jnp.log(jnp.where(share > 0, share, 1.0)), 0.0)))


def metrics(number: int) -> tuple[Metric, ...]:
    """What people read of a summary for a benchmark: its worth in all of them, and whether its training failed."""
    every = (
        Metric(f"uncertainty_{other}", partial(uncertainty, other), doc=f"of s, in benchmark {other}")
        for other in range(len(BENCHMARKS))
    )
    told = f"1 where a training failed: the uncertainty is above {FAILED:g} times the least there is, or not finite"
    filled = "exponential of the entropy of the expected counts"
    return (
        *every,
        Metric("occupied_bins", occupied_bins, doc=filled),
        Metric("failed", partial(failed, number), doc=told),
    )
