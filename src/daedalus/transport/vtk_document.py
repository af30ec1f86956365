"""VTK's XML documents, parsed without trust: no entities, no depth, and binary data kept out of the parser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree
from xml.parsers import expat

from daedalus.errors import StageError

MOST_ELEMENTS = 10_000  # of a document [1]
MOST_DEPTH = 32  # of elements within each other [1]
_APPENDED = re.compile(rb"<AppendedData\b[^>]*>")
_END = b"</AppendedData>"


def document(path: Path) -> tuple[ElementTree.Element, bytes]:
    """The root of a file's XML, and the appended data, which begins behind its underscore (empty where there is none).

    A document type declaration is refused: with it all entities are, those that expand without end and those that name
    other files.

    Args:
        path: the file.

    Raises:
        StageError: no XML, a document type, or more elements than any honest file has.
    """
    content = path.read_bytes()
    tag = _APPENDED.search(content)
    if tag is None:
        return _parsed(path, content), b""
    end = content.rfind(_END)
    mark = content.find(b"_", tag.end())
    if end < tag.end() or mark < 0 or content[tag.end() : mark].strip() or mark >= end:
        raise StageError(f"{path}: found appended data without beginning or end; the file is cut off: write it again.")
    return _parsed(path, content[: tag.end()] + content[end:]), content[mark + 1 : end]


def _parsed(path: Path, text: bytes) -> ElementTree.Element:
    """The root element of a text."""
    builder, parser = ElementTree.TreeBuilder(), expat.ParserCreate()
    open_elements = seen = 0

    def refuse(*_: object) -> NoReturn:
        raise StageError(f"{path}: found a document type declaration; expected none: remove it, with its entities.")

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal open_elements, seen
        open_elements, seen = open_elements + 1, seen + 1
        if open_elements > MOST_DEPTH or seen > MOST_ELEMENTS:
            raise StageError(
                f"{path}: found more than {MOST_ELEMENTS} elements, or {MOST_DEPTH} within each other; "
                "expected a few: this is no map of voxels."
            )
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal open_elements
        open_elements -= 1
        builder.end(tag)

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.buffer_text = True
    try:
        parser.Parse(text, True)
    except expat.ExpatError as cause:
        raise StageError(f"{path}: not readable as XML ({cause}); expected a VTK file: write it again.") from cause
    return builder.close()
