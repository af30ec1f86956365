"""Batch systems: clusters of this machine, of an address, or of the jobs of Slurm and HTCondor."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax

from daedalus.errors import RunError

if TYPE_CHECKING:
    from distributed import Client

CLASSES = {"slurm": "SLURMCluster", "htcondor": "HTCondorCluster"}
LOCAL = "local"
OURS = ("jobs", "minimum_jobs")  # resources that are ours and not a job's
WORKER = {"JAX_NUM_CPU_DEVICES": "1", "NPROC": "1", "OMP_NUM_THREADS": "1"}  # one worker, one thread
TIMEOUT = "20s"

Connect = Callable[[], "Client"]


@contextmanager
def cluster_of(
    kind: str, *, workers: int | None = None, resources: Mapping[str, Any] | None = None
) -> Iterator[Connect]:
    """What makes clients of a cluster, which is made and ended with this context unless it is somebody else's.

    Args:
        kind: "local", an address such as "tcp://head:8786", "slurm" or "htcondor".
        workers: of a local cluster, or jobs of a batch system at most [1]; processors, or what the resources say.
        resources: what a job asks for, as `read_resources` gives it.

    Raises:
        RunError: an unknown kind, packages or resources that are missing, or no scheduler.
    """
    distributed = _package("distributed")
    if "://" in kind:
        yield lambda: distributed.Client(kind, timeout=TIMEOUT, set_as_default=False)
        return
    if kind == LOCAL:
        made = _local(workers)
    elif kind in CLASSES:
        made = _batch(kind, dict(resources or {}), workers)
    else:
        known = ", ".join((LOCAL, "tcp://HOST:PORT", *CLASSES))
        raise RunError(f"cluster is {kind!r}; expected one of {known}.")
    with made:
        yield lambda: distributed.Client(made.scheduler_address, timeout=TIMEOUT, set_as_default=False)


def read_resources(path: Path) -> dict[str, Any]:
    """What a job asks for, from a YAML file: jobs, cores, memory, walltime, queue and what else dask-jobqueue knows.

    Raises:
        RunError: no such file, or no mapping in it.
    """
    yaml = _package("yaml")
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as cause:
        raise RunError(f"the resources {path} cannot be read: {cause}. Check the path.") from cause
    except yaml.YAMLError as cause:
        raise RunError(f"{path} is no YAML: {cause}. Correct the file there.") from cause
    if not isinstance(found, dict):
        raise RunError(f"{path} holds a {type(found).__name__}; expected lines such as 'cores: 1' and 'memory: 2GB'.")
    return found


def job_script(kind: str, resources: Mapping[str, Any]) -> str:
    """The text that a batch system is given for every job; nothing is submitted.

    Raises:
        RunError: an unknown kind, or resources that are missing or unknown.
    """
    if kind not in CLASSES:
        raise RunError(f"cluster is {kind!r}; expected {' or '.join(CLASSES)}, which have job scripts.")
    with _batch_cluster(kind, dict(resources)) as made:
        return made.job_script()


def _local(workers: int | None) -> Any:
    distributed, dask = _package("distributed"), _package("dask")
    count = workers or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    environment = WORKER | _cache()
    with dask.config.set({"distributed.nanny.environ": environment, "distributed.scheduler.allowed-failures": 10}):
        return distributed.LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=None, memory_limit=0)


def _cache() -> dict[str, str]:
    """Where this process keeps compiled programs: workers of the same machine find them there."""
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    found = {name.upper(): getattr(jax.config, name) for name in names}
    return {name: str(value) for name, value in found.items() if value is not None}


def _batch(kind: str, resources: dict[str, Any], workers: int | None) -> Any:
    """A cluster whose jobs come and go with what is to be done."""
    jobs = workers or int(resources.get("jobs", 1))
    made = _batch_cluster(kind, resources)
    made.adapt(minimum=int(resources.get("minimum_jobs", 0)), maximum=jobs)
    return made


def _batch_cluster(kind: str, resources: dict[str, Any]) -> Any:
    jobqueue = _package("dask_jobqueue", "dask-jobqueue")
    lacking = [name for name in ("cores", "memory") if name not in resources]
    if lacking:
        raise RunError(
            f"the resources of {kind} lack {', '.join(lacking)}; expected a file with lines such as 'cores: 1', "
            "'memory: 2GB', 'walltime: 11:00:00', 'jobs: 100'. Give it as --cluster-file."
        )
    asked = {name: value for name, value in resources.items() if name not in OURS}
    prologue = [f"export {name}={value}" for name, value in WORKER.items()]
    asked["job_script_prologue"] = [*prologue, *asked.get("job_script_prologue", [])]
    asked.setdefault("job_name", "daedalus")
    asked.setdefault("processes", asked["cores"])
    asked.setdefault("scheduler_options", {"dashboard": False, "dashboard_address": None})
    if "walltime" in asked:
        asked["walltime"] = _clock(asked["walltime"])
    made = getattr(jobqueue, CLASSES[kind])
    known = {name for each in (*made.__mro__, *made.job_cls.__mro__) for name in signature(each.__init__).parameters}
    unknown = sorted(set(asked) - known)
    if unknown:  # asked before it is made: half a cluster cannot be closed
        raise RunError(f"the resources do not fit {kind}: {', '.join(unknown)} is unknown to dask-jobqueue. Remove it.")
    return made(**asked)


def _clock(walltime: Any) -> str:
    """A walltime as text: YAML takes 11:00:00 without quotes for a number of seconds."""
    if not isinstance(walltime, int):
        return str(walltime)
    minutes, seconds = divmod(walltime, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"


def _package(name: str, distribution: str = "") -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as cause:
        raise RunError(
            f"a cluster needs the package {distribution or name}, which is not installed. "
            "Install daedalus-design[cluster]."
        ) from cause
