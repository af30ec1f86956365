"""Materials: published radiation lengths, Tsai's formula, Bragg's additivity."""

import math

import pytest

from daedalus.errors import StageError
from daedalus.physics import materials
from daedalus.physics.materials import density_effect, material, mixture, names

# Radiation lengths [g/cm2] and densities [g/cm3] printed by the PDG (2024, Atomic and Nuclear Properties).
PRINTED = {
    "air": (36.62, 1.205e-3),
    "water": (36.08, 1.000),
    "beryllium": (65.19, 1.848),
    "graphite": (42.70, 2.210),
    "aluminium": (24.01, 2.699),
    "silicon": (21.82, 2.329),
    "titanium": (16.16, 4.540),
    "iron": (13.84, 7.874),
    "nickel": (12.68, 8.902),
    "copper": (12.86, 8.960),
    "tungsten": (6.76, 19.30),
    "gold": (6.46, 19.32),
    "lead": (6.37, 11.35),
    "uranium": (6.00, 18.95),
    "SiO2": (27.05, 2.200),
    "Al2O3": (27.94, 3.970),
    "polystyrene": (43.79, 1.060),
    "plastic scintillator": (43.90, 1.032),
    "concrete": (26.57, 2.300),
    "standard rock": (26.54, 2.650),
}


@pytest.mark.parametrize("name", PRINTED)
def test_radiation_lengths_are_the_printed_ones(name):
    mass, density = PRINTED[name]
    assert material(name).X0_mass == pytest.approx(mass, rel=1.5e-3)
    assert material(name).density == pytest.approx(density)


@pytest.mark.parametrize("name", names())
def test_radiation_lengths_follow_from_the_composition(name):
    # Dahl's fit to Tsai's radiation lengths: 716.4 A / (Z (Z + 1) ln(287 / sqrt(Z))) g/cm2, good to 2.5 %.
    elements = materials._elements()
    parts = [(w, *elements[e]) for e, w in material(name).composition]
    inverse = sum(w * Z * (Z + 1) * math.log(287 / Z**0.5) / (716.4 * A) for w, Z, A in parts)
    assert material(name).X0_mass == pytest.approx(1 / inverse, rel=0.035)


@pytest.mark.parametrize("name", names())
def test_every_row_is_consistent_and_has_a_source(name):
    matter = material(name)
    elements = materials._elements()
    assert matter.source
    assert sum(w for _, w in matter.composition) == pytest.approx(1.0, abs=1e-4)
    mean = sum(w * elements[e][0] / elements[e][1] for e, w in matter.composition)
    assert matter.Z_over_A == pytest.approx(mean, rel=2e-4)
    # The printed C belongs to the printed density, I and Z/A: C = 1 + 2 ln(I / plasma energy).
    C = 1 + 2 * math.log(matter.excitation / (28.816 * (matter.density * matter.Z_over_A) ** 0.5))
    assert pytest.approx(C, abs=0.16) == matter.density_effect.C


def test_the_molten_steel_and_slag_of_the_ladle():
    assert material("steel").X0 == 0.01782
    assert material("hot liquid steel").X0 == 0.01991
    assert material("slag").X0 == 0.08211


def test_a_mixture_adds_inverse_radiation_lengths_by_mass():
    steel = mixture("steel", {"iron": 0.99, "graphite": 0.01}, 7.0)
    iron, graphite = material("iron").X0_mass, material("graphite").X0_mass
    assert 1 / steel.X0_mass == pytest.approx(0.99 / iron + 0.01 / graphite)
    assert pytest.approx(0.01991, rel=1e-3) == steel.X0
    slag = mixture("slag", {"CaO": 0.54, "SiO2": 0.16, "Al2O3": 0.22, "MgO": 0.08}, 2.7)
    assert pytest.approx(0.08211, rel=2e-3) == slag.X0
    assert slag.Z_over_A == pytest.approx(material("slag").Z_over_A, rel=1e-4)
    assert slag.excitation == pytest.approx(160.0, rel=1e-3)
    assert slag.radiative == pytest.approx(material("slag").radiative, rel=1e-3)


def test_a_mixture_of_one_part_is_that_part():
    alone = mixture("iron again", {"iron": 1.0}, 7.874)
    iron = material("iron")
    for field in ("X0", "Z", "A", "excitation", "radiative"):
        assert getattr(alone, field) == pytest.approx(getattr(iron, field))
    assert alone.composition == iron.composition
    assert alone.characteristic_density == pytest.approx(iron.characteristic_density)


def test_the_density_effect_without_a_fit():
    # Sternheimer & Peierls (1971): lead has C = 6.20 and, as 5.215 < C, x0 = 0.326 C - 1.5, x1 = 3.
    lead = density_effect(823.0, 11.35, 82 / 207.2)
    assert pytest.approx(6.2018, abs=0.002) == lead.C
    assert (lead.x0, lead.x1) == (pytest.approx(0.326 * 6.2018 - 1.5, abs=1e-3), 3.0)
    # Continuous at x0: 2 ln(10) x0 - C + a (x1 - x0)^3 = 0.
    assert lead.a * (lead.x1 - lead.x0) ** 3 == pytest.approx(lead.C - 4.605170186 * lead.x0)
    assert density_effect(85.7, 1.205e-3, 0.49919).x1 == 4.0


def test_screening_integrals_of_lead():
    lead = material("lead")
    assert lead.characteristic_density == pytest.approx(1135.0 * 82 * 83 / 207.2, rel=1e-9)
    mean = math.log(82 ** (2 / 3) * (1 + 3.34 * (82 / 137.036) ** 2))
    assert lead.screening_density == pytest.approx(mean * lead.characteristic_density, rel=1e-6)


def test_unknown_names_are_answered_with_near_ones():
    with pytest.raises(StageError, match="aluminium"):
        material("aluminum")
    with pytest.raises(StageError, match="hot liquid steel"):
        material("liquid steel")


@pytest.mark.parametrize("parts", [{"iron": 0.5}, {"iron": 1.5, "lead": -0.5}, {}])
def test_wrong_fractions_are_refused(parts):
    with pytest.raises(StageError, match="sum"):
        mixture("wrong", parts, 1.0)


def test_a_mixture_needs_a_density():
    with pytest.raises(StageError, match="density"):
        mixture("wrong", {"iron": 1.0}, 0.0)
