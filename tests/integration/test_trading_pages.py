"""Trading in a real browser: every kind of order placed from the market page, amended and cancelled, in both languages."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from reference.page_checks import faults_of
from reference.served_home import SECRETS, ServedHome, served_home
from reference.trading_floor import NOW_MS, TradingFloor
from wattmark.engine.commands import Kind
from wattmark.market import layout as m
from wattmark.web.figures import write_time
from wattmark.web.messages import message

pytestmark = pytest.mark.service

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
LOCALES = {"ja": "ja-JP", "en": "en-GB"}
DESK, PHONE = {"width": 1_360, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHome]:
    with served_home(tmp_path_factory.mktemp("trading")) as running:
        yield running


@pytest.fixture(scope="module")
def floor(home: ServedHome) -> TradingFloor:
    return TradingFloor(home)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


class Trader:
    """Somebody at a browser: types into the form, reads what the page says."""

    def __init__(self, page: Page, product: int, language: str) -> None:
        self.page, self.product, self.language = page, product, language

    def words(self, key: str) -> str:
        return message(key, self.language)

    def say(self, key: str, **values: object) -> str:
        return message(key, self.language, **values)

    def open(self) -> None:
        self.page.goto(f"/market/{self.product}")

    def fill_in(self, **fields: str) -> None:
        """Fill in the form as a person does: the folded part is opened when something in it is wanted."""
        self.open()
        if fields.keys() & {"kind", "tif", "until", "minimum", "shown", "own"}:
            self.page.get_by_text(self.words("order.more"), exact=True).click()
        for name, value in fields.items():
            if name == "side":
                self.page.get_by_label(self.words(f"order.{value}"), exact=True).check()
            elif name in {"kind", "tif", "own"}:
                self.page.select_option(f"#{name}", label=self.words(f"order.{name}_{value}"))
            elif name == "lot":
                self.page.select_option("#lot", value)
            else:
                self.page.fill(f"#{name}", value)

    def place(self, **fields: str) -> str:
        """Place an order that is taken; return what is said."""
        self.fill_in(**fields)
        self.page.get_by_role("button", name=self.words("order.place"), exact=True).click()
        notice = self.page.locator(".notice.ok")
        assert notice.locator("h2").inner_text() == self.words("order.placed")
        return notice.inner_text()

    def refused(self, at: str, **fields: str) -> str:
        """Place an order that is refused at a field; return what is said there."""
        self.fill_in(**fields)
        self.page.get_by_role("button", name=self.words("order.place"), exact=True).click()
        assert self.page.locator(".notice.no h2").inner_text() == self.words("order.refused")
        fault = self.page.locator(f"#{at}-fault")
        assert fault.is_visible()
        assert self.page.locator(f"#{at}").get_attribute("aria-invalid") == "true"
        return fault.inner_text()


@contextmanager
def trader(browser: Browser, home: ServedHome, product: int, language: str, **options) -> Iterator[Trader]:
    options = {"viewport": DESK, "locale": LOCALES[language]} | options
    context = browser.new_context(base_url=home.url, **options)
    page, wrong = context.new_page(), []
    page.set_default_timeout(30_000)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security" in said.text else None)
    try:
        page.goto("/login")
        page.fill("#key", f"wm_{SECRETS['consumer']}")
        page.click("main form button")
        page.wait_for_url("**/me")
        yield Trader(page, product, language)
        assert wrong == []
    finally:
        context.close()


def book_of(home: ServedHome, product: int) -> dict:
    return home.client().get(f"/api/v1/products/{product}/book").json()


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_kind_of_order_is_placed_from_the_page(
    browser: Browser, home: ServedHome, floor: TradingFloor, language: str
) -> None:
    lot = floor.stock(100)
    product = floor.product(lot)
    floor.offers(product, lot, {1_200: 20, 1_210: 20, 1_220: 20})
    options = {"viewport": PHONE, "java_script_enabled": False} if language == "en" else {}
    with trader(browser, home, product, language, **options) as one:
        assert one.say("order.bid_words", order=0, rest="")[:1] not in one.place(price="10.00", quantity="0.05")
        limit = floor.newest()
        assert (limit.price_sen, limit.remaining_wh, limit.tif) == (1_000, 50, m.TIF_REST)
        assert book_of(home, product)["bids"][0] == {"price_sen": 1_000, "quantity_wh": 50, "orders": 1}

        said = one.place(kind="market", quantity="10 Wh")
        assert (floor.newest().is_market, floor.newest().state) == (True, m.ORDER_FILLED)
        assert f"#{floor.newest().position}" in said

        one.place(price="12.00", quantity="0.03", tif="ioc")
        assert (floor.newest().state, floor.newest().remaining_wh) == (m.ORDER_CANCELLED, 20)

        one.place(price="12.10", quantity="0.02", tif="fok")
        assert (floor.newest().tif, floor.newest().state) == (m.TIF_ALL_OR_NONE, m.ORDER_FILLED)
        before = floor.newest().order
        one.refused("quantity", price="12.20", quantity="0.021", tif="fok")

        one.refused("price", price="12.20", quantity="0.01", tif="post")
        assert floor.newest().order == before, "what is refused is no order"
        one.place(price="11.00", quantity="0.01", tif="post")
        assert (floor.newest().tif, floor.newest().state) == (m.TIF_POST_ONLY, m.ORDER_OPEN)

        one.place(price="9.50", quantity="0.01", tif="until", until=write_time(NOW_MS + 7_200_000))
        assert floor.newest().expires_ms == (NOW_MS + 7_200_000) // 60_000 * 60_000

        one.refused("quantity", price="12.20", quantity="0.03", minimum="0.025")
        one.place(price="12.20", quantity="0.03", minimum="0.015")
        assert (floor.newest().state, floor.newest().remaining_wh) == (m.ORDER_OPEN, 10)
        assert book_of(home, product)["asks"] == []

        one.place(price="9.00", quantity="0.1", shown="0.02")
        assert (floor.newest().display_wh, floor.newest().remaining_wh) == (20, 100)
        assert book_of(home, product)["bids"][-1] == {"price_sen": 900, "quantity_wh": 20, "orders": 1}

        own_trades(one, floor)
        amend_and_cancel(one, floor, limit.order)
        assert floor.live("consumer", product) == []
        assert book_of(home, product)["bids"] == []


def own_trades(one: Trader, floor: TradingFloor) -> None:
    """Meet an order of one's own in each of the four ways; what was bought before is offered for it."""
    one.open()
    lots = [option.get_attribute("value") for option in one.page.locator("#lot option").all()]
    left = {"newest": (10, 0), "oldest": (0, 15), "both": (0, 0), "less": (0, 5)}
    for own, (old_wh, new_wh) in left.items():
        lot = max((one.page.locator(f"#lot option[value='{value}']").inner_text(), value) for value in lots)[1]
        one.place(side="sell", lot=lot, price="30.00", quantity="0.01", own=own)
        old = floor.newest()
        assert (old.side, old.state) == (m.SELL, m.ORDER_OPEN)
        one.place(price="30.00", quantity="0.015", own=own)
        new = floor.newest()
        assert new.self_trade == old.self_trade
        now = {order.order: order.remaining_wh for order in floor.live("consumer", one.product)}
        assert (now.get(old.order, 0), now.get(new.order, 0)) == (old_wh, new_wh), own
        for number in {old.order, new.order} & now.keys():
            cancel(one, number)
        lots = [option.get_attribute("value") for option in one.page.locator("#lot option").all()]


def cancel(one: Trader, number: int) -> None:
    """Cancel an order from the market page; the page says so."""
    one.open()
    form = one.page.locator(f"form[action='/me/orders/{number}/cancel']")
    form.get_by_role("button", name=one.words("orders.cancel"), exact=True).click()
    assert one.page.locator(".notice.ok h2").inner_text() == one.words("orders.cancelled")
    assert f"/market/{one.product}" in one.page.url


def amend_and_cancel(one: Trader, floor: TradingFloor, number: int) -> None:
    one.open()
    form = one.page.locator(f"form[action='/me/orders/{number}/cancel']")
    form.get_by_role("link", name=one.words("orders.amend"), exact=True).click()
    one.page.fill("#price", "10.10")
    one.page.fill("#quantity", "0.04")
    one.page.get_by_role("button", name=one.words("amend.amend"), exact=True).click()
    assert one.page.locator(".notice.ok h2").inner_text() == one.words("amend.done")
    assert (floor.order_at(number).price_sen, floor.order_at(number).remaining_wh) == (1_010, 40)
    cancel(one, number)
    assert floor.order_at(number).state == m.ORDER_CANCELLED
    live = len(floor.live("consumer", one.product))
    assert live > 1
    one.open()
    one.page.get_by_role("link", name=one.words("orders.cancel_all"), exact=True).click()
    assert str(live) in one.page.locator("p.lead").inner_text()
    assert len(floor.live("consumer", one.product)) == live, "asking cancels nothing"
    one.page.get_by_role("button", name=one.words("orders.cancel_them"), exact=True).click()
    assert one.page.locator(".notice.ok h2").inner_text() == one.words("orders.all_cancelled")


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_bid_in_a_call_auction_and_its_result(
    browser: Browser, home: ServedHome, floor: TradingFloor, language: str
) -> None:
    lot = floor.stock(60)
    closes_ms = NOW_MS + {"ja": 60_000, "en": 120_000}[language]
    product = floor.product(lot, mode=m.MODE_CALL, gate_close_ms=closes_ms)
    floor.order("producer", product, m.SELL, 1_100, 40, lot=floor.rest_of(lot))
    with trader(browser, home, product, language) as one:
        said = one.place(price="13.00", quantity="0.03")
        assert str(floor.newest().order) in said
        assert one.page.locator("table.board").count() == 0
        assert one.page.get_by_text(one.words("auction.blind_heading")).is_visible()
        assert book_of(home, product)["bids"] == []
        floor.do_at(closes_ms, Kind.CLEAR_AUCTION, product=product)
        one.open()
        assert one.page.locator("#result-heading").inner_text() == one.words("auction.result")
        figures = one.page.locator(".figures").inner_text()
        assert "11.00" in figures
        assert "30 Wh" in figures
        assert one.page.locator("svg.chart.wide .crossing").count() == 3
        one.page.get_by_text(one.words("chart.as_table")).click()
        assert one.page.locator("details[open] tbody tr").count() == 2


def test_the_book_goes_on_by_itself(browser: Browser, home: ServedHome, floor: TradingFloor) -> None:
    lot = floor.stock(60)
    product = floor.product(lot)
    floor.offers(product, lot, {1_200: 20})
    with trader(browser, home, product, "en") as one:
        one.open()
        one.page.get_by_text("Live", exact=True).wait_for()
        first = one.page.locator("table.board").first
        expect(first.locator(".asks tr")).to_have_count(1)
        one.page.fill("#price", "9.99")
        floor.offers(product, lot, {1_195: 10})
        expect(first.locator(".asks tr").last).to_contain_text("11.95", timeout=15_000)
        bid = floor.order("consumer", product, m.BUY, 1_000, 500)
        expect(first.locator(".bids tr").first).to_contain_text("500", timeout=15_000)
        expect(one.page.locator(f"[data-live='product.{product}.bid']")).to_have_text("10.00")
        floor.order("consumer", product, m.BUY, 1_195, 4)
        expect(first.locator(".asks tr").last).to_contain_text("6", timeout=15_000)
        expect(one.page.locator("[data-trades] tr").first).to_contain_text("11.95", timeout=15_000)
        expect(one.page.locator(f"[data-live='product.{product}.volume']")).to_have_text("4 Wh")
        expect(one.page.locator("[data-announce]")).to_contain_text("11.95", timeout=20_000)
        expect(one.page.locator(f"form[action='/me/orders/{bid}/cancel']")).to_have_count(1)
        assert one.page.locator("[data-fresh=depth] figure svg").count() == 2
        floor.do(Kind.SET_TRADING, product=product, trading_state=m.PRODUCT_HALTED, reason=1)
        expect(one.page.locator("[data-changed]")).to_be_visible(timeout=15_000)
        assert one.page.input_value("#price") == "9.99", "what was typed is not taken away"
        one.page.get_by_role("link", name="Load the page again").click()
        expect(one.page.locator(".pill.halted")).to_be_visible()
        floor.do(Kind.SET_TRADING, product=product, trading_state=m.PRODUCT_OPEN, reason=0)
        expect(one.page.locator(".pill.open")).to_be_visible(timeout=15_000)


SIGHTS = [("ja", "light", PHONE), ("en", "dark", PHONE), ("ja", "dark", DESK), ("en", "light", DESK)]


@pytest.mark.parametrize(("language", "scheme", "viewport"), SIGHTS, ids=["-".join(sight[:2]) for sight in SIGHTS])
def test_every_state_of_a_market_can_be_read(
    browser: Browser, home: ServedHome, floor: TradingFloor, language: str, scheme: str, viewport: dict
) -> None:
    lot = floor.stock(30)
    product = floor.product(lot)
    floor.offers(product, lot, {1_200 + 10 * n: 1 for n in range(12)})
    floor.order("consumer", product, m.BUY, 1_000, 50, display_wh=10)
    floor.order("consumer", product, m.BUY, 1_210, 2)
    with trader(browser, home, product, language, viewport=viewport, color_scheme=scheme) as one:

        def check(what: str) -> None:
            assert faults_of(one.page, is_phone=viewport is PHONE) == [], what

        one.fill_in(price="12.5x", quantity="1", tif="ioc", minimum="y", shown="z")
        check("form unfolded")
        one.page.locator("button[value=preview]").click()
        check("every field at fault")
        one.fill_in(price="12.50", quantity="1", tif="until", until="2021-01-06T00:00")
        one.page.locator("button[value=preview]").click()
        check("preview")
        one.page.get_by_text(one.words("product.whole_book"), exact=True).click()
        for summary in one.page.get_by_text(one.words("chart.as_table")).all():
            summary.click()
        check("tables")
        one.page.goto(f"/me/orders/{floor.live('consumer', product)[0].order}")
        check("an order")
        one.page.goto(f"/me/orders/cancel-all?product={product}")
        check("the question")
        floor.do(Kind.SET_TRADING, product=product, trading_state=m.PRODUCT_HALTED, reason=1)
        one.open()
        check("a halt")
    floor.do(Kind.CLOSE_PRODUCT, product=product)
