"""Sessions for people who work on Daedalus; each docstring is its manual. List them with `nox -l`."""

import re
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True

PYTHONS = ["3.11", "3.12", "3.13"]
OLDEST = PYTHONS[0]
PINS = "constraints/dev.txt"
PINNED = re.compile(r"^[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!-]+$")


@nox.session(python=OLDEST)
def lint(session: nox.Session) -> None:
    """Style, spelling and floors. `nox -s lint -- --fix` mends what can be mended by machine."""
    session.install("-c", PINS, "-e", ".[lint]")
    fix = "--fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []), ".")
    session.run("ruff", "format", *([] if fix else ["--check"]), ".")
    session.run("codespell")
    session.run("lint-imports", "--no-cache")


@nox.session(python=OLDEST)
def types(session: nox.Session) -> None:
    """Pyright over src, in basic mode. Tests are not typed: beartype checks the calls they make."""
    session.install("-c", PINS, "-e", ".[lint,test]")
    session.run("pyright", "--pythonpath", str(Path(session.bin) / "python"))


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """All tests but the slow ones, on each supported Python. Arguments go on: `nox -s tests -- -k track`."""
    session.install("-c", PINS, "-e", ".[test]")
    session.run("pytest", "-n", "2", "--dist", "loadfile", "-m", "not slow", *session.posargs)


@nox.session(python=OLDEST)
def slow(session: nox.Session) -> None:
    """The slow tests: long statistical ones, and the whole demo."""
    session.install("-c", PINS, "-e", ".[test]")
    session.run("pytest", "-m", "slow", *session.posargs)


@nox.session(python=OLDEST)
def docs(session: nox.Session) -> None:
    """The documentation, executed, a warning being an error. Open docs/_build/html/index.html."""
    session.install("-c", PINS, "-e", ".[docs,notebook]")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")


@nox.session(python=OLDEST)
def bench(session: nox.Session) -> None:
    """Speed and memory. Run on a quiet machine; compare only numbers from the same machine."""
    session.install("-c", "constraints/run.txt", ".")
    for script in sorted(Path("benchmarks").glob("*.py")):
        session.run("python", str(script), *session.posargs)


@nox.session(python=OLDEST)
def pins(session: nox.Session) -> None:
    """Renew constraints/run.txt and dev.txt from clean environments: names and versions, nothing else.

    Made on the oldest supported Python, because what installs there also has wheels for the newer ones.
    """
    for name, extras in {"run": "", "dev": "[io,notebook,test,lint,docs]"}.items():
        session.run("python", "-m", "venv", "--clear", f".nox/pins-{name}")
        python = f".nox/pins-{name}/bin/python"
        session.run(python, "-m", "pip", "install", "--quiet", f".{extras}", external=True)
        frozen = session.run(python, "-m", "pip", "freeze", external=True, silent=True) or ""
        lines = sorted(filter(PINNED.match, frozen.splitlines()), key=str.lower)
        head = f"# Versions tried together for `pip install .{extras}`; made by `nox -s pins`."
        Path(f"constraints/{name}.txt").write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")


@nox.session(python=OLDEST)
def release(session: nox.Session) -> None:
    """Collect changelog.d into CHANGELOG.md: `nox -s release -- 0.2.0`. Then commit, tag, build."""
    session.install("-c", PINS, "towncrier")
    session.run("towncrier", "build", "--version", session.posargs[0], "--yes")
