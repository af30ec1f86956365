"""Compare lateral densities with the look-up tables of SWGOLO, the public optimiser of SWGO's layout.

Its ten tables (`Thisp_Parameters/thisp{0,1,2}_{e,m}{g,p}.txt`) hold p0, p1, p2 of electrons and muons from gamma rays
and protons at energies of 0.1 (i + 1) PeV, i down the rows, and zenith angles of 65 j / 99 degrees, along them. Printed
for each is the largest relative difference, and how many p0 the floor changes that takes the place of negative values.
The exit status is 1 if a difference elsewhere is above 1e-4.

To prepare: clone the public repository tdorigo/SWGOLO (CC0-1.0).

    python benchmarks/peers/swgolo_densities.py CLONE
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from daedalus.physics.air_showers import LARGEST_ZENITH, PRIMARIES, SECONDARIES, parametrised_profile

jax.config.update("jax_enable_x64", True)

TOLERANCE = 1e-4
BINS = {"electron": 1.0, "muon": 0.02}  # the tables leave the muons' factor of bins out of p0


def profiles(floor: float) -> np.ndarray:
    """p0, p1, p2 on the grid of the tables: axes number, energy, zenith, primary, secondary."""
    energies = 1e5 * jnp.arange(1.0, 101.0)
    zeniths = jnp.linspace(0.0, LARGEST_ZENITH, 100)
    one = lambda energy, zenith: parametrised_profile(energy, zenith, near_vertical="published", floor=floor)
    grid = jax.jit(jax.vmap(jax.vmap(one, (None, 0)), (0, None)))(energies, zeniths)
    return np.stack([grid.p0, grid.p1, grid.p2])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", type=Path, help="folder of the clone")
    folder = parser.parse_args().clone / "Thisp_Parameters"
    found, lower = profiles(0.01), profiles(0.001)
    worst = 0.0
    for i, primary in enumerate(PRIMARIES):
        for j, secondary in enumerate(SECONDARIES):
            for number in range(3):
                if (secondary, number) == ("muon", 1):
                    continue  # one everywhere, no table
                table = np.loadtxt(folder / f"thisp{number}_{secondary[0]}{primary[0]}.txt")
                scale = BINS[secondary] if number == 0 else 1.0
                floored = ~np.isclose(found[number, ..., i, j], lower[number, ..., i, j], rtol=1e-9)
                difference = np.abs(found[number, ..., i, j] / scale / table - 1.0)
                largest = difference[~floored].max()
                worst = max(worst, largest)
                note = (
                    f"; {floored.sum()} changed by the floor, {(table <= 0.0).sum()} not positive"
                    if floored.any()
                    else ""
                )
                print(f"{primary} {secondary} p{number}: {largest:.2g}{note}")
    return int(worst > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
