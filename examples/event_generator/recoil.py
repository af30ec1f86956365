"""A selection of Higgs bosons at an electron-positron collider, on events of the generator Pythia 8.

It knows nothing of Daedalus. In e+e- -> ZH with Z -> mu+ mu-, the Higgs boson shows as a peak in the mass that recoils
against the two muons, whatever it decays into; e+e- -> ZZ is the background. Events are generated at parton level with
initial-state radiation; the tracker smears momenta.
"""

from functools import lru_cache

import numpy as np

ENERGY = 250.0  # of both beams together [GeV]
LUMINOSITY = 500.0  # [1/fb]
MZ = 91.19  # mass of the Z boson [GeV], Particle Data Group, Phys. Rev. D 110 (2024) 030001
CONSTANT, MULTIPLE = 2e-5, 1e-3  # sigma(1/pT) = CONSTANT (+) MULTIPLE / (pT sin(theta)) [1/GeV], as planned for the ILC

COMMON = (
    f"Beams:idA = 11; Beams:idB = -11; Beams:eCM = {ENERGY}; PartonLevel:MPI = off; PartonLevel:FSR = off; "
    "HadronLevel:all = off; Print:quiet = on; Random:setSeed = on"
)
PROCESSES = {
    # the Higgs boson is kept whole: what it decays into is not looked at
    "signal": ("HiggsSM:ffbar2HZ = on; 23:onMode = off; 23:onIfAny = 13; 25:mayDecay = off", 1),
    # either Z may be the one with muons, so both decay as they like, and more events are needed
    "background": ("WeakDoubleBoson:ffbar2gmZgmZ = on", 8),
}


def selection(parameters: dict, events: int, seed: int) -> dict:
    """How many events are selected, signal and background, with their statistical errors from the simulation."""
    values, errors = {}, {}
    for process in PROCESSES:
        found, weight = generated(process, events, seed)
        recoil, pair, cosine = found.T
        window = (parameters["recoil_low"] < recoil) & (recoil < parameters["recoil_high"])
        chosen = window & (abs(pair - MZ) < parameters["z_window"]) & (cosine < parameters["coverage"])
        values[process], errors[process] = weight * chosen.sum(), weight * np.sqrt(chosen.sum())
    return {"values": values, "errors": errors}


@lru_cache(4)  # designs of one round share their seed, and so their events
def generated(process: str, events: int, seed: int) -> tuple[np.ndarray, float]:
    """Recoil mass, pair mass [GeV] and largest |cos(theta)| of events with a muon pair; expected events per event."""
    _, factor = PROCESSES[process]
    pythia = generator(process)
    pythia.readString(f"Random:seed = {1 + seed % 900_000_000}")  # its range
    pythia.init()
    rng, found = np.random.default_rng(seed), []
    for _ in range(factor * events):
        if not pythia.next():
            continue
        muons = [[p.px(), p.py(), p.pz()] for p in pythia.event if p.isFinal() and abs(p.id()) == 13]
        if len(muons) >= 2:
            found.append(observed(np.array(muons[:2]), rng))
    sigma = pythia.infoPython().sigmaGen() * 1e12  # [mb] to [fb]
    return np.array(found).reshape(-1, 3), sigma * LUMINOSITY / (factor * events)


def observed(momenta: np.ndarray, rng: np.random.Generator) -> tuple[float, float, float]:
    """What the detector makes of two muons."""
    size = np.linalg.norm(momenta, axis=1)
    pt = np.hypot(momenta[:, 0], momenta[:, 1])
    sine = pt / size
    curvature = 1 / pt + np.hypot(CONSTANT, MULTIPLE / (pt * sine)) * rng.normal(size=2)
    momenta = momenta / (pt * abs(curvature))[:, None]
    total, energy = momenta.sum(0), np.linalg.norm(momenta, axis=1).sum()
    mass = lambda e: np.sqrt(max(e**2 - total @ total, 0.0))
    return mass(ENERGY - energy), mass(energy), max(np.sqrt(1 - sine**2))


@lru_cache
def generator(process: str):
    """The generator of a process; made once per child process, for it reads many files."""
    import pythia8mc

    pythia = pythia8mc.Pythia("", False)
    for setting in f"{COMMON}; {PROCESSES[process][0]}".split(";"):
        pythia.readString(setting.strip())
    return pythia
