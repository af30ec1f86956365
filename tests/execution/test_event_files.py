"""Events as files: they are those of the evaluation, whatever the batch, and a source reads them again."""

import importlib.util
import json
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
import pytest
from jaxtyping import Array, Float
from pyarrow import parquet

from daedalus.core import Derivative, Design, Objective, Pipeline, Problem, Scenarios, Stage, parameter
from daedalus.detectors.panels import Panels
from daedalus.errors import DesignError, ProblemError, RunError
from daedalus.events import Hits, Particles, blank_events, uniforms
from daedalus.execution.event_files import event_batches, write_events
from daedalus.sources import MuonFile

KEY = jax.random.key(3)
needs_root = pytest.mark.skipif(importlib.util.find_spec("uproot") is None, reason="uproot is not installed")


class Plate(Design):
    """A plate under the sky."""

    z: jax.Array = parameter(0.0, 1.0, "m", doc="height")


class Drizzle(Stage):
    """Particles that fall from two metres, of the momentum of the scenario."""

    momentum: Float[Array, ""]
    name: ClassVar[str] = "drizzle"
    derivative: ClassVar[Derivative] = Derivative.EXACT

    def __call__(self, events, *, key):
        x, y, tx, ty = uniforms(key, events.index, 4) - 0.5
        full = lambda value: jnp.full_like(x, value)
        uz = -((1 + tx**2 + ty**2) ** -0.5)
        particles = Particles(x, y, full(2.0), -tx * uz, -ty * uz, uz, full(self.momentum))
        return events.add(particles).reweight(1 + x)


def build(design, truth):
    """Rain on the plate, of which a half is seen; what misses is no longer alive."""
    z = jnp.atleast_1d(design.z)
    plates = Panels(jnp.zeros(2), jnp.zeros(2), jnp.concatenate([z, z - 0.1]), jnp.ones(2), 1e-4, 0.7, None, "plate")
    return Pipeline([Drizzle(truth), plates, Both()], {"x": seen})


class Both(Stage):
    """Keeps the events with two hits, and moves their particles to the ground."""

    name: ClassVar[str] = "both"
    derivative: ClassVar[Derivative] = Derivative.NONE

    def __call__(self, events, *, key):
        p = events[Particles]
        x, y = p.at_z(0.0)
        ground = Particles(x, y, 0 * x, p.ux, p.uy, p.uz, 0.5 * p.momentum)
        return events.add(ground).accept(events[Hits, "plate"].recorded.all(0))


def seen(events, earlier):
    """The weighted sum of x of the first hit."""
    return jnp.sum(events.effective_weight * events[Hits, "plate"].x[0])


@pytest.fixture(scope="module")
def sky():
    """A problem of three scenarios."""
    return Problem(
        "sky",
        Plate(z=0.5),
        build,
        (Objective("x", lambda design, sums, truths: sums.mean(sums["x"])),),
        scenarios=Scenarios(lambda key, number, count: 1.0 + jax.random.uniform(key), 3),
        events=40,
    )


@pytest.fixture(scope="module")
def table(sky):
    """The events of an evaluation of its start."""
    batches = list(event_batches(sky, sky.start, key=KEY))
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def test_they_are_the_events_of_the_evaluation(sky, table):
    weight, found = table["accepted_weight [1]"], sky.evaluate(sky.start, key=KEY)
    by_scenario = np.bincount(table["scenario"], weight * table["hits.plate.x [m]"][:, 0])
    assert float(found.values["x"]) == pytest.approx(by_scenario.mean(), rel=1e-12)
    assert float(found.accepted) == pytest.approx(weight.sum() / 3)
    np.testing.assert_array_equal(table["event"], np.tile(np.arange(40), 3))
    np.testing.assert_array_equal(weight, np.where(table["alive [1]"], table["weight [1]"], 0))
    assert 0 < table["alive [1]"].sum() < 120
    momentum = np.sqrt(sum(table[f"p{axis} [GeV]"] ** 2 for axis in "xyz"))
    _, place = np.unique(momentum.round(12), return_inverse=True)  # as they came
    np.testing.assert_array_equal(np.bincount(place), [40, 40, 40])
    np.testing.assert_allclose(table["particles.momentum [GeV]"], 0.5 * momentum)  # as they went
    np.testing.assert_array_equal(table["z [m]"], 2.0)
    np.testing.assert_array_equal(table["particles.z [m]"], 0.0)
    np.testing.assert_allclose(table["hits.plate.z [m]"], np.tile([0.5, 0.4], (120, 1)))


def test_the_batch_does_not_matter(sky, table):
    batches = list(event_batches(sky, sky.start, key=KEY, batch=17))
    assert [len(batch["event"]) for batch in batches] == 3 * [17, 17, 6]
    assert list(batches[0])[:8] == ["scenario", "event", "x [m]", "y [m]", "z [m]", "px [GeV]", "py [GeV]", "pz [GeV]"]
    for name, values in table.items():
        np.testing.assert_allclose(np.concatenate([batch[name] for batch in batches]), values, rtol=1e-12, atol=1e-15)


def test_parquet_has_units_groups_and_what_it_is_of(sky, table, tmp_path):
    path = tmp_path / "events.parquet"
    assert write_events(path, sky, sky.start, key=KEY, about={"seed": 3}, batch=50) == 120
    file = parquet.ParquetFile(path)
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [80, 40]
    assert json.loads(file.schema_arrow.metadata[b"about"]) == {"seed": 3}
    found = file.read()
    assert set(found.column_names) == set(table)
    planes = found.column("hits.plate.x [m]")
    assert pa.types.is_fixed_size_list(planes.type)
    np.testing.assert_allclose(np.array(planes.to_pylist()), table["hits.plate.x [m]"])
    assert found.column("alive [1]").to_pylist() == table["alive [1]"].tolist()
    assert [path.name for path in tmp_path.iterdir()] == ["events.parquet"]


@needs_root
def test_root_has_the_same_in_house_units(sky, table, tmp_path):
    import uproot

    write_events(tmp_path / "events.root", sky, sky.start, key=KEY, about={"seed": 3}, batch=50)
    with uproot.open(tmp_path / "events.root") as file:
        assert json.loads(str(file["about"])) == {"seed": 3}
        found = file["events"].arrays(library="np")
    assert set(found) == {name.partition(" [")[0].replace(".", "_") for name in table}
    for name, values in table.items():
        np.testing.assert_allclose(found[name.partition(" [")[0].replace(".", "_")], values, err_msg=name)


@pytest.mark.parametrize("form", ["parquet", pytest.param("root", marks=needs_root)])
def test_a_source_reads_them_again(sky, tmp_path, form):
    path = tmp_path / f"events.{form}"
    write_events(path, sky, sky.start, key=KEY, events=30, scenarios=2)
    again = MuonFile(path, first=0)
    assert len(again) == 60
    particles = again(blank_events(jnp.arange(60, dtype=jnp.uint32)), key=KEY)[Particles]
    for number in range(2):
        chain, key = sky.scenario_pipeline(sky.start, number, 2, key=KEY)
        expected = Pipeline(chain.stages[:1], {}).events(jnp.arange(30), 30, key=key)[Particles]
        for name in ("x", "y", "z", "ux", "uy", "uz", "momentum"):
            found = getattr(particles, name)[30 * number : 30 * number + 30]
            np.testing.assert_allclose(found, getattr(expected, name), rtol=1e-12, atol=1e-15)
    hits = parquet.read_table(path).column("hits.plate.recorded [1]") if form == "parquet" else None
    assert hits is None or 0 < sum(row[0] for row in hits.to_pylist()) < 60


def test_what_cannot_be_written(sky, tmp_path):
    with pytest.raises(RunError, match=r"unknown format '.csv'; expected a file ending in .parquet or .root"):
        write_events(tmp_path / "events.csv", sky, sky.start, key=KEY)
    with pytest.raises(DesignError, match="z"):
        write_events(tmp_path / "events.parquet", sky, Plate(z=2.0), key=KEY)
    with pytest.raises(ProblemError, match="0 events"):
        write_events(tmp_path / "events.parquet", sky, sky.start, key=KEY, events=0)
    with pytest.raises(RunError, match="cannot be written"):
        write_events(tmp_path / "absent" / "events.parquet", sky, sky.start, key=KEY, events=3)
    assert list(tmp_path.iterdir()) == []
