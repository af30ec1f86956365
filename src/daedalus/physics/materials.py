"""Materials: what matter does to particles, as plain numbers, from a table with a source in every row."""

import csv
import difflib
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from daedalus.errors import StageError
from daedalus.physics.constants import FINE_STRUCTURE, PLASMA_ENERGY

_CM_PER_M = 100.0
SCREENING_MOLIERE = 3.34  # 1; Lynch & Dahl 1991, eq. 2


@dataclass(frozen=True)
class DensityEffect:
    """Sternheimer's parameters of the density effect delta(beta gamma) on ionisation.

    With x = log10(beta gamma): delta = 2 ln(10) x - C for x >= x1, plus a (x1 - x)^k between x0 and x1, and
    delta0 10^(2 (x - x0)) below x0 (zero for non-conductors). Source: Sternheimer, Berger & Seltzer (1984),
    PDG 2024 eq. 34.7.

    Attributes:
        a: height of the fitted term [1].
        k: its power [1].
        x0: where it begins, log10(beta gamma) [1].
        x1: where it ends, log10(beta gamma) [1].
        C: 2 ln(I / plasma energy) + 1 [1].
        delta0: value at x0 for conductors [1].
    """

    a: float
    k: float
    x0: float
    x1: float
    C: float
    delta0: float


@dataclass(frozen=True)
class Material:
    """A homogeneous material, as plain numbers that may be closed over by any stage.

    Attributes:
        name: as in the table or as given to `mixture`.
        density: [g/cm3].
        X0: radiation length [m].
        Z: atomic number, for compounds the mean over electrons [1].
        A: molar mass per nucleus so that Z / A is the mean <Z/A> of the compound [g/mol].
        excitation: mean excitation energy I [eV].
        density_effect: Sternheimer's parameters.
        radiative: b at total muon energies of 10, 100 and 1000 GeV, dE/dx = a + b E [cm2/g].
        composition: mass fraction of each element by symbol [1].
        source: where the numbers come from.
    """

    name: str
    density: float
    X0: float
    Z: float
    A: float
    excitation: float
    density_effect: DensityEffect
    radiative: tuple[float, float, float]
    composition: tuple[tuple[str, float], ...]
    source: str

    @property
    def X0_mass(self) -> float:
        """Radiation length [g/cm2]."""
        return self.X0 * _CM_PER_M * self.density

    @property
    def Z_over_A(self) -> float:
        """Mean <Z/A> [mol/g]."""
        return self.Z / self.A

    @property
    def plasma_energy(self) -> float:
        """Plasma energy 28.816 sqrt(rho <Z/A>) [eV]; PDG 2024 table 34.1."""
        return PLASMA_ENERGY * math.sqrt(self.density * self.Z_over_A)

    @property
    def characteristic_density(self) -> float:
        """Density times sum_i w_i Z_i (Z_i + 1) / A_i per length of path [g/cm2 mol/g per m], w_i by mass.

        Its integral over a path is the first argument of `daedalus.physics.scattering.lynch_dahl_variance`.
        """
        return self.density * _CM_PER_M * sum(scattering for scattering, _ in self._elements())

    @property
    def screening_density(self) -> float:
        """The characteristic density weighted with ln(Z^(2/3) [1 + 3.34 (Z alpha)^2]) [g/cm2 mol/g per m].

        Its integral over a path is the second argument of `daedalus.physics.scattering.lynch_dahl_variance`.
        """
        terms = (
            scattering * math.log(Z ** (2 / 3) * (1.0 + SCREENING_MOLIERE * (Z * FINE_STRUCTURE) ** 2))
            for scattering, Z in self._elements()
        )
        return self.density * _CM_PER_M * sum(terms)

    def _elements(self) -> list[tuple[float, float]]:
        """For each element w Z (Z + 1) / A [mol/g] and Z."""
        table = _elements()
        return [(w * table[e][0] * (table[e][0] + 1) / table[e][1], table[e][0]) for e, w in self.composition]


def material(name: str) -> Material:
    """The material of that name in the table; see `names` for all.

    Args:
        name: as in the table, for instance "iron", "standard rock" or "hot liquid steel".

    Raises:
        StageError: unknown name; near matches are named.
    """
    table = _table()
    if name not in table:
        near = difflib.get_close_matches(name.lower(), [*table, *(n.lower() for n in table)], n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else f"known are {', '.join(table)}."
        raise StageError(
            f"Unknown material {name!r}; expected a name of the table ({hint}) or build one with mixture()."
        )
    return table[name]


def names() -> tuple[str, ...]:
    """The names of all materials in the table, in its order."""
    return tuple(_table())


def element(symbol: str) -> tuple[float, float]:
    """Atomic number Z [1] and molar mass A [g/mol] of an element of which materials of the table are made.

    Args:
        symbol: for instance "Fe"; "Rk" is standard rock, which counts as one.

    Raises:
        StageError: unknown symbol.
    """
    table = _elements()
    if symbol not in table:
        raise StageError(f"Unknown element {symbol!r}; expected one of {', '.join(table)}.")
    return table[symbol]


def mixture(name: str, parts: dict[str, float], density: float) -> Material:
    """A material mixed from those of the table by mass fraction.

    Bragg's additivity: 1/X0 [cm2/g], <Z/A> and b are mass-weighted, ln I is weighted with <Z/A>, Z with
    electrons; PDG 2024 eqs. 34.10 and 34.26. The density effect is that of Sternheimer & Peierls (1971) from
    I and the plasma
    energy: good to 1.5 % of the energy loss.

    Args:
        name: of the new material.
        parts: mass fraction [1] of each material of the table; the fractions sum to one.
        density: of the mixture [g/cm3].

    Raises:
        StageError: fractions that are negative or do not sum to one, or no density.
    """
    total = sum(parts.values())
    if min(parts.values(), default=-1.0) < 0.0 or abs(total - 1.0) > 1e-6:
        found = f"found mass fractions {parts} of {name!r}, sum {total:.6g}"
        raise StageError(f"{found}; expected none negative and the sum 1: divide them by their sum.")
    if not density > 0.0:
        raise StageError(f"The density of {name!r} is {density} g/cm3; expected a positive number.")
    found = [(material(part), weight) for part, weight in parts.items()]
    Z_over_A = sum(w * m.Z_over_A for m, w in found)
    Z = sum(w * m.Z_over_A * m.Z for m, w in found) / Z_over_A
    excitation = math.exp(sum(w * m.Z_over_A * math.log(m.excitation) for m, w in found) / Z_over_A)
    composition: dict[str, float] = {}
    for m, w in found:
        for element, fraction in m.composition:
            composition[element] = composition.get(element, 0.0) + w * fraction
    b10, b100, b1000 = (sum(w * m.radiative[i] for m, w in found) for i in range(3))
    return Material(
        name=name,
        density=density,
        X0=1.0 / sum(w / m.X0_mass for m, w in found) / density / _CM_PER_M,
        Z=Z,
        A=Z / Z_over_A,
        excitation=excitation,
        density_effect=density_effect(excitation, density, Z_over_A),
        radiative=(b10, b100, b1000),
        composition=tuple(composition.items()),
        source="mixture of " + ", ".join(f"{w:g} {m.name}" for m, w in found),
    )


def density_effect(excitation: float, density: float, Z_over_A: float) -> DensityEffect:
    """Sternheimer's parameters where no fit exists, from the plasma energy alone.

    C = 1 + 2 ln(I / plasma energy), k = 3, and x0, x1 by the rules of Sternheimer & Peierls, Phys. Rev. B 3
    (1971) 3681, for condensed matter and (density below 0.05 g/cm3) gases.

    Args:
        excitation: mean excitation energy I [eV].
        density: [g/cm3].
        Z_over_A: mean <Z/A> [mol/g].
    """
    C = 1.0 + 2.0 * math.log(excitation / (PLASMA_ENERGY * math.sqrt(density * Z_over_A)))
    if density < 0.05:
        limits = ((10.0, 1.6, 4.0), (10.5, 1.7, 4.0), (11.0, 1.8, 4.0), (11.5, 1.9, 4.0), (12.25, 2.0, 4.0))
        x0, x1 = next(((x0, x1) for limit, x0, x1 in limits if limit > C), (2.0, 5.0))
        if C >= 13.804:
            x0, x1 = 0.326 * C - 2.5, 5.0
    elif excitation < 100.0:
        x0, x1 = (0.2, 2.0) if C < 3.681 else (0.326 * C - 1.0, 2.0)
    else:
        x0, x1 = (0.2, 3.0) if C < 5.215 else (0.326 * C - 1.5, 3.0)
    a = (C - 2.0 * math.log(10.0) * x0) / (x1 - x0) ** 3
    return DensityEffect(a=a, k=3.0, x0=x0, x1=x1, C=C, delta0=0.0)


@cache
def _elements() -> dict[str, tuple[float, float]]:
    """Z and A [g/mol] of the elements, by symbol."""
    return {row["symbol"]: (float(row["Z"]), float(row["A [g/mol]"])) for row in _rows("elements.csv")}


@cache
def _table() -> dict[str, Material]:
    """All materials of the table, by name."""
    return {row["name"]: _material(row) for row in _rows("materials.csv")}


def _rows(file: str) -> list[dict[str, str]]:
    """The rows of a table of this package."""
    text = (files("daedalus.physics") / "data" / file).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _material(row: dict[str, str]) -> Material:
    """One row of the table as a material."""
    Z, A, density = float(row["Z"]), float(row["A [g/mol]"]), float(row["density [g/cm3]"])
    excitation = float(row["I [eV]"])
    fitted = [row[f"delta {name}"] for name in ("a", "k", "x0", "x1", "C", "0")]
    given = DensityEffect(*map(float, fitted)) if all(fitted) else density_effect(excitation, density, Z / A)
    b10, b100, b1000 = (1e-6 * float(row[f"b{energy} [1e-6 cm2/g]"]) for energy in (10, 100, 1000))
    pairs = (pair.split(":") for pair in row["composition by mass"].split())
    return Material(
        name=row["name"],
        density=density,
        X0=float(row["X0 [m]"]),
        Z=Z,
        A=A,
        excitation=excitation,
        density_effect=given,
        radiative=(b10, b100, b1000),
        composition=tuple((element, float(fraction)) for element, fraction in pairs),
        source=row["source"],
    )
