"""The log: whole lines of strict JSON, whoever writes at once, and a run that goes on where none can be written."""

import json
import math
import multiprocessing
import resource
import subprocess
import sys
import warnings
from datetime import datetime, timedelta
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from daedalus.core import Status
from daedalus.errors import RunError
from daedalus.execution.log import Log, read_log

TESTS = Path(__file__).parents[1]
WRITERS, LINES = 4, 300


def strict(line):
    """A line as JSON without the extensions Python reads."""

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(line, parse_constant=refuse)


def test_a_line_holds_time_level_event_and_facts(tmp_path):
    log = Log(tmp_path / "log.jsonl")
    log("begin", problem="ruler", rounds=5)
    log("lost a worker", level="warning", cause="line one\nline two\u2028é")
    first, second = (strict(line) for line in (tmp_path / "log.jsonl").read_bytes().splitlines())
    assert list(first) == ["time", "level", "event", "problem", "rounds"]
    assert datetime.fromisoformat(first["time"]).utcoffset() == timedelta(0)
    assert [first["level"], first["event"], first["problem"], first["rounds"]] == ["info", "begin", "ruler", 5]
    assert (second["level"], second["cause"]) == ("warning", "line one\nline two\u2028é")
    found = read_log(tmp_path / "log.jsonl")
    assert (found.entries, found.torn) == ([first, second], 0)


def test_numbers_of_all_kinds_are_plain_and_the_json_strict(tmp_path):
    log = Log(tmp_path / "log.jsonl")
    facts = {
        "single": np.float32(0.5), "double": np.float64(0.1), "long": np.longdouble(0.25), "whole": np.int64(7),
        "flag": np.bool_(True), "array": np.array([[1.5, math.nan], [math.inf, -math.inf]]), "jax": jnp.arange(2),
        "nan": math.nan, "inf": np.float32("inf"), "less": [-math.inf, {"in": (np.uint8(3), None)}],
        "status": Status.EMPTY, "path": Path("a/b"), "complex": 1j, "odd": "\udc80", "truth": True, "huge": 2**70,
    }  # fmt: skip
    log("facts", **facts)
    found = strict((tmp_path / "log.jsonl").read_bytes())
    assert {name: found[name] for name in facts} == {
        "single": 0.5, "double": 0.1, "long": 0.25, "whole": 7, "flag": True,
        "array": [[1.5, "nan"], ["inf", "-inf"]], "jax": [0, 1], "nan": "nan", "inf": "inf",
        "less": ["-inf", {"in": [3, None]}], "status": 3, "path": "a/b", "complex": "1j", "odd": "\udc80",
        "truth": True, "huge": 2**70,
    }  # fmt: skip
    assert type(found["flag"]) is bool
    assert type(found["whole"]) is int


def test_facts_never_take_the_place_of_what_every_line_has(tmp_path):
    Log(tmp_path / "log.jsonl")("end", time=3.5, event="rain")
    (entry,) = read_log(tmp_path / "log.jsonl").entries
    assert (entry["event"], entry["time_"], entry["event_"]) == ("end", 3.5, "rain")
    assert datetime.fromisoformat(entry["time"])


def test_a_torn_line_is_left_out_counted_and_not_written_on(tmp_path):
    path = tmp_path / "log.jsonl"
    for number in range(3):
        Log(path)("chunk", number=number)
    whole = path.read_bytes()
    last = len(whole.splitlines(keepends=True)[-1])
    for cut in range(2, last):  # without the end of its line it is still whole
        path.write_bytes(whole[:-cut])
        found = read_log(path)
        assert [entry["number"] for entry in found.entries] == [0, 1]
        assert found.torn == 1
        Log(path)("chunk", number=9)
        found = read_log(path)
        assert [entry["number"] for entry in found.entries] == [0, 1, 9]
        assert found.torn == 1


def test_what_is_no_object_is_torn_and_no_file_an_error(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'3\n{"event": "x"}\n\n\xff\xfe\n')
    found = read_log(path)
    assert (found.entries, found.torn) == ([{"event": "x"}], 2)
    with pytest.raises(RunError, match=r"nothing\.jsonl cannot be read"):
        read_log(tmp_path / "nothing.jsonl")


def test_a_log_that_cannot_be_written_warns_once_and_the_run_goes_on(tmp_path):
    log = Log(tmp_path / "gone" / "log.jsonl")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        for number in range(3):
            log("chunk", number=number)
        (tmp_path / "gone").mkdir()
        log("chunk", number=3)
    assert [str(each.message).split(":")[0] for each in heard] == [f"the log {log.path} cannot be written"]
    assert [entry["number"] for entry in read_log(log.path).entries] == [3]


def _fill(path, limit):
    """Logs to a disk that is full after some bytes, and that has room again later."""
    log, hard = Log(path), resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        for number in range(100):
            log("chunk", number=number, loss=number / 7)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        full = path.stat().st_size
        log("end", number=100)
    print(json.dumps({"heard": [str(each.message) for each in heard], "full": full}))


def test_a_full_disk_stops_the_log_and_not_the_run(tmp_path):
    path = tmp_path / "log.jsonl"
    lines = ("import sys", "from pathlib import Path", f"sys.path.insert(0, {str(TESTS)!r})")
    lines += ("from execution.test_log import _fill", f"_fill(Path({str(path)!r}), 1000)")
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    assert told["full"] == 1000
    assert len(told["heard"]) == 1
    assert "log.jsonl cannot be written" in told["heard"][0]
    found = read_log(path)
    numbers = [entry["number"] for entry in found.entries]
    assert numbers == [*range(len(numbers) - 1), 100]  # the first ones, and the one after there was room again
    assert 5 < len(numbers) < 20
    assert found.torn == 1


def text_of(writer, number):
    """Something long that tells its line: longer than buffers and pipes are."""
    return f"{writer}.{number} " * (1 + 37 * (number % 30))


def _write(path, writer, together):
    log = Log(path)
    together.wait()
    for number in range(LINES):
        log("line", writer=writer, number=number, text=text_of(writer, number))


def test_lines_of_many_processes_are_all_whole(tmp_path):
    path, context = tmp_path / "log.jsonl", multiprocessing.get_context("spawn")
    together = context.Barrier(WRITERS)
    writers = [context.Process(target=_write, args=(path, writer, together)) for writer in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    found = read_log(path)
    assert (len(found.entries), found.torn) == (WRITERS * LINES, 0)
    assert all(entry["text"] == text_of(entry["writer"], entry["number"]) for entry in found.entries)
    for writer in range(WRITERS):
        assert [entry["number"] for entry in found.entries if entry["writer"] == writer] == list(range(LINES))
