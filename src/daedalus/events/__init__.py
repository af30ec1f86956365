"""The nouns handed from room to room: particles, hits, tracks, scatterings; and their streams of random numbers."""

from daedalus.events.deflections import Deflections
from daedalus.events.hits import Hits
from daedalus.events.memberships import Memberships
from daedalus.events.momenta import Momenta
from daedalus.events.observables import Observables, Processes, Scores
from daedalus.events.particles import Particles
from daedalus.events.poisson import poisson_quantile, relaxed_counts
from daedalus.events.quasi import quasi_normals, quasi_normals_and_uniforms, quasi_uniforms
from daedalus.events.record import Events, blank_events
from daedalus.events.scatterings import Scatterings
from daedalus.events.shower_estimates import ShowerEstimates
from daedalus.events.showers import Showers
from daedalus.events.station_signals import StationSignals
from daedalus.events.streams import normals, threefry_words, uniforms
from daedalus.events.tracks import Tracks

__all__ = [
    "Deflections",
    "Events",
    "Hits",
    "Memberships",
    "Momenta",
    "Observables",
    "Particles",
    "Processes",
    "Scatterings",
    "Scores",
    "ShowerEstimates",
    "Showers",
    "StationSignals",
    "Tracks",
    "blank_events",
    "normals",
    "poisson_quantile",
    "quasi_normals",
    "quasi_normals_and_uniforms",
    "quasi_uniforms",
    "relaxed_counts",
    "threefry_words",
    "uniforms",
]
