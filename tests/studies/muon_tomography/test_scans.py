"""Scans: options are checked, targets hold what they should, flaws do what they say, scores find what is dense."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import daedalus
from daedalus.catalogue import takes
from daedalus.core import Pipeline
from daedalus.errors import ProblemError, StudyError
from daedalus.events import Deflections, Hits, Momenta
from daedalus.inference.density_map import DensityMap
from daedalus.studies.muon_tomography.blocks.problem import muon_source
from daedalus.studies.muon_tomography.blocks.scenario import cube, imaged_materials, random_blocks
from daedalus.studies.muon_tomography.cargo.problem import (
    CONSTRAINTS,
    FLOOR,
    HEIGHT,
    LENGTH,
    WIDTH,
    grid,
    hodoscope_stacks,
    hodoscopes,
    steel_box,
)  # fmt: skip
from daedalus.studies.muon_tomography.cargo.problem import reference_design as cargo_design
from daedalus.studies.muon_tomography.contents import HiddenBlock, cargo_materials, random_block
from daedalus.studies.muon_tomography.detection import block_score
from daedalus.studies.muon_tomography.options import MapOptions, ScanOptions
from daedalus.studies.muon_tomography.scan import Flaws, scan_stages
from daedalus.studies.muon_tomography.scanner import panel_stacks, reference_design
from daedalus.studies.muon_tomography.target import Target, target_from_file
from daedalus.studies.muon_tomography.walls.problem import SOIL, WALL, even, random_walls, soil
from daedalus.studies.muon_tomography.walls.problem import panel_stacks as wall_stacks
from daedalus.transport.volume_file import volume_to_file
from daedalus.transport.voxel_map import VoxelMap

NO_FLAWS = Flaws(jnp.zeros((3, 8)), jnp.zeros(()))


def test_wrong_options_are_all_named():
    with pytest.raises(ProblemError, match=r"tail_fraction is 2.0, expected 0 or more and below 1; noise is -1"):
        ScanOptions(tail_fraction=2.0, noise=-1.0)
    with pytest.raises(ProblemError, match="no thickness, expected a thickness"):
        ScanOptions(momentum="inferred")
    with pytest.raises(ProblemError, match="steps is 0, expected 1 to 100"):
        MapOptions(steps=0)
    with pytest.raises(ProblemError, match="start is 'nowhere', expected one of the layouts initial, human_1, human_2"):
        daedalus.load("muon_tomography/x0_imaging", start="nowhere")
    with pytest.raises(ProblemError, match="side is 9 voxels; expected 1 to 5"):
        daedalus.load("muon_tomography/block_detection", size=9)
    with pytest.raises(ProblemError, match="hidden material is 'cheese'"):
        daedalus.load("muon_tomography/block_detection", hidden="cheese")
    with pytest.raises(StudyError, match="has no option colour"):
        daedalus.load("muon_tomography/walls", colour="red")


def test_options_of_tables_are_options_of_the_factory():
    @takes(ScanOptions, MapOptions)
    def made(scan, mapping, *, own: int = 3):
        return scan.flux, mapping.method, own

    assert made(flux="reyna", own=4) == ("reyna", "shared", 4)
    signature = inspect.signature(made)
    assert {"own", "flux", "method", "risk"} <= set(signature.parameters)
    assert signature.parameters["tail"].annotation is float


def test_hidden_blocks_alternate_and_fit():
    hiding = HiddenBlock((6, 20, 6), 2, 0.7)
    draw = jax.jit(jax.vmap(lambda i: hiding(jax.random.fold_in(jax.random.key(0), i), i, 40)))
    found = draw(jnp.arange(40))
    with_block = jnp.sum(found.kind == 3, (1, 2, 3))
    np.testing.assert_array_equal(with_block, np.where(np.arange(40) % 2 == 0, 8, 0))
    np.testing.assert_array_equal(jnp.sum(found.other == 3, (1, 2, 3)), np.where(np.arange(40) % 2 == 0, 0, 8))
    same = jnp.all((found.kind == found.other) | (found.kind == 3) | (found.other == 3))
    assert bool(same)
    assert int(jnp.sum(found.kind[..., 5] == 1)) == 0  # above seven tenths of the height


def test_walls_stay_as_they_are():
    hiding = HiddenBlock((6, 8, 5), 2, 1.0, walls=1)
    found = jax.vmap(lambda i: hiding(jax.random.fold_in(jax.random.key(0), i), i, 40))(jnp.arange(40))
    filled = jnp.any((found.kind > 0) | (found.other > 0), 0)
    assert bool(jnp.all(filled[1:-1, 1:-1, 1:-1]))
    assert int(jnp.sum(filled)) == 4 * 6 * 3


def test_random_blocks_reach_every_place():
    blocks = jax.vmap(lambda key: random_block(key, (5, 5, 5), (2, 2, 2), (3, 3, 3)))(
        jax.random.split(jax.random.key(1), 300)
    )
    assert bool(jnp.all(jnp.sum(blocks, 0) > 0))
    sizes = jnp.sum(blocks, (1, 2, 3))
    assert set(np.unique(sizes)) <= {8, 12, 18, 27}


def test_a_target_holds_its_materials():
    materials = imaged_materials()
    target = Target.of_air(cube(), materials[1:])
    contents = random_blocks(jax.random.key(2), jnp.asarray(2), 3)
    volume = target.volume(contents)
    table = np.array([1.0 / m.X0 for m in materials])
    np.testing.assert_allclose(volume.inverse_radiation_length, table[np.asarray(contents.kind)], rtol=1e-6)
    np.testing.assert_allclose(target.density(contents), volume.inverse_radiation_length)
    assert all(field.shape == (10, 10, 10) for field in (volume.minimum_ionisation, volume.characteristic))


def test_targets_from_files(tmp_path):
    edges = np.linspace(0.2, 0.8, 4)
    place = {"x": edges, "y": edges, "z": np.linspace(0.5, 1.1, 4)}
    path = tmp_path / "map.npz"
    volume_to_file(path, VoxelMap(**place, X0=np.full((3, 3, 3), 0.2)))
    with pytest.raises(ProblemError, match=r"without densities.*energy_loss=false"):
        target_from_file(str(path), cube(), (), ScanOptions())
    target = target_from_file(str(path), cube(), cargo_materials("lead")[2:], ScanOptions(energy_loss=False))
    contents = target.untouched()
    np.testing.assert_allclose(target.density(contents), 5.0)
    with pytest.raises(ProblemError, match="has radiation lengths only"):
        target_from_file(str(path), cube(), (), ScanOptions(energy_loss=False, scattering="lynch_dahl"))
    volume_to_file(path, VoxelMap(**(place | {"x": edges + 0.5}), X0=np.full((3, 3, 3), 0.2)))
    with pytest.raises(ProblemError, match=r"reaches from \(0.7, .* expected it within .*Move or crop it"):
        target_from_file(str(path), cube(), (), ScanOptions(energy_loss=False))


def test_the_score_finds_the_densest_place_of_the_size():
    plain = jnp.full((2, 6, 6, 6), 2.0)
    block = plain.at[1, 2:4, 1:3, 3:5].set(50.0)
    found = block_score(DensityMap(block, 0.0 * block), 2)
    assert float(found[1]) == pytest.approx(np.log(53.0), abs=0.2)
    assert float(found[0]) < np.log(5.0) + np.log(125) / 4 + 1e-6
    assert np.all(np.isfinite(jax.grad(lambda d: block_score(DensityMap(d, d), 2)[1])(-block)))


def test_what_hardly_a_muon_crossed_raises_no_alarm():
    plain = jnp.full((6, 6, 6), 2.0)
    noise = plain.at[0, 0, 0].set(1e4)
    error = jnp.full(plain.shape, 5.0).at[0, 0, 0].set(2e4).at[5, 5, 5].set(jnp.inf)
    quiet = block_score(DensityMap(plain, error), 2)
    assert float(block_score(DensityMap(noise, error), 2)) == pytest.approx(float(quiet), abs=0.2)
    assert float(block_score(DensityMap(noise, 0.0 * error), 2)) > float(quiet) + 2.0
    slopes = jax.grad(lambda e: block_score(DensityMap(noise, e), 2))(error)
    assert np.all(np.isfinite(slopes))


def events_of(options, flaws=NO_FLAWS, count=400):
    design = reference_design("human_2")
    source = muon_source(options)
    arms = panel_stacks(design, efficiency=options.efficiency, thickness=options.thickness)
    target = Target.of_air(cube(), ())
    stages = scan_stages(arms, target.volume(target.untouched()), flaws, source, options)
    chain = Pipeline([source, *stages], {})
    return jax.jit(lambda key: chain.events(jnp.arange(count), count, key=key))(jax.random.key(0))


@pytest.mark.slow  # compiles the whole chain twice
def test_flaws_do_what_they_say():
    plain = events_of(ScanOptions(momentum="known"))
    shift = jnp.zeros((3, 8)).at[0, 1].set(1e-3)
    flawed = events_of(
        ScanOptions(momentum="unknown", misalignment=1e-9, noise=0.2, knock_ons=0.1, accidentals=0.3, dead_time=1e6,
                    electrons=0.1, spectrum_index=0.1, tail_fraction=0.1),
        Flaws(shift, jnp.asarray(0.2)),
    )  # fmt: skip
    assert float(jnp.std(flawed[Momenta].value)) < 1e-12
    assert float(jnp.mean(flawed.alive)) > 0.0
    assert float(jnp.std(flawed.weight)) > 0.01
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(flawed[Deflections]))
    moved = flawed[Hits, "upper"].x[1] - plain[Hits, "upper"].x[1]
    assert float(jnp.median(moved)) == pytest.approx(-1e-3, abs=2e-5)


def test_hodoscopes_are_rigid_and_stay_apart():
    design = cargo_design("even")
    upper, lower = hodoscopes(design)
    assert float(sum(3 * jnp.sum(arm.span**2) for arm in (upper, lower))) == pytest.approx(6.0, rel=1e-6)
    stacks = hodoscope_stacks(design, ScanOptions())
    np.testing.assert_allclose(np.diff(np.sort(np.asarray(stacks[0].z).reshape(2, 3))), 0.08, rtol=1e-5)
    above = jnp.min(upper.corners[0][2]) - (FLOOR + HEIGHT)
    assert float(above) >= 0.01
    assert float(FLOOR - jnp.max(lower.corners[1][2])) >= 0.01
    assert float(CONSTRAINTS[0].function(design)) > 0
    assert float(CONSTRAINTS[0].function(cargo_design("crowded"))) > 0


def test_the_steel_box_has_its_size_and_walls():
    box = steel_box()
    np.testing.assert_allclose(box.voxels.box.upper - box.voxels.box.lower, [WIDTH, LENGTH, HEIGHT], rtol=1e-6)
    assert grid().shape == (8, 22, 8)
    assert float(box.inverse_radiation_length[3, 10, 3]) < 0.01
    assert float(box.inverse_radiation_length[0, 10, 3]) == pytest.approx(1 / 0.01782, rel=1e-6)


def test_walls_stand_on_the_bottom_of_the_site():
    draw = jax.jit(jax.vmap(lambda key: random_walls(key, jnp.asarray(0), 1)))
    contents = draw(jax.random.split(jax.random.key(3), 50))
    kind = np.asarray(contents.kind)
    assert kind.any((1, 2, 3)).all()
    assert np.all(np.diff(kind.astype(int), axis=3) <= 0)  # no wall hangs in the ground
    target = Target(soil(), (WALL,))
    true, other = target.densities(jax.tree.map(lambda leaf: leaf[0], contents))
    assert float(jnp.max(other)) == pytest.approx(1 / SOIL.X0, rel=1e-6)
    assert float(jnp.max(true)) == pytest.approx(1 / WALL.X0, rel=1e-6)
    cost = sum(float(arm.cost) for arm in wall_stacks(even(5.0), ScanOptions()))
    assert cost == pytest.approx(200.0, rel=1e-6)
