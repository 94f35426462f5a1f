"""The public numbers of the market stream, as texts ready to be shown; the same for every listener."""

from typing import Final

from wattmark.core.energy import format_wh
from wattmark.core.money import format_price
from wattmark.flows.bank_deposit import bank_cover
from wattmark.flows.platform import Platform
from wattmark.flows.queries.market import Product, days_with_products, products_of_day, products_of_year

NO_VALUE: Final = "–"
DAYS_SHOWN: Final = 2
"""Days whose products are in the stream: the last listed ones."""


def market_snapshot(platform: Platform) -> dict[str, str]:
    """Return name -> text of every public number that may change while a page is open."""
    values = {
        "log.size": f"{platform.sequencer.position:,}",
        "log.published": f"{platform.sequencer.published_size:,}",
    }
    cover = bank_cover(platform.state)
    values["bank.outstanding"] = format_wh(cover.outstanding_wh)
    values["bank.cover"] = format_wh(cover.cover_wh)
    for day in days_with_products(platform)[-DAYS_SHOWN:]:
        for item in products_of_day(platform, day):
            values.update(product_values(item))
    for item in products_of_year(platform):
        values.update(product_values(item))
    return values


def product_values(item: Product) -> dict[str, str]:
    """Return the numbers of one product."""
    name = f"product.{item.product}"
    return {
        f"{name}.bid": price_text(item.best_bid_sen),
        f"{name}.ask": price_text(item.best_ask_sen),
        f"{name}.last": price_text(item.last_price_sen),
        f"{name}.volume": format_wh(item.traded_wh),
    }


def price_text(price_sen: int | None) -> str:
    """Return a price, or a dash for none."""
    return NO_VALUE if price_sen is None else format_price(price_sen)
