"""The search: the one loop that lets any optimiser work on any problem. It knows the seams, and neither side."""

from daedalus.search.fit import check_fit
from daedalus.search.guards import Fault, Guards
from daedalus.search.loop import Progress, Watcher, optimise
from daedalus.search.non_finite import first_non_finite
from daedalus.search.rounds import Batch
from daedalus.search.ways import Ways

__all__ = ["Batch", "Fault", "Guards", "Progress", "Watcher", "Ways", "check_fit", "first_non_finite", "optimise"]
