"""Files, functions and class trees stay small enough to be read in one go."""

import ast
import io
import tokenize

import pytest

from house.source import PACKAGE, functions, modules, name, tree

MODULE_LINES = 400
FUNCTION_LINES = 60
POSITIONAL = 5
CLASS_DEPTH = 2
STUDY_LINES = 800  # of code, like the core
CORE_LINES = 1300  # of code: docstrings, comments and blank lines do not count


def lines(path):
    return len(path.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("path", modules(), ids=name)
def test_module(path):
    assert lines(path) <= MODULE_LINES


@pytest.mark.parametrize("path", modules(), ids=name)
def test_functions(path):
    long = {
        f"{node.name} (line {node.lineno})": length
        for node in functions(path)
        if (length := node.end_lineno - node.lineno + 1) > FUNCTION_LINES
    }
    assert not long, f"longer than {FUNCTION_LINES} lines: {long}"


@pytest.mark.parametrize("path", modules(), ids=name)
def test_positional_arguments(path):
    many = {}
    for node in functions(path):
        named = [a.arg for a in node.args.posonlyargs + node.args.args if a.arg not in ("self", "cls")]
        if len(named) > POSITIONAL:
            many[f"{node.name} (line {node.lineno})"] = named
    assert not many, f"more than {POSITIONAL} positional arguments (make the rest keyword-only): {many}"


def parents():
    """Each class of the package with the names of its bases (the last part of a dotted name)."""
    bases = {}
    for path in modules():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                heads = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
                bases[node.name] = [ast.unparse(head).rpartition(".")[2] for head in heads]
    return bases


def test_class_depth():
    bases = parents()

    def depth(cls):  # classes of this package above and including cls
        return 1 + max((depth(base) for base in bases[cls] if base in bases and base != cls), default=0)

    deep = {cls: depth(cls) for cls in bases if depth(cls) > CLASS_DEPTH}
    assert not deep, f"class trees deeper than {CLASS_DEPTH}: {deep}"


@pytest.mark.parametrize("folder", [p.parent for p in sorted((PACKAGE / "studies").glob("*/**/__init__.py"))], ids=name)
def test_study(folder):  # what the problems of a study share, and each of its tasks in a folder of its own
    assert sum(map(code_lines, folder.glob("*.py"))) <= STUDY_LINES


def code_lines(path):
    """Lines that hold code: no blank ones, comments or docstrings."""
    source = path.read_text(encoding="utf-8")
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    prose = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            prose.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    code = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in layout:
            code.update(range(token.start[0], token.end[0] + 1))
    return len(code - prose)


def test_core():
    assert sum(map(code_lines, modules(PACKAGE / "core"))) <= CORE_LINES
