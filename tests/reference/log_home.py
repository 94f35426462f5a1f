"""A sequencer on the file engines in one folder, opened in one line; and a writer to be killed at any moment."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from wattmark.core.ids import derive_id
from wattmark.engine.commands import Kind, Words, command, payload_hash, stack
from wattmark.engine.snapshot import Snapshot
from wattmark.flows.keys import LogKeys
from wattmark.flows.sequence import Sequencer
from wattmark.ledger.note import NoteKey
from wattmark.storage.files import FileCheckpoints, FileJournal, FileTiles

ORIGIN = "log.example/test"
KEY = NoteKey(ORIGIN, bytes(range(32)))
PAYLOAD = b'{"salt":"00"}'


class LogHome(Sequencer):
    """A sequencer that also closes its journal."""

    def __init__(
        self,
        folder: Path,
        *,
        read_only: bool = False,
        snapshot: Snapshot | None = None,
        listeners: Iterable[Any] = (),
        **journal: Any,
    ) -> None:
        journal = {"segment_bytes": 1 << 18, "reserve_bytes": 0} | journal
        self.journal = FileJournal(folder / "journal", read_only=read_only, **journal)
        try:
            super().__init__(
                journal=self.journal,
                tiles=FileTiles(folder / "log"),
                checkpoints=FileCheckpoints(folder / "checkpoint"),
                keys=LogKeys(ORIGIN, KEY.vkey, None if read_only else KEY, b"" if read_only else b"b" * 32),
                snapshot=snapshot,
                listeners=listeners,
            )
        except BaseException:
            self.journal.close()
            raise

    def close(self) -> None:
        self.journal.close()

    def frames(self) -> list[Any]:
        return list(self.journal.read())


def open_account(number: object, payload: bytes = PAYLOAD) -> Words:
    identity = derive_id("account", str(number))
    return command(Kind.OPEN_ACCOUNT, id=identity, actor=0, hash=payload_hash(payload), roles=6, credit_limit_e5jpy=0)


def deposit(number: object, account: int = 0, amount: int = 1) -> Words:
    identity = derive_id("deposit", str(number))
    return command(Kind.DEPOSIT, id=identity, actor=0, account=account, amount_e5jpy=amount)


def write_until_killed(folder: Path, run: int) -> None:
    """Submit batches for ever; print the numbers of a batch once it is acknowledged."""
    log = LogHome(folder)
    number = 0
    while True:
        batch = [f"{run}-{number + i}" for i in range(1 + number % 7)]
        number += len(batch)
        log.submit(stack([deposit(name) for name in batch]), now_ms=number)
        sys.stdout.write(" ".join(batch) + "\n")
        sys.stdout.flush()
        if number % 50 < len(batch):
            log.publish()


if __name__ == "__main__":
    write_until_killed(Path(os.fsdecode(sys.argv[1])), int(sys.argv[2]))
