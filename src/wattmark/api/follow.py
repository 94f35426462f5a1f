"""What one WebSocket follows: a tap per channel, so that each goes on by itself, and candles that grow trade by trade.

One task alone makes all market data of a connection, in ``take``: wishes are handed to it, so that the answer, the
snapshot and the increments leave in this order.
"""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from wattmark.api.context import Context
from wattmark.api.messages import Message, Subscribe, Unsubscribe
from wattmark.api.taps import FULL, OVER, Gap, Item, Tap
from wattmark.api.told import Told, candle_fields, compact, picture_text, top_fields
from wattmark.core.errors import Refused, Unavailable
from wattmark.core.periods import JST_OFFSET_S
from wattmark.flows.market_data import Picture
from wattmark.flows.platform import Platform
from wattmark.market.board import PublicTrade
from wattmark.market.candles import Candle, candles_of, joined

ALIGNED: Final = {"jst": JST_OFFSET_S, "utc": 0}
MAX_SERIES: Final = 64
"""Candles of different products and intervals that one connection may follow."""
CANDLES: Final = "candles"


@dataclass(slots=True)
class Series:
    """The last candle of a product at one interval, and the record from which on trades are new to it."""

    product: int
    interval_s: int
    align: str
    position: int = 0
    last: list[Candle] = field(default_factory=list)

    def read(self, platform: Platform) -> list[Candle]:
        """Begin with the last candle of the read model; under the state's lock."""
        self.position = platform.sequencer.position
        align_s = ALIGNED[self.align]
        self.last = platform.views.candles(self.interval_s, product=self.product, align_s=align_s, limit=1)
        return self.last

    def grow(self, trades: tuple[PublicTrade, ...]) -> list[Candle]:
        """Return the candles that new trades changed or made."""
        new = [
            (trade.timestamp_ms, trade.price_sen, trade.quantity_wh)
            for trade in trades
            if trade.position >= self.position
        ]
        if not new:
            return []
        timestamp_ms, price_sen, quantity_wh = np.array(new, np.int64).T
        made = candles_of(timestamp_ms, price_sen, quantity_wh, self.interval_s, ALIGNED[self.align])
        grown = joined(self.last, made)
        self.last = grown[-1:]
        return grown[-len(made) :]


class Followed:
    """The subscriptions of one connection."""

    def __init__(self, context: Context) -> None:
        """Follow nothing yet."""
        self._context = context
        self._wake = asyncio.Event()
        self._wishes: deque[tuple[Message, asyncio.Future[None]]] = deque()
        self._taps: dict[str, Tap] = {}
        self._series: dict[tuple[int, int, str], Series] = {}
        self._is_closed = False

    async def ask(self, message: Message) -> None:
        """Hand over a wish to subscribe or not to, and wait until it was answered.

        Raises:
            Unavailable: the connection ends.
        """
        if self._is_closed:
            raise Unavailable(OVER)
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wishes.append((message, answered))
        self._wake.set()
        await answered

    def wake(self) -> None:
        """Let ``take`` return now, with nothing perhaps."""
        self._wake.set()

    def close(self) -> None:
        """Follow nothing more."""
        self._is_closed = True
        for tap in self._taps.values():
            tap.close()
        for _, answered in self._wishes:
            if not answered.done():
                answered.set_exception(Unavailable(OVER))
        self._wishes.clear()
        self._wake.set()

    async def take(self, wait_s: float) -> list[str]:
        """Return what is to be told now, answers to wishes first; nothing when nothing came in ``wait_s`` seconds.

        Raises:
            Unavailable: the service is stopping.
        """
        if self._context.taps.is_over:
            raise Unavailable(OVER)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        self._wake.clear()
        texts: list[str] = []
        while self._wishes:
            message, answered = self._wishes.popleft()
            try:
                told = await self._fulfil(message)
            except (Refused, Unavailable) as error:
                told = [compact(message.refused(error))]
            texts += told
            if not answered.done():
                answered.set_result(None)
        for channel, tap in self._taps.items():
            for item in await tap.drain():
                texts += await self._told(channel, item)
        return texts

    async def _fulfil(self, message: Message) -> list[str]:
        wish = message.body
        if isinstance(wish, Unsubscribe):
            self._leave(wish.product, wish.channel)
            return [compact(message.answer(product=wish.product, channel=wish.channel))]
        assert isinstance(wish, Subscribe)
        tap = self._taps.get(wish.channel)
        if tap is None:
            tap = self._taps[wish.channel] = self._context.taps.open(self._wake)
        key = (wish.product, wish.interval_s, wish.align)
        if wish.channel == CANDLES and key not in self._series and len(self._series) >= MAX_SERIES:
            raise Unavailable(FULL)
        items = await tap.join(wish.product, wish.sequence)
        texts = [compact(message.answer(product=wish.product, channel=wish.channel))]
        if wish.channel == CANDLES:
            self._series[key] = Series(*key)
            return texts + await self._begun(self._series[key])
        for item in items:
            texts += await self._told(wish.channel, item)
        return texts

    def _leave(self, product: int, channel: str) -> None:
        if channel in self._taps:
            self._taps[channel].leave(product)
        if channel == CANDLES:
            self._series = {key: series for key, series in self._series.items() if series.product != product}

    async def _begun(self, series: Series) -> list[str]:
        return [_candle(series, candle) for candle in await self._context.read(series.read)]

    async def _told(self, channel: str, item: Item) -> list[str]:
        """Return an item of a channel as texts."""
        if isinstance(item, Gap):
            return [_typed("gap", {"product": item.product, "channel": channel, "resync": True})]
        if channel == CANDLES:
            mine = [series for series in self._series.values() if series.product == item.product]
            if isinstance(item, Picture):  # after a gap
                return [text for series in mine for text in await self._begun(series)]
            increment = item.update.increment
            assert increment is not None
            return [_candle(series, candle) for series in mine for candle in series.grow(increment.trades)]
        if isinstance(item, Told):
            text = item.text(channel)
            return [_prefixed("increment" if channel == "book" else channel, text)] if text else []
        if channel == "top":
            bid, ask = next(iter(item.bids), None), next(iter(item.asks), None)
            return [_typed("top", top_fields(item.product, item.sequence, bid, ask))]
        return [await picture_text(item, None if channel == "book" else 0, type="snapshot")]


def _candle(series: Series, candle: Candle) -> str:
    return _typed("candle", {"product": series.product, "align": series.align, **candle_fields(candle)})


def _typed(kind: str, fields: dict[str, Any]) -> str:
    return compact({"type": kind, **fields})


def _prefixed(kind: str, text: str) -> str:
    """Return a rendered object with its type in front: the object itself is rendered once for all."""
    return f'{{"type":"{kind}",{text[1:]}'
