"""A read model that SQLite refuses to write, under a served platform: 503, and all is well once it is opened anew."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from reference.served_home import SECRETS, new_id, served
from wattmark.core.codes import Role
from wattmark.core.errors import Unavailable
from wattmark.core.ids import derive_id
from wattmark.flows.issue_key import issue_key
from wattmark.testing.small_home import NIGHT_MS, SmallHome
from wattmark.wiring import Platform


def test_a_failed_write_of_the_read_model_is_503_and_a_retry_is_answered_after_opening(tmp_path: Path) -> None:
    small = SmallHome(tmp_path / "home")
    key, secret = derive_id("key", "operator"), SECRETS["operator"]
    issue_key(small.platform, identity=key, account=0, roles=Role.OPERATOR, secret=secret, now_ms=NIGHT_MS)
    small.close()
    small.platform = Platform.open(small.home)
    position = small.platform.sequencer.position
    with closing(sqlite3.connect(small.home / "views" / "views.db")) as beside:
        beside.execute("DROP TABLE registrations")
    first, second = ({"id": new_id(name), "roles": 4, "name": name} for name in ("a new home", "another"))
    with served(small, {}) as home:
        client = home.client("operator")
        assert client.post("/api/v1/accounts", json=first).status_code == 201, "durable, and the model is not asked"
        answers = [
            client.get("/api/v1/accounts/0/trades"),  # what was acknowledged before cannot be in it
            client.post("/api/v1/accounts", json=second),
            client.post("/api/v1/accounts", json=second),
            client.get("/api/v1/accounts/me"),
        ]
        assert [answer.status_code for answer in answers] == [503] * 4
        assert all(answer.headers["Retry-After"] for answer in answers)
        found = answers[1].json()["error"]
        assert (found["code"], found["field"], found["value"]) == ("UNAVAILABLE", "", "")
        assert "the read model cannot be written" in found["rule"]["en"]
        assert "開き直す" in found["rule"]["ja"]
    with pytest.raises(Unavailable):
        small.close()
    small.platform = Platform.open(small.home)
    assert small.platform.sequencer.position == position + 2, "both were durable"
    with served(small, {}) as home:
        client = home.client("operator")
        for body in (first, second):
            answer = client.post("/api/v1/accounts", json=body)
            assert answer.status_code == 201
            account = answer.json()["account"]
            assert client.get(f"/api/v1/accounts/{account}").json()["name"]["en"] == body["name"]
    assert small.platform.sequencer.position == position + 2
    small.close()
