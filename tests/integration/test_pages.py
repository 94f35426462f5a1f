"""The pages in a real browser: readable without scripts, in both languages, light and dark, on a phone and a desk."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from reference.page_checks import faults_of
from reference.served_home import SECRETS, ServedHome, new_id, served_home
from wattmark.core.periods import DAY_S
from wattmark.testing.small_home import DAY, NIGHT_MS, START_S
from wattmark.tokens import layout as k

pytestmark = pytest.mark.service

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PUBLIC = [
    "/",
    "/plants",
    "/plants/0",
    "/market",
    "/market?area=0&source=0",
    "/market/0",
    "/log",
    "/log/3",
    "/verify",
    "/login",
    "/about",
    "/docs/api",
]
OWN = ["/me", "/me/orders", "/me/orders/cancel-all", "/me/wallet"]
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1_360, "height": 900}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHome]:
    with served_home(tmp_path_factory.mktemp("pages")) as running:
        running.platform.publish()
        yield running


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


@contextmanager
def visit(browser: Browser, home: ServedHome, **options) -> Iterator[tuple[Page, list[str]]]:
    """Open a browser and collect what goes wrong in it: errors, and requests to any other host."""
    context: BrowserContext = browser.new_context(
        base_url=home.url, **({"viewport": DESK, "locale": "en-US"} | options)
    )
    page, wrong = context.new_page(), []
    page.on("console", lambda message: wrong.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(home.url) else wrong.append(request.url))
    page.on("response", lambda response: wrong.append(response.url) if response.status >= 400 else None)
    try:
        yield page, wrong
    finally:
        context.close()


def log_in(page: Page, caller: str) -> None:
    page.goto("/login")
    page.fill("#key", f"wm_{SECRETS[caller]}")
    page.click("main form button")
    page.wait_for_url("**/me")


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_page_fits_and_loads_nothing_from_elsewhere(
    browser: Browser, home: ServedHome, language: str, scheme: str, viewport: dict
) -> None:
    locale = {"ja": "ja-JP", "en": "en-GB"}[language]
    with visit(browser, home, viewport=viewport, locale=locale, color_scheme=scheme) as (page, wrong):
        log_in(page, "consumer")
        for path in [*PUBLIC, *OWN]:
            page.goto(path)
            assert page.evaluate("document.documentElement.lang") == language
            assert page.locator("h1").count() == 1, path
            assert faults_of(page, is_phone=viewport is PHONE) == [], path
        assert wrong == []


def test_nothing_is_cut_off_at_four_times_the_size(browser: Browser, home: ServedHome) -> None:
    """A desk of 1,280 px at 400 % is 320 px wide (WCAG 1.4.10)."""
    with visit(browser, home, viewport={"width": 320, "height": 256}) as (page, _):
        log_in(page, "consumer")
        for path in [*PUBLIC, *OWN]:
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, path


def test_the_front_page_tells_what_happened_to_one_watt_hour(browser: Browser, home: ServedHome) -> None:
    with visit(browser, home) as (page, _):
        page.goto("/")
        stations = page.locator(".journey h2").all_inner_texts()
        assert stations == ["Measured", "Numbered", "Sold", "Matched", "Used up", "Proven"]
        told = page.locator(".journey").inner_text()
        assert "12.00 JPY/kWh" in told or "13.00 JPY/kWh" in told
        assert "can never be used again" in told
        page.get_by_role("link", name="Check it").click()
        page.get_by_role("button", name="Check", exact=True).click()
        assert page.locator(".notice.ok h2").inner_text() == "The proof holds"
        assert page.locator(".steps .pill.ok").count() == 3


def test_it_is_all_there_without_scripts(browser: Browser, home: ServedHome) -> None:
    with visit(browser, home, java_script_enabled=False) as (page, wrong):
        page.goto("/")
        assert page.locator(".journey li").count() == 6
        assert page.locator("figure svg.wide").first.is_visible()
        page.goto("/market/0")
        assert page.locator("table").count() >= 1
        log_in(page, "consumer")
        assert page.locator("svg.ring").is_visible()
        assert wrong == []


def test_a_person_places_sees_and_cancels_an_order(browser: Browser, home: ServedHome) -> None:
    product = open_product(home)
    with visit(browser, home, java_script_enabled=False) as (page, _):
        page.goto(f"/market/{product}")
        page.get_by_role("link", name="Log in").last.click()
        page.fill("#key", f"wm_{SECRETS['consumer']}")
        page.click("main form button")
        page.wait_for_url(f"**/market/{product}")
        page.fill("#price", "12.5x")
        page.fill("#quantity", "0.1")
        page.get_by_role("button", name="Place the order").click()
        assert "a number with at most two decimals" in page.locator(".notice.no").inner_text()
        assert "such as 12.50" in page.locator("#price-fault").inner_text()
        assert page.input_value("#quantity") == "0.1", "what was typed is not lost"
        page.fill("#price", "12.50")
        page.get_by_role("button", name="Place the order").click()
        assert "100 Wh waiting" in page.locator(".notice.ok").inner_text()
        assert page.locator(".board .buy").last.inner_text() == "12.50"
        page.goto("/me/orders")
        row = page.locator("tr", has_text="12.50")
        row.get_by_role("button", name="Cancel").click()
        assert "100 Wh were released" in page.locator(".notice.ok").inner_text()
        page.goto(f"/market/{product}")
        assert page.locator(".board th[scope=row]").count() == 0


def open_product(home: ServedHome) -> int:
    body = {
        "id": new_id("page product"),
        "area": 3,
        "source": 1,
        "period_start_s": START_S + 6 * DAY_S,
        "duration_s": 1_800,
        "gate_open_ms": 0,
        "gate_close_ms": NIGHT_MS + 10 * DAY_S * 1_000,
    }
    return home.client("operator").post("/api/v1/products", json=body).json()["product"]


def test_an_order_can_be_sold_by_keyboard_alone(browser: Browser, home: ServedHome) -> None:
    lots = home.platform.state.lots
    held = np.flatnonzero((lots[:, k.L_OWNER] == home.small.producer) & (lots[:, k.L_STATE] == k.HELD))
    bundle = home.platform.state.bundles[lots[held[0], k.L_BUNDLE]]
    body = {
        "id": new_id("keyboard product"),
        "area": 3,
        "source": 1,
        "period_start_s": int(bundle[k.B_PERIOD_S]),
        "duration_s": 1_800,
        "gate_open_ms": 0,
        "gate_close_ms": NIGHT_MS + 10 * DAY_S * 1_000,
    }
    product = home.client("operator").post("/api/v1/products", json=body).json()["product"]
    with visit(browser, home) as (page, _):
        log_in(page, "producer")
        page.goto(f"/market/{product}")
        page.locator("input[value=buy]").focus()
        page.keyboard.press("ArrowRight")
        for text in ("99", "1 Wh"):
            page.keyboard.press("Tab")
            page.keyboard.type(text)
        page.keyboard.press("Enter")
        assert "1 Wh waiting" in page.locator(".notice.ok").inner_text()
        assert page.locator(".board .sell").last.inner_text() == "99.00"


def test_my_power_shows_the_day_and_gives_proofs(browser: Browser, home: ServedHome) -> None:
    with visit(browser, home) as (page, wrong):
        log_in(page, "consumer")
        assert page.locator("svg.ring path").count() >= 48
        page.get_by_text("Show as table").first.click()
        assert page.locator("details[open] tbody tr").count() == 48
        page.get_by_text("Every serial range of the day").first.click()
        with page.expect_download() as saved:
            page.get_by_role("link", name="Certificate").first.click()
        certificate = saved.value.path().read_text()
        assert json.loads(certificate)["format"] == "wattmark-certificate@v1"
        page.goto("/verify")
        page.fill("#proof", certificate)
        page.get_by_role("button", name="Check", exact=True).click()
        assert page.locator(".steps .pill.ok").count() == 9
        forged = certificate.replace('"quantity_wh":', '"quantity_wh":1')
        page.fill("#proof", forged)
        page.get_by_role("button", name="Check", exact=True).click()
        assert page.locator(".notice.no h2").inner_text() == "The proof does not hold"
        assert page.locator(".steps .pill.no").count() == 1
        assert page.locator(".steps li").nth(8).locator(".pill.no").count() == 1
        assert wrong == []


def test_live_numbers_arrive_and_can_be_paused(browser: Browser, home: ServedHome) -> None:
    product = open_product(home)
    with visit(browser, home) as (page, _):
        page.goto(f"/market/{product}")
        bid = page.locator(f"[data-live='product.{product}.bid']")
        page.get_by_text("Live", exact=True).wait_for()
        place(home, product, 777)
        expect(bid).to_have_text("7.77", timeout=10_000)
        page.get_by_role("button", name="Pause").click()
        place(home, product, 888)
        page.wait_for_timeout(1_800)
        assert bid.inner_text() == "7.77"
        page.get_by_role("button", name="Resume").click()
        expect(bid).to_have_text("8.88", timeout=10_000)


def place(home: ServedHome, product: int, price_sen: int) -> None:
    body = {
        "id": new_id("live", price_sen),
        "product": product,
        "side": "buy",
        "price_sen_per_kwh": price_sen,
        "quantity_wh": 1,
    }
    assert home.client("consumer").post("/api/v1/orders", json=body).status_code == 201


def test_logging_out_ends_it(browser: Browser, home: ServedHome) -> None:
    with visit(browser, home) as (page, _):
        log_in(page, "consumer")
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url(re.compile("/$"))
        page.goto("/me")
        assert page.url.endswith("/login?next=/me")


def test_errors_are_pages_in_the_readers_language(browser: Browser, home: ServedHome) -> None:
    with visit(browser, home, locale="ja-JP") as (page, _):
        for path, status in (
            ("/nothing", 404),
            ("/plants/99", 404),
            ("/plants/1", 404),
            ("/market/x", 404),
            ("/plants/0?day=never", 422),
        ):
            response = page.goto(path)
            assert response is not None
            assert response.status == status, path
            assert page.locator("h1").inner_text() in {
                "ページが見つかりません",
                "受け付けられませんでした(何も変わっていません)",
            }
        assert DAY.isoformat() not in page.content()


def test_the_language_asked_for_is_remembered(browser: Browser, home: ServedHome) -> None:
    with visit(browser, home) as (page, _):
        page.goto("/about")
        page.get_by_role("link", name="日本語").click()
        assert page.evaluate("document.documentElement.lang") == "ja"
        page.goto("/plants")
        assert page.locator("h1").inner_text() == "発電所"


def test_the_api_page_lists_every_call(browser: Browser, home: ServedHome) -> None:
    with visit(browser, home) as (page, _):
        page.goto("/docs/api")
        schema = page.request.get("/api/v1/openapi.json").json()
        calls = sum(len(methods) for methods in schema["paths"].values())
        assert page.locator(".api dt").count() == calls
