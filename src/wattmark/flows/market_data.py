"""Market data in memory: the public boards of the products somebody asks for, kept up with every durable frame.

Theory of operation. The writer hands over each frame once it is on disk, and goes on: that costs it one step of a
queue, and nothing while nobody asks for a product. A thread of its own turns frames into numbered increments
(``market.board``), applies them to the boards and tells whoever subscribed. A board begins with the open orders of the
state, at the log index the state has then; frames before that are not for it. Everything is bounded::

    what waits           MAX_WAITING_ROWS; beyond, all boards are dropped and their subscribers told of a gap
    boards               MAX_PRODUCTS; the one that was asked for longest ago goes first, unless somebody subscribes to it
    increments of one    KEPT_INCREMENTS of at most KEPT_ROWS levels and trades; who is further behind takes a snapshot

Call auctions are blind (J11): their boards are empty, and tell of the one trade at the end.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from wattmark.core.errors import Unavailable, UnknownReference
from wattmark.core.text import Text
from wattmark.engine.state import State
from wattmark.flows.ports import AppliedFrame
from wattmark.flows.queries.market import PRODUCT
from wattmark.market import layout as m
from wattmark.market.board import Board, Changes, Increment, Level, changes_of
from wattmark.market.order import shown

Rows = npt.NDArray[np.int64]

MAX_WAITING_ROWS: Final = 1 << 18
"""Changes and trades that may wait to be told."""
MAX_PRODUCTS: Final = 1_024
KEPT_INCREMENTS: Final = 256
KEPT_ROWS: Final = 4_096

CLOSED: Final = Text(en="market data has ended", ja="相場情報の配信は終了しています")
FULL: Final = Text(en="too many products are being watched", ja="配信中の商品が多すぎます")


@dataclass(frozen=True, slots=True)
class Picture:
    """A board at a sequence number.

    Attributes:
        product: its number.
        sequence: of the last increment in it.
        state: state of the product (``P_STATE``).
        is_blind: whether its orders are nobody's to see (J11).
        bids: buy levels, the highest price first.
        asks: sell levels, the lowest price first.
    """

    product: int
    sequence: int
    state: int
    is_blind: bool
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Update:
    """An increment and the best levels after it; ``None`` for the increment is a gap: only a snapshot helps."""

    product: int
    increment: Increment | None
    bid: Level | None = None
    ask: Level | None = None


Subscriber = Callable[[Sequence[Update]], object]
"""Called in the thread of the market data, with the updates of one frame; it neither waits nor fails."""


class Source(Protocol):
    """Where frames and states come from: the sequencer."""

    def listen(self, listener: Callable[[AppliedFrame, State], None]) -> None:
        """Tell of every durable frame from now on."""
        ...

    def stop_listening(self, listener: Callable[[AppliedFrame, State], None]) -> None:
        """Tell no more."""
        ...

    def reading(self) -> AbstractContextManager[State]:
        """Hold the state still, every frame of it told."""
        ...


@dataclass(slots=True)
class _Watched:
    board: Board
    base: int
    is_blind: bool
    kept: deque[Increment] = field(default_factory=deque)
    rows: int = 0
    followers: set[object] = field(default_factory=set)

    def keep(self, increment: Increment) -> None:
        self.board.apply(increment)
        self.kept.append(increment)
        self.rows += _size(increment)
        while len(self.kept) > KEPT_INCREMENTS or (self.rows > KEPT_ROWS and len(self.kept) > 1):
            self.rows -= _size(self.kept.popleft())


class MarketData:
    """The boards of one process; its own thread starts with the first board."""

    def __init__(
        self, source: Source, *, max_products: int = MAX_PRODUCTS, max_waiting_rows: int = MAX_WAITING_ROWS
    ) -> None:
        """Take frames and states from ``source``."""
        self._source = source
        self._max_products = max_products
        self._max_waiting_rows = max_waiting_rows
        self._changed = threading.Condition()
        self._watched: OrderedDict[int, _Watched] = OrderedDict()
        self._frames: deque[tuple[AppliedFrame, State]] = deque()
        self._waiting = self._taken = self._done = 0
        self._subscribers: tuple[Subscriber, ...] = ()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self.overflows = 0

    def start(self) -> None:
        """Listen from now on."""
        self._source.listen(self._take)

    def close(self) -> None:
        """Listen no more and end the thread."""
        self._source.stop_listening(self._take)
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call a subscriber with all updates of boards from now on."""
        self._subscribers = (*self._subscribers, subscriber)

    def picture(self, product: int) -> Picture:
        """Return a board with all that was acknowledged before the call.

        Raises:
            UnknownReference: there is no such product.
            Unavailable: stopped, or too many boards are subscribed to.
        """
        self._settle()
        with self._changed:
            watched = self._watched.get(product)
            if watched is not None:
                self._watched.move_to_end(product)
                return _picture(watched)
        return self._watch(product)

    def join(self, product: int, follower: object, seen: int | None = None) -> tuple[Picture | None, list[Increment]]:
        """Begin to follow a product: a snapshot, or the increments after ``seen`` where they are still there.

        Whatever comes after is told to subscribers, some of it perhaps before this returns. ``leave`` ends it; until
        then the board is kept, unless all are dropped.

        Raises:
            UnknownReference, Unavailable: as ``picture``.
        """
        while True:
            self.picture(product)
            with self._changed:
                watched = self._watched.get(product)
                if watched is None:
                    continue  # dropped in between
                watched.followers.add(follower)
                sequence = watched.board.sequence
                missed = sequence - seen if seen is not None else -1
                if 0 <= missed <= len(watched.kept):
                    return None, list(watched.kept)[len(watched.kept) - missed :]
                return _picture(watched), []

    def leave(self, product: int, follower: object) -> None:
        """Follow a product no more; fine where its board was dropped."""
        with self._changed:
            watched = self._watched.get(product)
            if watched is not None:
                watched.followers.discard(follower)

    def _watch(self, product: int) -> Picture:
        with self._source.reading() as state:
            if not 0 <= product < state.count("products"):
                raise UnknownReference("UNKNOWN_PRODUCT", "product", product, PRODUCT)
            row = state.products[product]
            is_blind = int(row[m.P_MODE]) == m.MODE_CALL
            orders = np.empty((0, 3), np.int64) if is_blind else shown_orders(state, product)
            board = Board.from_orders(product, state.position, orders, int(row[m.P_STATE]))
            with self._changed:  # nothing is told between here and the state: the writer waits
                if self._is_closed:
                    raise Unavailable(CLOSED)
                self._make_room()
                watched = self._watched.setdefault(product, _Watched(board, state.position, is_blind))
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="market data", daemon=True)
                    self._thread.start()
                return _picture(watched)

    def _make_room(self) -> None:
        if len(self._watched) < self._max_products:
            return
        for product, watched in self._watched.items():
            if not watched.followers:
                del self._watched[product]
                return
        raise Unavailable(FULL)

    def _take(self, frame: AppliedFrame, state: State) -> None:
        """Queue a durable frame; called by the writer, which does not wait."""
        with self._changed:
            if not self._watched or self._is_closed:
                return
            rows = len(frame.changes) + len(frame.trades)
            if self._waiting + rows > self._max_waiting_rows and self._frames:
                self._drop()
                return
            self._frames.append((frame, state))
            self._waiting += rows
            self._taken += 1
            self._changed.notify_all()

    def _drop(self) -> None:
        """Give up what waits, and the boards with it."""
        self.overflows += 1
        lost = [Update(product, None) for product in self._watched]
        self._watched.clear()
        self._frames.clear()
        self._waiting, self._done = 0, self._taken
        self._changed.notify_all()
        self._tell(lost)

    def _settle(self) -> None:
        """Wait until everything taken before is in the boards."""
        with self._changed:
            wanted = self._taken
            self._changed.wait_for(lambda: self._done >= wanted or self._is_closed)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._frames) or self._is_closed)
                if self._is_closed:
                    return
                frame, state = self._frames[0]
                wanted = [product for product, watched in self._watched.items() if watched.base <= frame.first_position]
            changed = changes_of(frame.changes, frame.trades, wanted)
            states = state.products[np.array(wanted, np.int64), m.P_STATE].tolist()
            with self._changed:
                if not self._frames or self._frames[0][0] is not frame:
                    continue  # given up in between
                updates = self._advance(changed, zip(wanted, states, strict=True), frame.first_position)
                self._frames.popleft()
                self._waiting -= len(frame.changes) + len(frame.trades)
                self._done += 1
                self._changed.notify_all()
                self._tell(updates)

    def _advance(
        self, changed: dict[int, Changes], states: "zip[tuple[int, int]]", first_position: int
    ) -> list[Update]:
        """Apply what one frame changed to the boards."""
        updates = []
        for product, state in states:
            watched = self._watched.get(product)
            if watched is None or watched.base > first_position:
                continue
            found = changed.get(product)
            new_state = state if state != watched.board.state else None
            if found is None and new_state is None:
                continue
            levels, trades = ((), ()) if found is None else (found.levels, found.trades)
            increment = Increment(product, watched.board.sequence + 1, levels, trades, new_state)
            watched.keep(increment)
            updates.append(Update(product, increment, *watched.board.top()))
        return updates

    def _tell(self, updates: list[Update]) -> None:
        if updates:
            for subscriber in self._subscribers:
                subscriber(updates)


def shown_orders(state: State, product: int) -> Rows:
    """Return side, price [sen/kWh] and shown energy [Wh] of each order in a product's book, ``int64 [n, 3]``."""
    orders = state.orders
    rows = orders[(orders[:, m.O_PRODUCT] == product) & (orders[:, m.O_STATE] == m.ORDER_OPEN)]
    return np.column_stack([rows[:, m.O_SIDE], rows[:, m.O_PRICE_SEN], shown(rows)])


def _size(increment: Increment) -> int:
    return len(increment.levels) + len(increment.trades) + 1


def _picture(watched: _Watched) -> Picture:
    board = watched.board
    bids, asks = tuple(board.bids()), tuple(board.asks())
    return Picture(board.product, board.sequence, board.state, watched.is_blind, bids, asks)
