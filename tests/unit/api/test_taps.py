"""Taps: bounded queues, gaps with a snapshot after them, and nothing left behind."""

import asyncio
from collections.abc import Callable

import pytest

from wattmark.api import taps as module
from wattmark.api.taps import Gap, Tap, Taps
from wattmark.api.told import Told
from wattmark.core.errors import Unavailable
from wattmark.flows.market_data import MarketData, Picture, Update
from wattmark.market import layout as m
from wattmark.market.board import Increment


class Data(MarketData):
    """Boards that are nothing but numbers."""

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}
        self.followers: list[tuple[int, object]] = []
        self.heard: Callable | None = None
        self.between: Callable[[], None] = lambda: None

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass

    def subscribe(self, subscriber) -> None:
        self.heard = subscriber

    def join(self, product, follower, seen=None):
        self.followers.append((product, follower))
        number = self.numbers.setdefault(product, 10)
        self.between()
        if seen is not None and 0 <= number - seen <= 2:
            return None, [Increment(product, at) for at in range(seen + 1, number + 1)]
        return Picture(product, number, m.PRODUCT_OPEN, False, (), ()), []

    def leave(self, product, follower) -> None:
        self.followers = [pair for pair in self.followers if pair != (product, follower)]

    def advance(self, product: int, steps: int = 1) -> None:
        for _ in range(steps):
            self.numbers[product] += 1
            self.heard([Update(product, Increment(product, self.numbers[product]))])


def run(test: Callable) -> None:
    async def whole() -> None:
        data = Data()
        taps = Taps(data, max_taps=3)
        taps.start()
        await test(data, taps)
        await taps.stop()
        assert data.followers == []
        assert len(taps) == 0

    asyncio.run(whole())


async def numbers(tap: Tap) -> list[object]:
    await asyncio.sleep(0)
    found = await tap.take(0.01)
    return [item.sequence if isinstance(item, Told) else type(item) for item in found]


def test_updates_follow_the_snapshot_by_one() -> None:
    async def test(data: Data, taps: Taps) -> None:
        tap = taps.open()
        data.numbers[1] = 10
        data.between = lambda: data.advance(1)  # told before the snapshot is here, and not in it
        (first,) = await tap.join(1)
        data.between = lambda: None
        assert first.sequence == 10
        data.advance(1, 2)
        assert await numbers(tap) == [11, 12, 13]
        assert await numbers(tap) == []

    run(test)


def test_a_full_queue_is_lost_and_a_snapshot_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUE", 3)

    async def test(data: Data, taps: Taps) -> None:
        slow, quick = taps.open(), taps.open()
        for tap in (slow, quick):
            await tap.join(1)
        for _ in range(5):
            data.advance(1)
            assert await numbers(quick) == [data.numbers[1]]
        assert await numbers(slow) == [Gap, Picture]
        assert (slow.gaps, quick.gaps) == (1, 0)
        data.advance(1)
        assert await numbers(slow) == [16]

    run(test)


def test_a_dropped_board_and_a_missing_number_are_gaps() -> None:
    async def test(data: Data, taps: Taps) -> None:
        tap = taps.open()
        await tap.join(1)
        await tap.join(2)
        data.heard([Update(1, None)])
        assert await numbers(tap) == [Gap, Picture]
        data.numbers[2] += 5
        data.advance(2)
        assert await numbers(tap) == [Gap, Picture]
        assert (await tap.join(2, data.numbers[2] - 2))[1].sequence == data.numbers[2]

    run(test)


def test_when_the_loop_does_not_come_round_everybody_has_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PENDING", 8)

    async def test(data: Data, taps: Taps) -> None:
        tap = taps.open()
        await tap.join(1)
        data.advance(1, 50)
        assert len(taps._pending) <= 8
        assert await numbers(tap) == [Gap, Picture]

    run(test)


def test_taps_and_their_products_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PRODUCTS", 2)

    async def test(data: Data, taps: Taps) -> None:
        tap = taps.open()
        await tap.join(1)
        await tap.join(2)
        with pytest.raises(Unavailable):
            await tap.join(3)
        tap.leave(1)
        await tap.join(3)
        assert tap.products == {2, 3}
        others = [taps.open(), taps.open()]
        with pytest.raises(Unavailable):
            taps.open()
        others[0].close()
        taps.open()

    run(test)


def test_at_the_end_everybody_is_let_go() -> None:
    async def test(data: Data, taps: Taps) -> None:
        tap = taps.open()
        await tap.join(1)
        waiting = asyncio.create_task(tap.take(60))
        await asyncio.sleep(0.01)
        taps.end()
        with pytest.raises(Unavailable):
            await waiting
        with pytest.raises(Unavailable):
            taps.open()

    run(test)
