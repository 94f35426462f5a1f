"""The WebSocket over a real server: who may speak, orders with their verdicts, market data, and what ends with it."""

import asyncio
import itertools
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from fuzz.mutation import Mutator
from reference.served_home import SECRETS, ServedHome, new_id, served, served_home
from wattmark.api import socket as socket_module
from wattmark.api import taps
from wattmark.api.batch import order_rows
from wattmark.api.models import PlaceOrder
from wattmark.core.periods import DAY_S
from wattmark.engine.commands import to_bytes
from wattmark.market import layout as m
from wattmark.testing.small_home import NIGHT_MS, START_S

API = "/api/v1"
OCTETS = {"Content-Type": "application/octet-stream"}
KEY = f"wm_{SECRETS['consumer']}"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHome]:
    with served_home(tmp_path_factory.mktemp("socket")) as running:
        yield running


def address(home: ServedHome) -> str:
    return home.url.replace("http://", "ws://") + f"{API}/socket"


class Client:
    """A client that keeps market data and answers apart."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.told: list[dict[str, Any]] = []

    def send(self, **fields: Any) -> None:
        self.connection.send(json.dumps(fields))

    def receive(self) -> dict[str, Any]:
        return json.loads(self.connection.recv(timeout=20))

    def ask(self, **fields: Any) -> dict[str, Any]:
        """Send a message and return its answer."""
        self.send(**fields)
        while (message := self.receive())["type"] not in {"answer", "error"}:
            self.told.append(message)
        return message

    def hear(self, kind: str) -> dict[str, Any]:
        """Return the next message of a kind."""
        while True:
            message = self.told.pop(0) if self.told else self.receive()
            if message["type"] == kind:
                return message


@contextmanager
def speaking(home: ServedHome, *, session: int | None = None, **options: Any) -> Iterator[Client]:
    with connect(address(home), **options) as connection:
        client = Client(connection)
        if session is not None:
            answer = client.ask(op="login", key=KEY, session=session)
            assert answer == {"type": "answer", "op": "login", "account": home.accounts["consumer"]}
        yield client


def list_product(home: ServedHome, name: str) -> int:
    body = {
        "id": new_id("ws product", name),
        "area": 3,
        "source": 1,
        "period_start_s": START_S + 4 * DAY_S,
        "duration_s": 1_800,
        "gate_open_ms": 0,
        "gate_close_ms": NIGHT_MS + 10 * DAY_S * 1_000,
    }
    answer = home.client("operator").post(f"{API}/products", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["product"]


def order(product: int, name: object, **changes: Any) -> dict[str, Any]:
    fields = {"id": new_id("ws", name), "product": product, "side": "buy", "price_sen_per_kwh": 900, "quantity_wh": 5}
    return {name: value for name, value in (fields | changes).items() if value is not None}


def open_orders(home: ServedHome, product: int) -> int:
    with home.platform.sequencer.reading() as state:
        orders = state.orders
        return int(((orders[:, m.O_PRODUCT] == product) & (orders[:, m.O_STATE] == m.ORDER_OPEN)).sum())


def wait_for(condition: Any, seconds: float = 20) -> None:
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds
        time.sleep(0.02)


def test_an_order_is_placed_amended_and_cancelled_and_each_is_answered_with_its_verdict(home: ServedHome) -> None:
    product = list_product(home, "orders")
    with speaking(home, session=11) as client:
        placed = client.ask(op="place", tag="first", **order(product, "a"))
        assert (placed["type"], placed["op"], placed["tag"]) == ("answer", "place", "first")
        assert (placed["id"], placed["outcome"], placed["result1"]) == (new_id("ws", "a"), "OK", 0)
        assert home.platform.sequencer.find(int(placed["id"], 16)) is not None, "on disk before it is answered"
        again = client.ask(op="place", **order(product, "a"))
        assert again | {"tag": "first"} == placed, "the same id has the same verdict"
        amended = client.ask(op="amend", id=new_id("am"), order=placed["id"], price_sen_per_kwh=901, quantity_wh=9)
        assert (amended["outcome"], amended["result1"]) == ("OK", 0)
        seen = home.client("consumer").get(f"{API}/orders/{placed['id']}").json()
        assert (seen["price_sen"], seen["remaining_wh"]) == (901, 9)
        cancelled = client.ask(op="cancel", id=new_id("ca"), order=placed["id"])
        assert (cancelled["outcome"], cancelled["result1"]) == ("OK", 9)
        twice = client.ask(op="cancel", id=new_id("ca 2"), order=placed["id"])
        assert twice["error"]["code"] == "ORDER_NOT_OPEN"
        for number in range(3):
            client.ask(op="place", **order(product, ("all", number)))
        gone = client.ask(op="cancel_all", id=new_id("all"), product=product)
        assert (gone["result0"], gone["result1"]) == (3, 15)


def test_many_orders_at_once_are_answered_each_and_in_their_order_in_the_book(home: ServedHome) -> None:
    product = list_product(home, "many")
    with speaking(home, session=12) as client:
        for number in range(300):
            client.send(op="place", **order(product, ("many", number)))
        answers = [client.receive() for _ in range(300)]
        assert {answer["outcome"] for answer in answers} == {"OK"}
        by_id = {answer["id"]: answer["result0"] for answer in answers}
        rows = [by_id[new_id("ws", ("many", number))] for number in range(300)]
        assert rows == sorted(rows), "the order of arrival is the order of the book"


REFUSED = {
    "no JSON": ("{", "NOT_JSON", "1"),
    "a key twice": ('{"op":"place","op":"place"}', "NOT_JSON", "body"),
    "no object": ("[1]", "NOT_AN_OBJECT", "message"),
    "no op": ("{}", "UNKNOWN_OP", "op"),
    "another op": ('{"op":"steal"}', "UNKNOWN_OP", "op"),
    "an op that is none": ('{"op":{}}', "UNKNOWN_OP", "op"),
    "a tag of numbers": ('{"op":"heartbeat","tag":5}', "FIELD_INVALID", "tag"),
    "a field too many": ('{"op":"heartbeat","x":1}', "FIELD_INVALID", "x"),
    "a field too few": ('{"op":"cancel","id":"' + "1" * 32 + '"}', "FIELD_MISSING", "order"),
    "too long": ('{"op":"heartbeat","tag":"' + "x" * (17 << 10) + '"}', "TOO_LONG", "message"),
    "no price": (json.dumps({"op": "place", **order(0, "x", price_sen_per_kwh=None)}), "ORDER_PRICE", "price_sen_per_kwh"),
    "price of nothing": (json.dumps({"op": "place", **order(0, "x", price_sen_per_kwh=0)}), "FIELD_INVALID", "price_sen_per_kwh"),
    "no product": (json.dumps({"op": "place", **order(10**6, "x")}), "UNKNOWN_PRODUCT", "product"),
    "no such order": (json.dumps({"op": "cancel", "id": "1" * 32, "order": "2" * 32}), "UNKNOWN_ORDER", "order"),
    "an unknown channel": ('{"op":"subscribe","product":0,"channel":"all"}', "FIELD_INVALID", "channel"),
    "no product to follow": ('{"op":"subscribe","product":99999}', "UNKNOWN_PRODUCT", "product"),
    "no session": ('{"op":"login","session":0}', "FIELD_INVALID", "session"),
}  # fmt: skip


def test_every_refusal_names_field_and_rule_and_changes_nothing(home: ServedHome) -> None:
    with speaking(home, additional_headers={"Authorization": f"Bearer {KEY}"}) as client:
        before = home.state_hash()
        position = home.platform.sequencer.position
        for name, (text, code, field) in REFUSED.items():
            client.connection.send(text)
            answer = client.receive()
            found = answer["error"]
            assert (found["code"], found["field"]) == (code, field), name
            assert answer["type"] == ("answer" if "outcome" in answer else "error"), name
            assert all(found["rule"].values()), name
        client.connection.send(b"\x00\x01")
        assert client.receive()["error"]["code"] == "NOT_TEXT"
        assert client.ask(op="login", session=13)["account"] == home.accounts["consumer"]
        assert client.ask(op="login")["error"]["code"] == "LOGGED_IN"
        assert home.platform.sequencer.position - position == 2, "a refused command is on record, others leave no trace"
        assert home.state_hash() == before


def test_who_speaks_is_asked_at_every_order(home: ServedHome) -> None:
    product = list_product(home, "who")
    with speaking(home) as nobody:
        assert nobody.ask(op="place", **order(product, "nobody"))["error"]["code"] == "KEY_REQUIRED"
        assert nobody.ask(op="login")["error"]["code"] == "KEY_REQUIRED"
        assert nobody.ask(op="login", key="wm_" + "00" * 32)["error"]["code"] == "KEY_REQUIRED"
        assert nobody.ask(op="subscribe", product=product)["type"] == "answer"
        assert nobody.ask(op="login", key=f"wm_{SECRETS['auditor']}", session=5)["error"]["code"] == "NOT_ALLOWED"
        assert nobody.ask(op="login", key=f"wm_{SECRETS['auditor']}")["type"] == "answer"
        assert nobody.ask(op="place", **order(product, "nobody"))["error"]["code"] == "NOT_ALLOWED"
    for bad in ("Bearer wm_nothing", "Basic x"):
        with pytest.raises(InvalidStatus) as refused, speaking(home, additional_headers={"Authorization": bad}):
            pass
        assert refused.value.response.status_code == 401
    with speaking(home, session=14) as mine:
        placed = mine.ask(op="place", **order(product, "mine"))
        with connect(address(home)) as connection:
            other = Client(connection)
            other.ask(op="login", key=f"wm_{SECRETS['other']}")
            for op, fields in (("cancel", {}), ("amend", {"price_sen_per_kwh": 1, "quantity_wh": 1})):
                found = other.ask(op=op, id=new_id("steal", op), order=placed["id"], **fields)["error"]
                assert (found["code"], found["field"]) == ("UNKNOWN_ORDER", "order"), "it reads as if it did not exist"
            assert other.ask(op="cancel_all", id=new_id("steal all"))["result0"] == 0
        assert home.client("consumer").get(f"{API}/orders/{placed['id']}").json()["remaining_wh"] == 5


def test_no_key_is_sent_back(home: ServedHome) -> None:
    with speaking(home) as client:
        for message in ({"op": "login", "key": "wm_" + "5" * 300}, {"op": "subscribe", "product": 0, "key": KEY}):
            found = client.ask(**message)["error"]
            assert (found["field"], found["value"]) == ("key", "")


def test_pages_of_others_may_not_connect(home: ServedHome) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        with pytest.raises(InvalidStatus) as refused, connect(address(home), origin=origin):
            pass
        assert refused.value.response.status_code == 403
        assert json.loads(refused.value.response.body)["error"]["code"] == "ORIGIN_NOT_ALLOWED"
    with connect(address(home), origin=home.url) as connection:
        assert Client(connection).ask(op="subscribe", product=0)["type"] == "answer"


def test_all_channels_of_a_product(home: ServedHome) -> None:
    product = list_product(home, "channels")
    with speaking(home) as client:
        for channel in ("book", "top", "trades"):
            assert client.ask(op="subscribe", product=product, channel=channel)["channel"] == channel
        assert client.ask(op="subscribe", product=product, channel="candles", interval_s=1)["type"] == "answer"
        first = client.hear("snapshot")
        assert (first["product"], first["bids"]) == (product, [])
        body = order(product, "channel")
        assert home.client("consumer").post(f"{API}/orders", json=body).status_code == 201
        increment = client.hear("increment")
        assert increment["sequence"] == first["sequence"] + 1
        assert increment["bids"] == [{"price_sen": 900, "quantity_wh": 5, "orders": 1}]
        assert client.hear("top")["bid"] == increment["bids"][0]
        assert client.ask(op="unsubscribe", product=product, channel="book")["type"] == "answer"
    with speaking(home) as late:
        answer = late.ask(op="subscribe", product=product, sequence=first["sequence"])
        assert answer["type"] == "answer"
        assert late.hear("increment") == increment, "who was here before gets what was missed"


def test_candles_begin_with_the_last_one(home: ServedHome) -> None:
    with speaking(home) as client:
        client.ask(op="subscribe", product=0, channel="candles", interval_s=60, align="utc")
        candle = client.hear("candle")
        (expected,) = home.client().get(f"{API}/products/0/candles?interval_s=60&align=utc").json()["candles"]
        assert candle == {"type": "candle", "product": 0, "align": "utc", **expected}


def test_orders_of_a_session_end_with_its_socket_however_it_ends(home: ServedHome) -> None:
    product = list_product(home, "ends")
    stays = home.client("consumer").post(f"{API}/orders", json=order(product, "stays"))
    assert stays.status_code == 201
    with speaking(home, session=21) as client:
        client.ask(op="place", **order(product, "closed"))
        assert open_orders(home, product) == 2
    wait_for(lambda: open_orders(home, product) == 1)
    with speaking(home, session=21) as client:
        client.ask(op="place", **order(product, "killed"))
        assert open_orders(home, product) == 2
        raw = client.connection.socket
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.close()  # a reset, as when a process is killed
        wait_for(lambda: open_orders(home, product) == 1)
    with speaking(home) as client:
        client.ask(op="login", key=KEY, session=22, heartbeat_s=1)
        client.ask(op="place", **order(product, "silent"))
        assert client.hear("heartbeat")["timestamp_ms"] == NIGHT_MS + 60_000
        with pytest.raises(ConnectionClosed) as closed:
            client.hear("the end")
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1_008, "no heartbeat")
        wait_for(lambda: open_orders(home, product) == 1)


def test_heartbeats_keep_a_session(home: ServedHome) -> None:
    product = list_product(home, "lives")
    with speaking(home) as client:
        client.ask(op="login", key=KEY, session=23, heartbeat_s=1)
        client.ask(op="place", **order(product, "lives"))
        begun = time.monotonic()
        while time.monotonic() - begun < 4.5:
            client.hear("heartbeat")
            client.send(op="heartbeat")
        assert open_orders(home, product) == 1


def test_a_number_is_one_socket_s_at_a_time(home: ServedHome) -> None:
    with speaking(home, session=31) as first:
        with speaking(home) as second:
            assert second.ask(op="login", key=KEY, session=31)["error"]["code"] == "SESSION_IN_USE"
        assert first.ask(op="subscribe", product=0)["type"] == "answer", "it is not the first one's fault"

    def free() -> bool:
        with speaking(home) as third:
            return third.ask(op="login", key=KEY, session=31)["type"] == "answer"

    wait_for(free)


def test_a_server_that_starts_cancels_what_connections_have_left(home: ServedHome) -> None:
    product = list_product(home, "restart")
    left = order(product, "left", session=77)
    assert home.client("consumer").post(f"{API}/orders", json=left).status_code == 201
    assert home.client("consumer").post(f"{API}/orders", json=order(product, "kept")).status_code == 201
    assert open_orders(home, product) == 2
    with served(home.small, home.accounts) as again:
        assert open_orders(again, product) == 1
        seen = again.client("consumer").get(f"{API}/orders/{left['id']}").json()
        assert seen["state"] == m.ORDER_CANCELLED


def test_what_comes_too_fast_is_refused_and_then_the_connection(
    home: ServedHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_module, "MESSAGES_PER_S", 1)
    monkeypatch.setattr(socket_module, "BURST", 5)
    monkeypatch.setattr(socket_module, "MAX_REFUSED", 10)
    with speaking(home) as client:
        for _ in range(40):
            client.send(op="heartbeat", tag="fast")
        assert client.receive()["error"]["code"] == "TOO_MANY_MESSAGES"
        with pytest.raises(ConnectionClosed) as closed:
            client.hear("the end")
        assert closed.value.rcvd.reason == "too many messages"


def test_a_slow_reader_loses_market_data_and_nobody_else_does(
    home: ServedHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full buffer of the client is a send that does not return; ``test_api_market_data.py`` fills a real one."""
    full, tell = threading.Event(), socket_module.Connection._tell

    async def tell_slowly(connection: socket_module.Connection, text: str) -> None:
        while full.is_set() and text.startswith('{"type":"increment"'):  # noqa: ASYNC110 - the thread of the test clears it
            await asyncio.sleep(0.01)
        await tell(connection, text)

    monkeypatch.setattr(socket_module.Connection, "_tell", tell_slowly)
    monkeypatch.setattr(taps, "QUEUE", 4)
    product = list_product(home, "slow")
    with speaking(home) as quick, speaking(home, session=41) as slow:
        quick.ask(op="subscribe", product=product, channel="top")
        slow.ask(op="subscribe", product=product)
        first = slow.hear("snapshot")["sequence"]
        full.set()
        for number in range(20):
            placed = slow.ask(op="place", **order(product, ("slow", number), price_sen_per_kwh=500 + number))
            assert placed["outcome"] == "OK", "orders go on"
            while (top := quick.hear("top"))["bid"] is None or top["bid"]["price_sen"] != 500 + number:
                pass
        full.clear()
        told = home.client().get(f"{API}/products/{product}/book").json()
        assert told["sequence"] == first + 20
        heard = [slow.receive()]
        while heard[-1].get("sequence") != told["sequence"]:
            heard.append(slow.receive())
        kinds = [message["type"] for message in heard]
        assert kinds[kinds.index("gap") :][:2] == ["gap", "snapshot"]
        assert heard[kinds.index("gap")] == {"type": "gap", "product": product, "channel": "book", "resync": True}
        for before, after in itertools.pairwise(message for message in heard if message["type"] != "gap"):
            assert after["type"] == "snapshot" or after["sequence"] == before["sequence"] + 1


def test_no_message_is_a_fault_and_bad_ones_change_nothing(home: ServedHome) -> None:
    """Seeded mutations of messages, and of records over HTTP, by one who has neither money nor lots."""
    some = {"id": new_id("fuzz"), "order": new_id("fuzz other")}
    seeds = [
        {"op": "place", **order(0, "fuzz")},
        {"op": "place", **order(0, "fuzz", side="sell", lot=0, start=0, time_in_force="fok", display_wh=1)},
        {"op": "place", **order(0, "fuzz", price_sen_per_kwh=None, type="market", session=5, area=3)},
        {"op": "amend", **some, "price_sen_per_kwh": 5, "quantity_wh": 5},
        {"op": "cancel", **some},
        {"op": "cancel_all", "id": some["id"], "product": 0, "session": 5},
        {"op": "subscribe", "product": 0, "channel": "candles", "interval_s": 7, "align": "utc"},
        {"op": "unsubscribe", "product": 0, "channel": "book"},
        {"op": "heartbeat", "tag": "x"},
    ]
    mutator = Mutator([json.dumps(seed).encode() for seed in seeds], 5)
    before = home.state_hash()
    with speaking(home, additional_headers={"Authorization": f"Bearer wm_{SECRETS['other']}"}) as client:
        for round_ in range(12):
            for _ in range(100):
                client.connection.send(mutator.next()[1].decode("utf-8", "replace"))
            client.send(op="subscribe", product=0, tag=f"end {round_}")
            while (answer := client.receive()).get("tag") != f"end {round_}":
                if answer["type"] == "error" or answer.get("error"):
                    found = answer["error"]
                    assert all((found["code"], found["field"], *found["rule"].values())), answer
                    assert found["code"] != "FAULT"
                else:
                    assert answer.get("op") not in {"place", "amend"}, answer
    rows = order_rows([PlaceOrder(**order(0, "fuzz records"))], home.accounts["other"])
    bodies = Mutator([to_bytes(rows), to_bytes(np.concatenate([rows, rows]))], 6)
    for _ in range(200):
        answer = home.client("other").post(f"{API}/orders/batch", content=bodies.next()[1], headers=OCTETS)
        assert answer.status_code in {200, 400, 403, 413, 422}, answer.text
    assert home.state_hash() == before


def test_http_alone_gets_an_answer_too(home: ServedHome) -> None:
    answer = httpx.get(f"{home.url}{API}/socket")
    assert answer.status_code == 404
