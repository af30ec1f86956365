"""The process's JAX settings: the command line makes them, the library never does."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


def prepare(precision: str = "float32") -> None:
    """Sets precision, devices and the cache of compiled programs for this process, before the first array is made.

    Every core of the processor counts as a device, among which scenarios are shared out, unless
    JAX_NUM_CPU_DEVICES says otherwise or the process has already begun to compute. Compiled programs are kept in
    JAX_COMPILATION_CACHE_DIR, or else in the user's cache folder; where that cannot be written nothing is kept.

    Args:
        precision: "float32" or "float64" [text].
    """
    import jax  # costs a large part of a second, which `--help` need not wait for

    jax.config.update("jax_enable_x64", precision == "float64")
    if "JAX_NUM_CPU_DEVICES" not in os.environ:
        with suppress(RuntimeError):  # devices exist already
            jax.config.update("jax_num_cpu_devices", cores())
    # XLA's threads: a device that waits for another holds one, and the other needs some to arrive (seen: a search of
    # sixteen designs on two devices with two threads stood still for ever)
    os.environ.setdefault("NPROC", str(2 * int(os.environ.get("JAX_NUM_CPU_DEVICES") or cores())))
    folder = os.environ.get("JAX_COMPILATION_CACHE_DIR") or _own_folder()
    if folder:
        jax.config.update("jax_compilation_cache_dir", str(folder))
        if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)


def cache_folder() -> Path:
    """Where this user's caches of Daedalus belong on this platform."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "daedalus"


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _own_folder() -> Path | None:
    """The user's cache folder, made if it was not there, or None where it cannot be written."""
    try:
        folder = cache_folder() / "jax"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: no home at all
        return None
    return folder if os.access(folder, os.W_OK) else None
