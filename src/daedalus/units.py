"""House units and the texts in which people write units: the bottom floor.

Inside the house a number is in metres, nanoseconds, GeV (energies, momenta and masses alike: c = 1), radians
or euros.
Multiply on the way in, `3 * cm`, divide on the way out, `x / cm`. One exception, made once and everywhere:
densities of matter stay in g/cm3 (`g_per_cm3` = 1), because every table has them so.
"""

import difflib
import math
import re

from daedalus.errors import DesignError

# The house units themselves.
m = 1.0  # length
ns = 1.0  # time
GeV = 1.0  # energy, momentum, mass
rad = 1.0  # angle
EUR = 1.0  # money
g_per_cm3 = 1.0  # density of matter: not 1e-3 g/m3 but the number of the tables

km, cm, mm, um = 1.0e3 * m, 1.0e-2 * m, 1.0e-3 * m, 1.0e-6 * m
s, ms, us = 1.0e9 * ns, 1.0e6 * ns, 1.0e3 * ns
minute, hour, day = 60.0 * s, 3600.0 * s, 86400.0 * s
TeV, MeV, keV, eV = 1.0e3 * GeV, 1.0e-3 * GeV, 1.0e-6 * GeV, 1.0e-9 * GeV
mrad, urad, deg = 1.0e-3 * rad, 1.0e-6 * rad, math.pi / 180.0 * rad
m2, cm2 = m * m, cm * cm
Hz, kHz = 1.0 / s, 1.0e3 / s
kEUR = 1.0e3 * EUR
percent = 1.0e-2

Dimension = tuple[tuple[str, int], ...]

# name: (value in house units, dimension as powers of length, time, energy, angle, money, mass)
_NAMES: dict[str, tuple[float, dict[str, int]]] = {
    "1": (1.0, {}),
    "percent": (percent, {}),
    "%": (percent, {}),
    **{n: (v, {"length": 1}) for n, v in {"m": m, "km": km, "cm": cm, "mm": mm, "um": um, "µm": um}.items()},
    **{n: (v, {"time": 1}) for n, v in {"ns": ns, "us": us, "µs": us, "ms": ms, "s": s}.items()},
    **{n: (v, {"time": 1}) for n, v in {"min": minute, "minute": minute, "hour": hour, "h": hour}.items()},
    "day": (day, {"time": 1}),
    "Hz": (Hz, {"time": -1}),
    "kHz": (kHz, {"time": -1}),
    **{n: (v, {"energy": 1}) for n, v in {"GeV": GeV, "TeV": TeV, "MeV": MeV, "keV": keV, "eV": eV}.items()},
    **{n: (v, {"angle": 1}) for n, v in {"rad": rad, "mrad": mrad, "urad": urad, "µrad": urad}.items()},
    "deg": (deg, {"angle": 1}),
    "sr": (rad * rad, {"angle": 2}),
    "EUR": (EUR, {"money": 1}),
    "kEUR": (kEUR, {"money": 1}),
    "g": (cm**3 * g_per_cm3, {"mass": 1}),  # so that g/cm3 is 1 while cm is 0.01
    "kg": (1.0e3 * cm**3 * g_per_cm3, {"mass": 1}),
}

_TOKEN = re.compile(r"(?P<name>1|%|[^\W\d_]+)(?:\^?(?P<power>-?\d+))?")


def unit(text: str) -> float:
    """The value in house units of a unit's text, such as "cm", "1/m", "EUR/m2" or "g/cm3".

    Names are joined by "*" or a space (product) and "/" (quotient of all that follows it up to the next "/");
    powers are written "m2", "m^2" or "m-2"; "" and "1" are dimensionless.

    Args:
        text: the unit as people write it.

    Returns:
        The number by which a value in that unit is multiplied to be in house units.

    Raises:
        DesignError: a name is unknown or the text cannot be read; near matches are named.
    """
    return math.prod((_NAMES[name][0] ** power for name, power in _factors(text)), start=1.0)


def dimension(text: str) -> Dimension:
    """The dimension of a unit's text: sorted (quantity, power) pairs, equal for units of the same kind.

    Quantities are length, time, energy, angle, money and mass; dimensionless is the empty tuple.

    Args:
        text: the unit as people write it, see `unit`.
    """
    powers: dict[str, int] = {}
    for name, power in _factors(text):
        for quantity, count in _NAMES[name][1].items():
            powers[quantity] = powers.get(quantity, 0) + count * power
    return tuple(sorted((quantity, power) for quantity, power in powers.items() if power))


def _factors(text: str) -> list[tuple[str, int]]:
    """A unit's text as (name, power) pairs."""
    factors = []
    for place, part in enumerate(text.strip().split("/") if text.strip() else []):
        words = part.replace("*", " ").replace("·", " ").split()
        if not words:
            raise DesignError(f"The unit {text!r} has nothing beside a '/'; expected for instance '1/m'.")
        factors += [_factor(word, text, -1 if place else 1) for word in words]
    return factors


def _factor(word: str, text: str, sign: int) -> tuple[str, int]:
    """One word of a unit's text as name and power."""
    match = _TOKEN.fullmatch(word)
    name = match["name"] if match else word
    if match is None or name not in _NAMES:
        near = difflib.get_close_matches(name, _NAMES, n=3, cutoff=0.4)
        near += [known for known in _NAMES if known.lower() == name.lower() and known not in near]
        hint = f"did you mean {', '.join(near)}?" if near else f"known are {', '.join(_NAMES)}."
        expected = "expected known names joined by * and /, with powers"
        raise DesignError(f"Unknown unit {word!r} in {text!r}; {expected}: {hint}")
    return name, sign * int(match["power"] or 1)
