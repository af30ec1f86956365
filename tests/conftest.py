"""The test process: 64-bit numbers, checked shapes and types, a persistent compilation cache."""

import os
import signal
from pathlib import Path

import jax
import jaxtyping
import pytest
from hypothesis import settings

jax.config.update("jax_enable_x64", True)

# Compiled programs outlive the process; the variables are for the processes that tests start.
CACHE = Path(__file__).resolve().parents[1] / ".cache" / "jax"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
os.environ.setdefault("MPLBACKEND", "agg")
jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
jax.config.update(
    "jax_persistent_cache_min_compile_time_secs",
    float(os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"]),
)

# A process started in the background may ignore Ctrl-C, and so would those it starts; the tests of it need it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Before daedalus is imported anywhere: from here on each call of it checks its annotations.
jaxtyping.install_import_hook("daedalus", "checking.checked")

# First calls compile: a deadline would measure the compiler.
settings.register_profile("daedalus", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("daedalus")


@pytest.fixture(autouse=True, scope="module")
def forgotten():
    """Compiled programs are forgotten after each file: too many at once exhaust the process's memory mappings."""
    yield
    jax.clear_caches()
