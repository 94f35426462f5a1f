"""Market data: boards follow the frames, everything is bounded, and nobody makes the writer wait."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from wattmark.core.errors import Unavailable, UnknownReference
from wattmark.flows import market_data
from wattmark.flows.market_data import MarketData, Update
from wattmark.flows.ports import AppliedFrame
from wattmark.market import layout as m
from wattmark.market.board import Board, Level


class World:
    """A sequencer of nothing but frames: 5 products, the last a call auction; one bid of 9 Wh stands in each."""

    def __init__(self) -> None:
        self.position = 100
        self.products = np.zeros((5, m.PRODUCT_WORDS), np.int64)
        self.products[:, m.P_STATE] = m.PRODUCT_OPEN
        self.products[:, m.P_MODE] = [m.MODE_CONTINUOUS] * 4 + [m.MODE_CALL]
        self.orders = np.zeros((5, m.ORDER_WORDS), np.int64)
        self.orders[:, m.O_PRODUCT] = range(5)
        for word, value in (
            (m.O_SIDE, m.BUY),
            (m.O_PRICE_SEN, 10),
            (m.O_QUANTITY_WH, 9),
            (m.O_REMAINING_WH, 9),
            (m.O_STATE, m.ORDER_OPEN),
        ):
            self.orders[:, word] = value
        self.listeners: list = []
        self.lock = threading.Lock()

    def count(self, table: str) -> int:
        return len(getattr(self, table))

    def listen(self, listener) -> None:
        self.listeners.append(listener)

    def stop_listening(self, listener) -> None:
        self.listeners.remove(listener)

    @contextmanager
    def reading(self) -> Iterator["World"]:
        with self.lock:
            yield self

    def frame(self, *changes: tuple[int, int, int, int, int], trades: tuple[tuple[int, int, int], ...] = ()) -> None:
        with self.lock:
            first = self.position
            rows = np.zeros((len(trades), m.TRADE_WORDS), np.int64)
            for row, (product, price, wh) in zip(rows, trades, strict=True):
                row[[m.T_PRODUCT, m.T_PRICE_SEN, m.T_QUANTITY_WH, m.T_POSITION]] = product, price, wh, first
            table = np.array([(*change, first) for change in changes], np.int64).reshape(-1, 6)
            self.position += 1
            told = AppliedFrame(
                first, bytes(32), first, np.zeros((1, 16)), np.zeros((1, 4)), {}, rows, np.zeros((0, 2)), table
            )
            for listener in self.listeners:
                listener(told, self)


@contextmanager
def running(world: World, **bounds: int) -> Iterator[MarketData]:
    data = MarketData(world, **bounds)
    data.start()
    try:
        yield data
    finally:
        data.close()


def test_a_board_begins_with_the_open_orders_and_follows_every_frame() -> None:
    world = World()
    with running(world) as data:
        first = data.picture(0)
        assert (first.sequence, first.bids, first.asks) == (100, (Level(m.BUY, 10, 9, 1),), ())
        world.frame((0, m.SELL, 12, 5, 1))
        world.frame((1, m.SELL, 12, 5, 1))
        world.frame((0, m.SELL, 12, 0, 0), (0, m.BUY, 11, 4, 2), trades=((0, 12, 5),))
        picture = data.picture(0)
        assert (picture.sequence, picture.asks) == (102, ())
        assert picture.bids == (Level(m.BUY, 11, 4, 2), Level(m.BUY, 10, 9, 1))
        assert data.picture(1).sequence == 103, "a board made later begins where the log is then"


def test_who_joins_gets_a_snapshot_or_what_was_missed_and_then_every_update() -> None:
    world, heard = World(), []
    with running(world) as data:
        data.subscribe(heard.extend)
        snapshot, missed = data.join(0, "me")
        assert (snapshot.sequence, missed) == (100, [])
        board = Board(0, snapshot.sequence, [*snapshot.bids, *snapshot.asks])
        for number in range(5):
            world.frame((0, m.BUY, 20 + number, 1, 1))
        picture = data.picture(0)
        for update in heard:
            board.apply(update.increment)
        assert tuple(board.bids()) == picture.bids
        assert [update.bid.price_sen for update in heard] == [20, 21, 22, 23, 24]
        again, missed = data.join(0, "you", seen=103)
        assert again is None
        assert [increment.sequence for increment in missed] == [104, 105]
        assert data.join(0, "you", seen=105) == (None, [])
        for elsewhere in (99, 106, 10**30):
            snapshot, missed = data.join(0, "you", seen=elsewhere)
            assert (snapshot.sequence, missed) == (105, []), "too long ago, or of another log"


def test_a_state_change_is_told_even_if_no_level_changed() -> None:
    world, heard = World(), []
    with running(world) as data:
        data.subscribe(heard.extend)
        data.picture(2)
        world.products[2, m.P_STATE] = m.PRODUCT_CLOSED
        world.frame()
        assert data.picture(2).state == m.PRODUCT_CLOSED
        assert [update.increment.state for update in heard] == [m.PRODUCT_CLOSED]


def test_a_call_auction_is_blind_and_tells_one_trade_at_its_end() -> None:
    world, heard = World(), []
    with running(world) as data:
        data.subscribe(heard.extend)
        before = data.picture(4)
        assert before.is_blind
        assert before.bids == before.asks == ()
        world.frame(trades=((4, 10, 3), (4, 10, 4)))
        data.picture(4)
        (update,) = heard
        assert [(trade.price_sen, trade.quantity_wh) for trade in update.increment.trades] == [(10, 7)]


def test_unknown_products_are_refused() -> None:
    with running(World()) as data:
        for product in (-1, 5, 1 << 40):
            with pytest.raises(UnknownReference):
                data.picture(product)


def test_the_writer_never_waits_and_a_flood_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    world, heard, gate = World(), [], threading.Event()
    slow = market_data.changes_of

    def wait(*args):
        gate.wait(10)
        return slow(*args)

    with running(world, max_waiting_rows=50) as data:
        data.subscribe(heard.extend)
        data.join(0, "me")
        monkeypatch.setattr(market_data, "changes_of", wait)
        begun = time.monotonic()
        for number in range(200):
            world.frame((0, m.BUY, 30 + number, 1, 1))
        assert time.monotonic() - begun < 2, "nobody reads, and the writer goes on"
        gate.set()
        data.leave(0, "me")
        assert data.overflows == 1
        picture = data.picture(0)
        assert picture.sequence == 300
        assert Update(0, None) in heard
        monkeypatch.undo()
        world.frame((0, m.BUY, 29, 1, 1))
        assert data.picture(0).sequence == 301


def test_only_the_last_increments_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_data, "KEPT_INCREMENTS", 4)
    monkeypatch.setattr(market_data, "KEPT_ROWS", 9)
    world = World()
    with running(world) as data:
        data.join(0, "me")
        for number in range(10):
            world.frame((0, m.BUY, 30 + number, 1, 1))
        _, missed = data.join(0, "me", seen=106)
        assert [increment.sequence for increment in missed] == [107, 108, 109, 110]
        assert data.join(0, "me", seen=105)[0].sequence == 110
        world.frame(*((0, m.SELL, 100 + number, 1, 1) for number in range(20)))
        assert len(data.join(0, "me", seen=110)[1]) == 1, "the last one is kept however large it is"


def test_boards_nobody_follows_make_room() -> None:
    world = World()
    with running(world, max_products=2) as data:
        data.join(0, "me")
        for product in (1, 2, 3):
            data.picture(product)
        data.join(3, "me")
        with pytest.raises(Unavailable):
            data.picture(1)
        data.leave(3, "me")
        assert data.picture(1).product == 1


def test_after_the_end_nothing_is_told() -> None:
    world = World()
    data = MarketData(world)
    data.start()
    data.picture(0)
    data.close()
    assert world.listeners == []
    with pytest.raises(Unavailable):
        data.picture(1)
