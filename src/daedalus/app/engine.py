"""Engines: where the evaluations of a search are made, from what the command line says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import jax

from daedalus.app.screen import remark
from daedalus.app.words import Place, Workplace
from daedalus.core import Evaluator, Problem
from daedalus.errors import RunError
from daedalus.execution import Cluster, RunFolder, Workers, cluster_of, read_resources
from daedalus.execution.batch_systems import Connect
from daedalus.search.orders import Elsewhere

Engine = Evaluator | Elsewhere | None  # as `daedalus.search.optimise` takes it


@contextmanager
def engine(folder: RunFolder, problem: Problem, place: Place) -> Iterator[Engine]:
    """Where the evaluations of a problem are made, while this context lasts.

    Of a cluster, the account is noted in the folder's manifest, whatever ends the search.

    Raises:
        RunError: packages or resources are missing, or no scheduler answers.
    """
    if place.cluster is None:
        simulator = problem.simulator
        workers = nullcontext() if simulator is None else Workers(simulator, concurrent=place.workers)
        with workers as evaluator:
            yield evaluator
        return
    with _made(place) as connect, Cluster(connect, problem=problem) as cluster:
        try:
            yield cluster
        finally:
            _settle(folder, cluster, place.cluster)


@contextmanager
def workers_of(place: Workplace) -> Iterator[Cluster | None]:
    """The workers of a cluster for whole searches, while this context lasts; None where there is to be no cluster.

    Raises:
        RunError: packages or resources are missing, or no scheduler answers.
    """
    if place.cluster is None:
        yield None
        return
    with _made(place) as connect, Cluster(connect) as cluster:
        yield cluster


def _made(place: Workplace) -> AbstractContextManager[Connect]:
    resources = {} if place.cluster_file is None else read_resources(place.cluster_file)
    return cluster_of(str(place.cluster), workers=place.workers, resources=resources)


def check_place(place: Place, *, chosen: bool) -> None:
    """Checks that a search can be computed in a place.

    Args:
        place: where.
        chosen: whether its method is still to be chosen.

    Raises:
        RunError: it cannot, or not yet; the text says why.
    """
    several = place.processes > 1 or place.distributed
    if several and chosen:
        raise RunError(
            "a method is chosen by one process alone. Begin with --optimiser auto in one process and few rounds; the "
            "config.toml it leaves names the method and can be run in several."
        )
    if several and place.cluster is not None:
        raise RunError(
            f"processes that share the events and a cluster ({place.cluster}) that shares the designs are two ways; "
            "expected one of them."
        )


def check_shared(problem: Problem) -> None:
    """Checks that the processes there are can share the evaluations of a problem.

    Raises:
        RunError: there are several, and each would run the whole of a foreign simulator.
    """
    if jax.process_count() > 1 and not problem.traceable:
        raise RunError(
            f"the events of {problem.name!r} are a foreign simulator's, which {jax.process_count()} processes cannot "
            "share. Use --workers, or --cluster."
        )


def _settle(folder: RunFolder, cluster: Cluster, kind: str) -> None:
    account = cluster.account
    folder.note(cluster={"kind": kind, **account.table()})
    remark(
        f"the cluster made {account.done} evaluations on up to {account.workers} workers, {account.lost_workers} of "
        f"which were lost; {100 * account.efficiency:.0f} % of their time went into results."
    )
