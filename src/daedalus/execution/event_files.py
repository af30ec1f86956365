"""Events as files: what a design's apparatus makes of each particle, as Parquet or ROOT, batch by batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key

from daedalus.core import Design, Pipeline, Problem
from daedalus.errors import RunError
from daedalus.events import Particles
from daedalus.events.columns import particle_columns, record_columns
from daedalus.execution.files import replacing

BATCH = 8192  # events that are in memory at once, and rows of a group in the file [1]
TREE = "events"  # of a ROOT file
ABOUT = "about"  # what the events are of: metadata of a Parquet file, a text in a ROOT file
_FIRST = ("scenario", "event", "x", "y", "z", "px", "py", "pz", "weight", "alive", "accepted_weight")

Batch = dict[str, np.ndarray]


def write_events(
    path: Path | str,
    problem: Problem,
    design: Design,
    *,
    key: Key[Array, ""],
    events: int | None = None,
    scenarios: int | None = None,
    about: Mapping[str, Any] | None = None,
    batch: int = BATCH,
) -> int:
    """Makes or replaces a file with the events that an evaluation of a design with a key sees; returns their number.

    One row per event, of the real apparatus. ``scenario`` and ``event`` are its numbers; x, y, z, px, py, pz and weight
    the particle as the source has made it, in columns that `daedalus.sources` reads again; ``alive`` whether it was
    accepted, ``accepted_weight`` with which weight; all other columns ``noun.label.field`` are what the stages have
    added, hits and whatever has a value per plane with that many numbers. In Parquet the unit stands behind the name,
    ``x [m]``; names in ROOT have none (house units) and _ for a dot.

    Args:
        path: file ending in .parquet or .root; its folder exists.
        problem: the task.
        design: what to look at.
        key: decides every random number, as in `Problem.evaluate`.
        events: particles per scenario [1]; the problem's own number by default.
        scenarios: scenarios [1]; the problem's own number by default.
        about: what is noted in the file.
        batch: events in memory at once [1].

    Raises:
        RunError: an unknown ending, a missing package, or a file that cannot be written.
        DesignError: the design is out of bounds.
        ProblemError: the problem has a simulator instead of a pipeline, or fewer than one event is asked for.
    """
    place = Path(path)
    check_format(place)
    found = event_batches(problem, design, key=key, events=events, scenarios=scenarios, batch=batch)
    rows = 0
    try:
        with replacing(place) as part, FORMATS[place.suffix.lower()](part, dict(about or {})) as write:
            for table in _gathered(found, batch):
                write(table)
                rows += len(table["event"])
    except OSError as cause:
        raise RunError(f"{place} cannot be written: {cause}. Choose another place.") from cause
    return rows


def event_batches(
    problem: Problem,
    design: Design,
    *,
    key: Key[Array, ""],
    events: int | None = None,
    scenarios: int | None = None,
    batch: int = BATCH,
) -> Iterator[Batch]:
    """The events of an evaluation as columns, scenario after scenario, at most ``batch`` at a time; see `write_events`.

    Raises:
        DesignError: the design is out of bounds.
        ProblemError: the problem has a simulator instead of a pipeline, or fewer than one event is asked for.
    """
    problem.space.check(design)
    partition = problem.partition(problem.events if events is None else events, scenarios)
    width = min(batch, partition.events)

    @eqx.filter_jit
    def columns(design: Design, number: Int[Array, ""], first: Int[Array, ""]) -> dict[str, Array]:
        chain, own = problem.scenario_pipeline(design, number, partition.scenarios, key=key)
        beginnings = (Pipeline(chain.stages[: last + 1], {}) for last in range(len(chain.stages)))
        records = (each.events(first + jnp.arange(width), partition.events, key=own) for each in beginnings)
        begun = next((each for each in records if Particles.__name__ in each.nouns), None)
        incoming = {} if begun is None else particle_columns(begun[Particles], begun.effective_weight)
        record = chain.events(first + jnp.arange(width), partition.events, key=own)
        outcome = {"alive [1]": record.alive, "accepted_weight [1]": record.effective_weight}
        return {**incoming, **outcome, **record_columns(record)}

    for number in range(partition.scenarios):
        for first in range(0, partition.events, width):
            count = min(width, partition.events - first)
            table = columns(design, jnp.asarray(number), jnp.asarray(first))
            numbers = {"scenario": np.full(count, number), "event": np.arange(first, first + count)}
            yield _ordered({**numbers, **{name: np.asarray(values)[:count] for name, values in table.items()}})


def check_format(path: Path) -> None:
    """Checks that a file's ending says how to write it.

    Raises:
        RunError: it is unknown.
    """
    if path.suffix.lower() not in FORMATS:
        raise RunError(f"{path}: unknown format '{path.suffix}'; expected a file ending in {' or '.join(FORMATS)}.")


def _ordered(table: Batch) -> Batch:
    """The columns that every file has, then the others by name."""
    place = {name: number for number, name in enumerate(_FIRST)}
    rank = lambda header: (place.get(header.partition(" [")[0], len(place)), header)
    return {header: table[header] for header in sorted(table, key=rank)}


def _gathered(batches: Iterator[Batch], rows: int) -> Iterator[Batch]:
    """Small batches put together, up to about so many rows, so that a file has few groups."""
    kept: list[Batch] = []
    for batch in batches:
        kept.append(batch)
        if sum(len(each["event"]) for each in kept) >= rows:
            yield _joined(kept)
            kept = []
    if kept:
        yield _joined(kept)


def _joined(batches: list[Batch]) -> Batch:
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


@contextmanager
def _parquet(path: Path, about: Mapping[str, Any]) -> Iterator[Callable[[Batch], None]]:
    """Writes batches as groups of rows of a Parquet file."""
    import pyarrow as pa
    from pyarrow import parquet

    writers: list[parquet.ParquetWriter] = []

    def column(values: np.ndarray) -> pa.Array:
        nested: pa.Array = pa.array(values.reshape(-1))
        for width in values.shape[:0:-1]:  # several numbers of an event are a list of so many
            nested = pa.FixedSizeListArray.from_arrays(nested, width)
        return nested

    def write(batch: Batch) -> None:
        table = pa.table({name: column(values) for name, values in batch.items()})
        if not writers:
            schema = table.schema.with_metadata({ABOUT: json.dumps(about)})
            writers.append(parquet.ParquetWriter(path, schema, compression="zstd"))
        writers[0].write_table(table.cast(writers[0].schema))

    try:
        yield write
    finally:
        for writer in writers:
            writer.close()


@contextmanager
def _root(path: Path, about: Mapping[str, Any]) -> Iterator[Callable[[Batch], None]]:
    """Writes batches as baskets of a tree in a ROOT file.

    Raises:
        RunError: uproot is not installed.
    """
    try:
        import uproot  # pyright: ignore[reportMissingImports]
    except ImportError as cause:
        raise RunError(
            f"{path.name}: ROOT files need the package uproot; install it with pip install 'daedalus-design[io]', "
            "or write .parquet."
        ) from cause

    bare = lambda header: header.partition(" [")[0].replace(".", "_")
    with uproot.recreate(path) as file:
        sink: Any = file
        sink[ABOUT] = json.dumps(about)

        def write(batch: Batch) -> None:
            branches = {bare(header): values for header, values in batch.items()}
            if TREE not in sink:
                sink.mktree(TREE, {name: np.dtype((v.dtype, v.shape[1:])) for name, v in branches.items()})
            sink[TREE].extend(branches)

        yield write


FORMATS = {".parquet": _parquet, ".root": _root}
