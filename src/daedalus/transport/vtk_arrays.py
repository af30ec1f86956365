"""VTK's data arrays as numpy arrays: ascii, base64 and raw, as they are or compressed with zlib."""

from __future__ import annotations

import base64
import math
import warnings
import zlib
from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import Element

import numpy as np

from daedalus.errors import StageError

TYPES = {f"{kind}{8 * size}": f"{kind[0].lower()}{size}" for kind in ("Int", "UInt") for size in (1, 2, 4, 8)}
TYPES |= {"Float32": "f4", "Float64": "f8"}
TEXT = "String"  # the type of arrays of texts: their characters as bytes, a zero behind each text
COMPRESSOR = "vtkZLibDataCompressor"
MOST_TEXT = 2**20  # of an array of texts [bytes]
_ORDERS: dict[str, Literal["<", ">"]] = {"LittleEndian": "<", "BigEndian": ">"}
_HEADERS = {"UInt32": "u4", "UInt64": "u8"}


class Arrays:
    """The arrays of a document.

    Args:
        path: the file, for messages.
        root: its root element, which says order of bytes, size of headers and compression.
        appended: its appended data.

    Raises:
        StageError: an order, a size or a compression that is not known.
    """

    def __init__(self, path: Path, root: Element, appended: bytes) -> None:
        order = root.get("byte_order", "LittleEndian")
        size = root.get("header_type", "UInt32")
        compressor = root.get("compressor", "")
        if root.get("type") != "ImageData" or order not in _ORDERS or size not in _HEADERS:
            found = f"type {root.get('type')!r}, byte_order {order!r}, header_type {size!r}"
            raise StageError(f"{path}: found {found}; expected ImageData, {' or '.join(_ORDERS)}, UInt32 or UInt64.")
        if compressor not in ("", COMPRESSOR):
            raise StageError(f"{path}: found the compressor {compressor!r}; expected {COMPRESSOR!r} or none.")
        section = root.find("AppendedData")
        self.path, self.appended = path, appended
        self.appended_raw = section is not None and section.get("encoding") == "raw"
        self.order: Literal["<", ">"] = _ORDERS[order]
        self.head = np.dtype(self.order + _HEADERS[size])
        self.compressed = bool(compressor)

    def dtype(self, element: Element, name: str) -> np.dtype:
        """The type of an array of numbers.

        Raises:
            StageError: an unknown one, or several components.
        """
        kind, components = element.get("type", ""), element.get("NumberOfComponents", "1")
        if kind not in TYPES or components != "1":
            raise StageError(
                f"{self.path}, field '{name}': found the type {kind!r} with {components} components; expected one "
                f"component of {', '.join(TYPES)}."
            )
        return np.dtype(TYPES[kind])

    def numbers(self, element: Element, name: str, count: int) -> np.ndarray:
        """So many numbers of an array, in the order of the file; what it holds is known before it is unpacked.

        Raises:
            StageError: another number of values, or damaged data.
        """
        dtype = self.dtype(element, name)
        if element.get("format") == "ascii":
            return self._ascii(element, name, dtype, count)
        content = self._bytes(element, name, count * dtype.itemsize, exact=True)
        return np.frombuffer(content, dtype.newbyteorder(self.order)).astype(dtype)

    def texts(self, element: Element, name: str) -> np.ndarray:
        """The texts of an array.

        Raises:
            StageError: another type than text, too much of it, or damaged data.
        """
        if element.get("type") != TEXT:
            raise StageError(f"{self.path}, field '{name}': found the type {element.get('type')!r}; expected texts.")
        if element.get("format") == "ascii":
            content = self._ascii(element, name, np.dtype("u1"), None).tobytes()
        else:
            content = self._bytes(element, name, MOST_TEXT, exact=False)
        if len(content) > MOST_TEXT or not content.endswith(b"\0"):
            raise self._fault(
                name, f"{len(content)} bytes of text", f"at most {MOST_TEXT}, with a zero behind each text"
            )
        return np.array([text.decode("utf-8") for text in content[:-1].split(b"\0")], np.str_)

    def _fault(self, name: str, found: str, expected: str) -> StageError:
        return StageError(f"{self.path}, field '{name}': found {found}, expected {expected}; write the file again.")

    def _ascii(self, element: Element, name: str, dtype: np.dtype, count: int | None) -> np.ndarray:
        """Numbers written out."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                values = np.fromstring(element.text or "", "f8" if dtype.kind == "f" else "i8", sep=" ")
            except (DeprecationWarning, ValueError, OverflowError) as cause:
                raise self._fault(name, "text that is no row of numbers", f"values of type {dtype}") from cause
        limits = np.iinfo(dtype) if dtype.kind != "f" else None
        if limits is not None and len(values) and not limits.min <= values.min() <= values.max() <= limits.max:
            raise self._fault(name, f"values from {values.min()} to {values.max()}", f"values of type {dtype}")
        if count is not None and len(values) != count:
            raise self._fault(name, f"{len(values)} values", f"{count}, one for each voxel")
        return values.astype(dtype)

    def _bytes(self, element: Element, name: str, size: int, *, exact: bool) -> bytes:
        """The unpacked bytes of an array: ``size``, or fewer where that is a limit."""
        source = self._source(element, name)
        wanted = lambda found: found == size if exact else found <= size
        if not self.compressed:
            (found,) = source.peek(self.head, 1)
            if not wanted(found):
                raise self._fault(name, f"{found} bytes", f"{size}" if exact else f"at most {size}")
            return source.after_header(self.head.itemsize, int(found))
        blocks, length, rest = (int(number) for number in source.peek(self.head, 3))
        if not blocks:
            found = 0
        else:
            found = (blocks - 1) * length + (rest or length)
        if not wanted(found) or length > max(size, 2**22) or rest > length or blocks > max(size, 1):
            raise self._fault(name, f"{blocks} blocks of {length} bytes", f"{size} bytes unpacked")
        if not blocks:
            return b""
        packed = source.peek(self.head, 3 + blocks)[3:]
        content = source.after_header((3 + blocks) * self.head.itemsize, sum(map(int, packed)), apart=True)
        pieces, start = [], 0
        for number, packed_size in enumerate(map(int, packed)):
            size_here = (rest or length) if number == blocks - 1 else length
            pieces.append(self._unpacked(name, content[start : start + packed_size], size_here))
            start += packed_size
        return b"".join(pieces)

    def _unpacked(self, name: str, packed: bytes, size: int) -> bytes:
        """One block, of which never more is unpacked than was promised."""
        unpacker = zlib.decompressobj()
        try:
            content = unpacker.decompress(packed, size + 1)
        except zlib.error as cause:
            raise self._fault(name, f"a damaged block ({cause})", "data compressed with zlib") from cause
        if len(content) != size:
            raise self._fault(name, f"a block of {len(content)} bytes or more", f"{size} bytes")
        return content

    def _source(self, element: Element, name: str) -> Source:
        """Where the bytes of an array begin, and how they are encoded."""
        form = element.get("format")
        if form == "binary":
            return Source(self.path, name, "".join((element.text or "").split()).encode("ascii"), raw=False)
        if form != "appended":
            raise self._fault(name, f"the format {form!r}", "ascii, binary or appended")
        offset = element.get("offset", "")
        if not offset.isdecimal() or int(offset) >= len(self.appended):
            raise self._fault(name, f"the offset {offset[:20]!r}", f"one within {len(self.appended)} bytes")
        return Source(self.path, name, self.appended[int(offset) :], raw=self.appended_raw)


class Source:
    """Bytes that are read from the front, raw or from base64.

    Args:
        path: the file, for messages.
        name: of the field, for messages.
        content: the bytes, and what follows them.
        raw: whether they stand there as they are.
    """

    def __init__(self, path: Path, name: str, content: bytes, *, raw: bool) -> None:
        self.path, self.name, self.content, self.raw = path, name, content, raw

    def peek(self, dtype: np.dtype, count: int) -> np.ndarray:
        """The first numbers of the header.

        Raises:
            StageError: the data ends before.
        """
        return np.frombuffer(self._decoded(0, count * dtype.itemsize), dtype)

    def after_header(self, header: int, size: int, *, apart: bool = False) -> bytes:
        """The bytes that follow a header.

        Args:
            header: its size [bytes].
            size: of what follows [bytes].
            apart: whether base64 begins anew behind the header; by default its padding tells.

        Raises:
            StageError: the data ends before.
        """
        width = header if self.raw else _width(header)
        if self.raw or apart or b"=" in self.content[:width]:
            return self._decoded(width, size)
        return self._decoded(0, header + size)[header:]

    def _decoded(self, start: int, size: int) -> bytes:
        width = size if self.raw else _width(size)
        piece = self.content[start : start + width]
        try:
            found = piece if self.raw else base64.b64decode(piece, validate=True)[:size]
        except ValueError as cause:
            raise self._fault("damaged base64") from cause
        if len(found) < size:
            raise self._fault(f"{len(found)} bytes where {size} are promised")
        return found

    def _fault(self, found: str) -> StageError:
        return StageError(f"{self.path}, field '{self.name}': found {found}; the file is damaged: write it again.")


def _width(size: int) -> int:
    """Characters of base64 that so many bytes take."""
    return 4 * math.ceil(size / 3)
