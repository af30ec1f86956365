"""Finding a dense block: the objective of a search, and the figures people read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from daedalus.core import Metric, Objective, Summaries
from daedalus.inference.density_map import DensityMap
from daedalus.inference.expected_ratio import ExpectedRatio
from daedalus.inference.presence import cross_fitted_probability
from daedalus.inference.roc import detection_probability, roc_area
from daedalus.objectives import binary_cross_entropy, risk
from daedalus.studies.muon_tomography.contents import Contents
from daedalus.studies.muon_tomography.imaging import LEAST_DENSITY, map_passes, model
from daedalus.studies.muon_tomography.options import MapOptions, ScanOptions
from daedalus.studies.muon_tomography.scan import Scan
from daedalus.studies.muon_tomography.target import Target
from daedalus.units import m, s

WIDEST_DENSITY = 600.0 / m  # inverse radiation length beyond which nothing is expected: twice uranium's
SHARPNESS = 4.0  # of the soft maximum over places [1]
ENTROPY_SCALE = 0.02  # a change of the cross entropy that matters
ENTROPY = "cross entropy of the calibrated probability of a block; a guess has 0.69"
SIGMAS = 3.0  # of the effect that counts as found [1]
PATIENCE = 100.0  # time after which one gives up [scans]
FALSE_ALARMS = {1: 0.01, 5: 0.05}  # per cent and share at which detections are counted

Goal = Literal["time", "cross_entropy"]
Score = Callable[[Summaries], Float[Array, "scenario"]]


def detection_objective(goal: Goal, score: Score, options: ScanOptions, seconds: float) -> Objective:
    """What a search for the best detector minimises: the time to find a block, or the cross entropy of a decision.

    Args:
        goal: which of the two.
        score: of every scan, higher where a block is likelier.
        options: how scans are weighed.
        seconds: a scan takes [s].
    """
    return time_objective(options, seconds) if goal == "time" else entropy_objective(score, options)


def time_objective(options: ScanOptions, seconds: float) -> Objective:
    """The scanning time after which a block is a three-sigma effect, at the options' risk over scans.

    t = scan x 3^2 / (2 sum), the sum that of `daedalus.inference.expected_ratio`, for a known place and otherwise known
    contents; see `typical_time`.

    Args:
        options: how scans are weighed.
        seconds: a scan takes [s].
    """

    def time(design: Any, summaries: Summaries, truths: Scan) -> Float[Array, ""]:
        return typical_time(0.5 * SIGMAS**2 / summaries["ratio"], summaries, options) * seconds * s

    doc = "of scanning until a block at a known place is a three-sigma effect, geometric mean"
    return Objective("time_to_find", time, "s", 0.03 * seconds * s, doc=doc)


def typical_time(scans: Float[Array, "scenario"], summaries: Summaries, options: ScanOptions) -> Float[Array, ""]:
    """A time that differs by powers of ten from scan to scan, at the options' risk [scans].

    The logarithm is averaged (or the worst taken); patience ends smoothly at a hundred scans, so that what a detector
    never sees counts as that. It needs no deflections, so that it varies little, and it falls even where nothing could
    be decided yet.
    """
    return jnp.exp(risk(jnp.log(with_patience(scans)), summaries.weight, options.risk, tail=options.tail))


def with_patience(scans: Float[Array, "*scenario"]) -> Float[Array, "*scenario"]:
    """A time that ends smoothly where patience does [scans]."""
    return 1.0 / (1.0 / scans + 1.0 / PATIENCE)


def detection_passes(
    target: Target, contents: Contents, options: ScanOptions, mapping: MapOptions
) -> list[dict[str, Any]]:
    """The passes of a map, and the sum behind `time_objective` in the first of them."""
    first, *others = map_passes(target.voxels, mapping, loses=options.energy_loss)
    ratio = ExpectedRatio(model(target.voxels, loses=options.energy_loss), *target.densities(contents))
    return [{**first, "ratio": ratio}, *others]


def entropy_objective(score: Score, options: ScanOptions) -> Objective:
    """The cross entropy of the calibrated probability that a block is there.

    Args:
        score: of every scan, higher where a block is likelier.
        options: how scans are weighed.
    """

    def entropy(design: Any, summaries: Summaries, truths: Scan) -> Float[Array, ""]:
        values = _entropies(score(summaries), summaries, truths)
        return risk(values, summaries.weight, options.risk, tail=options.tail)

    return Objective("cross_entropy", entropy, "1", ENTROPY_SCALE, doc=ENTROPY)


def detection_metrics(score: Score) -> tuple[Metric, ...]:
    """The area under the ROC curve, the blocks found at 1 % and 5 % false alarms, and the cross entropy."""

    def area(design: Any, summaries: Summaries, truths: Scan) -> Float[Array, ""]:
        return roc_area(score(summaries), truths.contents.present, summaries.weight)[0]

    def found(share: float) -> Callable[..., Float[Array, ""]]:
        return lambda design, summaries, truths: (
            detection_probability(score(summaries), truths.contents.present, share, summaries.weight).value
        )

    return (
        Metric("roc_area", area, doc="probability that a scan with a block scores above one without"),
        *(
            Metric(f"found_at_{percent}_percent", found(share), doc=f"blocks found at {percent} % false alarms")
            for percent, share in FALSE_ALARMS.items()
        ),
        Metric("entropy", lambda design, sums, truths: sums.mean(_entropies(score(sums), sums, truths)), doc=ENTROPY),
    )


def _entropies(score: Float[Array, "scenario"], summaries: Summaries, truths: Scan) -> Float[Array, "scenario"]:
    """The cross entropy of every scan [1]."""
    present = truths.contents.present
    return binary_cross_entropy(cross_fitted_probability(score, present, summaries.weight), present)


def block_score(found: DensityMap, size: int) -> Float[Array, "*scenario"]:
    """The soft maximum, over all places of a block of ``size`` voxels a side, of the logarithm of the mean density.

    ln sum exp (a x) / a with a = 4, x the logarithm of the density above a floor: the densest place rules, and every
    place has a derivative. Voxels are shrunk by a prior as wide as what is looked for may be dense, so that those that
    hardly a muon crossed, whose noise is larger than any block, raise no alarm: the layout human_1 of block_detection
    finds 77 instead of 32 % of the blocks at 1 % false alarms.

    Args:
        found: the maps, scenario first.
        size: of the block [voxels].
    """
    mean = jnp.maximum(found.shrunk(LEAST_DENSITY, WIDEST_DENSITY).density, 0.0)
    for axis in (-3, -2, -1):
        count = mean.shape[axis] + 1 - size
        pieces = [jax.lax.slice_in_dim(mean, first, first + count, axis=axis % mean.ndim) for first in range(size)]
        mean = sum(pieces, start=jnp.zeros_like(pieces[0])) / size
    logarithm = jnp.log(mean + LEAST_DENSITY)
    return jax.nn.logsumexp(SHARPNESS * logarithm, axis=(-3, -2, -1)) / SHARPNESS
