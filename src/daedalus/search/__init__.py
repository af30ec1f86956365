"""The search: the one loop that lets any optimiser work on any problem. It knows the seams, and neither side."""

from daedalus.search.guards import Fault, Guards
from daedalus.search.loop import Progress, Watcher, optimise
from daedalus.search.rounds import Batch
from daedalus.search.ways import Ways

__all__ = ["Batch", "Fault", "Guards", "Progress", "Watcher", "Ways", "optimise"]
