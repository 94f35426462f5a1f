"""A product's numbers as charts with their sentence and their table: depth, candles, the curves of an auction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup

from wattmark.core.periods import DAY_S, JST_OFFSET_S
from wattmark.flows.platform import Platform
from wattmark.flows.ports import Candle as Traded
from wattmark.flows.queries import market as reads
from wattmark.flows.queries.auctions import AuctionResult
from wattmark.web.charts.candles import Candle, CandleWords, candle_chart
from wattmark.web.charts.curves import CurveWords, curve_chart
from wattmark.web.charts.depth import DepthWords, depth_chart
from wattmark.web.say import Say

STEPS_S: Final = {
    60: "step.minute",
    300: "step.minutes5",
    1_800: "step.half_hour",
    3_600: "step.hour",
    DAY_S: "step.day",
}
"""Length of a candle that can be chosen [s] -> key of its name."""
CANDLES_WANTED: Final = 40
ROWS_TOLD: Final = 200
"""Steps of a curve that its table holds at most."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart for a desk and for a phone, and the same as a table; ``wide`` is empty where there is nothing to draw."""

    wide: Markup = field(default_factory=Markup)
    narrow: Markup = field(default_factory=Markup)
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def draw_depth(book: reads.Book, say: Say) -> Drawing:
    """Return the depth of a book."""
    bids = [(level.price_sen, level.quantity_wh) for level in book.bids]
    asks = [(level.price_sen, level.quantity_wh) for level in book.asks]
    if not bids and not asks:
        return Drawing()
    label = say.t(
        "product.depth_label",
        bid=say.energy(sum(wh for _, wh in bids)),
        ask=say.energy(sum(wh for _, wh in asks)),
        best_bid=say.price(bids[0][0] if bids else None),
        best_ask=say.price(asks[0][0] if asks else None),
    )
    middle = ""
    if bids and asks:
        middle = say.t("product.middle", price=say.middle(bids[0][0], asks[0][0]))
    words = DepthWords(label, say.t("order.buy"), say.t("order.sell"), say.t("product.summed"), middle)
    rows = [(say.price(price), say.t("order.buy"), f"{wh:,}") for price, wh in bids]
    rows += [(say.price(price), say.t("order.sell"), f"{wh:,}") for price, wh in asks]
    return Drawing(
        depth_chart(bids, asks, words, wide=True),
        depth_chart(bids, asks, words, wide=False),
        (say.t("market.price"), say.t("product.side"), "Wh"),
        tuple(rows),
    )


def candles_of(platform: Platform, product: int, step_s: int | None) -> tuple[int, list[Traded]]:
    """Return the length of the candles and the newest of them; without a wish the finest that are few enough."""
    candles: list[Traded] = []
    wanted = list(STEPS_S) if step_s is None else [step_s]
    for step in wanted:
        candles = platform.views.candles(step, product=product, align_s=JST_OFFSET_S, limit=CANDLES_WANTED + 1)
        if len(candles) <= CANDLES_WANTED:
            break
    return step, candles[-CANDLES_WANTED:]


def draw_candles(candles: Sequence[Traded], step_s: int, say: Say) -> Drawing:
    """Return the candles with the energy traded."""
    if not candles:
        return Drawing()
    drawn = [
        Candle(
            say.month_day(item.start_s) if step_s >= DAY_S else say.short_time(item.start_s * 1_000),
            item.open_sen,
            item.high_sen,
            item.low_sen,
            item.close_sen,
            item.quantity_wh,
        )
        for item in candles
    ]
    label = say.t(
        "product.candles_label",
        first=say.price(drawn[0].first_sen),
        last=say.price(drawn[-1].last_sen),
        low=say.price(min(item.low_sen for item in drawn)),
        high=say.price(max(item.high_sen for item in drawn)),
        energy=say.energy(sum(item.quantity_wh for item in drawn)),
    )
    words = CandleWords(label, say.t("front.price_axis"), say.t("market.volume"))
    heads = ("market.time", "product.open", "product.high", "product.low", "product.close")
    return Drawing(
        candle_chart(drawn, words, wide=True),
        candle_chart(drawn, words, wide=False),
        (*(say.t(key) for key in heads), "Wh"),
        tuple(
            (
                item.name,
                *(say.price(price) for price in (item.first_sen, item.high_sen, item.low_sen, item.last_sen)),
                f"{item.quantity_wh:,}",
            )
            for item in drawn
        ),
    )


def draw_curves(result: AuctionResult, say: Say) -> Drawing:
    """Return supply and demand of a cleared auction with their crossing (J20)."""
    if not result.sells and not result.buys:
        return Drawing()
    crossing, told = None, say.t("auction.no_trade")
    if result.price_sen is not None:
        crossing = (result.price_sen, result.quantity_wh)
        told = say.t("auction.crossing", price=say.price(result.price_sen), energy=say.energy(result.quantity_wh))
    label = say.t(
        "auction.curves_label",
        supply=say.energy(sum(wh for _, wh in result.sells)),
        demand=say.energy(sum(wh for _, wh in result.buys)),
        result=told,
    )
    words = CurveWords(
        label,
        say.t("auction.supply"),
        say.t("auction.demand"),
        say.t("front.price_axis"),
        say.t("product.summed"),
        told,
    )
    rows = [
        (say.price(price), say.t(key), f"{wh:,}")
        for key, levels in (("auction.supply", result.sells), ("auction.demand", result.buys))
        for price, wh in levels[: ROWS_TOLD // 2]
    ]
    return Drawing(
        curve_chart(result.sells, result.buys, crossing, words, wide=True),
        curve_chart(result.sells, result.buys, crossing, words, wide=False),
        (say.t("market.price"), say.t("auction.curve"), "Wh"),
        tuple(rows),
    )
