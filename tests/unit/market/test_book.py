"""The book library: the bugs that matching engines usually have, by name; its refusals; its report order."""

from pathlib import Path

import numpy as np
import pytest

from wattmark.core.errors import MalformedInput
from wattmark.market import book_layout as z
from wattmark.market import book_table_kernels as kernels
from wattmark.market import layout as m
from wattmark.market.book import REASON_TEXT, Book, MessageKind, Reason, ReportKind, Why, message

BUY, SELL = m.BUY, m.SELL


class Desk:
    """One product; each call is one message, answered with rows (kind, reason, number, other, price, qty, left)."""

    def __init__(self, **book: int) -> None:
        self.book = Book(**book)

    def send(self, kind: MessageKind, number: int = 0, **words: int) -> list[tuple]:
        told = self.book.submit(message(kind, number, **words)[None, :])
        return [tuple(row[1:]) for row in told.reports.tolist()]

    def new(self, number: int, side: int, price: int, quantity: int, *, account: int = -1, **words: int) -> list[tuple]:
        account = number if account < 0 else account
        return self.send(MessageKind.NEW, number, account=account, side=side, price=price, quantity=quantity, **words)

    def cancel(self, number: int, account: int | None = None) -> list[tuple]:
        return self.send(MessageKind.CANCEL, number, account=number if account is None else account)

    def amend(self, number: int, price: int, quantity: int) -> list[tuple]:
        return self.send(MessageKind.AMEND, number, account=number, price=price, quantity=quantity)

    def reason(self, rows: list[tuple]) -> Reason:
        assert [row[0] for row in rows] == [ReportKind.REJECTED]
        return Reason(rows[0][1])

    def fills(self, rows: list[tuple]) -> list[tuple]:
        """(resting number, price, quantity) of each trade."""
        return [(row[2], row[4], row[5]) for row in rows if row[:2] == (ReportKind.FILL, z.RESTING)]

    def orders(self, side: int) -> list[int]:
        return self.book.orders(0, side)[:, 0].tolist()


# ------------------------------------------------------------------------------------ the usual bugs


def test_cancel_of_a_filled_order() -> None:
    """It neither crashes nor is acknowledged, and changes nothing."""
    desk = Desk()
    desk.new(1, BUY, 100, 10)
    desk.new(2, SELL, 100, 10)
    assert desk.reason(desk.cancel(1)) is Reason.ORDER_UNKNOWN
    assert desk.reason(desk.cancel(2)) is Reason.ORDER_UNKNOWN
    assert (desk.book.live, desk.book.top(0).tolist()) == (0, [[0, 0, 0], [0, 0, 0]])


@pytest.mark.parametrize("emptied", ["cancel", "fill", "amend", "expiry"])
def test_no_phantom_best_price_after_a_level_empties(emptied: str) -> None:
    desk = Desk()
    desk.new(1, BUY, 100, 10)
    desk.new(2, BUY, 105, 10, expires_ms=50)
    if emptied == "cancel":
        desk.cancel(2)
    elif emptied == "fill":
        desk.new(3, SELL, 105, 10)
    elif emptied == "amend":
        desk.amend(2, 99, 10)
    else:
        desk.send(MessageKind.PASS_TIME, time_ms=50)
    assert desk.book.top(0)[0].tolist() == [100, 10, 1]
    assert desk.fills(desk.new(4, SELL, 100, 4)) == [(1, 100, 4)]


def test_the_wrong_sides_price() -> None:
    """A trade is made at the price of the order entered earlier (J37), whichever side that is on."""
    desk = Desk()
    desk.new(1, SELL, 100, 10)
    assert desk.fills(desk.new(2, BUY, 120, 4)) == [(1, 100, 4)]
    desk = Desk()
    desk.new(1, BUY, 120, 10)
    assert desk.fills(desk.new(2, SELL, 100, 4)) == [(1, 120, 4)]


def test_first_in_first_out_is_not_broken_by_ties() -> None:
    """Equal prices trade in the order of arrival, also after cancels in the middle and at both ends."""
    desk = Desk()
    for number in range(1, 10):
        desk.new(number, SELL, 100, 1)
    for number in (1, 5, 9):
        desk.cancel(number)
    desk.new(10, SELL, 100, 1)
    assert [number for number, _, _ in desk.fills(desk.new(11, BUY, 100, 9))] == [2, 3, 4, 6, 7, 8, 10]


def test_modify_through_the_spread_trades_and_does_not_rest_crossed() -> None:
    desk = Desk()
    desk.new(1, BUY, 95, 10)
    desk.new(2, SELL, 100, 4)
    rows = desk.amend(1, 101, 10)
    assert rows == [
        (ReportKind.AMENDED, 0, 1, 0, 101, 10, 10),
        (ReportKind.FILL, z.RESTING, 2, 1, 100, 4, 0),
        (ReportKind.FILL, z.INCOMING, 1, 2, 100, 4, 6),
        (ReportKind.RESTED, 0, 1, 0, 101, 6, 6),
    ]
    assert desk.book.top(0).tolist() == [[101, 6, 1], [0, 0, 0]]


def test_cancel_of_an_unknown_order_is_not_acknowledged() -> None:
    desk = Desk()
    desk.new(1, BUY, 100, 10)
    assert desk.reason(desk.cancel(77)) is Reason.ORDER_UNKNOWN
    assert desk.reason(desk.amend(77, 100, 1)) is Reason.ORDER_UNKNOWN
    assert desk.reason(desk.cancel(1, account=9)) is Reason.NOT_OWNER
    assert desk.orders(BUY) == [1]


def test_a_cancelled_order_does_not_trade_again() -> None:
    desk = Desk()
    desk.new(1, BUY, 100, 10)
    desk.cancel(1)
    assert desk.fills(desk.new(2, SELL, 100, 10)) == []
    assert desk.reason(desk.cancel(1)) is Reason.ORDER_UNKNOWN


def test_an_order_is_never_filled_beyond_its_quantity() -> None:
    desk = Desk()
    desk.new(1, SELL, 100, 10)
    desk.new(2, BUY, 100, 7)
    assert desk.reason(desk.amend(1, 100, 7)) is Reason.BELOW_FILLED
    desk.amend(1, 100, 8)
    assert desk.fills(desk.new(3, BUY, 100, 7)) == [(1, 100, 1)]


def test_fill_or_kill_that_cannot_be_filled_leaves_no_trace() -> None:
    desk = Desk()
    desk.new(1, SELL, 100, 5)
    desk.new(2, SELL, 103, 5)
    assert desk.reason(desk.new(3, BUY, 102, 6, tif=m.TIF_ALL_OR_NONE)) is Reason.NOT_FILLABLE
    assert desk.book.depth(0, SELL).tolist() == [[100, 5, 1], [103, 5, 1]]
    assert desk.fills(desk.new(3, BUY, 103, 6, tif=m.TIF_ALL_OR_NONE)) == [(1, 100, 5), (2, 103, 1)]


def test_fill_or_kill_counts_what_an_iceberg_hides() -> None:
    desk = Desk()
    desk.new(1, SELL, 100, 40, display=5)
    assert sum(traded for _, _, traded in desk.fills(desk.new(2, BUY, 100, 33, tif=m.TIF_ALL_OR_NONE))) == 33


def test_an_icebergs_next_slice_goes_behind() -> None:
    desk = Desk()
    desk.new(1, SELL, 100, 12, display=5)
    desk.new(2, SELL, 100, 3)
    assert desk.book.depth(0, SELL).tolist() == [[100, 8, 2]]
    assert desk.fills(desk.new(3, BUY, 100, 11)) == [(1, 100, 5), (2, 100, 3), (1, 100, 3)]
    assert desk.book.depth(0, SELL).tolist() == [[100, 2, 1]]


def test_less_keeps_the_place_and_more_loses_it() -> None:
    desk = Desk()
    for number in (1, 2, 3):
        desk.new(number, BUY, 100, 10)
    desk.amend(1, 100, 5)
    assert desk.orders(BUY) == [1, 2, 3]
    desk.amend(1, 100, 6)
    assert desk.orders(BUY) == [2, 3, 1]
    desk.amend(2, 101, 10)
    assert desk.orders(BUY) == [2, 3, 1]
    desk.amend(2, 100, 10)
    assert desk.orders(BUY) == [3, 1, 2]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (m.STP_NEWEST, [(ReportKind.CANCELLED, Why.SELF_TRADE, 2, 0, 100, 9, 0)]),
        (
            m.STP_OLDEST,
            [(ReportKind.CANCELLED, Why.SELF_TRADE, 1, 2, 100, 5, 0), (ReportKind.RESTED, 0, 2, 0, 100, 9, 9)],
        ),
        (
            m.STP_BOTH,
            [
                (ReportKind.CANCELLED, Why.SELF_TRADE, 1, 2, 100, 5, 0),
                (ReportKind.CANCELLED, Why.SELF_TRADE, 2, 0, 100, 9, 0),
            ],
        ),
        (
            m.STP_DECREMENT,
            [
                (ReportKind.CANCELLED, Why.SELF_TRADE, 1, 2, 100, 5, 0),
                (ReportKind.REDUCED, Why.SELF_TRADE, 2, 1, 0, 5, 4),
                (ReportKind.RESTED, 0, 2, 0, 100, 4, 4),
            ],
        ),
    ],
)
def test_an_account_never_trades_with_itself(rule: int, expected: list[tuple]) -> None:
    desk = Desk()
    desk.new(1, SELL, 100, 5, account=7)
    rows = desk.new(2, BUY, 100, 9, account=7, self_trade=rule)
    assert rows == [(ReportKind.ACCEPTED, 0, 2, 0, 100, 9, 9), *expected]


def test_cancel_all_of_a_session_takes_the_latest_first() -> None:
    desk = Desk(products=2)
    for number in range(1, 7):
        desk.new(number, BUY, 90 + number, 2, account=3, session=number % 2, product=number % 3 // 2)
    rows = desk.send(MessageKind.CANCEL_ALL, 50, account=3, product=-1, session=1)
    assert rows[0] == (ReportKind.ALL_CANCELLED, 0, 50, 3, 0, 6, 0)
    assert [row[2] for row in rows[1:]] == [5, 3, 1]
    assert [row[2] for row in desk.send(MessageKind.CANCEL_ALL, 51, account=3, product=1)[1:]] == [2]


def test_products_have_books_of_their_own() -> None:
    desk = Desk(products=2)
    desk.new(1, BUY, 100, 5, product=0)
    assert desk.fills(desk.new(2, SELL, 100, 5, product=1)) == []
    assert [desk.book.live, desk.book.top(0)[1].tolist(), desk.book.top(1)[1].tolist()] == [2, [0, 0, 0], [100, 5, 1]]


def test_what_ends_by_time_is_told_before_the_message_that_brought_the_time() -> None:
    desk = Desk()
    desk.new(1, BUY, 100, 5, expires_ms=20)
    desk.new(2, BUY, 101, 5, expires_ms=10)
    rows = desk.new(3, SELL, 90, 5, time_ms=20)
    assert [(row[0], row[2]) for row in rows] == [
        (ReportKind.EXPIRED, 2),
        (ReportKind.EXPIRED, 1),
        (ReportKind.ACCEPTED, 3),
        (ReportKind.RESTED, 3),
    ]
    assert desk.new(4, SELL, 95, 5, time_ms=3)[0][0] == ReportKind.ACCEPTED
    assert desk.book.now_ms == 20  # time does not run backwards


def test_ends_of_orders_that_are_gone_do_not_pile_up() -> None:
    """A client that places and cancels good-till-time orders for ever needs no memory for ever."""
    book = Book()
    batch = np.empty((2_000, z.MESSAGE_WORDS), np.int64)
    for number in range(1_000):
        batch[2 * number] = message(MessageKind.NEW, number, side=BUY, price=100, quantity=1, expires_ms=10**9 - number)
        batch[2 * number + 1] = message(MessageKind.CANCEL, number)
    kept = message(MessageKind.NEW, 10**6, account=1, side=BUY, price=99, quantity=1, expires_ms=10**8)
    book.submit(kept[None, :])
    for _ in range(20):
        book.submit(batch)
    assert len(book._ends) < 5_000
    told = book.submit(message(MessageKind.PASS_TIME, 1, time_ms=10**8)[None, :])
    assert told.reports[:, [1, 3]].tolist() == [[ReportKind.EXPIRED, 10**6], [ReportKind.TIME_PASSED, 1]]


def test_a_number_is_found_again_after_its_neighbours_have_moved() -> None:
    """Three numbers whose search begins at one place; the first ends while the third trades and before it rests."""
    slots = len(Book()._index)
    home = kernels.id_slot(np.int64(1)) % slots
    first, second, third = [number for number in range(1, 40_000) if kernels.id_slot(np.int64(number)) % slots == home][
        :3
    ]
    desk = Desk()
    desk.new(first, SELL, 100, 5, account=7)
    desk.new(second, BUY, 90, 5, account=8)
    desk.new(third, BUY, 100, 5, account=7, self_trade=m.STP_OLDEST)
    assert desk.orders(BUY) == [third, second]
    assert [row[0] for row in desk.cancel(third, account=7)] == [ReportKind.CANCELLED]
    assert [row[0] for row in desk.cancel(second, account=8)] == [ReportKind.CANCELLED]


# ------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"product": 1}, Reason.PRODUCT_UNKNOWN),
        ({"product": -1, "side": 9}, Reason.PRODUCT_UNKNOWN),
        ({"account": z.MAX_ACCOUNT + 1}, Reason.ACCOUNT_INVALID),
        ({"account": -2}, Reason.ACCOUNT_INVALID),
        ({"side": 0}, Reason.SIDE_INVALID),
        ({"tif": 4}, Reason.TIF_INVALID),
        ({"self_trade": -1}, Reason.SELF_TRADE_INVALID),
        ({"expires_ms": 5, "time_ms": 5}, Reason.EXPIRES_INVALID),
        ({"quantity": 0}, Reason.QUANTITY_INVALID),
        ({"quantity": 2**40 + 1}, Reason.QUANTITY_INVALID),
        ({"price": 9}, Reason.PRICE_INVALID),
        ({"price": 1_001}, Reason.PRICE_INVALID),
        ({"price": -(2**63)}, Reason.PRICE_INVALID),
        ({"min_quantity": 11}, Reason.MIN_QUANTITY_INVALID),
        ({"display": 11}, Reason.DISPLAY_INVALID),
        ({"quantity": 41, "display": 2}, Reason.DISPLAY_INVALID),
        ({"price": 0}, Reason.TERMS_MISMATCH),
        ({"tif": 1, "display": 5}, Reason.TERMS_MISMATCH),
        ({"tif": 2, "expires_ms": 5}, Reason.TERMS_MISMATCH),
        ({"tif": 3, "min_quantity": 1}, Reason.TERMS_MISMATCH),
        ({"number": 1}, Reason.ID_IN_USE),
        ({"side": SELL, "price": 100, "tif": 3}, Reason.WOULD_TRADE),
        ({"side": SELL, "price": 100, "min_quantity": 6}, Reason.NOT_FILLABLE),
    ],
)
def test_refusals_of_a_new_order(words: dict[str, int], reason: Reason) -> None:
    desk = Desk(low=10, high=1_000)
    desk.new(1, BUY, 100, 5)
    good = {"number": 2, "account": 2, "side": BUY, "price": 90, "quantity": 10} | words
    assert desk.reason(desk.send(MessageKind.NEW, good.pop("number"), **good)) is reason
    assert desk.book.orders(0, BUY).tolist() == [[1, 1, 100, 5, 5]]


def test_other_refusals() -> None:
    desk = Desk(low=10, high=1_000)
    desk.new(1, BUY, 100, 40, display=4)
    desk.new(2, BUY, 100, 5, tif=m.TIF_POST_ONLY)
    desk.new(3, SELL, 110, 5)
    assert desk.reason(desk.send(MessageKind(1) * 0, 1)) is Reason.KIND_UNKNOWN
    assert desk.reason(desk.amend(1, 100, 0)) is Reason.QUANTITY_INVALID
    assert desk.reason(desk.amend(1, 0, 5)) is Reason.PRICE_INVALID
    assert desk.reason(desk.amend(1, 100, 81)) is Reason.DISPLAY_INVALID
    assert desk.reason(desk.amend(2, 110, 5)) is Reason.WOULD_TRADE
    assert desk.reason(desk.send(MessageKind.CANCEL_ALL, 1, account=1, product=2)) is Reason.PRODUCT_UNKNOWN
    assert desk.reason(desk.send(MessageKind.CANCEL_ALL, 1, account=-1, product=-1)) is Reason.ACCOUNT_INVALID
    assert desk.book.live == 3


def test_every_reason_is_told_in_both_languages() -> None:
    assert set(REASON_TEXT) == set(Reason)
    assert all(text.get("en") and text.get("ja") for text in REASON_TEXT.values())


@pytest.mark.parametrize("limits", [{"low": 0}, {"low": 5, "high": 4}, {"high": 2**20}])
def test_limits_that_the_book_cannot_hold(limits: dict[str, int]) -> None:
    with pytest.raises(MalformedInput):
        Book(**limits)


def test_messages_of_another_shape() -> None:
    book = Book()
    for wrong in (np.zeros(14, np.int64), np.zeros((1, 13), np.int64), np.zeros((1, 14), np.int32)):
        with pytest.raises(MalformedInput):
            book.submit(wrong)
    with pytest.raises(MalformedInput):
        Book(0)
    assert book.messages == 0


def test_an_answer_is_the_callers_unless_it_says_otherwise() -> None:
    book = Book()
    first = message(MessageKind.NEW, 1, side=BUY, price=100, quantity=5)[None, :]
    kept = book.submit(first).reports
    lent = book.submit(message(MessageKind.CANCEL, 1)[None, :], copy=False).reports
    assert kept[0, z.R_KIND] == z.ACCEPTED
    assert lent[0, z.R_KIND] == z.CANCELLED
    book.submit(first)
    assert kept[0, z.R_KIND] == z.ACCEPTED


def test_the_page_tells_every_number(repository: Path) -> None:
    page = (repository / "docs/reference/book-library.md").read_text()
    for reason, text in REASON_TEXT.items():
        assert f"| {reason.value} {reason.name} | {text.en} |" in page
    for kind in ReportKind:
        assert f"| {kind.value} {kind.name} |" in page
    for kind in MessageKind:
        assert f" {kind.name} |" in page
