"""What goes wrong with a derivative that is asked for."""

from daedalus.errors import DaedalusError


class GradientError(DaedalusError):
    """A derivative cannot be had in the way asked for (unknown rule, too few samples, a step without derivative)."""
