"""The PostgreSQL engines keep the contracts of their ports, on a server of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from wattmark.crypto.hashing import sha256
from wattmark.ledger.ports import Checkpoints, Journal
from wattmark.storage.postgres import PostgresCheckpoints, PostgresJournal
from wattmark.testing.checkpoints_suite import CheckpointsSuite
from wattmark.testing.journal_suite import JournalSuite

pytestmark = pytest.mark.service


class TestPostgresJournal(JournalSuite):
    @pytest.fixture(autouse=True)
    def _server(self, postgres) -> None:
        self.dsn = postgres.dsn

    def open(self, folder: Path, *, read_only: bool = False) -> Journal:
        schema = "test_" + sha256(str(folder).encode()).hex()[:16]
        return PostgresJournal(self.dsn, schema=schema, read_only=read_only, lock_wait_s=0.3)


class TestPostgresCheckpoints(CheckpointsSuite):
    @pytest.fixture(autouse=True)
    def _server(self, postgres) -> None:
        self.dsn = postgres.dsn

    @pytest.fixture(autouse=True)
    def _writer(self, _server, tmp_path) -> Iterator[None]:
        self.schema = "test_" + sha256(str(tmp_path).encode()).hex()[:16]
        journal = PostgresJournal(self.dsn, schema=self.schema)
        self.epoch = journal.epoch
        yield
        journal.close()

    def open(self, folder: Path) -> Checkpoints:
        return PostgresCheckpoints(self.dsn, schema=self.schema, epoch=lambda: self.epoch)
