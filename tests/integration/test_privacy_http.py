"""What a stranger gets over HTTP: every public address, tricks with paths and headers, and what the server's log says."""

import base64
import http.client
import json
import logging
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

from reference.served_home import SECRETS, ServedHome, served_home
from wattmark.api.authorisation import TABLE, Access
from wattmark.engine.commands import Kind, fields, kind_of
from wattmark.flows.queries import plants
from wattmark.testing.small_home import DAY
from wattmark.web.access import PAGES, PageAccess

PUBLIC = {
    *(Kind.REGISTER_METER_KEY, Kind.LIST_PRODUCT, Kind.ISSUE, Kind.WITHDRAW, Kind.SET_COVER),
    *(Kind.CLEAR_AUCTION, Kind.STATE_HASH, Kind.CLOSE_PRODUCT),
}
PUBLIC_BULKS = {3, 6}
NAMED = ("account", "to_account", "from_account", "beneficiary_account")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHome]:
    with served_home(tmp_path_factory.mktemp("privacy")) as running:
        running.platform.publish()
        yield running


@pytest.fixture(scope="module")
def entries(home: ServedHome) -> list[bytes]:
    sequencer = home.platform.sequencer
    return [record.entry for record in sequencer.records(0, sequencer.published_size)]


def may_see(entry: bytes, account: int | None) -> bool:
    """The rule as it is written in ``docs/concepts/privacy.md``, from the bytes alone."""
    words = np.frombuffer(entry, "<i8")[:16]
    kind, named = Kind(kind_of(words)), fields(words)
    if kind in PUBLIC or (kind is Kind.BULK_ROOT and named["bulk_kind"] in PUBLIC_BULKS):
        return True
    actor = int(words[2]) >> 32
    return account is not None and account in {actor, *(named.get(name, -1) for name in NAMED)}


def is_private(entry: bytes) -> bool:
    return not may_see(entry, None)


@pytest.fixture(scope="module")
def secrets(home: ServedHome, entries: list[bytes]) -> list[bytes]:
    """What no public answer may hold, in each way it could be written."""
    keys, small = home.platform.keys, home.small
    hidden = [keys.blinding, keys.web, keys.log.seed, *(entry[160:] for entry in entries if is_private(entry))]
    hidden += [bytes.fromhex(secret) for secret in SECRETS.values()] + [
        entry[:32] for entry in entries if is_private(entry)
    ]
    forms = [form for secret in hidden for form in (secret, secret.hex().encode(), base64.b64encode(secret)[:20])]
    names = [small.load.signer.meter_id.hex().encode(), base64.b64encode(small.load.signer.meter_id)[:10]]
    return forms + names + [keys.log.skey.encode()]


def holds(body: bytes, secrets: list[bytes]) -> list[bytes]:
    return [secret for secret in secrets if secret in body]


# -------------------------------------------------------------------------------------------------- entry bundles


@pytest.mark.parametrize("caller", [None, "other", "consumer", "producer", "auditor", "operator"])
def test_a_bundle_is_served_whole_or_not_at_all(home, entries, caller) -> None:
    account = None if caller is None else home.accounts[caller]
    seen = set()
    for width in range(1, len(entries) + 1):
        response = home.client(caller).get(f"/log/tile/entries/000.p/{width}")
        allowed = caller in {"auditor", "operator"} or all(may_see(entry, account) for entry in entries[:width])
        assert response.status_code == (200 if allowed else 403), (caller, width)
        seen.add(response.status_code)
        expected = b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries[:width])
        assert (response.content == expected) == allowed
        assert "public" not in response.headers["cache-control"]
    assert seen == ({200} if caller in {"auditor", "operator"} else {200, 403})


def test_no_header_opens_a_bundle(home, entries, secrets) -> None:
    path = f"/log/tile/entries/000.p/{len(entries)}"
    tricks = [
        {"Accept-Encoding": "gzip"},
        {"Accept-Encoding": "identity"},
        {"Range": "bytes=0-175"},
        {"Range": "bytes=-176", "If-Range": "x"},
        {"X-Original-URL": "/log/checkpoint"},
        {"X-HTTP-Method-Override": "GET", "X-Forwarded-For": "127.0.0.1"},
        {"If-None-Match": "*", "If-Modified-Since": "Thu, 01 Jan 2099 00:00:00 GMT"},
    ]
    for headers in tricks:
        response = httpx.get(home.url + path, headers=headers)
        assert response.status_code == 403, headers
        assert holds(response.content, secrets) == []
    for method in ("HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "PROPFIND"):
        response = httpx.request(method, home.url + path)
        assert response.status_code in {401, 403, 405}, method
        assert holds(response.content, secrets) == []
    bad = httpx.get(home.url + path, headers={"Authorization": "Bearer wm_" + "00" * 32})
    assert bad.status_code == 401
    packed = home.client("auditor").get(path, headers={"Accept-Encoding": "gzip"})
    assert len(holds(packed.content, secrets)) > 10, "the control"
    assert packed.content == home.client("auditor").get(path, headers={"Accept-Encoding": "identity"}).content


# ---------------------------------------------------------------------------------------------------- every address

FILES = (
    *("keys/log.key", "keys/blinding.key", "keys/web.key", "wattmark.json", "journal/00000000000000000000.seg"),
    *("views/views.db", "checkpoint/last", "log/tile/0/../../../keys/blinding.key"),
)
ESCAPES = (
    *("/{}", "//{}", "/log/../{}", "/log/tile/../../{}", "/log/tile/0/../../../{}", "/log/tile/entries/../../../{}"),
    *("/log/%2e%2e/{}", "/log/tile/0/%2e%2e/%2e%2e/%2e%2e/{}", "/log/tile/entries/..%2f..%2f..%2f{}", "/static/../{}"),
    *("/static/%2e%2e%2f{}", "/log/tile/0/..%5c..%5c..%5c{}", "/log/tile/0/000%00/../{}", "/log/tile/0/%252e%252e/{}"),
    *("/log/tile/0//{}", "/api/v1/../../{}", "/api/v1/replication/lake/../{}", "/api/v1/replication/lake/..%2f{}"),
    *("/log/checkpoint/../../{}", "/log/checkpoint%00{}", "/log/tile/entries/000.p/../{}"),
)


def raw(url: str, target: str, **headers: str) -> tuple[int, bytes]:
    """The answer to a request target that no client has tidied."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        connection.putrequest("GET", target, skip_host=False)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_no_path_leads_out_of_the_public_files(home, secrets) -> None:
    lake = min((home.small.home / "lake").rglob("*.parquet")).relative_to(home.small.home).as_posix()
    files = {name: (home.small.home / name).resolve().read_bytes() for name in (*FILES, lake)}
    for escape in ESCAPES:
        for name, content in files.items():
            status, body = raw(home.url, escape.format(name))
            assert status in {400, 401, 403, 404, 405, 422}, (escape, name, status)
            assert holds(body, secrets) == [], (escape, name)
            assert content[:64] not in body


def addresses(home: ServedHome) -> list[str]:
    """Every address that a stranger may call, with every number there is."""
    state = home.platform.state
    numbers = {
        "position": range(home.platform.sequencer.published_size),
        "lot": range(state.count("lots")),
        "device": range(state.count("devices")),
        "product": range(state.count("products")),
        "retailer": range(2),
        "day": [DAY.isoformat()],
        "level": ["0"],
        "name": ["wattmark.css"],
        "path:path": [f"000.p/{home.platform.sequencer.published_size}", "000"],
    }
    open_to_all = {Access.PUBLIC, Access.ANY}
    paths = [path for (method, path), access in TABLE.items() if method == "GET" and access in open_to_all]
    paths += [path for (method, path), access in PAGES.items() if method == "GET" and access is PageAccess.PUBLIC]
    found = []
    for path in paths:
        if path.endswith("/stream"):
            continue  # shows what the market's pages show
        expanded = [path]
        for name, values in numbers.items():
            expanded = [
                one.replace(f"{{{name}}}", str(v)) for one in expanded for v in (values if name in path else [0])
            ]
        found += expanded
        found += [f"{one}?day={DAY.isoformat()}" for one in expanded if one.endswith(("/production", "/day"))]
    return sorted(set(found))


def test_no_public_address_tells_a_secret(home, secrets) -> None:
    """All of them, as they are and in both languages; the owner's name and meter, keys, salts and private records."""
    asked = addresses(home)
    assert len(asked) > 200
    assert not any("{" in address for address in asked)
    answered = 0
    with httpx.Client(base_url=home.url, timeout=30) as client:
        for address in asked:
            response = client.get(address, headers={"Accept-Language": "ja" if answered % 2 else "en"})
            assert response.status_code < 500, address
            answered += response.status_code == 200
            assert holds(response.content, secrets) == [], address
    assert answered > 150


def test_the_use_of_a_home_is_nowhere_public(home) -> None:
    """One home with a meter: its half hours, its day and what its meter delivered, in whatever answer."""
    client = home.client(None)
    assert {slot["demand_wh"] for slot in client.get(f"/api/v1/day?day={DAY.isoformat()}").json()["slots"]} == {None}
    used = plants.device(home.platform, home.small.dwelling)
    assert client.get(f"/api/v1/devices/{used.device}").status_code == 404
    for position in range(home.platform.sequencer.published_size):
        seen = client.get(f"/api/v1/records/{position}").json()
        assert seen["fields"].get("bulk_kind", 6) in PUBLIC_BULKS
        assert "account" not in seen["fields"]
        assert seen["actor"] in {-1, 0}
    told = client.get("/log").text + client.get("/").text
    assert "18,600" not in told


def test_a_stamp_names_no_holder(home) -> None:
    for lot in range(home.platform.state.count("lots")):
        page = home.client(None).get(f"/stamp/{lot}")
        assert page.status_code in {200, 404}
        assert "consumer" not in page.text.lower().replace("/consumer", "")


# ------------------------------------------------------------------------------------------------ the server's log


def test_the_log_of_the_server_repeats_nobodys_data(home, secrets, caplog, monkeypatch) -> None:
    """Refusals, malformed bodies and a fault of ours whose words hold a name: the log has frames and types only."""
    name = "Hanako Himitsu"

    def fault(*_: object, **__: object) -> None:
        raise ValueError(f"{name} {SECRETS['consumer']}")

    caplog.set_level(logging.DEBUG)
    client, account = home.client("consumer"), home.accounts["consumer"]
    client.post("/api/v1/orders", content=json.dumps({"id": name, "product": name}).encode())
    client.post("/api/v1/orders", content=name.encode())
    client.post("/api/v1/readings?id=" + "0" * 32, content=name.encode())
    httpx.get(f"{home.url}/api/v1/accounts/me", headers={"Authorization": f"Bearer wm_{name}"})
    httpx.post(f"{home.url}/login", data={"key": f"wm_{SECRETS['consumer']}", "csrf": name})
    monkeypatch.setattr(plants, "devices_of", fault)
    failed = client.get(f"/api/v1/accounts/{account}/devices")
    assert failed.status_code == 500
    assert name not in failed.text
    ours = [
        record for record in caplog.records if record.name.startswith(("wattmark", "uvicorn", "starlette", "fastapi"))
    ]
    assert any(record.levelno >= logging.ERROR for record in ours), "the fault is logged"
    formatter = logging.Formatter()
    said = "\n".join(formatter.format(record) for record in ours)
    assert "devices_of" in said or "fault" in said, "with the place where it was raised"
    assert name not in said
    assert holds(said.encode(), secrets) == []
    assert SECRETS["consumer"] not in said
