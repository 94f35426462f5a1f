"""Settings to engines: the journal a home asks for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wattmark.flows.keys import LogKeys
from wattmark.flows.sequence import Sequencer
from wattmark.flows.settings import Settings
from wattmark.ledger.ports import Journal
from wattmark.storage.files import FileCheckpoints, FileJournal, FileTiles
from wattmark.wiring.home import read_keys, read_settings


def open_journal(home: Path, settings: Settings, *, read_only: bool = False) -> Journal:
    """Open the journal of a home.

    Args:
        home: the directory.
        settings: the operator's settings.
        read_only: take no lock and write nothing.

    Raises:
        Unavailable: another process is the writer, or the engine is not reached.
        Broken: the last frames are damaged.
    """
    return FileJournal(
        home / "journal",
        segment_bytes=settings.segment_bytes,
        reserve_bytes=settings.reserve_bytes,
        read_only=read_only,
    )


@contextmanager
def open_sequencer(home: Path) -> Iterator[Sequencer]:
    """Open journal, state and log of a platform for writing, without its read model, which will be caught up later.

    Raises:
        MalformedInput: no platform there, or its settings or keys are malformed.
        Unavailable: another process is the writer.
        Broken: the journal is damaged, does not replay, or is not what was signed.
    """
    settings = read_settings(home)
    keys = read_keys(home, settings.origin)
    journal = open_journal(home, settings)
    try:
        sequencer = Sequencer(
            journal=journal,
            tiles=FileTiles(home / "log"),
            checkpoints=FileCheckpoints(home / "checkpoint"),
            keys=LogKeys(settings.origin, keys.vkey, keys.log, keys.blinding),
        )
        journal.drop_torn_tail()
        yield sequencer
    finally:
        journal.close()
