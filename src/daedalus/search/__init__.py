"""The search: the one loop that lets any optimiser work on any problem. It knows the seams, and neither side."""

from daedalus.search.guards import Fault, Guards
from daedalus.search.loop import Progress, Watcher, optimise
from daedalus.search.rounds import Batch, rounds_of

__all__ = ["Batch", "Fault", "Guards", "Progress", "Watcher", "optimise", "rounds_of"]
