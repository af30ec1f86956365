"""Measure TomOpt on its own ladle-furnace benchmark, with the right labels.

The published notebook rounds its targets down in single precision, which labels every 1.3 m ladle as 1.2 m.
Here the truth of a volume is the height it was built with. The peer is driven through its public interface
only, in its own conditions: a budget of 6 square metres, 1000 muons of 5 GeV per volume that are all made to
enter the passive block, real (hard-edged) panels, and the closest-approach inference with a smoothness of 1.

Per volume the script keeps the raw prediction and what went into it: muons left, heights of closest approach
and their uncertainties, scattering angles, efficiencies. The summary calibrates truth against prediction by a
straight line fitted without the volume it is applied to.

To prepare: clone the public repository GilesStrong/tomopt (AGPL-3.0) into an environment of its own, install
torch there, then that clone with pip. The package declares no build system, so a current pip leaves its
dependencies out; add numpy, pandas, matplotlib, seaborn, fastcore 1.3, fastprogress 1.0, h5py, imageio,
particle, prettytable, mypy_extensions and ipython, and put the clone on PYTHONPATH if the import fails.

    python benchmarks/peers/tomopt_ladle.py --out result.json --rounds 12 --minutes 25
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tomopt.benchmarks import ladle_furnace
from tomopt.optimisation import ArbVolumeWrapper, MuonResampler, PassiveYielder, VolumeTargetPredHandler
from tomopt.optimisation.callbacks.callback import Callback
from tomopt.volume import Volume

LEVELS = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)
SLAG = 0.1
DETECTORS = {
    "human_1": ladle_furnace.get_baseline_detector_1,
    "human_2": ladle_furnace.get_baseline_detector_2,
    "optimised": None,
    "initial": ladle_furnace.get_initial_detector,
}
# What the published notebook ends with: height and side in metres of each panel, all centred on the ladle.
PUBLISHED = (
    ((1.4053, 0.8376), (1.4487, 0.7317), (1.4913, 0.7542), (1.5918, 0.7629)),
    ((0.3792, 1.0234), (0.3590, 0.9305), (0.2778, 1.0448), (0.2452, 0.7793)),
)


class Witness(Callback):
    """Notes, once per volume, what the inference saw."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def on_volume_begin(self) -> None:
        self.angles: list[torch.Tensor] = []
        self.started = time.process_time()

    def on_scatter_end(self) -> None:
        self.angles.append(self.wrapper.fit_params.sb.total_scatter.detach().double().flatten())

    def on_x0_pred_end(self) -> None:
        fit = self.wrapper.fit_params
        angle = torch.cat(self.angles)
        inferrer = fit.volume_inferrer
        z = inferrer.muon_poca_xyz[:, 2].detach().double()
        sigma = inferrer.muon_poca_xyz_unc[:, 2].detach().double()
        weight = inferrer.wgt.detach().double().flatten()
        low, high = (float(edge) for edge in self.wrapper.volume.get_passive_z_range())
        mean = (weight * z).sum() / weight.sum()
        quantile = lambda values, q: float(torch.quantile(values, q))
        self.rows.append(
            {
                "prediction": float(fit.pred.detach()),
                "muons": int(inferrer.n_mu),
                "z_mean": float(z.mean()),
                "z_rms": float(z.std()),
                "z_q16": quantile(z, 0.16),
                "z_median": quantile(z, 0.5),
                "z_q84": quantile(z, 0.84),
                "z_weighted_rms": float(((weight * (z - mean) ** 2).sum() / weight.sum()).sqrt()),
                "z_outside_block": float(((z < low) | (z > high)).double().mean()),
                "effective_muons": float(weight.sum() ** 2 / (weight**2).sum()),
                "zero_weight": float((weight < 1e-3 * weight.max()).double().mean()),
                "sigma_z_mean": float(sigma.mean()),
                "sigma_z_median": quantile(sigma, 0.5),
                "sigma_z_q16": quantile(sigma, 0.15865),
                "sigma_z_q84": quantile(sigma, 0.84135),
                "scatter_rms": float(angle.square().mean().sqrt()),
                "scatter_median": quantile(angle, 0.5),
                "efficiency_mean": float(inferrer.muon_efficiency.mean()),
                "efficiency_spread": float(inferrer.muon_efficiency.std()),
                "cpu_s": time.process_time() - self.started,
            }
        )


def published() -> Volume:
    """The optimised detector of the notebook, rebuilt from the sizes printed there."""
    volume = Volume(ladle_furnace.get_baseline_detector_2(), budget=6)
    areas = []
    with torch.no_grad():
        for layer, panels in zip(volume.get_detectors(), PUBLISHED):
            for panel, (z, _) in zip(layer.panels, panels):
                panel.xy.fill_(0.5)
                panel.z.fill_(z)
            areas += [panels[index][1] ** 2 for index, _ in layer.yield_zordered_panels()]
        volume.budget_weights.copy_(torch.tensor(areas).log())
        volume.assign_budget()
        for layer, panels in zip(volume.get_detectors(), PUBLISHED):
            for panel, (_, side) in zip(layer.panels, panels):
                if abs(float(panel.get_scaled_xy_span()[0]) - side) > 1e-3:
                    raise RuntimeError("the peer gave the areas to other panels")
    return volume


def build(make, soft: bool):
    volume = Volume(make(), budget=6) if make else published()
    for layer in volume.get_detectors():
        for panel in layer.panels:
            panel.realistic_validation = not soft
    return ArbVolumeWrapper(
        volume,
        opts={},
        loss_func=None,
        partial_volume_inferrer=partial(ladle_furnace.PocaZLadleFurnaceFillLevelInferrer, smooth=1.0),
    )


def filled_layers(wrapper) -> dict[str, list[float]]:
    """The radiation length in the middle of each layer, from the bottom, of each level: proves the labels."""
    out = {}
    maker = ladle_furnace.LadleFurnacePassiveGenerator(wrapper.volume)
    for level in LEVELS:
        wrapper.volume.load_rad_length(*maker._generate(fixed_mat_z=level, fixed_slag_z=level + SLAG))
        out[f"{level:.1f}"] = [round(float(x), 5) for x in wrapper.volume.get_rad_cube()[:, 5, 5]]
    return out


def scan(wrapper, muons: int, batch: int, levels=LEVELS) -> list[dict[str, float]]:
    maker = ladle_furnace.LadleFurnacePassiveGenerator(wrapper.volume)
    made = [maker._generate(fixed_mat_z=level, fixed_slag_z=level + SLAG) for level in levels]
    witness = Witness()
    wrapper.predict(
        PassiveYielder(made),
        n_mu_per_volume=muons,
        mu_bs=batch,
        pred_cb=VolumeTargetPredHandler(),
        cbs=[MuonResampler(), witness],
    )
    if wrapper.volume.training or len(witness.rows) != len(levels):
        raise RuntimeError("the volume must be scanned in evaluation mode, once per level")
    return [{"truth": level, **row} for level, row in zip(levels, witness.rows)]


def summary(rows: list[dict[str, float]]) -> dict:
    truth = np.array([row["truth"] for row in rows])
    raw = np.array([row["prediction"] for row in rows])
    n = len(rows)
    design = np.stack([np.ones(n), raw], axis=1)
    line, *_ = np.linalg.lstsq(design, truth, rcond=None)
    leverage = np.einsum("ij,jk,ik->i", design, np.linalg.inv(design.T @ design), design)
    inside = truth - design @ line
    left_out = inside / (1 - leverage)  # exact for a straight line
    square = left_out**2
    line_back, *_ = np.linalg.lstsq(np.stack([np.ones(n), truth], axis=1), raw, rcond=None)
    levels = {}
    for level in LEVELS:
        here = truth == level
        if here.sum() > 1:
            levels[f"{level:.1f}"] = {
                "volumes": int(here.sum()),
                "raw_mean": float(raw[here].mean()),
                "raw_rms": float(raw[here].std(ddof=1)),
                "corrected_bias": float(-left_out[here].mean()),
                "corrected_rms": float(left_out[here].std(ddof=1)),
                "corrected_mse": float(square[here].mean()),
            }
    means = {key: float(np.mean([row[key] for row in rows])) for key in rows[0] if key not in ("truth", "prediction")}
    within = [values["raw_rms"] ** 2 for values in levels.values()]
    return {
        "volumes": n,
        "raw_mse": float(((truth - raw) ** 2).mean()),
        "mse": float(square.mean()),
        "mse_error": float(square.std(ddof=1) / math.sqrt(n)),
        "mse_median": float(np.median(square)),
        "mse_q95": float(np.quantile(square, 0.95)),
        "mse_same_sample": float((inside**2).mean()),
        "mean_absolute_error": float(np.abs(left_out).mean()),
        "correction_slope": float(line[1]),
        "correction_offset": float(line[0]),
        "response_slope": float(line_back[1]),
        "raw_rms_within_level": float(math.sqrt(np.mean(within))) if within else None,
        "levels": levels,
        "means": means,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=12, help="volumes per level of each human design")
    parser.add_argument("--initial-every", type=int, default=2, help="scan the initial design in every n-th round")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no scan after this time")
    parser.add_argument("--muons", type=int, default=1000)
    parser.add_argument("--batch", type=int, help="muons per batch, all of them at once if absent")
    parser.add_argument("--soft", action="store_true", help="keep the smooth panels of training, which lose no muon")
    parser.add_argument("--designs", nargs="+", choices=list(DETECTORS), default=list(DETECTORS))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    np.random.seed(options.seed)  # noqa: NPY002 - the peer draws from the global state
    start = time.monotonic()
    wrappers = {name: build(make, options.soft) for name, make in DETECTORS.items() if name in options.designs}
    rows: dict[str, list] = {name: [] for name in wrappers}
    layers = filled_layers(next(iter(wrappers.values())))
    for turn in range(options.rounds):
        for name, wrapper in wrappers.items():
            if name == "initial" and turn % options.initial_every:
                continue
            if time.monotonic() - start > 60 * options.minutes:
                break
            rows[name] += scan(wrapper, options.muons, options.batch or options.muons)
            report = {
                "settings": {
                    "muons": options.muons,
                    "seed": options.seed,
                    "soft": options.soft,
                    "torch": torch.__version__,
                },
                "generator": str(wrapper.mu_generator),
                "layers": layers,
                "summary": {key: summary(value) for key, value in rows.items() if value},
                "rows": rows,
            }
            options.out.write_text(json.dumps(report, indent=1))
            now = report["summary"][name]
            print(
                f"{time.monotonic() - start:6.0f} s  {name:8s} {now['volumes']:4d} volumes  "
                f"mse {now['mse']:.2e} +- {now['mse_error']:.1e}  muons {now['means']['muons']:.0f}",
                file=sys.stderr,
                flush=True,
            )


if __name__ == "__main__":
    main()
