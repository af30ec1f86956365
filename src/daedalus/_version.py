"""The version of this copy of Daedalus, as its installation recorded it."""

FALLBACK = "0.1.0"  # a source tree on the import path without installation; the same as in pyproject.toml


def version() -> str:
    """The version of the installed distribution, or the fallback where Daedalus is imported without one."""
    from importlib import metadata  # costs milliseconds, and few ask for the version

    try:
        return metadata.version("daedalus-design")
    except metadata.PackageNotFoundError:
        return FALLBACK
