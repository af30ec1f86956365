"""Journals: whole records or none, whatever happens to the file; locks: one writer, whose name is known."""

import json
import multiprocessing
import os
import resource
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from daedalus.errors import RunError
from daedalus.execution.journal import Journal, Record, packed, read_journal
from daedalus.execution.lock import Lock, holder

TESTS = Path(__file__).parents[1]
TAKE = "from daedalus.execution.lock import Lock\nfrom pathlib import Path\nLock(Path({path!r}))"


def record(number):
    arrays = {"row/loss": np.arange(3) + number / 7, "row/status": np.array(["ok", "failed", "ok"])}
    return Record("rounds", {"done": number, "text": "é"}, arrays)


def written(path, count=5):
    with Journal(path) as journal:
        for number in range(count):
            journal.append(record(number))
    return path.read_bytes()


def dones(found):
    return [each.facts["done"] for each in found.records]


def test_records_read_back_as_they_were(tmp_path):
    written(tmp_path / "journal")
    found = read_journal(tmp_path / "journal")
    assert dones(found) == [0, 1, 2, 3, 4]
    assert not found.damage
    for number, each in enumerate(found.records):
        assert each.facts == record(number).facts
        np.testing.assert_array_equal(each.arrays["row/loss"], record(number).arrays["row/loss"])
        np.testing.assert_array_equal(each.arrays["row/status"], ["ok", "failed", "ok"])


def test_a_journal_cut_anywhere_keeps_its_whole_records_and_can_be_continued(tmp_path):
    text, path = written(tmp_path / "journal"), tmp_path / "cut"
    lengths = np.cumsum([len(packed(record(number), number)) for number in range(5)])
    assert lengths[-1] == len(text)
    for cut in range(0, len(text), 37):
        path.write_bytes(text[:cut])
        whole = int(np.searchsorted(lengths, cut, side="right"))
        found = read_journal(path)
        assert dones(found) == list(range(whole))
        assert bool(found.damage) == (cut not in (0, *lengths))
        with Journal(path) as journal:
            journal.append(record(whole))
        assert dones(read_journal(path)) == list(range(whole + 1))
        assert not read_journal(path).damage
        for aside in tmp_path.glob("cut.damaged*"):
            aside.unlink()


def test_a_changed_byte_anywhere_is_found_and_named_and_all_other_records_kept(tmp_path):
    text, path = bytearray(written(tmp_path / "journal")), tmp_path / "bad"
    ends = np.cumsum([len(packed(record(number), number)) for number in range(5)])
    for place in range(0, len(text), 23):
        changed = text.copy()
        changed[place] ^= 0x41
        path.write_bytes(changed)
        hurt = int(np.searchsorted(ends, place, side="right"))
        found = read_journal(path)
        assert dones(found) == [n for n in range(5) if n != hurt]
        assert found.continuous == hurt
        begin, end = (0, *ends)[hurt], ends[hurt]
        assert [(each.begin, each.end) for each in found.damage] == [(begin, end)]
        assert any(word in found.damage[0].cause for word in ("checksum", "begins", "ends", "version"))


def test_what_is_damaged_is_set_aside_not_thrown_away(tmp_path):
    path = tmp_path / "journal"
    text = written(path)
    path.write_bytes(text[:-10])
    with Journal(path) as journal:
        assert "ends within a record" in str(journal.damage[0])
        journal.append(record(4))
    begin = len(path.read_bytes()) - len(packed(record(4), 4))
    assert (tmp_path / "journal.damaged1").read_bytes() == text[begin:-10]
    assert path.read_bytes() == text


def test_a_missing_record_is_noticed(tmp_path):
    path = tmp_path / "journal"
    path.write_bytes(packed(record(0), 0) + packed(record(2), 2))
    found = read_journal(path)
    assert "record 1 is missing" in str(found.damage[0])
    assert found.continuous == 1


def test_a_newer_format_is_refused_in_words(tmp_path):
    path, text = tmp_path / "journal", bytearray(packed(record(0), 0))
    text[10] = 99
    path.write_bytes(text)
    assert "version 99" in str(read_journal(path).damage[0])


def test_nothing_is_executed_on_reading(tmp_path):
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        packed(Record("rounds", {}, {"evil": np.array([print], object)}), 0)


def _fill(path, limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    with Journal(path) as journal:
        for number in range(100):
            try:
                journal.append(record(number))
            except RunError as cause:
                print(json.dumps([number, str(cause)]))
                return


def test_a_full_disk_leaves_whole_records_and_says_what_to_do(tmp_path):
    lines = ("import sys", "from pathlib import Path", f"sys.path.insert(0, {str(TESTS)!r})")
    lines += ("from execution.test_journal import _fill", f"_fill(Path({str(tmp_path / 'journal')!r}), 3000)")
    said = subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, capture_output=True, text=True).stdout
    number, cause = json.loads(said)
    assert "make room" in cause
    assert dones(read_journal(tmp_path / "journal")) == list(range(number))
    assert not read_journal(tmp_path / "journal").damage
    assert number > 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes to read-only folders, too")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="Choose another folder"):
        Journal(tmp_path / "journal")
    with pytest.raises(RunError, match="Choose another folder"):
        Lock(tmp_path / "lock")
    tmp_path.chmod(0o700)


def _append(path, count):
    with Journal(path) as journal:
        for number in range(count):
            journal.append(record(number))


def test_twenty_readers_see_whole_records_while_it_is_written(tmp_path):
    path = tmp_path / "journal"
    writer = multiprocessing.get_context("spawn").Process(target=_append, args=(path, 400))

    def read(_):
        seen = []
        while writer.is_alive():
            if path.exists():
                found = read_journal(path)
                assert dones(found) == list(range(len(found.records)))
                assert all("ends within a record" in str(each) for each in found.damage)
                seen.append(len(found.records))
        assert seen == sorted(seen)  # nothing that was seen is gone
        return set(seen)

    writer.start()
    with ThreadPoolExecutor(20) as readers:
        seen = list(readers.map(read, range(20)))
    writer.join()
    assert writer.exitcode == 0
    assert dones(read_journal(path)) == list(range(400))
    assert len(set().union(*seen)) > 3


def test_a_lock_names_its_holder(tmp_path):
    path = tmp_path / "writer.lock"
    program = TAKE.format(path=str(path)) + "\nprint('mine', flush=True)\ninput()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout.readline() == "mine\n"
        assert f"process {other.pid} of" in holder(path)
        with pytest.raises(RunError, match=rf"process {other.pid} of .* on {socket.gethostname()}.*--break-lock"):
            Lock(path)
        with Lock(path, broken=True):
            assert f"process {os.getpid()} of" in holder(path)
        assert holder(path) is None
        other.kill()
        other.wait()


def test_a_lock_of_a_process_that_is_gone_is_taken_over(tmp_path):
    path = tmp_path / "writer.lock"
    subprocess.run([sys.executable, "-c", TAKE.format(path=str(path))], check=True)
    assert path.exists()
    assert holder(path) is None
    with Lock(path):
        assert holder(path)
    assert not path.exists()


def test_a_lock_of_another_machine_is_respected(tmp_path):
    path = tmp_path / "writer.lock"
    path.write_text(json.dumps({"host": "elsewhere", "process": 1, "user": "ada", "since": "yesterday", "boot": ""}))
    with pytest.raises(RunError, match="process 1 of ada on elsewhere"):
        Lock(path)


def test_a_process_gets_its_own_lock_again(tmp_path):
    path = tmp_path / "writer.lock"
    with Lock(path):
        with Lock(path):
            pass
        assert path.exists()
    assert not path.exists()


def test_a_lock_whose_maker_died_before_it_wrote_its_name_is_taken_over(tmp_path):
    path = tmp_path / "writer.lock"
    path.touch()
    with pytest.raises(RunError, match="has not written its name yet"):
        Lock(path)
    long_ago = path.stat().st_mtime - 100
    os.utime(path, (long_ago, long_ago))
    with Lock(path):
        assert f"process {os.getpid()} of" in holder(path)


def test_a_lock_that_was_broken_is_left_to_its_new_holder(tmp_path):
    path = tmp_path / "writer.lock"
    with Lock(path):
        path.unlink()
        subprocess.run([sys.executable, "-c", TAKE.format(path=str(path))], check=True)
    assert path.exists()
