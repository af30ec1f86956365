"""The error of landscapes."""

from daedalus.errors import DaedalusError


class LandscapeError(DaedalusError):
    """A landscape is asked for something that the given designs cannot answer."""
