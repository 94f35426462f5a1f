"""Market data as JSON: the words of books, increments, trades and candles; each rendered once for all who hear it."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any, Final

from wattmark.flows.market_data import Picture, Update
from wattmark.market import layout as m
from wattmark.market.board import Level, PublicTrade
from wattmark.market.candles import Candle

STATES: Final = {
    m.PRODUCT_OPEN: "open",
    m.PRODUCT_CLOSED: "closed",
    m.PRODUCT_HALTED: "halted",
    m.PRODUCT_ASKING: "asking",
    m.PRODUCT_PRICED: "priced",
}
"""State of a product -> its word: one that is asking waits for an answer about capacity (J38), one that is priced for
the rest of its coupled auction."""
SHALLOW: Final = 1_000
"""Prices of a book that is written in a millisecond or two."""


def level_fields(level: Level | None) -> dict[str, int] | None:
    """Return a level as it is told: price [sen/kWh], energy [Wh], orders; no orders is a level that is gone."""
    if level is None:
        return None
    return {"price_sen": level.price_sen, "quantity_wh": level.quantity_wh, "orders": level.orders}


def trade_fields(trade: PublicTrade) -> dict[str, int]:
    """Return a trade as it is told: without names."""
    return {
        "position": trade.position,
        "timestamp_ms": trade.timestamp_ms,
        "quantity_wh": trade.quantity_wh,
        "price_sen_per_kwh": trade.price_sen,
    }


def candle_fields(candle: Candle) -> dict[str, int]:
    """Return a candle as it is told."""
    return {
        "start_s": candle.start_s,
        "duration_s": candle.duration_s,
        "open_sen": candle.open_sen,
        "high_sen": candle.high_sen,
        "low_sen": candle.low_sen,
        "close_sen": candle.close_sen,
        "vwap_sen": candle.vwap_sen,
        "quantity_wh": candle.quantity_wh,
        "value_e5jpy": candle.value_e5,
        "trades": candle.trades,
    }


def picture_fields(picture: Picture, levels: int | None = None) -> dict[str, Any]:
    """Return a snapshot as it is told, at most ``levels`` prices a side."""
    return {
        "product": picture.product,
        "sequence": picture.sequence,
        "state": STATES[picture.state],
        "blind": picture.is_blind,
        "bids": [level_fields(level) for level in picture.bids[:levels]],
        "asks": [level_fields(level) for level in picture.asks[:levels]],
    }


async def picture_text(picture: Picture, levels: int | None = None, **marks: str) -> str:
    """Return a snapshot as JSON; a deep one is written in a thread, so that others are answered meanwhile."""

    def write() -> str:
        return compact({**marks, **picture_fields(picture, levels)})

    if len(picture.bids) + len(picture.asks) <= SHALLOW or levels is not None:
        return write()
    return await asyncio.to_thread(write)


def top_fields(product: int, sequence: int, bid: Level | None, ask: Level | None) -> dict[str, Any]:
    """Return the best prices as they are told; ``null`` for a side without any."""
    return {"product": product, "sequence": sequence, "bid": level_fields(bid), "ask": level_fields(ask)}


def trades_fields(product: int, sequence: int, trades: Iterable[PublicTrade]) -> dict[str, Any]:
    """Return new trades as they are told."""
    return {"product": product, "sequence": sequence, "trades": [trade_fields(trade) for trade in trades]}


def compact(value: object) -> str:
    """Return JSON without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Told:
    """One update, and what it is in each channel; rendered when first asked for. ``None`` is nothing to tell."""

    __slots__ = ("_book", "_top", "_trades", "update")

    def __init__(self, update: Update) -> None:
        """Keep what is to be told."""
        self.update = update
        self._book = self._top = self._trades = ""

    @property
    def product(self) -> int:
        """The product it is of."""
        return self.update.product

    @property
    def sequence(self) -> int:
        """Its number; -1 of a gap."""
        return -1 if self.update.increment is None else self.update.increment.sequence

    @property
    def book(self) -> str:
        """The increment: changed levels, trades, and the state where it changed."""
        increment = self.update.increment
        assert increment is not None
        if not self._book:
            fields: dict[str, Any] = {
                "product": increment.product,
                "sequence": increment.sequence,
                "bids": [level_fields(level) for level in increment.levels if level.side == m.BUY],
                "asks": [level_fields(level) for level in increment.levels if level.side == m.SELL],
                "trades": [trade_fields(trade) for trade in increment.trades],
            }
            if increment.state is not None:
                fields["state"] = STATES[increment.state]
            self._book = compact(fields)
        return self._book

    @property
    def top(self) -> str:
        """The best prices after it."""
        if not self._top:
            self._top = compact(top_fields(self.product, self.sequence, self.update.bid, self.update.ask))
        return self._top

    @property
    def trades(self) -> str:
        """Its trades; empty where there are none."""
        increment = self.update.increment
        assert increment is not None
        if not self._trades and increment.trades:
            self._trades = compact(trades_fields(self.product, self.sequence, increment.trades))
        return self._trades

    def text(self, channel: str) -> str:
        """Return what it is in a channel: ``book``, ``top`` or ``trades``."""
        if channel == "book":
            return self.book
        return self.top if channel == "top" else self.trades
