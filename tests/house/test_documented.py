"""Every public name says what it is and what it takes: docstring and full annotations."""

import ast
from functools import cache

import pytest

from house.source import Function, modules, name, tree


def public(body):
    """The classes and functions of a body whose names have no underscore in front."""
    return [node for node in body if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_")]


def is_(node, *decorators):
    """Whether a function carries one of the decorators (by the last part of its name)."""
    heads = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    return any(ast.unparse(head).rpartition(".")[2] in decorators for head in heads)


def unannotated(node, method):
    """The arguments, and `return`, of a function without annotation."""
    args = node.args
    named = args.posonlyargs + args.args
    if method and not is_(node, "staticmethod"):
        named = named[1:]
    named = named + args.kwonlyargs + [a for a in (args.vararg, args.kwarg) if a is not None]
    missing = [a.arg for a in named if a.annotation is None]
    return missing + ([] if node.returns is not None else ["return"])


@cache
def classes():
    """Every class of the package by its name."""
    nodes = (node for path in modules() for node in ast.walk(tree(path)))
    return {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}


def promised(cls, method):
    """Whether a base class in this package documents the method: then that is its contract."""
    heads = [base.value if isinstance(base, ast.Subscript) else base for base in cls.bases]
    bases = [classes().get(ast.unparse(head).rpartition(".")[2]) for head in heads]
    return any(
        any(inner.name == method and ast.get_docstring(inner) for inner in public(base.body)) or promised(base, method)
        for base in bases
        if base is not None and base is not cls
    )


def complaints(path):
    """What a file's public names leave unsaid."""
    module = tree(path)
    if module.body and not ast.get_docstring(module):
        yield "the module has no docstring"
    for node in public(module.body):
        if not ast.get_docstring(node) and not is_(node, "overload"):
            yield f"line {node.lineno}: {node.name} has no docstring"
        if isinstance(node, Function):
            yield from (f"line {node.lineno}: {node.name}: {a} has no type" for a in unannotated(node, False))
            continue
        for inner in public(node.body):
            where = f"line {inner.lineno}: {node.name}.{inner.name}"
            if not ast.get_docstring(inner) and not promised(node, inner.name):
                yield f"{where} has no docstring"
            if isinstance(inner, Function):
                yield from (f"{where}: {a} has no type" for a in unannotated(inner, True))


@pytest.mark.parametrize("path", modules(), ids=name)
def test_public_names_are_documented_and_annotated(path):
    found = list(complaints(path))
    assert not found, "\n".join(found)
