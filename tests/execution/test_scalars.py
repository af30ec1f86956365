"""Scalars: what TensorBoard finds in the files is what the history holds, also after a search went on."""

import struct
import sys
from datetime import datetime

import jax
import numpy as np
import pytest

from daedalus.core import History
from daedalus.errors import RunError
from daedalus.execution.scalars import Scalars
from daedalus.search import Progress, optimise

proto = pytest.importorskip("tensorboardX.proto.event_pb2")

TAGS = {
    "loss": "loss", "distance2 [cm2]": "distance2", "price [EUR]": "price", "on_board [percent]": "on_board",
}  # fmt: skip
SIZES = {"key": jax.random.key(3), "rounds": 6, "events": 20, "scenarios": 4, "chunk": 2}


def crc32c(text):
    """Castagnoli's checksum, bit by bit (RFC 3720, appendix B.4)."""
    rest = 0xFFFFFFFF
    for byte in text:
        rest ^= byte
        for _ in range(8):
            rest = rest >> 1 ^ (0x82F63B78 if rest & 1 else 0)
    return rest ^ 0xFFFFFFFF


def masked(text):
    """The checksum as TFRecord files have it."""
    rest = crc32c(text)
    return ((rest >> 15 | rest << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_the_checksum_is_that_of_the_standard():
    assert crc32c(b"123456789") == 0xE3069283


def events_of(path):
    """The events of a file, whose framing and checksums are right."""
    text, place = path.read_bytes(), 0
    while place < len(text):
        (length,) = struct.unpack_from("<Q", text, place)
        head, body = text[place : place + 8], text[place + 12 : place + 12 + length]
        assert struct.unpack_from("<I", text, place + 8) == (masked(head),)
        assert struct.unpack_from("<I", text, place + 12 + length) == (masked(body),)
        yield proto.Event.FromString(body)
        place += 16 + length
    assert place == len(text)


def seen(folder):
    """What a viewer shows of a run: (round, tag) to values, in the order of files; a new beginning voids later ones."""
    shown = {}
    for path in sorted(folder.iterdir()):
        events = list(events_of(path))
        assert events[0].file_version == "brain.Event:2"
        for event in events[1:]:
            if event.session_log.status == 1:  # START
                shown = {place: values for place, values in shown.items() if place[0] < event.step}
            for value in event.summary.value:
                shown.setdefault((event.step, value.tag), []).append(np.float32(value.simple_value))
    return shown


def expected(history, start, columns=TAGS):
    mine = np.flatnonzero(history["start"] == start)
    rounds = history["round"][mine].tolist()
    return {(r, tag): [np.float32(history[c][i])] for i, r in zip(mine, rounds) for tag, c in columns.items()}


def assert_shown(folder, history):
    starts = np.unique(history["start"]).tolist()
    assert sorted(path.name for path in folder.iterdir()) == [f"start{start}" for start in starts]
    for start in starts:
        found, wanted = seen(folder / f"start{start}"), expected(history, start)
        assert found.keys() == wanted.keys()
        for place, value in wanted.items():
            np.testing.assert_array_equal(found[place], value, err_msg=str(place))


def progress(problem, history, rows):
    """What a watcher sees after some rows."""
    cut = History({name: column[:rows] for name, column in history.columns.items()})
    return Progress(problem, cut, 0, 6, 0.0, problem.space.point(problem.start), None)


def test_a_search_is_shown_as_it_was(dartboard, tmp_path):
    problem = dartboard.problem()
    with Scalars(tmp_path) as scalars:
        history = optimise(problem, dartboard.recipe(problem).optimiser, watch=[scalars], **SIZES)
    assert len(history) == 12
    assert_shown(tmp_path / "tensorboard", history)
    (path,) = (tmp_path / "tensorboard" / "start1").iterdir()
    times = [event.wall_time for event in list(events_of(path))[1:]]
    finished = history["finished_at"][history["start"] == 1].tolist()
    assert times == [datetime.fromisoformat(text).timestamp() for text in finished]


def test_rows_are_in_the_files_after_every_chunk(recorded, tmp_path):
    problem, _, history = recorded
    scalars = Scalars(tmp_path)
    for rows in (4, 6, 12):
        scalars(progress(problem, history, rows))
        assert_shown(tmp_path / "tensorboard", History({n: c[:rows] for n, c in history.columns.items()}))
    assert scalars.known == 12


def test_a_resumed_search_writes_what_is_new(recorded, tmp_path):
    problem, _, history = recorded
    with Scalars(tmp_path) as scalars:
        scalars(progress(problem, history, 6))
    size = {path: path.stat().st_size for path in (tmp_path / "tensorboard").rglob("events*")}
    with Scalars(tmp_path, known=6) as scalars:
        scalars(progress(problem, history, 10))
        scalars(progress(problem, history, 12))
    assert_shown(tmp_path / "tensorboard", history)
    assert {path: path.stat().st_size for path in size} == size  # nothing is written again


def test_rows_that_were_lost_and_made_anew_are_shown_once(recorded, tmp_path):
    problem, _, history = recorded
    other = History(history.columns | {"loss": history["loss"] + 1.0})
    Scalars(tmp_path)(progress(problem, other, 12))
    Scalars(tmp_path, known=4)(progress(problem, history, 12))
    shown = History(history.columns | {"loss": np.append(other["loss"][:4], history["loss"][4:])})
    assert_shown(tmp_path / "tensorboard", shown)


def test_numbers_that_are_not_finite_or_too_large_are_shown_as_such(recorded, tmp_path):
    problem, _, history = recorded
    odd = history["loss"].astype(np.float64)
    odd[:4] = np.nan, np.inf, -np.inf, 1e300
    changed = History(history.columns | {"loss": odd})
    Scalars(tmp_path)(progress(problem, changed, 12))
    found = [seen(tmp_path / "tensorboard" / f"start{start}") for start in (0, 1)]
    loss = [found[start][number, "loss"][0] for number in (0, 1) for start in (0, 1)]
    np.testing.assert_array_equal(loss, np.float32([np.nan, np.inf, -np.inf, np.inf]))


def test_what_cannot_be_written_is_said(recorded, tmp_path):
    problem, _, history = recorded
    (tmp_path / "tensorboard").write_text("in the way")
    scalars = Scalars(tmp_path)
    with pytest.raises(RunError, match=r"cannot be written to .*tensorboard.*daedalus resume"):
        scalars(progress(problem, history, 4))
    assert scalars.known == 0
    scalars.close()
    with pytest.raises(RunError, match="are closed"):
        scalars(progress(problem, history, 4))


def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "tensorboardX"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboardX", None)  # as Python marks what cannot be imported
    with pytest.raises(RunError, match=r"pip install 'daedalus-design\[tensorboard\]'"):
        Scalars(tmp_path)
    assert not (tmp_path / "tensorboard").exists()
