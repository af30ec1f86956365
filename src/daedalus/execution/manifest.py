"""Manifests: what a run was made of, written down before its first evaluation."""

from __future__ import annotations

import dataclasses
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import jax
import jax.numpy as jnp

from daedalus._version import version
from daedalus.core import Optimiser, Problem
from daedalus.search.comparison import batch_size

PACKAGES = (
    "jax", "jaxlib", "equinox", "optax", "numpy", "scipy", "pyarrow", "matplotlib",
    "optuna", "cmaes", "tinygp", "optimistix",
)  # fmt: skip


def manifest(
    problem: Problem,
    optimiser: Optimiser,
    *,
    seed: int,
    rounds: int,
    events: int,
    scenarios: int | None,
    chunk: int,
    block: int | None,
) -> dict[str, Any]:
    """The manifest of a search that is about to begin.

    Args:
        problem: the task.
        optimiser: the method.
        seed: what the run's key is made from [1].
        rounds: rounds of ask and tell [1].
        events: particles per scenario [1].
        scenarios: scenarios per evaluation [1]; the problem's own number for None.
        chunk: rounds per compiled call [1].
        block: events in memory at once [1]; as many as suit the device by default.
    """
    partition = problem.partition(events, scenarios, block=block)
    return {
        "status": "running",
        "problem": problem.name,
        "problem_version": problem.version,
        "parameters": problem.space.size,
        "learned_numbers": problem.space.learned_size,
        "physics": list(problem.physics),
        "optimiser": repr(optimiser),
        "starts": batch_size(problem, optimiser),
        "seed": seed,
        "rounds": rounds,
        "chunk": chunk,
        "partition": {n: v for n, v in dataclasses.asdict(partition).items() if n != "devices"},
        **environment(),
        "started_at": now(),
    }


def environment() -> dict[str, Any]:
    """Versions of Daedalus, Python and the packages beneath it, the device, and the precision."""
    device = jax.devices()[0]
    return {
        "daedalus": version(),
        "python": platform.python_version(),
        "packages": {name: _package(name) for name in PACKAGES},
        "device": {"platform": device.platform, "kind": device.device_kind, "count": jax.device_count()},
        "processors": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "precision": jnp.result_type(float).name,
        "random_numbers": str(jax.config.jax_default_prng_impl),  # pyright: ignore[reportAttributeAccessIssue]
    }


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs between two manifests, times and states aside, as lines "name: old, now new"."""
    names = (
        "problem",
        "problem_version",
        "daedalus",
        "python",
        "packages",
        "device",
        "precision",
        "random_numbers",
    )
    lines = []
    for name in (*names, "optimiser", "starts", "seed", "rounds", "more_rounds", "chunk", "partition"):
        was, now_is = old.get(name), new.get(name)
        if isinstance(was, Mapping) and isinstance(now_is, Mapping):
            lines += [f"{name}.{k}: {v}, now {now_is.get(k)}" for k, v in was.items() if now_is.get(k) != v]
        elif was != now_is:
            lines.append(f"{name}: {was}, now {now_is}")
    return lines


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _package(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
