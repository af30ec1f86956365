"""Journals: what a search has done, appended record by record, whole up to the instant at which a machine died.

A journal is one file. Every record is a head (a mark, its number, two lengths), a description in JSON, arrays as
NumPy's .npz, and a SHA-256 of all that. Nothing in it executes on reading. Only its one writer appends; readers see
whole records only. A damaged region is named, and what is behind it still found by the marks.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from daedalus.errors import RunError
from daedalus.execution.files import replacing

VERSION = 1  # of the format; readers know how to read older ones
MARK = b"\x93DAEDALUS\n"
HEAD = struct.Struct("<10sHIIQ")  # mark, version, number of the record, bytes of the description, bytes of the arrays
SEAL = hashlib.sha256().digest_size


@dataclasses.dataclass(frozen=True)
class Record:
    """One record: a kind, facts that JSON can hold, and arrays by name."""

    kind: str
    facts: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Damage:
    """A region of a journal that holds no whole record."""

    begin: int  # [bytes]
    end: int
    cause: str

    def __str__(self) -> str:
        return f"bytes {self.begin} to {self.end}: {self.cause}"


@dataclasses.dataclass(frozen=True)
class Found:
    """What reading a journal has found."""

    records: tuple[Record, ...]
    damage: tuple[Damage, ...]
    whole: int  # length of the undamaged beginning [bytes]
    continuous: int  # number of records in it


class Journal:
    """The writer's side of a journal; there may be only one at a time (`lock`)."""

    def __init__(self, path: Path) -> None:
        """Opens a journal, or makes one; what is damaged at its end is moved aside and the good part kept.

        Raises:
            RunError: the file cannot be written.
        """
        self.path = path
        found = read_journal(path) if path.exists() else Found((), (), 0, 0)
        self.damage, self._count = found.damage, found.continuous
        try:
            if found.damage:
                self._set_aside(found.whole)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as cause:
            raise RunError(f"the journal {path} cannot be written: {cause}. Choose another folder.") from cause

    def append(self, record: Record) -> None:
        """Adds a record; when this returns it is on the disk.

        Raises:
            RunError: it cannot be written (the disk is full, say). The records before it are untouched.
        """
        text = packed(record, self._count)
        length = self.size
        try:
            left = memoryview(text)
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)
        except BaseException as cause:
            os.ftruncate(self._file, length)  # half a record is none
            if not isinstance(cause, OSError):
                raise
            raise RunError(
                f"record {self._count} of {self.path} cannot be written: {cause}. What was recorded before is whole: "
                "make room, then continue with `daedalus resume`."
            ) from cause
        self._count += 1

    @property
    def size(self) -> int:
        """The length of the file [bytes]."""
        return os.fstat(self._file).st_size

    def rewrite(self, records: Sequence[Record]) -> None:
        """Puts other records in place of all there are; readers see the old or the new ones.

        Raises:
            RunError: they cannot be written; then the old ones stay.
        """
        try:
            with replacing(self.path) as part:
                part.write_bytes(b"".join(packed(record, number) for number, record in enumerate(records)))
        except OSError as cause:
            raise RunError(f"the journal {self.path} cannot be rewritten: {cause}. The old one is whole.") from cause
        os.close(self._file)
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        self._count = len(records)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _set_aside(self, whole: int) -> None:
        """Moves everything behind the undamaged beginning to a file of its own."""
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.damaged{number}")).exists():
            number += 1
        with open(self.path, "rb+") as file:
            file.seek(whole)
            aside.write_bytes(file.read())
            file.truncate(whole)
            os.fsync(file.fileno())


def packed(record: Record, number: int) -> bytes:
    """The bytes of a record."""
    description = json.dumps({"kind": record.kind, "facts": record.facts}, ensure_ascii=False).encode()
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **record.arrays)
    arrays = buffer.getvalue() if record.arrays else b""
    text = HEAD.pack(MARK, VERSION, number, len(description), len(arrays)) + description + arrays
    return text + hashlib.sha256(text).digest()


def read_journal(path: Path) -> Found:
    """All whole records of a journal, also while it is written, and what is damaged.

    Raises:
        RunError: the file cannot be read.
    """
    try:
        text = path.read_bytes()
    except OSError as cause:
        raise RunError(f"the journal {path} cannot be read: {cause}.") from cause
    records, damage, place, expected = [], [], 0, 0
    whole, continuous = 0, 0
    while place < len(text):
        found = _record(text, place)
        if isinstance(found, str):
            begin, cause = place, found
            place = text.find(MARK, place + 1)
            while place >= 0 and isinstance(_record(text, place), str):
                place = text.find(MARK, place + 1)
            place = len(text) if place < 0 else place
            damage.append(Damage(begin, place, cause))
            continue
        record, number, end = found
        if number != expected and not damage:
            damage.append(Damage(place, place, f"record {expected} is missing"))
        records.append(record)
        place, expected = end, number + 1
        if not damage:
            whole, continuous = end, expected
    return Found(tuple(records), tuple(damage), whole, continuous)


def _record(text: bytes, place: int) -> tuple[Record, int, int] | str:
    """The record at a place, its number and its end; or why there is none."""
    if len(text) - place < HEAD.size:
        return "the file ends within a record"
    mark, version, number, described, filled = HEAD.unpack_from(text, place)
    if mark != MARK:
        return "no record begins here"
    if version > VERSION:
        return f"written in version {version} of the format; this Daedalus reads up to {VERSION}"
    end = place + HEAD.size + described + filled
    if end + SEAL > len(text):
        return "the file ends within a record"
    if hashlib.sha256(text[place:end]).digest() != text[end : end + SEAL]:
        return "the checksum is wrong"
    description = json.loads(text[place + HEAD.size : place + HEAD.size + described])
    arrays = _arrays(text[end - filled : end]) if filled else {}
    return Record(description["kind"], description["facts"], arrays), number, end + SEAL


def _arrays(text: bytes) -> dict[str, np.ndarray]:
    try:
        with np.load(io.BytesIO(text), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (ValueError, zipfile.BadZipFile) as cause:  # sealed, hence written so
        raise RunError(f"a record holds what is no array of numbers or text: {cause}.") from cause
