"""Workspaces: a measurement with its data as a JSON document, in the format of pyhf (schema 1.0.0)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from daedalus.errors import LikelihoodError
from daedalus.inference.histfactory.document import Place
from daedalus.inference.histfactory.interpolation import AdditiveCode, FactorCode
from daedalus.inference.histfactory.model import BinnedModel, Observation
from daedalus.inference.histfactory.templates import (
    Channel,
    HistoSys,
    Lumi,
    Modifier,
    NormFactor,
    NormSys,
    Sample,
    ShapeFactor,
    ShapeSys,
    StatError,
)

VERSION = "1.0.0"  # of the schema
_ONLY_NAMED = {"normfactor": NormFactor, "lumi": Lumi, "shapefactor": ShapeFactor}
_BY_BIN = {"shapesys": ShapeSys, "staterror": StatError}
KINDS = (*_ONLY_NAMED, *_BY_BIN, "normsys", "histosys")
_SETTINGS = {"inits": "start", "auxdata": "auxiliary", "sigmas": "width", "factors": "width"}
_WIDTHS = {"sigmas", "factors"}  # of normal auxiliary measurements, and scales of Poisson ones


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A choice of the parameter of interest and of parameters' settings, as `BinnedModel.of` takes them."""

    name: str
    poi: str | None
    settings: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, eq=False)
class Workspace:
    """Channels, what was observed in them, and measurements."""

    channels: tuple[Channel, ...]
    observations: Mapping[str, np.ndarray]  # counts of every channel by its name [events]
    measurements: tuple[Measurement, ...]

    def model(
        self, measurement: str | None = None, *, shapes: AdditiveCode = "code4p", norms: FactorCode = "code4"
    ) -> BinnedModel:
        """The statistical model of a measurement; settings of parameters that no modifier has are left out, as by pyhf.

        Args:
            measurement: its name; the first one by default.
            shapes: code of the shape systematics' interpolation.
            norms: code of the normalisation systematics' interpolation.

        Raises:
            LikelihoodError: no measurement of that name, or a model that does not fit together.
        """
        known = {m.name: m for m in self.measurements}
        name = next(iter(known)) if measurement is None else measurement
        if name not in known:
            raise LikelihoodError(f"no measurement is called {name!r}; the workspace has {', '.join(known)}.")
        chosen = known[name]
        names = {m.name for c in self.channels for s in c.samples for m in s.modifiers}
        settings = {parameter: own for parameter, own in chosen.settings.items() if parameter in names}
        return BinnedModel.of(self.channels, chosen.poi, settings=settings, shapes=shapes, norms=norms)

    def data(self, model: BinnedModel) -> Observation:
        """What was observed, in the order of the model's channels."""
        return model.observed(np.concatenate([self.observations[name] for name, _ in model.channels]))


def read_workspace(path: Path | str) -> Workspace:
    """The workspace of a JSON file.

    Args:
        path: the file.

    Raises:
        LikelihoodError: it is no JSON, or breaks the schema; the text says where.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, OSError) as cause:
        raise LikelihoodError(f"{path}: not a readable JSON file ({cause}); write it again.") from cause
    return workspace_of(document, str(path))


def workspace_of(document: Any, name: str = "workspace") -> Workspace:
    """The workspace of a JSON document.

    Args:
        document: what `json.loads` gives.
        name: what errors call it.

    Raises:
        LikelihoodError: it breaks the schema; the text says where.
    """
    top = Place(document, name)
    top["version"].among([VERSION])
    channels = tuple(_channel(place) for place in top["channels"].named())
    if not channels:
        raise top["channels"].error("no channel", "at least one")
    sizes = {channel.name: channel.bins for channel in channels}
    observed = {}
    for place in top["observations"].named():
        channel = place["name"].among(list(sizes))
        observed[channel] = place["data"].numbers(sizes[channel], least=0.0)
    missing = [channel for channel in sizes if channel not in observed]
    if missing:
        raise top["observations"].error(f"none of channel {', '.join(missing)}", "one of every channel")
    kinds = {kind: _names(channels, kind) for kind in (Lumi, ShapeSys)}
    measurements = tuple(_measurement(place, kinds) for place in top["measurements"].named())
    if not measurements:
        raise top["measurements"].error("no measurement", "at least one")
    return Workspace(channels, observed, measurements)


def document_of(workspace: Workspace) -> dict[str, Any]:
    """The JSON document of a workspace, which pyhf reads.

    Raises:
        LikelihoodError: a measurement has settings that the format does not know: a prior on a free parameter, one
            bound without the other, or one bin fixed and another free.
    """
    observations = [{"name": name, "data": _list(counts)} for name, counts in workspace.observations.items()]
    channels = [
        {"name": c.name, "samples": [_sample_document(sample) for sample in c.samples]} for c in workspace.channels
    ]
    measurements = [
        {"name": m.name, "config": {"poi": m.poi or "", "parameters": _parameter_documents(m, workspace)}}
        for m in workspace.measurements
    ]
    return {"channels": channels, "observations": observations, "measurements": measurements, "version": VERSION}


def write_workspace(path: Path | str, workspace: Workspace) -> None:
    """Writes a workspace as a JSON file, which pyhf reads.

    Raises:
        LikelihoodError: see `document_of`.
    """
    Path(path).write_text(json.dumps(document_of(workspace), indent=1) + "\n", encoding="utf-8")


def _channel(place: Place) -> Channel:
    samples = tuple(_sample(each) for each in place["samples"].named())
    if not samples:
        raise place["samples"].error("no sample", "at least one")
    bins = samples[0].counts.shape[0]
    for each in place["samples"]:
        each["data"].numbers(bins)
    return Channel(place["name"].text(), tuple(samples))


def _sample(place: Place) -> Sample:
    counts = place["data"].numbers()
    modifiers = tuple(_modifier(each, len(counts)) for each in place["modifiers"])
    return Sample(place["name"].text(), counts, modifiers)


def _modifier(place: Place, bins: int) -> Modifier:
    name, kind = place["name"].text(), place["type"].among(KINDS)
    if kind in _ONLY_NAMED:
        return _ONLY_NAMED[kind](name)
    data = place["data"]
    if kind in _BY_BIN:
        return _BY_BIN[kind](name, data.numbers(bins, least=0.0))
    if kind == "normsys":
        return NormSys(name, data["lo"].number(positive=True), data["hi"].number(positive=True))
    return HistoSys(name, data["lo_data"].numbers(bins), data["hi_data"].numbers(bins))


def _names(channels: Sequence[Channel], kind: type) -> set[str]:
    return {m.name for c in channels for s in c.samples for m in s.modifiers if isinstance(m, kind)}


def _measurement(place: Place, kinds: Mapping[type, set[str]]) -> Measurement:
    config = place["config"]
    parameters = config["parameters"].named() if config.has("parameters") else []
    settings = {each["name"].text(): _settings(each, kinds) for each in parameters}
    return Measurement(place["name"].text(), config["poi"].text() or None, settings)


def _settings(place: Place, kinds: Mapping[type, set[str]]) -> dict[str, Any]:
    name = place["name"].text()
    known = {"name", "bounds", "fixed", *_SETTINGS} - (_WIDTHS - {"factors" if name in kinds[ShapeSys] else "sigmas"})
    strange = [entry for entry in place.entries() if entry not in known]
    if strange:
        raise place.error(f"the entry {strange[0]!r} of parameter {name!r}", f"some of {', '.join(sorted(known))}")
    sizes = {old: place[old].numbers(positive=old in _WIDTHS) for old in _SETTINGS if place.has(old)}
    found: dict[str, Any] = {_SETTINGS[old]: values for old, values in sizes.items()}
    if place.has("bounds"):
        pairs = np.stack([each.numbers(2) for each in place["bounds"]])
        if (pairs[:, 0] >= pairs[:, 1]).any():
            raise place["bounds"].error(str(pairs.tolist()), "lower bounds below upper ones")
        found |= {"lower": pairs[:, 0], "upper": pairs[:, 1]}
    if place.has("fixed"):
        found["fixed"] = np.asarray(place["fixed"].truth())
    if name in kinds[Lumi] and "auxiliary" in found:
        found.setdefault("start", found["auxiliary"])
    return found


def _sample_document(sample: Sample) -> dict[str, Any]:
    return {
        "name": sample.name,
        "data": _list(sample.counts),
        "modifiers": [_modifier_document(modifier) for modifier in sample.modifiers],
    }


def _modifier_document(modifier: Modifier) -> dict[str, Any]:
    data: Any = None
    if isinstance(modifier, ShapeSys | StatError):
        data = _list(modifier.uncertainty)
    elif isinstance(modifier, NormSys):
        data = {"lo": float(modifier.down), "hi": float(modifier.up)}
    elif isinstance(modifier, HistoSys):
        data = {"lo_data": _list(modifier.down), "hi_data": _list(modifier.up)}
    return {"name": modifier.name, "type": type(modifier).__name__.lower(), "data": data}


def _parameter_documents(measurement: Measurement, workspace: Workspace) -> list[dict[str, Any]]:
    poisson, found = _names(workspace.channels, ShapeSys), []
    for name, settings in measurement.settings.items():
        _check_writable(f"measurement {measurement.name!r} gives {name!r}", settings)
        own = {"start": "inits", "auxiliary": "auxdata", "width": "factors" if name in poisson else "sigmas"}
        lists: dict[str, Any] = {new: _list(settings[old]) for old, new in own.items() if old in settings}
        if "lower" in settings:
            lists["bounds"] = np.stack([np.ravel(settings[side]) for side in ("lower", "upper")], 1).tolist()
        if "fixed" in settings:
            lists["fixed"] = bool(np.all(settings["fixed"]))
        found.append({"name": name, **lists})
    return found


def _check_writable(where: str, settings: Mapping[str, Any]) -> None:
    reasons = {
        "a prior": "prior" in settings,
        "one bound without the other": ("lower" in settings) != ("upper" in settings),
        "fixed bins among free ones": np.unique(np.asarray(settings.get("fixed", False))).size > 1,
    }
    for reason, found in reasons.items():
        if found:
            raise LikelihoodError(f"{where} {reason}, which the format does not know; leave it out of what is written.")


def _list(values: Any) -> list[float]:
    return np.ravel(np.asarray(values, float)).tolist()
