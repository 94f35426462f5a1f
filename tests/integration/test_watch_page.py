"""The operator's report on the market: who may read it, what it says, and how it looks in a real browser."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from reference.served_home import SECRETS, ServedHome, served_home
from wattmark.cli.main import run
from wattmark.core.codes import Area, Source
from wattmark.core.ids import derive_id
from wattmark.core.periods import Period
from wattmark.flows.bank_deposit import plan_deposit_cash
from wattmark.flows.clear_auctions import plan_clear_auctions
from wattmark.flows.list_products import plan_list_products
from wattmark.flows.place_orders import buy, plan_cancel, plan_orders, sell
from wattmark.market.layout import MODE_CALL
from wattmark.market.policy import MarketPolicy
from wattmark.market.surveillance.policy import Surveillance
from wattmark.testing.small_home import NIGHT_MS, SmallHome
from wattmark.tokens import layout as k

pytestmark = pytest.mark.service

POLICY = MarketPolicy(surveillance=Surveillance(wash_trades=2, wash_wh=100, stuffing_messages=10))
DAY = "2021-01-05"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def unfair(small: SmallHome) -> None:
    """Let the producer buy from itself in an auction, and the consumer flood a book."""
    lot = small.held(small.producer)[5]
    size = small.size(lot)
    bundle = small.platform.state.bundles[small.platform.state.lots[lot, k.L_BUNDLE]]
    plan = plan_list_products(
        area=Area.TOKYO,
        sources=[Source.SOLAR],
        periods=[Period(int(bundle[k.B_PERIOD_S]), int(bundle[k.B_DURATION_S]))],
        gate_open_ms=0,
        gate_close_ms=NIGHT_MS + 10_000,
        mode=MODE_CALL,
    )
    product = small.platform.execute_one(plan, NIGHT_MS).result0
    cash = plan_deposit_cash(identity=derive_id("own cash"), account=small.producer, amount_e5jpy=10**9)
    small.platform.execute_all(cash, NIGHT_MS)
    own = [
        sell(derive_id("own sell"), small.producer, product, 900, lot=lot, start=0, end=size),
        buy(derive_id("own buy", 0), small.producer, product, 950, size // 2),
        buy(derive_id("own buy", 1), small.producer, product, 950, size - size // 2),
    ]
    small.platform.execute_all(plan_orders(own), NIGHT_MS)
    flood = [buy(derive_id("flood", number), small.consumer, product, 10, 50) for number in range(5)]
    small.platform.execute_all(plan_orders(flood), NIGHT_MS)
    for order in flood:
        gone = plan_cancel(identity=derive_id("gone", order.identity), account=small.consumer, target=order.identity)
        small.platform.execute_all(gone, NIGHT_MS + 1)
    small.platform.execute_all(plan_clear_auctions(small.platform.state, NIGHT_MS + 10_000), NIGHT_MS + 10_000)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHome]:
    with served_home(tmp_path_factory.mktemp("watch"), unfair, market=POLICY) as running:
        running.platform.publish()
        yield running


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


def signed_in(home: ServedHome, caller: str) -> httpx.Client:
    client = httpx.Client(base_url=home.url, timeout=30, headers={"Accept-Language": "en"})
    page = client.get("/login").text
    token = page.split('name="csrf" value="')[1].split('"')[0]
    sent = client.post("/login", data={"csrf": token, "key": f"wm_{SECRETS[caller]}", "next": ""})
    assert sent.status_code == 303, sent.text[:300]
    return client


@pytest.mark.parametrize("caller", ["consumer", "producer", "other"])
def test_members_never_see_it(home: ServedHome, caller: str) -> None:
    with closing(signed_in(home, caller)) as client:
        for address in ("/watch", f"/watch?day={DAY}", f"/watch?day={DAY}&format=json"):
            answer = client.get(address)
            assert answer.status_code == 403
            assert "F1" not in answer.text
        assert 'href="/watch"' not in client.get("/me").text


def test_strangers_are_asked_to_log_in(home: ServedHome) -> None:
    for address in ("/watch", f"/watch?day={DAY}&format=json"):
        answer = httpx.get(f"{home.url}{address}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/watch")


@pytest.mark.parametrize("caller", ["operator", "auditor"])
def test_overseers_read_it_as_a_page_and_as_json(home: ServedHome, caller: str) -> None:
    with closing(signed_in(home, caller)) as client:
        assert 'href="/watch"' in client.get("/me").text
        page = client.get("/watch")
        assert page.status_code == 200
        assert page.headers["cache-control"] == "no-store"
        assert f"Account {home.small.producer} was buyer and seller" in page.text
        assert page.text.count(">silent<") == 7
        values = client.get(f"/watch?day={DAY}&format=json").json()
        assert values["day"] == DAY
        found = {rule["rule"]: rule["alerts"] for rule in values["rules"] if rule["alerts"]}
        assert list(found) == ["F1", "F8"]
        assert found["F1"][0]["accounts"] == [home.small.producer]
        assert found["F8"][0]["accounts"] == [home.small.consumer]
        position = found["F1"][0]["trades"][0]
        assert client.get(f"/log/{position}").status_code == 200
        assert client.get("/watch?day=2021-01-04").text.count(">silent<") == 9
        assert client.get("/watch?day=yesterday").status_code == 422
        for far in ("0001-01-01", "9999-12-31"):
            assert client.get(f"/watch?day={far}&format=json").json()["figures"]["trades"] == 0
        ja = client.get("/watch", headers={"Accept-Language": "ja"}).text
        assert f"口座{home.small.producer}が商品" in ja
        assert ja.count("検出なし") == 7


def test_no_public_page_names_what_was_found(home: ServedHome) -> None:
    for path in ("/", "/market", "/market/0", "/log", "/about", "/docs/api"):
        text = httpx.get(f"{home.url}{path}", follow_redirects=True).text
        assert "/watch" not in text, path
        assert "wash" not in text.lower(), path


def test_the_command_line_says_the_same(home: ServedHome, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "home"
    small = SmallHome(copy, market=POLICY).run()
    unfair(small)
    small.close()
    assert run(["market", "report", str(copy), "--day", DAY, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    with closing(signed_in(home, "operator")) as client:
        assert told == client.get(f"/watch?day={DAY}&format=json").json()
    assert run(["market", "report", str(copy), "--day", DAY]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert lines[1].startswith("F1 Account")
    assert run(["market", "report", str(copy), "--day", "soon"]) == 2
    assert run(["market", "policy", str(copy), "--set", "collar_up=300", "--set", "surveillance.wash_trades=7"]) == 0
    assert "collar_up\t300" in capsys.readouterr().out
    assert run(["market", "policy", str(copy), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert (values["collar_up"], values["surveillance.wash_trades"]) == (300, 7)
    assert values["surveillance.stuffing_messages"] == 10, "what was set before stays"
    for wrong in ("collar_up", "collar_up=-1", "colar=1", "surveillance.wash=1", "collar_up=1e3"):
        assert run(["market", "policy", str(copy), "--set", wrong]) == 2
    assert run(["audit", str(copy), "--quick"]) == 0, "the changed settings are on record"


def log_in(page: Page, caller: str) -> None:
    page.goto("/login")
    page.fill("#key", f"wm_{SECRETS[caller]}")
    page.click("main form button")
    page.wait_for_url("**/me")


@pytest.mark.parametrize(
    ("width", "scheme", "locale"),
    [(1_360, "light", "en-GB"), (1_360, "dark", "ja-JP"), (390, "light", "ja-JP"), (390, "dark", "en-GB")],
)
def test_it_fits_and_opens_its_evidence(
    browser: Browser, home: ServedHome, tmp_path: Path, width: int, scheme: str, locale: str
) -> None:
    context = browser.new_context(
        base_url=home.url, viewport={"width": width, "height": 900}, color_scheme=scheme, locale=locale
    )
    page, wrong = context.new_page(), []
    page.on("console", lambda message: wrong.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("request", lambda request: None if request.url.startswith(home.url) else wrong.append(request.url))
    log_in(page, "operator")
    page.click('a[href="/watch"]')
    page.wait_for_url("**/watch")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").count() == 1
    assert page.locator("section.notice").count() == 9
    assert page.locator("section.notice.no").count() == 2
    page.locator("#F1 details summary").click()
    assert page.locator("#F1 details a").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    picture = page.locator("svg.chart.wide" if width > 800 else "svg.chart.narrow")
    assert picture.count() == 1
    assert picture.is_visible()
    assert picture.locator("rect.s-geothermal").count() == 2
    heights = page.evaluate(
        "[...document.querySelectorAll('nav a, summary')].filter(e => e.offsetParent).map(e => e.getBoundingClientRect().height)"
    )
    assert min(heights) >= 43.5
    shot = page.screenshot(full_page=True)
    assert np.frombuffer(shot[:8], np.uint8).tolist() == [137, 80, 78, 71, 13, 10, 26, 10]
    (tmp_path / "watch.png").write_bytes(shot)
    assert wrong == []
    context.close()
