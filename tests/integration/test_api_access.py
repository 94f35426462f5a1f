"""Every route as every caller: nobody, a stranger, the owner, a producer, an auditor, the operator.

Each route has a row; a route without one fails the first test. ``yes`` means let through to the handler (any status
but 401 and 403, and never 404 for the owner), else the status that keeps the caller out.
"""

import contextlib
import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import numpy as np
import pytest

from reference.served_home import SECRETS, ServedHome, new_id, served_home
from wattmark.api.app import create_app
from wattmark.api.authorisation import TABLE
from wattmark.testing.small_home import DAY, PSEUDONYMS
from wattmark.tokens import layout as k
from wattmark.web.access import PAGES

CALLERS = ("nobody", "other", "consumer", "producer", "auditor", "operator")
ROUTES = """
method path                                        body      nobody other consumer producer auditor operator
GET    /api/v1/health                              -         yes    yes   yes      yes      yes     yes
GET    /api/v1/day                                 -         yes    yes   yes      yes      yes     yes
GET    /api/v1/bank                                -         yes    yes   yes      yes      yes     yes
GET    /api/v1/products                            -         yes    yes   yes      yes      yes     yes
GET    /api/v1/products/{product}                  -         yes    yes   yes      yes      yes     yes
GET    /api/v1/products/{product}/book             -         yes    yes   yes      yes      yes     yes
GET    /api/v1/products/{product}/trades           -         yes    yes   yes      yes      yes     yes
GET    /api/v1/products/{product}/candles          -         yes    yes   yes      yes      yes     yes
GET    /api/v1/devices                             -         yes    yes   yes      yes      yes     yes
GET    /api/v1/devices/{device}                    -         404    404   yes      404      yes     yes
GET    /api/v1/devices/{device}/production         -         404    404   yes      404      yes     yes
GET    /api/v1/plan/{retailer}/{day}               -         yes    yes   yes      yes      yes     yes
GET    /api/v1/records/{position}                  -         yes    yes   yes      yes      yes     yes
GET    /api/v1/records/{position}/proof            -         yes    yes   yes      yes      yes     yes
GET    /log/checkpoint                             -         yes    yes   yes      yes      yes     yes
GET    /log/tile/{level}/{path:path}               -         yes    yes   yes      yes      yes     yes
GET    /log/tile/entries/{path:path}               -         403    403   403      403      yes     yes
GET    /api/v1/log/witnesses                       -         yes    yes   yes      yes      yes     yes
GET    /api/v1/replication/frames                  -         401    403   403      403      yes     yes
GET    /api/v1/replication/head                    -         401    403   403      403      yes     yes
GET    /api/v1/replication/tiles                   -         401    403   403      403      yes     yes
GET    /api/v1/replication/settings                -         401    403   403      403      yes     yes
GET    /api/v1/replication/lake/{path:path}        -         401    403   403      403      yes     yes
POST   /api/v1/replication/fence                   id        401    403   403      403      403     skip
GET    /api/v1/accounts                            -         401    403   403      403      yes     yes
GET    /api/v1/accounts/me                         -         401    yes   yes      yes      yes     yes
GET    /api/v1/accounts/{account}                  -         401    404   yes      404      yes     yes
GET    /api/v1/accounts/{account}/keys             -         401    404   yes      404      yes     yes
GET    /api/v1/accounts/{account}/holdings         -         401    404   yes      404      yes     yes
GET    /api/v1/accounts/{account}/orders           -         401    404   yes      404      yes     yes
GET    /api/v1/accounts/{account}/trades           -         401    404   yes      404      yes     yes
GET    /api/v1/accounts/{account}/devices          -         401    404   yes      404      yes     yes
GET    /api/v1/accounts/{account}/statements       -         401    404   yes      404      yes     yes
GET    /api/v1/accounts/{account}/statements/{day} -         401    404   yes      404      yes     yes
GET    /api/v1/orders/{id}                         -         401    404   yes      404      yes     yes
GET    /api/v1/commands/{id}                       -         401    404   yes      404      yes     yes
GET    /api/v1/lots/{lot}                          -         401    404   yes      404      yes     yes
GET    /api/v1/lots/{lot}/certificate              -         401    404   yes      404      yes     yes
POST   /api/v1/accounts                            account   401    403   403      403      403     yes
POST   /api/v1/accounts/{account}/keys             key       401    403   403      403      403     yes
POST   /api/v1/accounts/{account}/deposits         amount    401    403   403      403      403     yes
POST   /api/v1/accounts/{account}/payouts          amount    401    403   403      403      403     yes
POST   /api/v1/bank/cover                          cover     401    403   403      403      403     yes
POST   /api/v1/devices                             device    401    403   403      403      403     yes
POST   /api/v1/devices/{device}/meter-keys         meter_key 401    403   403      403      403     yes
POST   /api/v1/products                            product   401    403   403      403      403     yes
POST   /api/v1/keys/{key}/revoke                   id        401    404   skip     404      403     skip
POST   /api/v1/readings                            reading   401    yes   yes      yes      403     yes
POST   /api/v1/readings/bulk                       reading   401    yes   yes      yes      403     yes
POST   /api/v1/orders                              order     401    yes   yes      yes      403     yes
POST   /api/v1/orders/batch                        orders    401    yes   yes      yes      403     yes
POST   /api/v1/orders/{id}/cancel                  id        401    404   yes      404      403     yes
POST   /api/v1/orders/{id}/amend                   amend     401    404   yes      404      403     yes
POST   /api/v1/accounts/{account}/orders/cancel-all cancel   401    404   yes      404      403     yes
POST   /api/v1/products/{product}/limits           limits    401    403   403      403      403     yes
POST   /api/v1/products/{product}/trading          trading   401    403   403      403      403     yes
POST   /api/v1/products/{product}/capacity         capacity  401    403   403      403      403     yes
POST   /api/v1/products/{product}/routes           route     401    403   403      403      403     yes
POST   /api/v1/lots/{held}/transfer                transfer  401    403   yes      403      403     403
POST   /api/v1/lots/{held}/split                   range     401    403   yes      403      403     403
POST   /api/v1/lots/{held}/reserve                 reserve   401    403   yes      403      403     403
POST   /api/v1/lots/{held}/release                 id        401    403   yes      403      403     yes
POST   /api/v1/lots/{held}/retire                  retire    401    403   yes      403      403     yes
POST   /api/v1/lots/{held}/bank                    bank      401    404   yes      404      403     yes
"""
ROWS = [line.split() for line in ROUTES.strip().splitlines()[1:]]
NOT_A_PLAIN_ANSWER = {
    ("GET", "/api/v1/stream"),
    ("GET", "/api/v1/market/stream"),
    ("WEBSOCKET", "/api/v1/socket"),
}
"""Public and endless; tested in ``test_api.py``, ``test_api_market_data.py`` and ``test_api_socket.py``."""


@dataclass
class Things:
    """What the consumer owns, by the name it has in a path."""

    account: int
    device: int
    lot: int
    held: int
    key: int
    id: str
    product: int = 0
    retailer: int = 0
    position: int = 3
    day: str = DAY.isoformat()
    level: str = "0"
    tile: str = ""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHome]:
    with served_home(tmp_path_factory.mktemp("access")) as running:
        yield running


@pytest.fixture(scope="module")
def things(home: ServedHome) -> Things:
    lots, account = home.platform.state.lots, home.accounts["consumer"]
    retired = np.flatnonzero((lots[:, k.L_STATE] == k.RETIRED) & (lots[:, k.L_REF] == account))
    order = {
        "id": new_id("access"),
        "product": 0,
        "side": "buy",
        "price_sen_per_kwh": 1,
        "quantity_wh": 5,
    }
    given = home.client("consumer").post("/api/v1/orders", json=order)
    assert given.status_code == 201, given.text
    producer_lot = int(
        np.flatnonzero((lots[:, k.L_OWNER] == home.accounts["producer"]) & (lots[:, k.L_STATE] == k.HELD))[0]
    )
    row = lots[producer_lot]
    give = {
        "id": new_id("gift"),
        "start": int(row[k.L_START]),
        "end": int(row[k.L_END]),
        "to_account": account,
    }
    held = home.client("producer").post(f"/api/v1/lots/{producer_lot}/transfer", json=give).json()["lot"]
    key = home.platform.views.keys_of(account)[0].key
    home.platform.publish()
    width = home.platform.sequencer.published_size % 256
    name = "000" if home.platform.sequencer.published_size < 256 else "001"
    return Things(account, home.small.dwelling, int(retired[0]), held, key, order["id"], tile=f"{name}.p/{width}")


def named(path: str) -> str:
    return path.replace("{held}", "{lot}")


def test_every_route_is_tried() -> None:
    assert {(method, named(path)) for method, path, *_ in ROWS} | NOT_A_PLAIN_ANSWER == TABLE.keys()


def test_an_application_counts_its_routes_when_it_is_made(home: ServedHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(TABLE, ("GET", "/api/v1/bank"))
    with pytest.raises(AssertionError, match="/api/v1/bank"):
        create_app(home.platform)


def bodies(home: ServedHome, things: Things, name: str) -> dict:
    lots = home.platform.state.lots
    start, end = int(lots[things.held, k.L_START]), int(lots[things.held, k.L_END])
    part = {"start": start, "end": start + 1}
    fresh = {"id": new_id(name, home.platform.sequencer.position)}
    words = {"en": "x", "ja": "x"}
    order = fresh | {"product": 0, "side": "buy", "price_sen_per_kwh": 1, "quantity_wh": 1}
    meter = {"meter_id": fresh["id"][:16], "name": words, "story": words}
    choice = {
        "id": fresh,
        "account": fresh | {"roles": 4, "name": "x"},
        "key": fresh | {"key_sha256": fresh["id"] * 2, "roles": 4},
        "amount": fresh | {"amount_e5jpy": 1},
        "cover": fresh | {"forward_wh": 10**6, "stored_wh": 0, "stress_price_sen": 25_100},
        "device": fresh
        | meter
        | {"account": things.account, "area": 3, "source": 0, "capacity_w": 9, "channel_role": 2},
        "meter_key": fresh | {"alg": -8, "kid": fresh["id"][:16], "public_key": "ab" * 32, "valid_from_ms": 0},
        "product": fresh
        | {"area": 3, "source": 2, "period_start_s": 0, "duration_s": 1_800, "gate_open_ms": 0, "gate_close_ms": 9},
        "order": order,
        "orders": {"orders": [order]},
        "amend": fresh | {"price_sen_per_kwh": 1, "quantity_wh": 4},
        "cancel": fresh,
        "limits": fresh | {"low_sen": 0, "high_sen": 0},
        "trading": fresh | {"trading": "resume"},
        "capacity": fresh | {"granted_wh": 1},
        "route": fresh | {"from_area": 3, "to_area": 4},
        "transfer": fresh | part | {"to_account": 0},
        "range": fresh | part,
        "reserve": fresh | part | {"timeout_ms": 1 << 42},
        "retire": fresh | part | {"beneficiary_account": things.account, "claim": 3},
        "bank": fresh | part | {"rule": 3},
    }
    del end
    return choice[name]


def call(home: ServedHome, things: Things, caller: str, method: str, path: str, body: str) -> httpx.Response:
    file = home.platform.lake.list()[0] if "/lake/" in path else things.tile
    address = path.replace("{path:path}", file).format(**vars(things))
    client = home.client(None if caller == "nobody" else caller)
    if body == "reading":
        return client.post(address, params={"id": new_id(caller, path), "form": "slot"}, content=b"\x40")
    if body == "-":
        headers = {"Wattmark-Pseudonym": PSEUDONYMS[0].hex()} if "/plan/" in path else {}
        params = {"day": things.day} if path.endswith("/production") else {}
        return client.get(address, headers=headers, params=params)
    return client.request(method, address, json=bodies(home, things, body))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1]}")
def test_who_gets_in(home: ServedHome, things: Things, row: list[str]) -> None:
    method, path, body, *expected = row
    for caller, outcome in zip(CALLERS, expected, strict=True):
        if outcome == "skip":  # would end a key or the writer that the other rows need
            continue
        before = home.state_hash()
        response = call(home, things, caller, method, path, body)
        if outcome == "yes":
            assert response.status_code not in {401, 403, 500, 503}, (caller, response.text)
            assert response.status_code != 404 or caller == "other", (caller, response.text)
            continue
        assert response.status_code == int(outcome), (caller, response.text)
        assert set(response.json()["error"]) == {"code", "field", "value", "rule"}
        assert home.state_hash() == before


def test_a_wrong_key_is_like_none(home: ServedHome) -> None:
    for secret in ("ff" * 32, "wm_" + "ff" * 32, "short", "FF" * 32):
        response = httpx.get(f"{home.url}/api/v1/accounts/me", headers={"Authorization": f"Bearer {secret}"})
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert secret not in response.text


def test_a_plant_is_public_but_not_its_owner(home: ServedHome) -> None:
    public = httpx.get(f"{home.url}/api/v1/devices/{home.small.plant}").json()
    assert "account" not in public
    assert home.client("producer").get(f"/api/v1/devices/{home.small.plant}").json()["account"] == home.small.producer


def test_trades_name_nobody(home: ServedHome, things: Things) -> None:
    public = httpx.get(f"{home.url}/api/v1/products/0/trades").json()["trades"]
    assert public
    assert set(public[0]) == {"position", "timestamp_ms", "quantity_wh", "price_sen_per_kwh"}
    mine = home.client("consumer").get(f"/api/v1/accounts/{things.account}/trades").json()["trades"]
    assert mine[0]["side"] == "buy"
    assert not {"buyer", "seller"} & mine[0].keys()


def test_a_private_record_shows_only_that_it_exists(home: ServedHome, things: Things) -> None:
    position = home.client("consumer").get(f"/api/v1/commands/{things.id}").json()["position"]
    hidden = {"kind": 0, "fields": {}, "actor": -1, "identity": "0" * 32, "result0": 0, "result1": 0, "outcome": 0}
    for caller in (None, "other", "producer"):
        seen = home.client(caller).get(f"/api/v1/records/{position}").json()
        assert {name: seen[name] for name in hidden} == hidden
    assert home.client("consumer").get(f"/api/v1/records/{position}").json()["fields"]["quantity_wh"] == 5


# ------------------------------------------------------------------------------------------------ pages

FORMS = {
    ("POST", "/market/{product}/order"),
    ("POST", "/me/orders/{order}/cancel"),
    ("POST", "/me/orders/{order}/amend"),
    ("POST", "/me/orders/cancel-all"),
    ("POST", "/login"),
    ("POST", "/logout"),
    ("POST", "/verify"),
}


def test_every_page_for_the_signed_in_sends_a_stranger_to_the_entrance(home: ServedHome, things: Things) -> None:
    for (method, path), access in PAGES.items():
        if access.name != "OWN":
            continue
        address = path.format(order=0, product=0, day=things.day, lot=things.lot)
        response = httpx.request(method, home.url + address, follow_redirects=False)
        assert response.status_code == (303 if method == "GET" else 401), (method, path)
        if method == "GET":
            assert response.headers["location"].startswith("/login")


@contextmanager
def log_in(home: ServedHome, secret: str) -> Iterator[httpx.Client]:
    client = httpx.Client(base_url=home.url, follow_redirects=True)
    try:
        token = csrf(client.get("/login").text)
        page = client.post("/login", data={"csrf": token, "key": f"wm_{secret}", "next": "/me"})
        assert page.status_code == 200
        yield client
    finally:
        client.close()


def csrf(page: str) -> str:
    return page.split('name="csrf" value="')[1].split('"', maxsplit=1)[0]


def test_own_pages_never_show_anothers_things(home: ServedHome, things: Things) -> None:
    with log_in(home, SECRETS["other"]) as stranger:
        assert stranger.get(f"/me/certificate/{things.lot}.json").status_code == 404
        assert stranger.get(f"/me/statement/{things.day}.json").status_code == 404
        assert stranger.get(f"/me/sheet/{things.day}.svg").status_code == 404
        assert "consumer" not in stranger.get("/me").text
        token = csrf(stranger.get("/me/wallet").text)
        data = {"csrf": token, "id": new_id("steal")}
        orders = home.client("consumer").get(f"/api/v1/accounts/{things.account}/orders?state=open").json()["orders"]
        if orders:
            number = orders[0]["order"]
            assert stranger.post(f"/me/orders/{number}/cancel", data=data).status_code == 404
            changed = data | {"price": "0.05", "quantity": "1"}
            assert stranger.post(f"/me/orders/{number}/amend", data=changed).status_code == 404
    with log_in(home, SECRETS["consumer"]) as mine:
        assert mine.get(f"/me/certificate/{things.lot}.json").status_code == 200
        assert mine.get(f"/me/statement/{things.day}.json").status_code == 200
        assert mine.get(f"/me/sheet/{things.day}.svg").headers["content-type"].startswith("image/svg+xml")


@pytest.mark.parametrize(("method", "path"), sorted(FORMS))
def test_a_form_without_its_token_does_nothing(home: ServedHome, things: Things, method: str, path: str) -> None:
    address = path.format(product=0, order=0)
    before = home.state_hash()
    with log_in(home, SECRETS["consumer"]) as client:
        data = {
            "id": new_id("forged", path),
            "side": "buy",
            "price": "1",
            "quantity": "1",
            "key": f"wm_{SECRETS['operator']}",
            "proof": "x",
        }
        assert client.request(method, address, data=data).status_code == 403
        forged = {**data, "csrf": csrf(httpx.get(f"{home.url}/login").text)}
        assert client.request(method, address, data=forged).status_code == 403
        assert client.get("/me").url.path == "/me", "the session is still the consumer's"
    assert home.state_hash() == before


def test_every_form_of_the_site_has_a_row() -> None:
    assert {key for key in PAGES if key[0] == "POST"} == FORMS


def test_every_link_of_the_site_leads_somewhere(home: ServedHome) -> None:
    """From the front page, as a stranger and as each account, to the last page."""
    for caller in (None, "consumer", "producer", "operator"):
        with log_in(home, SECRETS[caller]) if caller else contextlib.closing(home_client(home)) as client:
            assert len(crawl(client)) > 40, caller


def home_client(home: ServedHome) -> httpx.Client:
    return httpx.Client(base_url=home.url, follow_redirects=True)


def crawl(client: httpx.Client) -> set[str]:
    seen, waiting = {"/"}, ["/"]
    while waiting and len(seen) < 400:
        address = waiting.pop()
        response = client.get(address)
        assert response.status_code == 200, address
        if not response.headers["content-type"].startswith("text/html"):
            continue
        for link in re.findall(r'(?:href|src)="(/[^"]*)"', response.text):
            plain = html.unescape(link).split("#")[0]
            if plain not in seen:
                seen.add(plain)
                waiting.append(plain)
    return seen


JUNK_PATHS = ["-1", "0", "99999999999999999999", "2147483647", "abc", "%00", "..%2f..", "1.5", "é", "0" * 32, "f" * 32]
JUNK_BODIES = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b"\x00",
    b'{"id": 1}',
    b"[" * 2_000,
    b'{"id":"' + b"0" * 32 + b'"}',
    b"\xff\xfe",
]


@pytest.mark.parametrize("key", sorted(TABLE.keys() - NOT_A_PLAIN_ANSWER), ids=" ".join)
def test_no_nonsense_is_our_fault(home: ServedHome, key: tuple[str, str]) -> None:
    """Whatever stands in address, query or body, the answer is a refusal in the one form and nothing changes."""
    method, path = key
    client = home.client("operator")
    before = home.state_hash()
    for junk in JUNK_PATHS:
        address = re.sub(r"\{[^}]*\}", junk, path)
        bodies = [b""] if method == "GET" else JUNK_BODIES
        for body in bodies:
            for query in ("", "?limit=0&after=x&day=1&before=-1&id=1&form=x&source=99&area=z&duration_s=1"):
                response = client.request(method, address + query, content=body)
                assert response.status_code < 500, (address, query, body, response.text)
                if response.status_code >= 400:
                    assert set(response.json()["error"]) == {"code", "field", "value", "rule"}
        if "{" not in path:
            break
    assert home.state_hash() == before


@pytest.mark.parametrize("path", sorted({path for method, path in PAGES if method == "GET"}))
def test_no_nonsense_breaks_a_page(home: ServedHome, path: str) -> None:
    with log_in(home, SECRETS["consumer"]) as client:
        for junk in JUNK_PATHS:
            address = re.sub(r"\{[^}]*\}", junk, path)
            for query in (
                "",
                "?lang=xx&day=1&source=99&after=-1&position=x&cancelled=x&next=//x",
                "?day=0001-01-01&lang=ja",
            ):
                assert client.get(address + query).status_code < 500, (address, query)


def test_nothing_secret_or_personal_is_logged(
    home: ServedHome, things: Things, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with log_in(home, SECRETS["consumer"]) as client:
        client.get("/me")
        client.get("/plants/99")
        session = client.cookies["wattmark_session"]
    home.client("consumer").get(f"/api/v1/accounts/{things.account}")
    home.client("consumer").post("/api/v1/orders", content=b'{"name": "consumer-secret-name"}')
    httpx.get(f"{home.url}/api/v1/accounts/me", headers={"Authorization": "Bearer wm_" + "ee" * 32})
    ours = "\n".join(
        record.getMessage()
        for record in caplog.records
        if record.name.split(".")[0] in {"wattmark", "uvicorn", "fastapi"}
    )
    for secret in (SECRETS["consumer"], "ee" * 32, session, "consumer-secret-name"):
        assert secret not in ours
