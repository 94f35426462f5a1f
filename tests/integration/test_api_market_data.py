"""Market data over a real server: snapshots and increments are the book; gaps, late and slow listeners, restarts."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import numpy as np
import pytest

from reference.served_home import ServedHome, new_id, served, served_home
from wattmark.api import taps
from wattmark.api.batch import PRICE
from wattmark.core.ids import derive_id
from wattmark.core.periods import DAY_S
from wattmark.engine import layout as e
from wattmark.engine.commands import FIELDS, Kind, command
from wattmark.flows import market_data
from wattmark.market import layout as m
from wattmark.market.board import Board, Increment, Level
from wattmark.testing.small_home import NIGHT_MS, START_S

API = "/api/v1"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHome]:
    with served_home(tmp_path_factory.mktemp("market")) as running:
        yield running


def ok(response: httpx.Response, status: int = 200) -> dict:
    assert response.status_code == status, response.text
    return response.json()


def list_product(home: ServedHome, name: str, mode: int = 1, gate_close_ms: int = NIGHT_MS + 10 * DAY_S * 1_000) -> int:
    body = {
        "id": new_id("product", name),
        "area": 3,
        "source": 1,
        "period_start_s": START_S + 4 * DAY_S,
        "duration_s": 1_800,
        "gate_open_ms": 0,
        "gate_close_ms": gate_close_ms,
        "mode": mode,
    }
    return ok(home.client("operator").post(f"{API}/products", json=body), 201)["product"]


def place(home: ServedHome, product: int, name: object, price: int = 1_000, quantity: int = 10) -> dict:
    order = {"product": product, "side": "buy", "price_sen_per_kwh": price, "quantity_wh": quantity}
    return ok(home.client("consumer").post(f"{API}/orders", json={"id": new_id("md", name), **order}), 201)


def flood(home: ServedHome, product: int, name: str, frames: int, orders: int = 1) -> None:
    """Place so many orders at different prices, in each of so many frames, past the API."""
    fields = dict.fromkeys(FIELDS[Kind.PLACE_ORDER], 0) | {"product": product, "side": m.BUY, "quantity_wh": 1}
    row = command(Kind.PLACE_ORDER, id=derive_id("flood", name) >> 64 << 64, actor=home.accounts["consumer"], **fields)
    for frame in range(frames):
        rows = np.repeat(row[None], orders, axis=0)
        rows[:, e.W_ID_LOW] = np.arange(orders) + frame * orders + 1
        rows[:, PRICE] = np.arange(orders) + frame + 1
        assert not home.platform.sequencer.submit(rows, now_ms=NIGHT_MS + 60_000)[:, e.V_OUTCOME].any()


class Listener:
    """A client of the event stream who does what the guide says."""

    def __init__(self, home: ServedHome, *products: int, channel: str = "book", last_id: str = "") -> None:
        headers = {"Last-Event-ID": last_id} if last_id else {}
        self._client = httpx.Client(base_url=home.url, headers=headers, timeout=20)
        query = [("product", str(product)) for product in products] + [("channel", channel)]
        self._stream = self._client.stream("GET", f"{API}/market/stream", params=query)
        self._lines = self._stream.__enter__().iter_lines()
        self.boards: dict[int, Board] = {}
        self.last_id = ""
        self.names: list[str] = []

    def next(self) -> tuple[str, dict]:
        """Return the next event."""
        name, data, identity = "", "", None
        for line in self._lines:
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data = value
            elif field == "id":
                identity = value
            elif not line and name:
                break
        self.last_id = self.last_id if identity is None else identity
        self.names.append(name)
        return name, json.loads(data)

    def follow(self, until: int, product: int) -> None:
        """Apply events until the board of a product is at a sequence number."""
        while product not in self.boards or self.boards[product].sequence < until:
            name, told = self.next()
            if name == "snapshot":
                self.boards[told["product"]] = board_of(told)
            elif name == "increment":
                self.boards[told["product"]].apply(increment_of(told))
            else:
                assert name == "gap"
                del self.boards[told["product"]]

    def close(self) -> None:
        self._stream.__exit__(None, None, None)
        self._client.close()


@contextmanager
def listening(home: ServedHome, *products: int, **options: str) -> Iterator[Listener]:
    listener = Listener(home, *products, **options)
    try:
        yield listener
    finally:
        listener.close()


def levels_of(told: dict) -> list[Level]:
    return [
        Level(side, level["price_sen"], level["quantity_wh"], level["orders"])
        for side, name in ((m.BUY, "bids"), (m.SELL, "asks"))
        for level in told[name]
    ]


def board_of(told: dict) -> Board:
    return Board(told["product"], told["sequence"], levels_of(told))


def increment_of(told: dict) -> Increment:
    return Increment(told["product"], told["sequence"], tuple(levels_of(told)))


def assert_same(board: Board, told: dict) -> None:
    assert [*board.bids(), *board.asks()] == levels_of(told)
    assert board.sequence == told["sequence"]


def test_a_snapshot_has_a_number_and_a_tag(home: ServedHome) -> None:
    product = list_product(home, "tagged")
    client = home.client()
    first = client.get(f"{API}/products/{product}/book")
    assert ok(first) | {"sequence": 0} == {
        "product": product,
        "sequence": 0,
        "state": "open",
        "blind": False,
        "bids": [],
        "asks": [],
    }
    tag = first.headers["etag"]
    again = client.get(f"{API}/products/{product}/book", headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    for number, price in enumerate((1_000, 1_010, 990)):
        place(home, product, ("tag", number), price)
    changed = client.get(f"{API}/products/{product}/book", headers={"If-None-Match": tag})
    assert ok(changed)["sequence"] == ok(first)["sequence"] + 3
    assert [level["price_sen"] for level in changed.json()["bids"]] == [1_010, 1_000, 990]
    top = ok(client.get(f"{API}/products/{product}/book?levels=1"))
    assert [level["price_sen"] for level in top["bids"]] == [1_010]
    for wrong in ("0", "x", "-1", "1.5"):
        assert client.get(f"{API}/products/{product}/book?levels={wrong}").status_code == 422
    assert client.get(f"{API}/products/99999/book").status_code == 404


def test_increments_after_a_snapshot_are_the_book_of_the_state(home: ServedHome) -> None:
    product = list_product(home, "followed")
    place(home, product, "before")
    with listening(home, product) as listener:
        listener.follow(0, product)
        for number in range(30):
            place(home, product, ("follow", number), 1_000 + number % 4)
            if number % 3 == 2:
                body = {"id": new_id("md cancel", number)}
                ok(home.client("consumer").post(f"{API}/orders/{new_id('md', ('follow', number))}/cancel", json=body))
        told = ok(home.client().get(f"{API}/products/{product}/book"))
        listener.follow(told["sequence"], product)
        assert_same(listener.boards[product], told)
        assert set(listener.names) == {"snapshot", "increment"}
        orders = home.platform.state.orders
        rows = orders[(orders[:, m.O_PRODUCT] == product) & (orders[:, m.O_STATE] == m.ORDER_OPEN)]
        by_price = {
            price: int(rows[rows[:, m.O_PRICE_SEN] == price, m.O_REMAINING_WH].sum()) for price in range(1_000, 1_004)
        }
        assert {level.price_sen: level.quantity_wh for level in listener.boards[product].bids()} == {
            price: wh for price, wh in by_price.items() if wh
        }


def test_a_listener_comes_back_with_the_last_id(home: ServedHome) -> None:
    first, second = list_product(home, "back 1"), list_product(home, "back 2")
    with listening(home, first, second) as listener:
        listener.follow(0, first)
        listener.follow(0, second)
        place(home, first, "back")
        listener.follow(listener.boards[first].sequence + 1, first)
        boards, last_id = listener.boards, listener.last_id
        assert last_id == f"{first}:{boards[first].sequence},{second}:{boards[second].sequence}"
    for number in range(3):
        place(home, first, ("back 1", number), 1_100 + number)
        place(home, second, ("back 2", number), 1_200 + number)
    told = [ok(home.client().get(f"{API}/products/{product}/book")) for product in (first, second)]
    with listening(home, first, second, last_id=last_id) as listener:
        listener.boards = boards
        for product, wanted in zip((first, second), told, strict=True):
            listener.follow(wanted["sequence"], product)
            assert_same(listener.boards[product], wanted)
        assert set(listener.names) == {"increment"}, "nothing was sent twice"
    for wrong in ("nonsense", f"{first}:5", "1", f"{first}:{10**17},{second}:1"):
        with listening(home, first, second, last_id=wrong) as listener:
            assert listener.next()[0] == "snapshot"


def test_who_was_away_too_long_gets_a_snapshot(home: ServedHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_data, "KEPT_INCREMENTS", 4)
    product = list_product(home, "late")
    with listening(home, product) as listener:
        listener.follow(0, product)
        last_id = listener.last_id
    flood(home, product, "late", 10)
    with listening(home, product, last_id=last_id) as listener:
        name, told = listener.next()
        assert (name, len(told["bids"])) == ("snapshot", 10)
        assert listener.last_id == str(told["sequence"])


def test_a_slow_listener_is_told_of_a_gap_and_nobody_else_is(home: ServedHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taps, "QUEUE", 16)
    product = list_product(home, "slow")
    address = httpx.URL(home.url)
    with listening(home, product) as quick, socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        slow.connect((address.host, address.port))
        slow.sendall(f"GET {API}/market/stream?product={product} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        quick.follow(0, product)
        for part in range(4):
            flood(home, product, f"slow {part}", 60, 400)
            told = ok(home.client().get(f"{API}/products/{product}/book"))
            quick.follow(told["sequence"], product)
        assert_same(quick.boards[product], told)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        received, wanted = bytearray(), f'"sequence":{told["sequence"]},'.encode()
        slow.settimeout(20)
        while wanted not in received[-100_000:]:
            received += slow.recv(1 << 20)
        assert received.count(b"event: gap") >= 1
        after = received[received.rindex(b"event: gap") :].decode()
        assert json.loads(after.splitlines()[1].removeprefix("data: ")) == {"product": product, "resync": True}
        assert "event: snapshot" in after, "a gap is followed by a snapshot"
        assert "gap" not in quick.names


def test_best_prices_and_trades_are_channels_of_their_own(home: ServedHome) -> None:
    product = list_product(home, "channels")
    place(home, product, "channel", 1_000)
    with listening(home, product, channel="top") as top, listening(home, product, channel="trades") as trades:
        name, told = top.next()
        assert (name, told["bid"], told["ask"]) == ("top", {"price_sen": 1_000, "quantity_wh": 10, "orders": 1}, None)
        assert trades.next()[0] == "snapshot"
        place(home, product, "channel 2", 1_005)
        assert top.next()[1]["bid"]["price_sen"] == 1_005
    for query in ("", "?product=x", f"?product={product}&channel=all", "?product=-1"):
        assert home.client().get(f"{API}/market/stream{query}").status_code == 422
    assert home.client().get(f"{API}/market/stream?product=99999").status_code == 404
    many = "&".join(f"product={number}" for number in range(65))
    assert home.client().get(f"{API}/market/stream?{many}").status_code == 422


def test_a_call_auction_is_blind_and_then_tells_its_result(home: ServedHome) -> None:
    product = list_product(home, "blind", mode=2, gate_close_ms=NIGHT_MS + 60_001)
    with listening(home, product) as listener:
        listener.follow(0, product)
        for number in range(3):
            place(home, product, ("blind", number), 500 + number)
        told = ok(home.client().get(f"{API}/products/{product}/book"))
        assert (told["blind"], told["bids"], told["result"], told["state"]) == (True, [], None, "open")
        row = command(Kind.CLEAR_AUCTION, id=derive_id("blind"), actor=0, product=product)
        home.platform.sequencer.submit(row.reshape(1, -1), now_ms=NIGHT_MS + 60_002)
        name, closed = listener.next()
        assert (name, closed["bids"], closed["state"]) == ("increment", [], "closed"), "the orders were told to nobody"
        told = ok(home.client().get(f"{API}/products/{product}/book"))
        assert (told["state"], told["result"]["quantity_wh"]) == ("closed", 0)
        assert told["result"]["buys"] == [[502, 10], [501, 10], [500, 10]]


def test_candles_of_any_interval(home: ServedHome) -> None:
    client = home.client()
    found = {
        interval: ok(client.get(f"{API}/products/0/candles?interval_s={interval}"))["candles"]
        for interval in (1, 7, 60, 3_600, DAY_S)
    }
    for interval, (candle,) in found.items():
        assert candle["duration_s"] == interval
        assert candle["low_sen"] <= candle["vwap_sen"] <= candle["high_sen"]
        assert candle["value_e5jpy"] == candle["vwap_sen"] * candle["quantity_wh"]
    (day,) = found[DAY_S]
    assert (day["start_s"] + 9 * 3_600) % DAY_S == 0
    (utc,) = ok(client.get(f"{API}/products/0/candles?interval_s={DAY_S}&align=utc"))["candles"]
    assert utc["start_s"] % DAY_S == 0
    start = found[60][0]["start_s"]
    for query, count in (
        (f"from={start}", 1),
        (f"from={start + 59}", 1),
        (f"from={start + 60}", 0),
        (f"to={start}", 0),
        (f"to={start + 1}", 1),
        ("to=0", 0),
    ):
        assert len(ok(client.get(f"{API}/products/0/candles?interval_s=60&{query}"))["candles"]) == count, query
    response = client.get(f"{API}/products/0/candles")
    again = client.get(f"{API}/products/0/candles", headers={"If-None-Match": response.headers["etag"]})
    assert again.status_code == 304
    for wrong in ("interval_s=0", "interval_s=1.5", "align=moon", "from=-1", f"interval_s={10**9}"):
        assert client.get(f"{API}/products/0/candles?{wrong}").status_code == 422


def test_numbers_go_on_over_a_restart(home: ServedHome) -> None:
    product = list_product(home, "restart")
    place(home, product, "restart 1")
    with listening(home, product) as listener:
        listener.follow(0, product)
        before, last_id = listener.boards[product], listener.last_id
    with served(home.small, home.accounts) as again:
        place(again, product, "restart 2", 1_001)
        with listening(again, product, last_id=last_id) as listener:
            name, told = listener.next()
            assert name == "snapshot", "another process does not know what was missed"
            assert told["sequence"] > before.sequence
            assert len(told["bids"]) == 2
