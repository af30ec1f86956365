"""The package's source as the house tests read it: files and syntax trees, nothing is imported."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "daedalus"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(folder: Path = PACKAGE) -> list[Path]:
    """Every Python file under a folder, in a fixed order."""
    return sorted(folder.rglob("*.py"))


def name(path: Path) -> str:
    """A file's path as people write it: relative to the package."""
    return path.relative_to(PACKAGE).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[Function]:
    """Every function of a file, nested ones and methods included."""
    return (node for node in ast.walk(tree(path)) if isinstance(node, Function))


def dotted(path: Path) -> str:
    """A file's name in an import statement."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
