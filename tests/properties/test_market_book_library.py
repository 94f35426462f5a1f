"""The book library against the plain-Python one: every report, every change, depth, and the laws, over random lives."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from reference import book as plain
from wattmark.market import book_layout as z
from wattmark.market import book_table_kernels as kernels
from wattmark.market import layout as m
from wattmark.market.book import FIRST_ROWS, Book, MessageKind, ReportKind, message

INTERPRETED = bool(os.environ.get("NUMBA_DISABLE_JIT"))
MESSAGES = int(os.environ.get("WATTMARK_BOOK_MESSAGES", "2000" if INTERPRETED else "40000"))
"""How many messages the seeded lives have together; a nightly run asks for millions."""
PRODUCTS, LOW, HIGH = 2, 5, 99_900
SMALL = st.integers(0, 3)
SLOTS = 2 * FIRST_ROWS
CROWDED = [number for number in range(1, 30_000) if (kernels.id_slot(np.int64(number)) + 16) % SLOTS < 32][:400]
"""Numbers of orders whose search begins within 32 slots of the index, around its end: each pushes others on."""


class Market:
    """Both books, given the same messages."""

    def __init__(self) -> None:
        self.book = Book(PRODUCTS, low=LOW, high=HIGH)
        self.plain = plain.PlainBook(PRODUCTS, LOW, HIGH)
        self.placed = Counter[int]()
        self.ended = Counter[int]()

    def send(self, messages: list[list[int]]) -> list[list[int]]:
        """Send a batch; both must tell the same, and no quantity may come from nowhere or vanish."""
        told = self.book.submit(np.array(messages, np.int64).reshape(-1, z.MESSAGE_WORDS))
        reports, changes = [], []
        for words in messages:
            reports += self.plain.take(words)
            changes += self.plain.changes
        assert told.reports.tolist() == reports
        assert told.changes.tolist() == changes
        self.count(reports)
        return reports

    def count(self, reports: list[list[int]]) -> None:
        for _, kind, _, number, _, _, quantity, remaining in reports:
            if kind == ReportKind.ACCEPTED:
                self.placed[number] += quantity
            elif kind in (ReportKind.FILL, ReportKind.CANCELLED, ReportKind.EXPIRED, ReportKind.REDUCED):
                self.ended[number] += quantity
            elif kind == ReportKind.AMENDED:
                self.placed[number] = self.ended[number] + remaining

    def check(self) -> None:
        live = 0
        left = Counter[int]()
        for product in range(PRODUCTS):
            sides = {}
            for side in (m.BUY, m.SELL):
                sides[side] = levels = self.book.depth(product, side).tolist()
                assert levels == self.plain.depth(product, side)
                assert all(shown > 0 and orders > 0 for _, shown, orders in levels)
                orders = self.book.orders(product, side).tolist()
                assert orders == [
                    [o.words.number, o.words.account, o.price, o.quantity, o.remaining]
                    for o in self.plain.sides[product, side]
                ]
                live += len(orders)
                left.update({number: remaining for number, _, _, _, remaining in orders})
                top = self.book.top(product)[side - 1].tolist()
                assert top == (levels[0] if levels else [0, 0, 0])  # no phantom best
            if sides[m.BUY] and sides[m.SELL]:
                assert sides[m.BUY][0][0] < sides[m.SELL][0][0]  # never crossed
        assert self.book.live == live == len(self.plain.live)
        for number in self.placed:
            assert self.placed[number] == self.ended[number] + left[number]
        for levels in self.book.depth(0, m.BUY), self.book.depth(0, m.SELL):
            assert (levels >= 0).all()


def draw_message(random: Random, market: Market, time: int) -> list[int]:
    """Return a message of any kind, most of them good, around a middle that moves."""
    number = random.choice(CROWDED)
    live = list(market.plain.live)
    middle = 500 + (time // 500) % 40
    wish = random.random()
    if wish < 0.62:
        side = random.choice((m.BUY, m.SELL))
        away = random.choice((-1, 1, 1, 1, 2, 3, 6))
        price = middle - away if side == m.BUY else middle + away
        tif = random.choice((0, 0, 0, 0, 0, 1, 2, 3))
        quantity = random.choice((1, 3, 10, 25, 60))
        words = {"side": side, "price": price, "quantity": quantity, "tif": tif}
        if random.random() < 0.1 and tif in (1, 2):
            words["price"] = 0
        if random.random() < 0.15 and tif != m.TIF_POST_ONLY:
            words["min_quantity"] = random.randint(0, quantity)
        if random.random() < 0.25 and tif in (0, 3):
            words["display"] = random.randint(max(1, -(-quantity // 20)), quantity)
        if random.random() < 0.15 and tif in (0, 3):
            words["expires_ms"] = time + random.randint(1, 400)
        if random.random() < 0.04:
            spoiled = random.choice(("side", "price", "quantity", "tif", "min_quantity", "display", "expires_ms"))
            words[spoiled] = random.choice((-1, 0, 4, 7, LOW - 1, HIGH + 1, 2**40 + 1))
        kind = MessageKind.NEW
        account = random.randrange(4)
        words |= {"self_trade": random.randrange(4), "session": random.randrange(3)}
    elif wish < 0.97:
        kind = MessageKind.CANCEL if wish < 0.8 else MessageKind.AMEND
        if live and random.random() < 0.9:
            number = random.choice(live)
        order = market.plain.live.get(number)
        account = order.words.account if order and random.random() < 0.95 else random.randrange(4)
        words = {}
        if kind is MessageKind.AMEND:
            old = (order.price, order.quantity) if order else (middle, 5)
            words = {
                "price": random.choice((old[0], old[0], middle, middle + 3, middle - 3, 0)),
                "quantity": max(old[1] + random.choice((-8, -1, 0, 0, 5)), random.choice((0, 1))),
            }
    elif wish < 0.985:
        kind, account, words = MessageKind.CANCEL_ALL, random.randrange(-1, 4), {"session": random.randrange(3)}
    else:
        kind, account, words = random.choice((MessageKind.PASS_TIME, 0, 9)), 0, {}
    product = random.choice((-1, 0, 1)) if kind == MessageKind.CANCEL_ALL else random.choice((0, 0, 0, 1))
    product = 2 if random.random() < 0.005 else product
    return message(kind, number, account=account, product=product, time_ms=time, **words).tolist()


def live(seed: int, messages: int) -> Counter:
    """Play a life; return how often each kind of report and reason came."""
    random, market, time = Random(seed), Market(), 0
    seen: Counter = Counter()
    sent = 0
    while sent < messages:
        batch = []
        for _ in range(random.choice((1, 2, 5, 40))):
            time += random.choice((0, 0, 1, 5))
            batch.append(draw_message(random, market, time))
        for _, kind, reason, *_ in market.send(batch):
            seen[kind, reason] += 1
        market.check()
        sent += len(batch)
    return seen


@pytest.mark.parametrize("seed", range(4))
def test_the_library_equals_the_plain_book(seed: int) -> None:
    live(seed, MESSAGES // 4)


def test_the_lives_are_worth_living() -> None:
    """Every kind of report comes, and every reason."""
    seen = live(99, 2_000 if INTERPRETED else 8_000)
    assert {kind for kind, _ in seen} == set(map(int, ReportKind))
    rare = {z.NOT_FILLABLE, z.BELOW_FILLED, z.ID_IN_USE, z.MIN_QUANTITY_INVALID} if INTERPRETED else set()
    assert {reason for kind, reason in seen if kind == ReportKind.REJECTED} | rare >= set(range(2, 19)) - {6}
    assert {why for kind, why in seen if kind == ReportKind.CANCELLED} == {1, 2, 3, 4}
    assert seen[ReportKind.FILL, z.RESTING] > (100 if INTERPRETED else 500)


def test_how_messages_are_batched_changes_nothing() -> None:
    random, market = Random(5), Market()
    stream = []
    for time in range(1_500):
        words = draw_message(random, market, time)
        market.send([words])
        stream.append(words)
    whole = Book(PRODUCTS, low=LOW, high=HIGH).submit(np.array(stream, np.int64))
    parts = Book(PRODUCTS, low=LOW, high=HIGH)
    told = [parts.submit(np.array(part, np.int64)) for part in np.array_split(np.array(stream), 7)]
    assert np.concatenate([part.reports for part in told]).tolist() == whole.reports.tolist()
    assert np.concatenate([part.changes for part in told]).tolist() == whole.changes.tolist()


class BookMachine(RuleBasedStateMachine):
    """Any order of any messages that Hypothesis likes; small numbers, so that much happens at once."""

    def __init__(self) -> None:
        super().__init__()
        self.market = Market()
        self.time = 0

    def send(self, kind: MessageKind, number: int, **words: int) -> None:
        """Send a message about one of the crowded numbers."""
        self.market.send([message(kind, CROWDED[number], time_ms=self.time, **words).tolist()])

    @rule(
        number=st.integers(1, 12),
        account=SMALL,
        side=st.sampled_from((m.BUY, m.SELL)),
        price=st.integers(9, 14),
        quantity=st.integers(1, 9),
        tif=st.sampled_from((0, 0, 0, 1, 2, 3)),
        self_trade=SMALL,
        display=st.integers(0, 4),
        least=st.integers(0, 4),
        lasts=st.integers(0, 3),
    )
    def place(self, number, account, side, price, quantity, tif, self_trade, display, least, lasts) -> None:
        stays = tif in (0, 3)
        self.send(
            MessageKind.NEW,
            number,
            account=account,
            side=side,
            price=price,
            quantity=quantity,
            tif=tif,
            self_trade=self_trade,
            display=min(display, quantity) if stays else 0,
            min_quantity=min(least, quantity) if tif != m.TIF_POST_ONLY else 0,
            expires_ms=self.time + lasts if lasts and stays else 0,
        )

    @rule(account=SMALL, side=st.sampled_from((m.BUY, m.SELL)), quantity=st.integers(1, 20), self_trade=SMALL)
    def at_any_price(self, account, side, quantity, self_trade) -> None:
        self.send(MessageKind.NEW, 99, account=account, side=side, quantity=quantity, tif=1, self_trade=self_trade)

    @rule(number=st.integers(1, 12), account=SMALL)
    def cancel(self, number, account) -> None:
        order = self.market.plain.live.get(CROWDED[number])
        self.send(MessageKind.CANCEL, number, account=order.words.account if order else account)

    @rule(number=st.integers(1, 12), price=st.integers(9, 14), quantity=st.integers(1, 9))
    def amend(self, number, price, quantity) -> None:
        order = self.market.plain.live.get(CROWDED[number])
        account = order.words.account if order else 0
        self.send(MessageKind.AMEND, number, account=account, price=price, quantity=quantity)

    @rule(account=SMALL)
    def cancel_all(self, account) -> None:
        self.send(MessageKind.CANCEL_ALL, 0, account=account, product=-1)

    @rule(passed=st.integers(1, 3))
    def wait(self, passed) -> None:
        self.time += passed
        self.send(MessageKind.PASS_TIME, 0)

    @invariant()
    def laws_hold(self) -> None:
        self.market.check()


TestBookMachine = BookMachine.TestCase
TestBookMachine.settings = settings(
    max_examples=10 if INTERPRETED else 40,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def test_interpreted_and_compiled_books_agree(repository: Path) -> None:
    if INTERPRETED:
        pytest.skip("already interpreted")
    command = [sys.executable, "-m", "pytest", "-q", "-x", str(Path(__file__)), "-p", "no:cacheprovider"]
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
