"""The errors and warnings Daedalus raises: each text says what was found, what was expected, and the remedy."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DaedalusError(Exception):
    """Any misuse that Daedalus detects; its text says what was found, what was expected and the remedy."""


class DesignError(DaedalusError):
    """A design, a parameter or a space is not what it must be (unknown name, wrong unit, out of bounds)."""


class StageError(DaedalusError):
    """A stage of the chain cannot do its work (wrong input, wrong material, no derivative where one is needed)."""


class ProblemError(DaedalusError):
    """A problem is inconsistent or cannot be evaluated (nothing accepted, missing summaries, bad options)."""


class LikelihoodError(DaedalusError):
    """A likelihood, a workspace or its data are not what they must be (schema, shapes, names, impossible counts)."""


class OptimiserError(DaedalusError):
    """An optimiser is asked for something it does not handle."""


class StudyError(DaedalusError):
    """A packaged study or problem is unknown or cannot be loaded."""


class RunError(DaedalusError):
    """A run cannot start, go on or be read (existing folder, non-finite objective, malformed configuration)."""


class ValidityWarning(UserWarning):
    """A law is used outside the range its source states; the text names the law and its range."""


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """A block that reads a file which others have made: whatever a damaged one makes a reader raise has its name.

    Args:
        path: the file.
        kind: what it should be, for instance "Parquet" [text].

    Raises:
        StageError: for every exception in the block that is not a `DaedalusError` already.
    """
    try:
        yield
    except DaedalusError:
        raise
    except Exception as cause:  # readers promise nothing about damaged files
        reason = " ".join(str(cause).split())[:200] or type(cause).__name__
        raise StageError(f"{path}: not a readable {kind} file ({reason}); write it again.") from cause
