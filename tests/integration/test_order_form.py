"""The order form without a browser: every kind of order, every refusal at its field, what was typed kept."""

import html
import re
from collections.abc import Iterator

import httpx
import pytest

from reference.served_home import SECRETS, ServedHome, served_home
from reference.trading_floor import NOW_MS, TradingFloor
from wattmark.core.ids import derive_id, id_hex
from wattmark.engine.commands import Kind
from wattmark.flows.clear_together import AuctionPolicy, plan_clear_together
from wattmark.market import layout as m
from wattmark.web.figures import write_time
from wattmark.web.messages import message


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradingFloor]:
    with served_home(tmp_path_factory.mktemp("form")) as running:
        yield TradingFloor(running)


class Visitor:
    """A browser without a screen: keeps the cookies, sends the forms of the page it was given."""

    def __init__(self, home: ServedHome, caller: str, language: str = "en") -> None:
        self.client = httpx.Client(base_url=home.url, timeout=60, headers={"Accept-Language": language})
        page = self.client.get("/login")
        answer = self.client.post("/login", data={"csrf": token(page.text), "key": f"wm_{SECRETS[caller]}"})
        assert answer.status_code == 303
        self.made = 0
        home.clients[f"visitor {len(home.clients)}"] = self.client  # closed with the home

    def get(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text[:500]
        return answer.text

    def post(self, product: int, status: int, **fields: str) -> str:
        page = self.get(f"/market/{product}")
        self.made += 1
        data = {"csrf": token(page), "id": id_hex(derive_id("form", id(self), self.made)), "side": "buy"} | fields
        answer = self.client.post(f"/market/{product}/order", data=data)
        assert answer.status_code == status, words(answer.text)
        return answer.text


def token(page: str) -> str:
    return re.search(r'name="csrf" value="([0-9a-f]+)"', page)[1]


def words(page: str) -> str:
    """What a reader sees."""
    text = re.sub(r"<(script|style|svg).*?</\1>", " ", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))


def fault(page: str, field: str) -> str:
    """The words of a field's error."""
    found = re.search(rf'id="{field}-fault">(.*?)</span>', page, re.DOTALL)
    assert found, f"no error at {field}"
    assert re.search(rf'id="{field}"[^>]*aria-describedby="[^"]*{field}-fault[^"]*"[^>]*aria-invalid="true"', page)
    return words(found[1])


@pytest.fixture(scope="module")
def buyer(floor: TradingFloor) -> Visitor:
    return Visitor(floor.home, "consumer")


@pytest.fixture(scope="module")
def lot(floor: TradingFloor) -> int:
    return floor.stock(300)


KINDS = [
    ({"price": "9.50", "quantity": "0.02"}, {"tif": m.TIF_REST, "price_sen": 950, "remaining_wh": 20}),
    ({"price": "12.00", "quantity": "5 Wh", "tif": "ioc"}, {"tif": m.TIF_IMMEDIATE, "state": m.ORDER_FILLED}),
    ({"price": "12.05", "quantity": "0.03", "tif": "ioc"}, {"state": m.ORDER_CANCELLED, "remaining_wh": 10}),
    ({"price": "12.10", "quantity": "0.03", "tif": "fok"}, {"tif": m.TIF_ALL_OR_NONE, "state": m.ORDER_FILLED}),
    ({"kind": "market", "quantity": "0.01"}, {"is_market": True, "tif": m.TIF_IMMEDIATE, "state": m.ORDER_FILLED}),
    ({"kind": "market", "quantity": "0.01", "tif": "fok"}, {"is_market": True, "tif": m.TIF_ALL_OR_NONE}),
    ({"price": "11.99", "quantity": "0.03", "tif": "post"}, {"tif": m.TIF_POST_ONLY, "state": m.ORDER_OPEN}),
    (
        {"price": "9", "quantity": "1", "tif": "until", "until": write_time(NOW_MS + 3_600_000)},
        {"tif": m.TIF_REST, "expires_ms": (NOW_MS + 3_600_000) // 60_000 * 60_000},
    ),
    ({"price": "12.00", "quantity": "0.025", "minimum": "0.02"}, {"remaining_wh": 5, "state": m.ORDER_OPEN}),
    ({"price": "8.00", "quantity": "0.2", "shown": "10 Wh"}, {"display_wh": 10, "shown_wh": 10, "remaining_wh": 200}),
    *(
        ({"price": "7.00", "quantity": "0.001", "own": name}, {"self_trade": code})
        for name, code in (("newest", 0), ("oldest", 1), ("both", 2), ("less", 3))
    ),
]


@pytest.mark.parametrize(("typed", "wanted"), KINDS, ids=[str(typed) for typed, _ in KINDS])
def test_every_kind_of_order(floor: TradingFloor, buyer: Visitor, lot: int, typed: dict, wanted: dict) -> None:
    product = floor.product(lot)
    offers = floor.offers(product, lot, {1_200: 20, 1_210: 20})
    page = buyer.post(product, 200, **typed)
    order = floor.newest()
    assert order.order > offers[-1]
    assert {name: getattr(order, name) for name in wanted} == wanted
    assert f'href="/log/{order.position}"' in page
    assert f"Order {order.order}:" in words(page)
    floor.do(Kind.CLOSE_PRODUCT, product=product)


REFUSED = [
    ({"price": "12,5", "quantity": "1"}, {"price": "two decimals"}),
    ({"price": "12.505", "quantity": "1"}, {"price": "two decimals"}),
    ({"price": "", "quantity": ""}, {"price": "two decimals", "quantity": "whole Wh"}),
    ({"price": "0", "quantity": "0"}, {"quantity": "positive"}),
    ({"price": "1000.00", "quantity": "1"}, {"price": "999.00"}),
    ({"price": "12", "quantity": "0.0001"}, {"quantity": "whole Wh"}),
    ({"price": "12", "kind": "market", "quantity": "1"}, {"price": "empty for a market order"}),
    ({"kind": "market", "quantity": "0.01", "tif": "post"}, {}),
    ({"price": "12", "quantity": "1", "tif": "until"}, {"until": "day and time"}),
    ({"price": "12", "quantity": "1", "tif": "until", "until": "2001-01-01T00:00"}, {"until": "time"}),
    ({"price": "12", "quantity": "1", "until": "2031-01-01T00:00"}, {"until": "empty"}),
    ({"price": "12", "quantity": "1", "minimum": "x"}, {"minimum": "whole Wh"}),
    ({"price": "12", "quantity": "1", "minimum": "2"}, {"minimum": "quantity"}),
    ({"price": "12", "quantity": "1", "shown": "0.01"}, {"shown": "twentieth"}),
    ({"price": "12", "quantity": "1", "minimum": "0.5"}, {"quantity": "can trade at once"}),
    ({"price": "12", "quantity": "1", "tif": "fok"}, {"quantity": "can trade at once"}),
    ({"price": "12", "quantity": "1", "tif": "post"}, {"price": "would not trade at once"}),
    ({"price": "12", "quantity": "1", "tif": "never"}, {"tif": "listed choices"}),
    ({"price": "12", "quantity": "1", "own": "me"}, {"own": "listed choices"}),
    ({"price": "12", "quantity": "1", "side": "sell", "lot": ""}, {}),
    ({"price": "900", "quantity": "999999999"}, {"price": "cash"}),
]


@pytest.mark.parametrize(("typed", "faults"), REFUSED, ids=[str(typed) for typed, _ in REFUSED])
def test_a_refusal_stands_at_its_field_and_changes_nothing(
    floor: TradingFloor, buyer: Visitor, lot: int, typed: dict, faults: dict
) -> None:
    product = floor.product(lot)
    floor.offers(product, lot, {1_200: 20})
    before = floor.home.platform.state.count("orders")
    page = buyer.post(product, 422, **typed)
    assert 'class="notice no" role="alert"' in page
    for field, rule in faults.items():
        assert rule in fault(page, field)
    for field in ("price", "quantity", "minimum", "shown", "until"):
        assert f'name="{field}" value="{typed.get(field, "")}"' in page, f"{field} is not kept"
    folded = {"kind", "tif", "until", "minimum", "shown", "own"} & (typed.keys() | faults.keys())
    assert ('<details class="more" open>' in page) == bool(folded)
    assert floor.home.platform.state.count("orders") == before
    floor.do(Kind.CLOSE_PRODUCT, product=product)


def test_what_is_wrong_is_said_in_japanese_too(floor: TradingFloor, lot: int) -> None:
    visitor, product = Visitor(floor.home, "consumer", "ja"), floor.product(lot)
    page = visitor.post(product, 422, price="12.345", quantity="1")
    assert "小数2桁まで" in fault(page, "price")
    page = visitor.post(product, 422, price="12", quantity="1", tif="fok")
    assert "全量即時" in fault(page, "quantity")
    page = visitor.post(product, 200, price="１２．５０", quantity="１０Wh")
    assert f"注文{floor.newest().order}" in words(page)
    assert (floor.newest().price_sen, floor.newest().remaining_wh) == (1_250, 10)


def test_a_preview_tells_what_would_happen_and_changes_nothing(floor: TradingFloor, buyer: Visitor, lot: int) -> None:
    product = floor.product(lot)
    floor.offers(product, lot, {1_200: 20, 1_210: 20})
    before = floor.home.platform.state.count("orders")

    def preview(**fields: str) -> str:
        page = buyer.post(product, 200, action="preview", **fields)
        return words(re.search(r'<section class="foresight".*?</section>', page, re.DOTALL)[0])

    told = preview(price="12.10", quantity="0.05")
    assert "Price × quantity ¥0.60" in told
    assert "Trades at once 40 Wh at 12.05 JPY/kWh on average" in told
    assert "Waits in the book 10 Wh" in told
    assert "Cancelled 30 Wh" in preview(price="12.05", quantity="0.05", tif="ioc")
    assert "does not hold enough" in preview(price="12.05", quantity="0.05", tif="fok")
    assert "does not hold enough" in preview(price="12.10", quantity="0.05", minimum="0.041")
    assert "would trade at once" in preview(price="12.00", quantity="0.05", tif="post")
    assert "Seen by others 5 Wh" in preview(price="11.00", quantity="0.05", shown="5Wh")
    assert "Ends at" in preview(price="11.00", quantity="0.05", tif="until", until=write_time(NOW_MS + 3_600_000))
    assert "Trades at once 40 Wh" in preview(kind="market", quantity="0.05")
    assert floor.home.platform.state.count("orders") == before
    floor.do(Kind.CLOSE_PRODUCT, product=product)


def test_a_form_sent_twice_is_one_order(floor: TradingFloor, buyer: Visitor, lot: int) -> None:
    product = floor.product(lot)
    same = {"id": id_hex(derive_id("twice")), "price": "5", "quantity": "1"}
    buyer.post(product, 200, **same)
    buyer.post(product, 200, **same)
    assert len(floor.live("consumer", product)) == 1


def test_a_form_of_another_session_is_refused(floor: TradingFloor, buyer: Visitor, lot: int) -> None:
    product = floor.product(lot)
    data = {"csrf": "0" * 64, "id": id_hex(derive_id("stale")), "side": "buy", "price": "5", "quantity": "1"}
    for path in (f"/market/{product}/order", "/me/orders/0/cancel", "/me/orders/0/amend", "/me/orders/cancel-all"):
        assert buyer.client.post(path, data=data).status_code == 403
    assert floor.live("consumer", product) == []


def test_a_halt_is_told_with_its_reason_and_orders_wait(floor: TradingFloor, buyer: Visitor, lot: int) -> None:
    product = floor.product(lot)
    floor.offers(product, lot, {1_200: 20})
    floor.do(Kind.SET_TRADING, product=product, trading_state=m.PRODUCT_HALTED, reason=7)
    page = words(buyer.get(f"/market/{product}"))
    assert "halted trading at 2021-01-05 01:01 JST (reason 7)" in page
    assert "waits in line until trading goes on" in words(buyer.post(product, 200, price="12.00", quantity="0.01"))
    assert floor.newest().state == m.ORDER_QUEUED
    assert "waits in line" in words(buyer.get(f"/market/{product}"))
    floor.do(Kind.SET_TRADING, product=product, trading_state=m.PRODUCT_OPEN, reason=0)
    assert floor.newest().state == m.ORDER_FILLED
    assert "halted trading" not in words(buyer.get(f"/market/{product}"))


def test_limits_are_shown_and_hold(floor: TradingFloor, buyer: Visitor, lot: int) -> None:
    product = floor.product(lot)
    limits = {"low_sen_per_kwh": 500, "high_sen_per_kwh": 2_000, "position_wh": 1_000}
    floor.do(Kind.SET_LIMITS, product=product, **limits)
    page = words(buyer.get(f"/market/{product}"))
    assert "Prices allowed 5.00–20.00" in page
    assert "Limit for one buyer 1.000 kWh" in page
    assert "limits" in fault(buyer.post(product, 422, price="20.01", quantity="0.1"), "price")
    assert "limit for one account" in fault(buyer.post(product, 422, price="20", quantity="1.001"), "quantity")


def test_a_market_of_all_areas_asks_where_the_energy_goes(floor: TradingFloor, buyer: Visitor, lot: int) -> None:
    product = floor.product(lot, area=m.EVERY_AREA)
    floor.offers(product, lot, {1_200: 20})
    page = buyer.post(product, 422, price="10", quantity="0.01")
    assert "plain number" in fault(page, "area")
    buyer.post(product, 200, price="10", quantity="0.01", area="3")
    assert floor.newest().area == 3
    page = buyer.post(product, 200, price="12", quantity="0.01", area="1")
    assert "asking for capacity" in words(buyer.get(f"/market/{product}"))
    floor.do(Kind.ANSWER_CAPACITY, product=product, granted_wh=10)
    assert floor.newest().state == m.ORDER_FILLED
    assert "all areas" in words(buyer.get(f"/market/{product}"))


def test_an_iceberg_is_seen_by_its_slice_only(floor: TradingFloor, buyer: Visitor, lot: int) -> None:
    product = floor.product(lot)
    buyer.post(product, 200, price="8", quantity="0.2", shown="0.015")
    visitor = httpx.get(f"{floor.home.url}/market/{product}").text
    assert re.search(r'buy">8\.00</th><td class="number">15</td>', visitor)
    assert "200" not in re.search(r'<table class="board">.*?</table>', visitor, re.DOTALL)[0]
    assert "shows 15 Wh" in words(buyer.get("/me/orders"))
    assert "15 Wh wanted" in httpx.get(f"{floor.home.url}/market?area=0&source=0").text


def amend(visitor: Visitor, order: int, status: int, **fields: str) -> str:
    page = visitor.get(f"/me/orders/{order}")
    visitor.made += 1
    data = {"csrf": token(page), "id": id_hex(derive_id("amend", id(visitor), visitor.made))} | fields
    answer = visitor.client.post(f"/me/orders/{order}/amend", data=data)
    assert answer.status_code == status, words(answer.text)
    return answer.text


def test_an_order_is_amended(floor: TradingFloor, buyer: Visitor, lot: int) -> None:
    product = floor.product(lot)
    floor.offers(product, lot, {1_200: 20})
    buyer.post(product, 200, price="9", quantity="0.05")
    number = floor.newest().order
    page = buyer.get(f"/me/orders/{number}")
    assert 'name="price" value="9.00"' in page
    assert 'name="quantity" value="0.05"' in page
    assert "0 Wh traded by that" in words(amend(buyer, number, 200, price="9", quantity="0.04"))
    assert floor.order_at(number).remaining_wh == 40
    assert "20 Wh traded by that" in words(amend(buyer, number, 200, price="12", quantity="0.04"))
    assert "more than what has traded" in fault(amend(buyer, number, 422, price="12", quantity="0.02"), "quantity")
    page = amend(buyer, number, 422, price="x", quantity="")
    assert "two decimals" in fault(page, "price")
    assert "whole Wh" in fault(page, "quantity")
    other = Visitor(floor.home, "other")
    assert other.client.get(f"/me/orders/{number}").status_code == 404
    data = {"csrf": token(other.get("/me/orders")), "id": id_hex(derive_id("thief")), "price": "1", "quantity": "1"}
    assert other.client.post(f"/me/orders/{number}/amend", data=data).status_code == 404


def test_all_orders_are_cancelled_after_a_question(floor: TradingFloor, buyer: Visitor, lot: int) -> None:
    product, elsewhere = floor.product(lot), floor.product(lot)
    for price in ("5", "6"):
        buyer.post(product, 200, price=price, quantity="0.01")
    buyer.post(elsewhere, 200, price="5", quantity="0.01")
    page = buyer.get(f"/me/orders/cancel-all?product={product}")
    assert "Cancel 2 open orders?" in words(page)
    assert len(floor.live("consumer", product)) == 2, "asking cancels nothing"
    data = {"csrf": token(page), "id": id_hex(derive_id("all")), "product": str(product)}
    answer = buyer.client.post("/me/orders/cancel-all", data=data, follow_redirects=True)
    assert "2 orders; 20 Wh were released." in words(answer.text)
    assert floor.live("consumer", product) == []
    assert len(floor.live("consumer", elsewhere)) == 1
    page = buyer.get("/me/orders/cancel-all")
    data = {"csrf": token(page), "id": id_hex(derive_id("all of all")), "product": ""}
    buyer.client.post("/me/orders/cancel-all", data=data)
    assert floor.live("consumer", elsewhere) == []


def test_a_call_auction_is_blind_until_its_result(floor: TradingFloor, buyer: Visitor) -> None:
    lot = floor.stock(60)
    product = floor.product(lot, mode=m.MODE_CALL, gate_close_ms=NOW_MS + 1)
    floor.order("producer", product, m.SELL, 1_100, 60, lot=floor.rest_of(lot))
    gone = floor.order("consumer", product, m.BUY, 77_700, 1)
    page = buyer.post(product, 200, price="12.34", quantity="0.05")
    assert "waits for the auction" in words(page)
    data = {"csrf": token(page), "id": id_hex(derive_id("gone"))}
    assert buyer.client.post(f"/me/orders/{gone}/cancel", data=data).status_code == 303
    buyer.post(product, 200, kind="market", quantity="0.02")
    assert floor.newest().is_market
    visitor = httpx.get(f"{floor.home.url}/market/{product}").text
    told = words(visitor)
    assert "Nobody sees the bids of others" in told
    for hidden in ("12.34", "11.00", "60 Wh", "50 Wh", '<table class="board">', 'class="chart '):
        assert hidden not in visitor, hidden
    assert "12.34" in words(buyer.get(f"/market/{product}")), "one's own bid is one's own to see"
    assert "blind" in httpx.get(f"{floor.home.url}/market?area=0&source=0").text
    floor.do_at(NOW_MS + 2, Kind.CLEAR_AUCTION, product=product)
    visitor = httpx.get(f"{floor.home.url}/market/{product}").text
    told = words(visitor)
    assert "The one price 12.34 JPY/kWh" in told
    assert "Traded 60 Wh" in told
    rows = re.findall(r'<th scope="row" class="nowrap">([\d.,]+)</th><td class="number">(\w+)</td>', visitor)
    assert rows == [("11.00", "Supply"), ("999.00", "Demand"), ("12.34", "Demand")], "what was cancelled took no part"


def test_coupled_auctions_show_what_came_from_other_areas(floor: TradingFloor) -> None:
    lot, closes_ms = floor.stock(40), NOW_MS + 60_000
    here = floor.product(lot, mode=m.MODE_CALL, gate_close_ms=closes_ms)
    there = floor.product(lot, mode=m.MODE_CALL, gate_close_ms=closes_ms, area=4)
    floor.order("producer", here, m.SELL, 1_100, 30, lot=floor.rest_of(lot))
    floor.order("consumer", here, m.BUY, 1_200, 5)
    floor.order("consumer", there, m.BUY, 1_300, 30)
    platform, policy = floor.home.platform, AuctionPolicy(capacity_wh={(3, 4): 20})
    platform.execute_all(plan_clear_together(platform.state, policy, closes_ms), closes_ms)
    told = words(httpx.get(f"{floor.home.url}/market/{here}").text)
    assert "The one price 11.00 JPY/kWh Traded 25 Wh Of it to other areas 20 Wh" in told
    page = httpx.get(f"{floor.home.url}/market/{there}").text
    assert "The one price 13.00 JPY/kWh Traded 20 Wh Of it from other areas 20 Wh" in words(page)
    rows = re.findall(r'<th scope="row" class="nowrap">([\d.,]+)</th><td class="number">(\w+)</td>', page)
    assert rows == [("0.00", "Supply"), ("13.00", "Demand")]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_form_says_every_kind_in_both_languages(floor: TradingFloor, lot: int, language: str) -> None:
    visitor, product = Visitor(floor.home, "consumer", language), floor.product(lot)
    page = words(visitor.get(f"/market/{product}"))
    for kind in ("rest", "until", "ioc", "fok", "post"):
        assert message(f"order.tif_{kind}", language) in page
    for kind in ("limit", "market"):
        assert message(f"order.kind_{kind}", language) in page
    for choice in ("newest", "oldest", "both", "less"):
        assert message(f"order.own_{choice}", language) in page
