"""Workspaces of many kinds as JSON documents: the same goes into Daedalus and into pyhf."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Document = dict[str, Any]


def sample(name: str, data: Sequence[float], *modifiers: Document) -> Document:
    """A sample with its modifiers."""
    return {"name": name, "data": list(data), "modifiers": list(modifiers)}


def modifier(kind: str, name: str, data: Any = None) -> Document:
    """A modifier; data as its kind wants them."""
    return {"name": name, "type": kind, "data": data}


def norm(name: str, low: float, high: float) -> Document:
    """A normalisation systematic."""
    return modifier("normsys", name, {"lo": low, "hi": high})


def shape(name: str, low: Sequence[float], high: Sequence[float]) -> Document:
    """A shape systematic."""
    return modifier("histosys", name, {"lo_data": list(low), "hi_data": list(high)})


def workspace(
    channels: dict[str, list[Document]],
    observed: dict[str, Sequence[float]],
    parameters: Sequence[Document] = (),
    poi: str = "mu",
) -> Document:
    """A document with one measurement."""
    return {
        "channels": [{"name": name, "samples": samples} for name, samples in channels.items()],
        "observations": [{"name": name, "data": list(data)} for name, data in observed.items()],
        "measurements": [{"name": "measurement", "config": {"poi": poi, "parameters": list(parameters)}}],
        "version": "1.0.0",
    }


MU = modifier("normfactor", "mu")
LUMI = {"name": "lumi", "auxdata": [1.0], "sigmas": [0.03], "bounds": [[0.5, 1.5]], "inits": [1.0]}


def counting() -> Document:
    """One bin whose background is known to 10 %."""
    return workspace({"bin": [sample("s", [6.0], MU), sample("b", [20.0], norm("b_norm", 0.9, 1.1))]}, {"bin": [23]})


def uncorrelated() -> Document:
    """A background with an uncertainty of its own in every bin."""
    background = sample("b", [50.0, 52.0, 9.0], modifier("shapesys", "b_bins", [3.0, 7.0, 2.0]))
    return workspace({"only": [sample("s", [12.0, 11.0, 5.0], MU), background]}, {"only": [51, 48, 11]})


def correlated() -> Document:
    """A background with one uncertain shape."""
    background = sample("b", [50.0, 52.0], shape("b_shape", [45.0, 57.0], [55.0, 47.0]))
    return workspace({"only": [sample("s", [12.0, 11.0], MU), background]}, {"only": [60, 50]})


def regions() -> Document:
    """Two channels, not in alphabetical order, with common systematics and statistical errors."""
    scale = lambda low, high: norm("scale", low, high)
    stat = lambda name, data: modifier("staterror", name, data)
    signal_region = [
        sample("s", [2.0, 6.0, 9.0], MU, scale(0.95, 1.04), stat("stat_signal", [0.2, 0.3, 0.4])),
        sample("top", [30.0, 18.0, 7.0], scale(0.9, 1.12), stat("stat_signal", [1.5, 1.1, 0.8]),
               shape("tune", [27.0, 18.5, 8.5], [34.0, 17.0, 6.0])),
        sample("w", [12.0, 9.0, 5.0], norm("w_norm", 0.8, 1.25), stat("stat_signal", [1.0, 0.9, 0.5])),
    ]  # fmt: skip
    control_region = [
        sample("top", [80.0, 40.0], scale(0.92, 1.07), stat("stat_control", [3.0, 2.0]),
               shape("tune", [75.0, 44.0], [86.0, 37.0])),
        sample("w", [10.0, 6.0], norm("w_norm", 0.7, 1.3)),
    ]  # fmt: skip
    observed = {"signal": [47, 35, 24], "control": [95, 43]}
    return workspace({"signal": signal_region, "control": control_region}, observed)


def moderate() -> Document:
    """Shapes and norms that stay well within one deviation, for codes that differ outside."""
    background = sample(
        "b", [40.0, 30.0, 20.0], shape("tilt", [36.0, 31.0, 23.0], [43.0, 28.0, 18.0]), norm("b_norm", 0.85, 1.1)
    )
    signal = sample("s", [3.0, 6.0, 4.0], MU, norm("s_norm", 0.92, 1.05))
    return workspace({"only": [signal, background]}, {"only": [48, 34, 18]})


def luminosity() -> Document:
    """Samples that scale with the luminosity beside one that does not."""
    lumi = modifier("lumi", "lumi")
    samples = [
        sample("s", [8.0, 10.0], MU, lumi),
        sample("b", [60.0, 30.0], lumi, norm("b_norm", 0.93, 1.08)),
        sample("data_driven", [11.0, 5.0], modifier("shapesys", "fakes", [2.0, 1.5])),
    ]
    return workspace({"only": samples}, {"only": [85, 49]}, [LUMI])


def data_driven() -> Document:
    """A background whose shape a control region measures."""
    free = modifier("shapefactor", "b_shape")
    signal_region = [sample("s", [1.0, 8.0, 3.0], MU), sample("b", [20.0, 20.0, 20.0], free)]
    control_region = [sample("b", [100.0, 100.0, 100.0], free, norm("transfer", 0.95, 1.05))]
    observed = {"a_control": [130, 90, 60], "b_signal": [28, 23, 16]}
    return workspace({"a_control": control_region, "b_signal": signal_region}, observed)


def deficit() -> Document:
    """Fewer events than the background, and a parameter of interest that may be negative."""
    background = sample("b", [50.0, 60.0], modifier("shapesys", "b_bins", [5.0, 6.0]), norm("b_norm", 0.95, 1.05))
    wide = [{"name": "mu", "bounds": [[-10.0, 10.0]], "inits": [0.5]}]
    return workspace({"only": [sample("s", [10.0, 12.0], MU), background]}, {"only": [40, 51]}, wide)


def exact_bins() -> Document:
    """Bins without an uncertainty, and without events, among those with some."""
    samples = [
        sample("s", [0.0, 4.0, 6.0, 3.0], MU),
        sample("b", [30.0, 20.0, 0.0, 9.0], modifier("shapesys", "b_bins", [3.0, 0.0, 2.0, 1.5])),
        sample("c", [5.0, 0.0, 7.0, 4.0], modifier("staterror", "stat", [0.0, 0.5, 1.0, 0.6])),
    ]
    return workspace({"only": samples}, {"only": [33, 25, 11, 15]})


def empty_bins() -> Document:
    """Few events: most bins are empty."""
    signal = sample("s", [0.2, 1.0, 2.5, 0.8, 0.1], MU, norm("s_norm", 0.9, 1.1))
    background = sample(
        "b", [1.5, 0.9, 0.5, 0.3, 0.2], shape("tilt", [1.3, 0.9, 0.6, 0.35, 0.3], [1.8, 0.8, 0.4, 0.25, 0.1])
    )
    return workspace({"only": [signal, background]}, {"only": [2, 0, 1, 0, 0]})


def many_bins() -> Document:
    """A peak on a falling spectrum in 40 bins with a free background."""
    place = np.arange(40.0)
    peak, fall = 12 * np.exp(-0.5 * ((place - 18) / 3) ** 2), 120 * np.exp(-place / 15)
    wave = np.sin(place / 6)
    background = sample(
        "b", fall, modifier("normfactor", "b_scale"),
        shape("wave", fall * (1 - 0.03 * wave), fall * (1 + 0.04 * wave)),
        shape("slope", fall * (1 + 0.05 * (place / 40 - 0.5)), fall * (1 - 0.05 * (place / 40 - 0.5))),
    )  # fmt: skip
    signal = sample(
        "s",
        peak,
        MU,
        norm("s_norm", 0.95, 1.06),
        shape("width", peak * 0.98, 12 * np.exp(-0.5 * ((place - 18) / 3.2) ** 2)),
    )
    observed = np.random.default_rng(0).poisson(fall + 0.7 * peak)
    return workspace({"spectrum": [signal, background]}, {"spectrum": observed.tolist()})


def asymmetric() -> Document:
    """Systematics that shift to one side only, or by much more to one side, and pull far."""
    background = sample(
        "b", [100.0, 80.0, 60.0], norm("one_sided", 0.98, 1.2), norm("same_side", 1.05, 1.12),
        shape("bend", [99.0, 79.0, 58.0], [120.0, 70.0, 75.0]),
        shape("up_only", [104.0, 83.0, 61.0], [110.0, 84.0, 62.0]),
    )  # fmt: skip
    return workspace({"only": [sample("s", [5.0, 15.0, 10.0], MU), background]}, {"only": [146, 100, 95]})


def fixed() -> Document:
    """Fixed parameters, other starts and bounds, and auxiliary measurements that came out elsewhere."""
    samples = [
        sample("s", [10.0, 5.0], MU, norm("s_norm", 0.9, 1.15), norm("off", 0.8, 1.2)),
        sample("b", [40.0, 50.0], modifier("normfactor", "b_scale"), norm("b_norm", 0.9, 1.1)),
        sample("c", [15.0, 15.0], modifier("shapesys", "c_bins", [3.0, 2.0])),
    ]
    parameters = [
        {"name": "mu", "inits": [0.8], "bounds": [[0.0, 5.0]]},
        {"name": "off", "inits": [0.5], "fixed": True},
        {"name": "b_scale", "inits": [1.05], "fixed": True},
        {"name": "b_norm", "auxdata": [0.4], "inits": [0.4]},
        {"name": "c_bins", "auxdata": [20.0, 60.0]},
    ]
    return workspace({"only": samples}, {"only": [70, 74]}, parameters)


def shared_names() -> Document:
    """One nuisance that is a norm here and a shape there; one strength on two signals, and two strengths on one."""
    samples = [
        sample("s1", [4.0, 8.0], MU, norm("theory", 0.9, 1.1)),
        sample("s2", [6.0, 2.0], MU, modifier("normfactor", "fraction"), shape("theory", [5.5, 2.2], [6.6, 1.7])),
        sample("b", [70.0, 40.0], norm("theory", 0.97, 1.02), shape("theory", [66.0, 41.0], [73.0, 38.0])),
        sample("c", [9.0, 3.0], modifier("normfactor", "fraction")),
    ]
    parameters = [{"name": "fraction", "bounds": [[0.5, 2.0]]}]
    return workspace({"only": samples}, {"only": [85, 52]}, parameters)


def common_statistics() -> Document:
    """Statistical errors of one name in two channels: bins of their own."""
    stat = lambda data: modifier("staterror", "stat", data)
    first = [sample("s", [3.0, 5.0], MU), sample("b", [25.0, 20.0], stat([2.0, 2.5]))]
    second = [sample("b", [90.0, 50.0, 30.0], stat([4.0, 3.0, 3.0]), norm("b_norm", 0.9, 1.1))]
    return workspace({"a": first, "b": second}, {"a": [31, 22], "b": [84, 55, 36]})


def background_free() -> Document:
    """A signal region and a control region that share a free background."""
    scale = modifier("normfactor", "b_scale")
    signal_region = [sample("s", [9.0], MU), sample("b", [15.0], scale, norm("transfer", 0.9, 1.1))]
    control_region = [sample("b", [150.0], scale), sample("other", [20.0], norm("other_norm", 0.7, 1.3))]
    return workspace({"control": control_region, "signal": signal_region}, {"control": [185], "signal": [27]})


def everything() -> Document:
    """All kinds of modifiers at once."""
    lumi = modifier("lumi", "lumi")
    stat = lambda data: modifier("staterror", "stat", data)
    signal_region = [
        sample("s", [5.0, 9.0], MU, lumi, norm("s_norm", 0.95, 1.05)),
        sample("b", [40.0, 25.0], lumi, stat([2.0, 1.5]), norm("b_norm", 0.9, 1.1),
               shape("tilt", [38.0, 26.0], [43.0, 23.0])),
        sample("c", [10.0, 8.0], stat([1.0, 1.0]), modifier("shapesys", "c_bins", [2.0, 1.5])),
    ]  # fmt: skip
    control_region = [
        sample("d", [60.0, 50.0], modifier("shapefactor", "d_shape")),
        sample("b", [8.0, 6.0], lumi, norm("b_norm", 0.8, 1.2)),
    ]
    observed = {"z_signal": [57, 45], "a_control": [72, 51]}
    return workspace({"z_signal": signal_region, "a_control": control_region}, observed, [LUMI])


KINDS = (
    counting, uncorrelated, correlated, regions, moderate, luminosity, data_driven, deficit, exact_bins, empty_bins,
    many_bins, asymmetric, fixed, shared_names, common_statistics, background_free, everything,
)  # fmt: skip
DOCUMENTS = {build.__name__: build for build in KINDS}
