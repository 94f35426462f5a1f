"""Language, figures in words, addresses, numbers typed by people, static files."""

from datetime import date

import pytest
from starlette.requests import Request

from wattmark.core.errors import MalformedInput, UnknownReference
from wattmark.core.periods import Period, jst_day_start_s
from wattmark.web.assets import Assets
from wattmark.web.language import COOKIE, address_in, choose_language
from wattmark.web.pages.entrance import own_address
from wattmark.web.pages.parts import chosen_day
from wattmark.web.say import Say

NOON = Period(jst_day_start_s(date(2026, 11, 23)) + 12 * 3_600, 1_800)
MIDNIGHT = Period(jst_day_start_s(date(2026, 11, 23)) + 47 * 1_800, 1_800)


def request(query: str = "", cookie: str = "", accept: str = "") -> Request:
    headers = [(b"accept-language", accept.encode()), (b"cookie", f"{COOKIE}={cookie}".encode()), (b"host", b"x")]
    return Request({"type": "http", "method": "GET", "path": "/me", "query_string": query.encode(), "headers": headers})


CHOICES = """
query     cookie accept                        chosen
lang=ja   en     en                            ja
lang=en   ja     ja                            en
lang=fr   ja     en                            ja
-         ja     en                            ja
-         -      ja,en;q=0.5                   ja
-         -      en;q=0.4,ja;q=0.9             ja
-         -      fr-FR,en-US;q=0.8,ja;q=0.7    en
-         -      fr                            en
-         -      ja;q=broken                   en
-         -      -                             en
"""


@pytest.mark.parametrize("row", [line.split() for line in CHOICES.strip().splitlines()[1:]], ids=" ".join)
def test_language(row: list[str]) -> None:
    query, cookie, accept, chosen = ("" if word == "-" else word for word in row)
    assert choose_language(request(query, cookie, accept)) == chosen


def test_the_other_languages_address_keeps_the_rest() -> None:
    assert address_in(request("day=2021-01-04&lang=ja"), "en") == "/me?day=2021-01-04&lang=en"


def test_figures_in_both_languages() -> None:
    ja, en = Say("ja"), Say("en")
    assert (en.energy(999), en.energy(1_234), en.energy(2_345_678)) == ("999 Wh", "1.2 kWh", "2.35 MWh")
    assert en.exact_energy(1_234) == "1.234 kWh"
    assert (en.price(1_250), en.price(None)) == ("12.50", "–")
    assert (en.percent(273), en.percent(1_000), en.percent(5)) == ("27.3 %", "100.0 %", "0.5 %")
    assert en.ratio(2_019) == "2.01"
    assert ja.period(NOON) == "2026年11月23日(月) 12:00–12:30"
    assert en.period(NOON) == "Mon 2026-11-23 12:00–12:30"
    assert (ja.clock(MIDNIGHT), en.short_period(MIDNIGHT)) == ("23:30–24:00", "23 Nov 23:30–24:00")
    assert ja.date(date(2026, 11, 23)) == "2026年11月23日(月)"
    assert en.date(date(2026, 11, 3)) == "Tue 3 November 2026"
    assert (en.power(950), en.power(4_000), en.power(1_500_000)) == ("950 W", "4 kW", "1.5 MW")
    assert ja.time(0) == "1970年1月1日 9:00"
    assert (ja.source(1), en.source(1), ja.area(3)) == ("太陽光", "Solar", "東京")


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("/me", "/me"),
        ("/market/3?x=1", "/market/3?x=1"),
        ("//evil.example", "/me"),
        ("/\\evil.example", "/me"),
        ("https://evil.example", "/me"),
        ("", "/me"),
        ("/a\nb", "/me"),
    ],
)
def test_after_logging_in_one_stays_on_this_site(address: str, kept: str) -> None:
    assert own_address(address) == kept


def test_the_day_shown_has_neighbours_with_data() -> None:
    days = [date(2021, 1, 4), date(2021, 1, 6), date(2021, 1, 9)]
    day, here = chosen_day(days, None)
    assert (day, here.before, here.after) == (days[2], "2021-01-06", "")
    day, here = chosen_day(days, "2021-01-06")
    assert (here.before, here.after) == ("2021-01-04", "2021-01-09")
    assert chosen_day([], None)[0] is None
    with pytest.raises(MalformedInput):
        chosen_day(days, "yesterday")


def test_static_files_are_named_by_their_content() -> None:
    assets = Assets()
    address = assets.address("wattmark.css")
    assert address.startswith("/static/wattmark.")
    response = assets.response(address.removeprefix("/static/"))
    assert response.headers["content-type"].startswith("text/css")
    assert "immutable" in response.headers["cache-control"]
    for name in ("wattmark.css", "wattmark.000000000000.css", "../app.py"):
        with pytest.raises(UnknownReference):
            assets.response(name)
