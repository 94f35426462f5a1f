"""A writer killed at a random moment has kept every payload it acknowledged."""

import random
import subprocess
import sys

import pytest

from wattmark.storage.files import FileJournal
from wattmark.storage.files.audit import audit_journal

KILLS = 12
SEGMENT_BYTES = 300_000
WRITER = """
import sys
from pathlib import Path
from wattmark.storage.files import FileJournal

journal = FileJournal(Path(sys.argv[1]), segment_bytes=int(sys.argv[2]), reserve_bytes=0)
while True:
    number = journal.last_sequence + 1
    sys.stdout.write(f"{journal.append(b'%d ' % number + bytes([number % 255 + 1]) * (number * 7919 % 90_000))}\\n")
    sys.stdout.flush()
"""


def _payload(number: int) -> bytes:
    return b"%d " % number + bytes([number % 255 + 1]) * (number * 7919 % 90_000)


@pytest.mark.slow
def test_nothing_acknowledged_is_lost(tmp_path):
    chance = random.Random(7)
    acknowledged = -1
    for _ in range(KILLS):
        command = [sys.executable, "-c", WRITER, str(tmp_path / "journal"), str(SEGMENT_BYTES)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(chance.randrange(1, 30)):
                acknowledged = int(writer.stdout.readline())
            writer.kill()
            rest = writer.stdout.read().split("\n")
        acknowledged = max([acknowledged, *(int(line) for line in rest[:-1])])
        journal = FileJournal(tmp_path / "journal", segment_bytes=SEGMENT_BYTES, reserve_bytes=0)
        assert journal.last_sequence >= acknowledged
        assert [frame.payload for frame in journal.read()] == [_payload(n) for n in range(journal.last_sequence + 1)]
        journal.drop_torn_tail()
        journal.close()
        assert audit_journal(tmp_path) == []
    assert acknowledged > KILLS
