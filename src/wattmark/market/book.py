"""The zaraba as a library: arrays of messages in, arrays of reports out (J37, J40 to J42).

Theory of operation. ``Book.submit`` takes messages in order and tells what became of each, row by row:

1. a row per good-till-time order whose time has come with this message (``EXPIRED``),
2. the answer: ``ACCEPTED``, ``AMENDED``, ``CANCELLED``, ``ALL_CANCELLED``, ``TIME_PASSED`` or ``REJECTED``,
3. what followed, as it happened: for each trade two rows ``FILL``, first of the resting order, then of the incoming one;
   ``CANCELLED`` or ``REDUCED`` where an account would have traded with itself,
4. last ``RESTED`` or ``CANCELLED`` for what is left of the incoming order; nothing where it is filled.

A refused message has one row and changes nothing. Orders are named by the client's own numbers; a number is free again
when its order has ended, and naming it then is refused as unknown. Rules and their order are those of the ledger's
engine, with which this shares structure and decisions; what a ledger adds (cash, tokens, gates, halts, capacity
between areas) is absent.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from wattmark.core.errors import MalformedInput
from wattmark.core.money import MAX_PRICE_SEN, MIN_PRICE_SEN
from wattmark.core.text import Text
from wattmark.market import book_kernels as kernels
from wattmark.market import book_layout as z
from wattmark.market import book_table_kernels as table_kernels
from wattmark.market import layout as m

Rows = npt.NDArray[np.int64]

FIRST_ROWS: Final = 1_024
LINE_BYTES: Final = 128
"""Two cache lines: the size of an order's row, which must not straddle a third."""
SLOTS_PER_ORDER: Final = 2
"""The index of ids has at least so many slots for each resting order: shorter searches, but more memory."""
_MESSAGES: Final = Text(en=f"int64 [n, {z.MESSAGE_WORDS}]", ja=f"int64型の[n, {z.MESSAGE_WORDS}]配列")
_PRICES: Final = Text(en=f"1 <= low <= high <= {z.MAX_PRICE}", ja=f"1以上、下限は上限以下、上限は{z.MAX_PRICE}以下")
_PRODUCTS: Final = Text(en="a number from 1", ja="1以上の数")


class MessageKind(IntEnum):
    """What a message asks for."""

    NEW = z.NEW
    CANCEL = z.CANCEL
    AMEND = z.AMEND
    CANCEL_ALL = z.CANCEL_ALL
    PASS_TIME = z.PASS_TIME


class ReportKind(IntEnum):
    """What a report tells."""

    ACCEPTED = z.ACCEPTED
    REJECTED = z.REJECTED
    FILL = z.FILL
    RESTED = z.RESTED
    CANCELLED = z.CANCELLED
    AMENDED = z.AMENDED
    EXPIRED = z.EXPIRED
    REDUCED = z.REDUCED
    ALL_CANCELLED = z.ALL_CANCELLED
    TIME_PASSED = z.TIME_PASSED


class Why(IntEnum):
    """Why an order was cancelled or reduced."""

    ASKED = z.ASKED
    ASKED_FOR_ALL = z.ASKED_FOR_ALL
    NOT_TRADED_AT_ONCE = z.NOT_TRADED_AT_ONCE
    SELF_TRADE = z.SELF_TRADE


class Reason(IntEnum):
    """Why a message was refused; of several rules that are broken the one with the lowest number is named."""

    KIND_UNKNOWN = z.KIND_UNKNOWN
    PRODUCT_UNKNOWN = z.PRODUCT_UNKNOWN
    ACCOUNT_INVALID = z.ACCOUNT_INVALID
    SIDE_INVALID = z.SIDE_INVALID
    TIF_INVALID = z.TIF_INVALID
    SELF_TRADE_INVALID = z.SELF_TRADE_INVALID
    EXPIRES_INVALID = z.EXPIRES_INVALID
    QUANTITY_INVALID = z.QUANTITY_INVALID
    PRICE_INVALID = z.PRICE_INVALID
    MIN_QUANTITY_INVALID = z.MIN_QUANTITY_INVALID
    DISPLAY_INVALID = z.DISPLAY_INVALID
    TERMS_MISMATCH = z.TERMS_MISMATCH
    ID_IN_USE = z.ID_IN_USE
    ORDER_UNKNOWN = z.ORDER_UNKNOWN
    NOT_OWNER = z.NOT_OWNER
    BELOW_FILLED = z.BELOW_FILLED
    WOULD_TRADE = z.WOULD_TRADE
    NOT_FILLABLE = z.NOT_FILLABLE


REASON_TEXT: Final = {
    Reason.KIND_UNKNOWN: Text(en="a kind of message from 1 to 5", ja="電文の種別は1から5"),
    Reason.PRODUCT_UNKNOWN: Text(en="a product of this book", ja="この板にある商品"),
    Reason.ACCOUNT_INVALID: Text(en=f"an account from 0 to {z.MAX_ACCOUNT}", ja=f"口座は0から{z.MAX_ACCOUNT}"),
    Reason.SIDE_INVALID: Text(en="side 1 (buy) or 2 (sell)", ja="売買は1(買い)か2(売り)"),
    Reason.TIF_INVALID: Text(en="time in force from 0 to 3", ja="執行条件は0から3"),
    Reason.SELF_TRADE_INVALID: Text(en="self-trade prevention from 0 to 3", ja="自己対当防止は0から3"),
    Reason.EXPIRES_INVALID: Text(en="an end after now, or 0", ja="有効期限は現在より後か0"),
    Reason.QUANTITY_INVALID: Text(en=f"a quantity from 1 to {z.MAX_QUANTITY}", ja=f"数量は1から{z.MAX_QUANTITY}"),
    Reason.PRICE_INVALID: Text(
        en="a price within the limits of the book, or 0 for a new market order",
        ja="価格は板の上下限の範囲内(新規の成行注文は0)",
    ),
    Reason.MIN_QUANTITY_INVALID: Text(en="a least quantity from 0 to the quantity", ja="最低数量は0から数量まで"),
    Reason.DISPLAY_INVALID: Text(
        en=f"0, or at least 1/{m.MOST_SLICES} of the quantity and at most all of it",
        ja=f"表示数量は0か、数量の{m.MOST_SLICES}分の1以上で数量以下",
    ),
    Reason.TERMS_MISMATCH: Text(
        en="a market order trades at once; only what may rest has an end or a slice; post only has no least quantity",
        ja="成行は即時のみ、期限と表示数量は待機する注文のみ、待機のみの注文に最低数量はない",
    ),
    Reason.ID_IN_USE: Text(en="a number that no resting order has", ja="待機中の注文にない番号"),
    Reason.ORDER_UNKNOWN: Text(en="the number of a resting order", ja="待機中の注文の番号"),
    Reason.NOT_OWNER: Text(en="the account that placed the order", ja="注文を出した口座"),
    Reason.BELOW_FILLED: Text(en="more than what has traded already", ja="約定済みを超える数量"),
    Reason.WOULD_TRADE: Text(
        en="a post-only order that does not trade at once", ja="待機のみの注文は直ちに約定しないこと"
    ),
    Reason.NOT_FILLABLE: Text(en="the least quantity can trade at once", ja="最低数量が直ちに約定できること"),
}


class Tables(NamedTuple):
    """What the kernels see."""

    rows: Rows
    ids: Rows
    owners: Rows
    ends: Rows
    roots: Rows
    nodes: Rows
    levels: Rows
    counters: Rows
    reports: Rows
    changes: Rows


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a batch of messages did.

    Attributes:
        reports: int64[k, 8], columns ``R_*`` of ``book_layout.py``, in the order told in this module's text.
        changes: int64[c, 6], columns ``C_*`` of ``layout.py``: what each touched level showed after (J42), in order;
            the position is the number of the message.
    """

    reports: Rows
    changes: Rows


def message(  # noqa: PLR0913 - as many as a message has words
    kind: MessageKind,
    number: int = 0,
    *,
    account: int = 0,
    product: int = 0,
    side: int = 0,
    price: int = 0,
    quantity: int = 0,
    tif: int = m.TIF_REST,
    min_quantity: int = 0,
    display: int = 0,
    self_trade: int = m.STP_NEWEST,
    expires_ms: int = 0,
    session: int = 0,
    time_ms: int = 0,
) -> Rows:
    """Return one message int64[14] of named words.

    Args:
        kind: what it asks for.
        number: the client's number of the order: any 64-bit integer.
        account: who sends it; an account never trades with itself.
        product: product from 0; for CANCEL_ALL -1 is any.
        side: 1 buys, 2 sells.
        price: limit in ticks; 0 is a market order.
        quantity: of the order; for AMEND the whole quantity, the filled part included, as in FIX.
        tif: 0 rests, 1 immediate or cancel, 2 fill or kill, 3 post only.
        min_quantity: what must trade at once, or the order is refused.
        display: what an iceberg shows at a time, 0 for all.
        self_trade: 0 cancels the newer order, 1 the older, 2 both, 3 reduces both.
        expires_ms: when a resting order ends by itself [ms], 0 for never.
        session: session of the order; for CANCEL_ALL 0 is any.
        time_ms: when the message arrives [ms]; an earlier time counts as the latest so far.
    """
    words = (kind, number, account, product, side, price, quantity, tif, min_quantity, display, self_trade)
    return np.array([*words, expires_ms, session, time_ms], np.int64)


class Book:
    """The book of one or many products; one of them at a time trades with itself only."""

    def __init__(
        self,
        products: int = 1,
        *,
        low: int = MIN_PRICE_SEN,
        high: int = MAX_PRICE_SEN,
        orders: int = FIRST_ROWS,
    ) -> None:
        """Make an empty book.

        Args:
            products: how many.
            low: lowest price of an order [ticks], from 1.
            high: highest price of an order [ticks], below 2^20.
            orders: how many resting orders to make room for at once; more are taken, at the cost of growing.

        Raises:
            MalformedInput: no product, or limits that the tick trie does not hold.
        """
        if products < 1:
            raise MalformedInput("PRODUCTS_INVALID", "products", products, _PRODUCTS)
        if not 1 <= low <= high <= z.MAX_PRICE:
            raise MalformedInput("PRICE_INVALID", "low", low, _PRICES)
        self._counters = np.zeros(z.COUNTER_WORDS, np.int64)
        self._counters[[z.LOW, z.HIGH]] = low, high
        self._rows = _aligned(orders, z.ROW_WORDS)
        self._index = _aligned(
            _slots_for(FIRST_ROWS), z.INDEX_WORDS
        )  # small as long as it can be: it is read at random
        self._owners = np.zeros(1, np.int64)
        self._ends = np.zeros((FIRST_ROWS, z.END_WORDS), np.int64)
        self._roots = np.zeros((products, m.ROOT_WORDS), np.int64)
        self._nodes = _aligned(FIRST_ROWS, m.NODE_WORDS)
        self._levels = _aligned(FIRST_ROWS, m.LEVEL_WORDS)
        self._reports = np.empty((4 * orders, z.REPORT_WORDS), np.int64)
        self._changes = np.empty((3 * orders, m.CHANGE_WORDS), np.int64)
        self._ahead = np.zeros(z.LOOK_AHEAD, np.int64)

    def submit(self, messages: Rows, *, copy: bool = True) -> Told:
        """Take messages in order.

        Args:
            messages: int64[n, 14], columns ``M_*`` of ``book_layout.py``; ``message`` makes one.
            copy: whether the answer is the caller's to keep; without, it holds until the next call only.

        Raises:
            MalformedInput: of another shape or type; nothing was taken.
        """
        if messages.ndim != 2 or messages.shape[1] != z.MESSAGE_WORDS or messages.dtype != np.int64:
            raise MalformedInput("SHAPE_INVALID", "messages", str(messages.shape), _MESSAGES)
        messages = np.ascontiguousarray(messages)
        self._reserve(messages)
        self._counters[[z.N_REPORTS, z.N_CHANGES]] = 0
        kernels.play(self._tables(), messages, self._ahead)
        told, changed = self._counters[[z.N_REPORTS, z.N_CHANGES]].tolist()
        reports, changes = self._reports[:told], self._changes[:changed]
        return Told(reports.copy(), changes.copy()) if copy else Told(reports, changes)

    @property
    def live(self) -> int:
        """Number of resting orders."""
        return int(self._counters[z.N_LIVE])

    @property
    def now_ms(self) -> int:
        """Latest time a message came with [ms]."""
        return int(self._counters[z.NOW_MS])

    @property
    def messages(self) -> int:
        """Number of messages taken so far; reports number them from 0."""
        return int(self._counters[z.N_MESSAGES])

    def depth(self, product: int, side: int, levels: int | None = None) -> Rows:
        """Return a side's levels, best first, at most ``levels``: int64[k, 3] price [ticks], shown quantity, orders."""
        most = int(self._counters[m.X_LEVELS]) if levels is None else levels
        out = np.empty((max(most, 1), 3), np.int64)
        return out[: min(table_kernels.depth_rows(self._tables(), product, side, out), most)]

    def top(self, product: int) -> Rows:
        """Return the best bid and the best ask, int64[2, 3]: price, shown quantity, orders; zeros for an empty side."""
        out = np.zeros((2, 3), np.int64)
        for row, side in enumerate((m.BUY, m.SELL)):
            best = self.depth(product, side, 1)
            out[row, :] = best[0] if len(best) else 0
        return out

    def orders(self, product: int, side: int) -> Rows:
        """Return a side's orders by price, then time: int64[n, 5] number, account, price, quantity, remaining."""
        out = np.empty((max(self.live, 1), 5), np.int64)
        return out[: table_kernels.order_rows(self._tables(), product, side, out)]

    def _tables(self) -> Tables:
        return Tables(
            self._rows,
            self._index,
            self._owners,
            self._ends,
            self._roots,
            self._nodes,
            self._levels,
            self._counters,
            self._reports,
            self._changes,
        )

    def _reserve(self, messages: Rows) -> None:
        """Make room for all that a batch may add: a trade ends an order, a slice of an iceberg, or what brought it."""
        count = len(messages)
        counts = np.zeros(4, np.int64)
        table_kernels.survey(messages, counts)
        more_icebergs, amends, timed, account = counts.tolist()
        live, icebergs, rows, nodes, levels = self._counters[
            [z.N_LIVE, z.N_ICEBERGS, z.N_ROWS, m.X_NODES, m.X_LEVELS]
        ].tolist()
        icebergs += more_icebergs
        slices = m.MOST_SLICES * (icebergs + (amends if icebergs else 0))
        trades = live + 2 * count + slices
        self._rows = _grown(self._rows, rows + count)
        self._nodes = _grown(self._nodes, nodes + m.TRIE_DEPTH * count + 2)
        self._levels = _grown(self._levels, levels + count + 2)
        self._owners = _grown(self._owners, account + 1)
        self._reserve_ends(timed)
        if SLOTS_PER_ORDER * (live + count) > len(self._index):
            index = _aligned(_slots_for(live + count), z.INDEX_WORDS)
            table_kernels.move_ids(self._index, index)
            self._index = index
        if 2 * trades + live + 3 * count > len(self._reports):
            self._reports = np.empty((4 * trades + 2 * live + 6 * count, z.REPORT_WORDS), np.int64)
        if trades + live + 2 * count > len(self._changes):
            self._changes = np.empty((2 * trades + 2 * live + 4 * count, m.CHANGE_WORDS), np.int64)

    def _reserve_ends(self, more: int) -> None:
        """Make room in the heap of ends; where most of it speaks of orders that have ended, those leave it."""
        used, timed = self._counters[[z.N_ENDS, z.N_TIMED]].tolist()
        if used + more <= len(self._ends):
            return
        if used > 2 * timed:
            ends = self._ends[:used]
            row = self._rows[ends[:, z.END_ROW]]
            kept = ends[(row[:, z.Z_LEVEL] != 0) & (row[:, z.Z_PLACED] == ends[:, z.END_PLACED])]
            kept = kept[np.lexsort((kept[:, z.END_PLACED], kept[:, z.END_MS]))]  # a sorted list is a heap
            self._ends[: len(kept)] = kept
            self._counters[z.N_ENDS] = used = len(kept)
        self._ends = _grown(self._ends, used + more)


def _slots_for(orders: int) -> int:
    """Return the size of an index for so many resting orders: a power of two."""
    return 1 << (SLOTS_PER_ORDER * orders - 1).bit_length()


def _aligned(rows: int, words: int) -> Rows:
    """Return int64[rows, words] of zeros that begin at a cache line."""
    room = np.zeros(rows * words + LINE_BYTES // 8, np.int64)
    first = -room.ctypes.data % LINE_BYTES // 8
    return room[first : first + rows * words].reshape(rows, words)


def _grown(array: Rows, rows: int) -> Rows:
    if rows <= len(array):
        return array
    if array.ndim == 1:
        longer = np.zeros(max(rows, 2 * len(array)), np.int64)
        longer[: len(array)] = array
        return longer
    grown = _aligned(max(rows, 2 * len(array)), array.shape[1])
    grown[: len(array)] = array
    return grown
