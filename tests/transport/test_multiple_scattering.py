"""Transport: Highland's width, the exact covariance, and nothing that depends on how a path is cut.

Where two volumes are compared, the same muons with the same random numbers cross both, so that ratios of their
angles are ratios of standard deviations to rounding; statistics are needed for the shape of the distribution only.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.errors import StageError
from daedalus.events import Particles, blank_events
from daedalus.geometry import Voxels
from daedalus.physics.energy_loss import minimum_loss, momentum_after
from daedalus.physics.materials import material
from daedalus.physics.particles import muon
from daedalus.physics.scattering import lynch_dahl_variance
from daedalus.transport.frames import across
from daedalus.transport.multiple_scattering import MultipleScattering
from daedalus.transport.volume import Volume

KEY = jax.random.key(8)
FEW = 60


def stack(*layers):
    """A wide stack of (material, thickness [m]) from the top down to z = 0; edges and volume."""
    heights = np.concatenate([[0.0], np.cumsum([thickness for _, thickness in reversed(layers)])])
    wide = jnp.array([-50.0, 50.0])
    kind = jnp.arange(len(layers))[None, None, ::-1]
    return Volume.of(Voxels(wide, wide, jnp.asarray(heights)), kind, [material(name) for name, _ in layers])


def muons(count, momentum, z, slope=(0.0, 0.0), place=(0.0, 0.0)):
    norm = np.sqrt(1 + slope[0] ** 2 + slope[1] ** 2)
    columns = (*place, z, slope[0] / norm, slope[1] / norm, -1 / norm, momentum)
    return blank_events(jnp.arange(count, dtype=jnp.uint32)).add(
        Particles(*(jnp.full(count, float(v)) for v in columns))
    )


@eqx.filter_jit
def carried(stage, events, key):
    return stage(events, key=key)


def deviations(volume, events, key=KEY, **options):
    """Angles [rad] and displacements [m] against the straight line, in the track's own frame: shape (2, event)."""
    before, after = events[Particles], carried(MultipleScattering(volume, **options), events, key)[Particles]
    u = (before.ux, before.uy, before.uz)
    frame = across(u)
    new = (after.ux, after.uy, after.uz)
    run = (float(volume.voxels.z[0]) - before.z) / before.uz  # a displacement is across the line: z changes too
    line = (before.x + run * before.ux, before.y + run * before.uy, before.z + run * before.uz)
    shift = (after.x - line[0], after.y - line[1], after.z - line[2])
    dot = lambda a, b: sum(p * q for p, q in zip(a, b, strict=True))
    sine = np.stack([dot(new, axis) for axis in frame])
    size = np.arccos(np.clip(dot(new, u), -1, 1)) if np.max(np.abs(sine)) > 1e-3 else None
    angles = sine if size is None else sine * size / np.maximum(np.sin(size), 1e-300)
    return angles, np.stack([dot(shift, axis) for axis in frame])


def highland(thickness, beta_momentum):
    """PDG 2024 eq. 34.16 by hand."""
    return 0.0136 / beta_momentum * np.sqrt(thickness) * (1 + 0.038 * np.log(thickness))


FAST = 1e3  # GeV: beta p = p to 1e-8, and paths are straight
SLAB = stack(("iron", 0.2))
T_SLAB = 0.2 / 0.01757


def normal_numbers(events, key=KEY):
    """The muons' own normals, from what they do in a slab of iron: of the angles and of the displacements alone."""
    angle, shift = deviations(SLAB, events, key)
    width = highland(T_SLAB, FAST)
    shared = angle / width
    return shared, (shift / (0.2 * width) - shared / 2) * np.sqrt(12)  # PDG 2024 eqs. 34.21, 34.22


# ------------------------------------------------------------------ the distribution


def test_ten_centimetres_of_lead():
    count, p = 200_000, 3.0
    momentum = np.sqrt((p**2 + np.sqrt(p**4 + 4 * p**2 * muon.mass**2)) / 2)  # beta p = 3 GeV
    angle, shift = deviations(stack(("lead", 0.1)), muons(count, momentum, 0.5))
    error = 1 / np.sqrt(2 * 2 * count)  # of a standard deviation from two projections
    width = 0.0212308  # 13.6 MeV / 3 GeV sqrt(17.819) (1 + 0.038 ln 17.819)
    assert np.std(angle) == pytest.approx(width, rel=4 * error)
    assert np.std(shift) == pytest.approx(0.1 * width / np.sqrt(3), rel=4 * error)
    correlation = np.mean([np.corrcoef(a, s)[0, 1] for a, s in zip(angle, shift, strict=True)])
    assert correlation == pytest.approx(np.sqrt(3) / 2, abs=4 * 0.25 / np.sqrt(2 * count))
    kurtosis = np.mean(angle**4) / np.mean(angle**2) ** 2
    assert kurtosis == pytest.approx(3.0, abs=4 * np.sqrt(24 / (2 * count)))
    assert np.corrcoef(angle)[0, 1] == pytest.approx(0.0, abs=4 / np.sqrt(count))


LAYERS = (("lead", 0.02), ("air", 0.5), ("iron", 0.05))


@pytest.mark.parametrize("segments", [1, 10, 100])
def test_the_number_of_segments_changes_nothing(segments):
    # sum of t, t (L - s) and t (L - s)^2 over the layers, a homogeneous layer of length l adding l^2 / 12
    t = np.array([0.02 / 0.005612, 0.5 / 303.9, 0.05 / 0.01757])
    away, length = np.array([0.56, 0.30, 0.025]), np.array([0.02, 0.5, 0.05])
    first, second = np.sum(t * away), np.sum(t * (away**2 + length**2 / 12))
    width = highland(np.sum(t), FAST)
    angle, shift = deviations(stack(*LAYERS), muons(100_000, FAST, 1.0), segments=segments)
    assert np.std(angle) == pytest.approx(width, rel=5e-3)  # statistics: 1.6e-3
    assert np.std(shift) == pytest.approx(width * np.sqrt(second / np.sum(t)), rel=5e-3)
    correlation = np.mean([np.corrcoef(a, s)[0, 1] for a, s in zip(angle, shift, strict=True)])
    assert correlation == pytest.approx(first / np.sqrt(np.sum(t) * second), abs=5e-3)


def test_the_tail():
    events = muons(20_000, FAST, 1.0)
    plain, wide = (deviations(SLAB, events, tail_fraction=f)[0] for f in (0.0, 0.1))
    ratio = wide / plain
    assert np.all((np.abs(ratio - 1) < 1e-6) | (np.abs(ratio - 3) < 1e-6))
    np.testing.assert_allclose(ratio[0], ratio[1], rtol=1e-6)  # both projections of a muon together
    assert np.mean(ratio[0] > 2) == pytest.approx(0.1, abs=4 * np.sqrt(0.1 * 0.9 / 20_000))
    assert np.std(wide) / np.std(plain) == pytest.approx(np.sqrt(1 + 0.1 * 8), rel=0.03)


# ------------------------------------------------------------------ laws, muon by muon


def test_the_logarithm_counts_the_total_path():
    events = muons(FEW, FAST, 1.0)
    shared, own = normal_numbers(events)
    angle, shift = deviations(stack(*LAYERS), events)
    t = 0.02 / 0.005612 + 0.5 / 303.9 + 0.05 / 0.01757
    np.testing.assert_allclose(angle, highland(t, FAST) * shared, rtol=1e-6)
    # and not the sum of the squares of the layers' own widths, which is narrower
    apart = sum(highland(x, FAST) ** 2 for x in (0.02 / 0.005612, 0.05 / 0.01757, 0.5 / 303.9))
    assert np.sqrt(apart) < 0.98 * highland(t, FAST)
    moments = [
        sum(x / X0 * (far ** (k + 1) - near ** (k + 1)) / (x * (k + 1)) for x, X0, near, far in
            ((0.02, 0.005612, 0.55, 0.57), (0.5, 303.9, 0.05, 0.55), (0.05, 0.01757, 0.0, 0.05)))
        for k in range(3)
    ]  # fmt: skip
    along = moments[1] / moments[0]
    alone = np.sqrt(moments[2] / moments[0] - along**2)
    np.testing.assert_allclose(shift, highland(t, FAST) * (along * shared + alone * own), rtol=1e-5, atol=1e-12)


def test_an_inclined_muon_through_a_checkerboard():
    # squares of 10 cm, x in [0, 0.4], z in [0, 0.2]: lead where column and row are both even or both odd
    sides, heights = jnp.linspace(0, 0.4, 5), jnp.array([0.0, 0.1, 0.2])
    kind = jnp.asarray((np.arange(4)[:, None, None] + np.arange(2)[None, None, :]) % 2)
    grid = Voxels(sides, jnp.array([-5.0, 5.0]), heights)
    board = Volume.of(grid, kind, [material("lead"), material("water")])
    # dx/dz = -1, in at (0.05, 0.2): row 1, column 0 (water) for 5 cm of height, column 1 (lead) for 5 cm,
    # then row 0, column 1 (water) for 5 cm, column 2 (lead) for 5 cm; times sqrt 2
    events = muons(FEW, FAST, 1.2, slope=(1.0, 0.0), place=(-0.95, 0.0))
    shared, _ = normal_numbers(muons(FEW, FAST, 1.0))
    angle, _ = deviations(board, events)
    t = 0.1 * np.sqrt(2) * (1 / 0.005612 + 1 / 0.3608)
    np.testing.assert_allclose(angle, highland(t, FAST) * shared, rtol=1e-6)


def test_lynch_and_dahls_law():
    events = muons(FEW, FAST, 1.0)
    shared, _ = normal_numbers(events)
    volume = stack(("lead", 0.02), ("beryllium", 0.1))
    angle, _ = deviations(volume, events, law="lynch_dahl")
    path = [
        sum(length * getattr(material(name), field) for name, length in (("lead", 0.02), ("beryllium", 0.1)))
        for field in ("characteristic_density", "screening_density")
    ]
    width = np.sqrt(float(lynch_dahl_variance(jnp.asarray(path[0]), jnp.asarray(path[1]), FAST)))
    np.testing.assert_allclose(angle, width * shared, rtol=1e-5)


def test_energy_loss_is_that_of_the_range_and_widens_the_scattering():
    events = muons(FEW, 4.0, 2.0)
    volume = stack(("steel", 1.0))
    after = carried(MultipleScattering(volume, energy_loss=True), events, KEY)
    expected = momentum_after(jnp.asarray(4.0), jnp.asarray(minimum_loss(material("steel"))))
    np.testing.assert_allclose(after[Particles].momentum, float(expected), rtol=1e-5)
    assert np.all(after.alive)
    # one homogeneous piece: 1 / (beta p)^2 is the product of its values at both ends
    beta_p = [p**2 / np.hypot(p, muon.mass) for p in (4.0, float(expected))]
    shared, _ = normal_numbers(muons(FEW, FAST, 1.0))
    angle, _ = deviations(volume, events, energy_loss=True)
    np.testing.assert_allclose(angle, highland(1 / 0.01782, np.sqrt(beta_p[0] * beta_p[1])) * shared, rtol=1e-4)


def test_what_stops_is_not_alive():
    steel = MultipleScattering(stack(("steel", 1.0)), energy_loss=True)
    assert not np.any(carried(steel, muons(FEW, 0.5, 2.0), KEY).alive)  # 1 m of steel costs more than 1 GeV
    assert np.all(np.isfinite(carried(steel, muons(FEW, 0.5, 2.0), KEY)[Particles].momentum))


def test_the_same_muons_whatever_the_batch():
    stage = MultipleScattering(stack(*LAYERS), segments=10)
    whole = muons(FEW, 3.0, 1.0)
    some = jnp.array([41, 3, 17])
    part = jax.tree.map(lambda leaf: leaf[some], whole)
    one, other = (carried(stage, events, KEY)[Particles] for events in (whole, part))
    np.testing.assert_allclose(one.x[some], other.x, rtol=1e-12)
    np.testing.assert_allclose(one.ux[some], other.ux, rtol=1e-12)


def test_vacuum_and_a_miss_leave_particles_on_their_lines():
    volume = stack(("iron", 0.5))
    vacuum = Volume(volume.voxels, jnp.zeros((1, 1, 1)))
    events = muons(FEW, 3.0, 1.0, slope=(0.3, -0.2))
    after = carried(MultipleScattering(vacuum), events, KEY)[Particles]
    before = events[Particles]
    assert np.all(np.array([after.ux - before.ux, after.uy - before.uy, after.uz - before.uz]) == 0.0)
    np.testing.assert_allclose(after.z, 0.0, atol=1e-12)
    np.testing.assert_allclose(after.x, 0.3 * -1.0 * -1.0, rtol=1e-9)
    aside = muons(FEW, 3.0, 1.0, slope=(0.3, -0.2), place=(80.0, 0.0))
    after = carried(MultipleScattering(volume), aside, KEY)
    np.testing.assert_allclose(after[Particles].at_z(0.2), aside[Particles].at_z(0.2), rtol=1e-9)
    np.testing.assert_allclose(after[Particles].ux, aside[Particles].ux, rtol=1e-12)
    assert np.all(after.alive)


def test_fields_that_do_not_fit_the_voxels_are_refused():
    with pytest.raises(StageError, match=r"inverse_radiation_length has shape .* expected that of the voxels"):
        Volume(SLAB.voxels, jnp.ones((2, 1, 1)))
