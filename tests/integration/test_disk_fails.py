"""A served platform on a disk that fills up or fails, asked over HTTP as clients do."""

import errno
import logging
import os
import threading
import time
from pathlib import Path

import pytest

from reference.failing_disk import SyncedBy, WithRoom
from reference.served_home import SECRETS, new_id, served
from wattmark.core.codes import Role
from wattmark.core.errors import Unavailable
from wattmark.core.ids import derive_id
from wattmark.flows.issue_key import issue_key
from wattmark.storage.files import FileJournal
from wattmark.testing.small_home import NIGHT_MS, SmallHome
from wattmark.wiring import Platform

PLENTY = 1 << 40


@pytest.fixture
def small(tmp_path: Path) -> SmallHome:
    small = SmallHome(tmp_path / "home")
    key, secret = derive_id("key", "operator"), SECRETS["operator"]
    issue_key(small.platform, identity=key, account=0, roles=Role.OPERATOR, secret=secret, now_ms=NIGHT_MS)
    return small


def file_journal(small: SmallHome) -> FileJournal:
    """The journal under whatever sends its frames on."""
    journal = small.platform._journal
    found = getattr(journal, "_journal", journal)
    assert isinstance(found, FileJournal)
    return found


def account(name: str) -> dict[str, object]:
    return {"id": new_id(name), "roles": 4, "name": name}


def test_an_almost_full_disk_answers_writes_with_503_and_a_text_while_reads_go_on(small: SmallHome) -> None:
    room = [PLENTY]
    file_journal(small)._disk = WithRoom(room)
    with served(small, {}) as home:
        client = home.client("operator")
        assert client.post("/api/v1/accounts", json=account("first")).status_code == 201
        assert client.get("/api/v1/health").json()["status"] == "ok"
        room[0] = small.platform.settings.reserve_bytes  # and none for the next segment
        for _ in range(3):
            refused = client.post("/api/v1/accounts", json=account("second"))
            assert refused.status_code == 503
            assert refused.headers["Retry-After"]
            rule = refused.json()["error"]["rule"]
            assert "almost full" in rule["en"]
            assert "空きが不足" in rule["ja"]
        for path in ("/api/v1/accounts/me", "/api/v1/bank", "/log/checkpoint", "/log", "/market"):
            assert client.get(path).status_code == 200, path
        health = client.get("/api/v1/health")
        assert health.status_code == 200
        assert health.json()["status"] == "refusing"
        assert "almost full" in health.json()["reason"]["en"]
        assert "Nothing new is written at present" in client.get("/log", headers={"Accept-Language": "en"}).text
        assert "新しい記録は受け付けていません" in client.get("/log", headers={"Accept-Language": "ja"}).text
        room[0] = PLENTY
        assert client.post("/api/v1/accounts", json=account("second")).status_code == 201
        assert client.get("/api/v1/health").json()["status"] == "ok"
        assert "Nothing new" not in client.get("/log", headers={"Accept-Language": "en"}).text
    small.close()


def test_a_failed_sync_stops_the_service_with_a_text_that_says_what_to_do(small: SmallHome) -> None:
    failing = []

    def sync(handle: int) -> None:
        if failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fdatasync(handle)

    file_journal(small)._disk = SyncedBy(sync)
    with served(small, {}) as home:
        client = home.client("operator")
        assert client.post("/api/v1/accounts", json=account("first")).status_code == 201
        failing.append(1)
        refused = client.post("/api/v1/accounts", json=account("second"))
        assert refused.status_code == 503
        assert "Check the disk, then start again" in refused.json()["error"]["rule"]["en"]
        assert "ディスクを点検" in refused.json()["error"]["rule"]["ja"]
        failing.clear()
        for answer in (
            client.post("/api/v1/accounts", json=account("second")),
            client.post("/api/v1/accounts", json=account("first")),
            client.get("/api/v1/accounts/me"),
            client.get("/api/v1/health"),
        ):
            assert answer.status_code == 503, "nothing is answered from memory that may be ahead of the disk"
    with pytest.raises(Unavailable):
        small.close()
    small.platform = Platform.open(small.home)
    with served(small, {}) as home:
        client = home.client("operator")
        for name in ("first", "second"):
            assert client.post("/api/v1/accounts", json=account(name)).status_code == 201
    small.close()


def test_the_publisher_lives_through_errors_of_snapshots_and_copies(
    small: SmallHome, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Every round fails in another way; the first one that does not, publishes."""
    errors = iter([OSError(errno.EIO, "input/output error"), OSError(errno.ENOSPC, "no space left")])
    tried = threading.Event()
    real = small.platform.tick

    def tick(now_ms: int) -> None:
        error = next(errors, None)
        if error is not None:
            raise error
        tried.set()
        real(now_ms)

    monkeypatch.setattr(small.platform, "tick", tick)
    with caplog.at_level(logging.ERROR), served(small, {}) as home:
        client = home.client("operator")
        assert client.post("/api/v1/accounts", json=account("first")).status_code == 201
        assert tried.wait(10), "the publisher's task has ended"
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            found = client.get("/api/v1/health").json()
            if found["published"] == found["position"]:
                break
        assert found["published"] == found["position"]
    assert sum("no checkpoint" in record.getMessage() for record in caplog.records) >= 1
    small.close()
