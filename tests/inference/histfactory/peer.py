"""Pyhf as the reference: its likelihood, and fits and tests by it that have converged."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
import pyhf

from daedalus.inference.histfactory.model import BinnedModel, Observation
from daedalus.inference.histfactory.workspace import Workspace, workspace_of
from inference.histfactory.workspaces import DOCUMENTS

CODES = {"code0": ("moderate", "code0", "code1"), "code2": ("moderate", "code2", "code4")}
CASES = (*DOCUMENTS, *CODES, "theirs, uncorrelated", "theirs, correlated")


@dataclasses.dataclass(frozen=True)
class Peer:
    """Pyhf's model of a document, whose parameters and bins it orders by itself."""

    model: Any
    data: list[float]
    place: np.ndarray  # of every parameter of ours among theirs
    bins: np.ndarray  # of every bin of ours among theirs

    @staticmethod
    def of(document: dict[str, Any], ours: BinnedModel, shapes: str = "code4p", norms: str = "code4") -> Peer:
        """Pyhf's model; it checks the schema."""
        workspace = pyhf.Workspace(document)
        codes = {"normsys": {"interpcode": norms}, "histosys": {"interpcode": shapes}}
        model = workspace.model(modifier_settings=codes)
        theirs = list(model.config.par_names)
        assert sorted(theirs) == sorted(ours.names)
        slices = model.config.channel_slices
        bins = np.concatenate([np.arange(slices[name].start, slices[name].stop) for name, _ in ours.channels])
        return Peer(model, workspace.data(model), np.array([theirs.index(name) for name in ours.names]), bins)

    def theirs(self, parameters) -> list[float]:
        """Our parameters in their order."""
        found = np.empty(len(self.place))
        found[self.place] = parameters
        return found.tolist()

    def flat(self, observed: Observation) -> list[float]:
        """Our observation as their data: bins, and auxiliary measurements in an order of their own."""
        counts = np.empty(len(self.bins))
        counts[self.bins] = observed.counts
        auxiliary = np.asarray(self.theirs(observed.auxiliary))
        order = [auxiliary[self.model.config.par_slice(name)] for name in self.model.config.auxdata_order]
        return np.concatenate([counts, *order]).tolist()

    def log_likelihood(self, parameters, data: list[float] | None = None) -> float:
        """Ln L at our parameters."""
        return float(self.model.logpdf(self.theirs(parameters), self.data if data is None else data)[0])

    def bounds(self, statistic: str) -> list[tuple[float, float]]:
        """Their bounds, with the parameter of interest not below zero for the statistic that asks for it."""
        found = list(self.model.config.suggested_bounds())
        if statistic == "qtilde":
            found[self.model.config.poi_index] = (0.0, found[self.model.config.poi_index][1])
        return found

    def best_fit(self, statistic: str = "q") -> np.ndarray:
        """Their best fit, in our order."""
        with sharply():
            return np.asarray(pyhf.infer.mle.fit(self.data, self.model, par_bounds=self.bounds(statistic)))[self.place]

    def cls(self, mu: float, statistic: str) -> tuple[float, np.ndarray]:
        """CLs and its five expected values; for q0 the p-values.

        Their fits begin where one of theirs has ended: from the suggested start they stop with slopes of 2e-5 left.
        """
        with sharply():
            bounds = self.bounds(statistic)
            begin = pyhf.infer.mle.fixed_poi_fit(0.0, self.data, self.model, par_bounds=bounds)
            found = pyhf.infer.hypotest(
                mu,
                self.data,
                self.model,
                init_pars=list(begin),
                par_bounds=bounds,
                test_stat=statistic,
                return_expected_set=True,
            )
        return float(found[0]), np.asarray(found[1], float)


class sharply:
    """Fits of theirs end far below their usual tolerance, with NumPy."""

    def __enter__(self):
        self.before = pyhf.get_backend()
        pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer(tolerance=1e-13))

    def __exit__(self, *_):
        pyhf.set_backend(*self.before)


@dataclasses.dataclass(frozen=True)
class Case:
    """A document, and what both make of it."""

    document: dict[str, Any]
    workspace: Workspace
    model: BinnedModel
    data: Observation
    peer: Peer


@functools.cache
def case(name: str) -> Case:
    """A case by its name."""
    build, shapes, norms = CODES.get(name, (name, "code4p", "code4"))
    document = DOCUMENTS[build]() if build in DOCUMENTS else _theirs(build)
    workspace = workspace_of(document)
    model = workspace.model(shapes=shapes, norms=norms)
    return Case(document, workspace, model, workspace.data(model), Peer.of(document, model, shapes, norms))


def _theirs(name: str) -> dict[str, Any]:
    """A document that pyhf makes of its own simple models."""
    if name == "theirs, correlated":
        shapes = {"bkg": [50.0, 30.0], "bkg_up": [55.0, 31.0], "bkg_down": [46.0, 28.0]}
        model = pyhf.simplemodels.correlated_background([9.0, 6.0], *shapes.values())
        return dict(pyhf.Workspace.build(model, [58, 33, *model.config.auxdata]))
    model = pyhf.simplemodels.uncorrelated_background([7.0, 9.0], [40.0, 30.0], [4.0, 5.0])
    return dict(pyhf.Workspace.build(model, [45, 39, *model.config.auxdata]))


def points(model: BinnedModel, number: int = 4) -> list[np.ndarray]:
    """The start and places around it, within the bounds and where every interpolation is defined alike."""
    rng, lower, upper = np.random.default_rng(5), np.asarray(model.lower), np.asarray(model.upper)
    start, reach = np.asarray(model.start), np.where(lower < 0, 0.95, 0.5)
    moved = [start + reach * rng.uniform(-1, 1, len(start)) for _ in range(number)]
    return [start, *(np.where(model.fixed, start, np.clip(x, lower, upper)) for x in moved)]
