"""Optimisers: how the space of designs is searched. They see the unit cube and evaluations only."""

from daedalus.optimisers.adam import Adam
from daedalus.optimisers.clipping import Clipping, ErrorNorm, GlobalNorm
from daedalus.optimisers.names import OPTIMISERS, optimiser
from daedalus.optimisers.random_search import RandomSearch
from daedalus.optimisers.schedules import Constant, Cosine, Geometric, OneCycle, Schedule, WarmUp
from daedalus.optimisers.sgd import SGD

__all__ = [
    "OPTIMISERS",
    "SGD",
    "Adam",
    "Clipping",
    "Constant",
    "Cosine",
    "ErrorNorm",
    "Geometric",
    "GlobalNorm",
    "OneCycle",
    "RandomSearch",
    "Schedule",
    "WarmUp",
    "optimiser",
]
