"""The book library against the ledger's engine: one stream through both gives the same trades, changes and levels."""

import os
from collections import Counter
from random import Random

import numpy as np
import pytest

from wattmark.engine import layout as e
from wattmark.engine.apply import apply
from wattmark.engine.commands import Kind, command, stack
from wattmark.engine.outcomes import Outcome
from wattmark.market import book_layout as z
from wattmark.market import layout as m
from wattmark.market.book import Book, MessageKind, Reason, message
from wattmark.market.kernels import best_level, next_level
from wattmark.simulation.benchmarks.world import FIRST_TRADER, LOT_WH, NOW_MS, lot_of, market

INTERPRETED = bool(os.environ.get("NUMBA_DISABLE_JIT"))
MESSAGES = 400 if INTERPRETED else 4_000
TRADERS = (1, 3, 5, 7)
"""Those of the small market who have tokens as well as cash, so that they trade on both sides."""
SAME = {
    Outcome.UNKNOWN_ORDER: Reason.ORDER_UNKNOWN,
    Outcome.ORDER_NOT_OPEN: Reason.ORDER_UNKNOWN,
    Outcome.NOT_OWNER: Reason.NOT_OWNER,
    Outcome.BELOW_FILLED: Reason.BELOW_FILLED,
    Outcome.WOULD_TRADE: Reason.WOULD_TRADE,
    Outcome.NOT_FILLABLE: Reason.NOT_FILLABLE,
    Outcome.DISPLAY_INVALID: Reason.DISPLAY_INVALID,
    Outcome.TERMS_MISMATCH: Reason.TERMS_MISMATCH,
}
ALSO_OF_ENDED = {Outcome.NOT_OWNER, Outcome.DISPLAY_INVALID, Outcome.PRICE_OUT_OF_RANGE}


class Both:
    """The engine with a great deal of cash and tokens, and the book."""

    def __init__(self) -> None:
        self.state = market(m.MODE_CONTINUOUS)
        self.first = self.state.position
        self.book = Book(low=e.MIN_PRICE_SEN, high=e.MAX_PRICE_SEN)
        self.left = dict.fromkeys(TRADERS, LOT_WH)
        self.quantity: dict[int, tuple[int, int, int]] = {}  # number -> trader, side, quantity as last asked for
        self.number_of: dict[int, int] = {}  # order row -> number
        self.seen: Counter = Counter()
        self.sent = 0

    def place(self, number: int, trader: int, side: int, time_ms: int, **words: int) -> tuple[list, list]:
        lot = start = 0
        if side == m.SELL:
            self.left[trader] -= words["quantity"]
            lot, start = lot_of(trader), self.left[trader]
        self.quantity[number] = trader, side, words["quantity"]
        account = FIRST_TRADER + trader
        row = command(
            Kind.PLACE_ORDER,
            id=number,
            actor=account,
            product=0,
            side=side,
            price_sen_per_kwh=words["price"],
            quantity_wh=words["quantity"],
            lot=lot,
            start=start,
            tif=words["tif"],
            expires_ms=words.get("expires_ms", 0),
            min_quantity_wh=words.get("min_quantity", 0),
            display_wh=words.get("display", 0),
            self_trade=words["self_trade"],
            session=words["session"],
        )
        return row, message(MessageKind.NEW, number, account=account, side=side, time_ms=time_ms, **words)

    def other(self, kind: Kind, number: int, target: int, trader: int, time_ms: int, **words: int) -> tuple[list, list]:
        account = FIRST_TRADER + trader
        if kind is Kind.CANCEL_ALL:
            row = command(kind, id=number, actor=account, account=account, product=-1, session=words["session"])
            return row, message(MessageKind.CANCEL_ALL, account=account, product=-1, time_ms=time_ms, **words)
        names = {"target_id_low": target, "target_id_high": 0}
        if kind is Kind.CANCEL:
            row = command(kind, id=number, actor=account, **names)
            return row, message(MessageKind.CANCEL, target, account=account, time_ms=time_ms)
        price, quantity = words["price"], words["quantity"]
        row = command(kind, id=number, actor=account, **names, price_sen_per_kwh=price, quantity_wh=quantity)
        return row, message(MessageKind.AMEND, target, account=account, time_ms=time_ms, **words)

    def send(self, pairs: list[tuple[list, list]], now_ms: int) -> None:
        rows = stack([row for row, _ in pairs])
        applied = apply(self.state, rows, now_ms)
        told = self.book.submit(np.stack([words for _, words in pairs]))
        for row, verdict in zip(rows.tolist(), applied.verdicts.tolist(), strict=True):
            if row[e.W_HEAD] & e.HALF_MASK == Kind.PLACE_ORDER and verdict[e.V_OUTCOME] == Outcome.OK:
                self.number_of[verdict[e.V_RESULT0]] = row[e.W_ID_LOW]
        self.compare_answers(applied.verdicts, told.reports)
        trades = [
            [
                self.number_of[trade[m.T_BUY_ORDER]],
                self.number_of[trade[m.T_SELL_ORDER]],
                trade[m.T_PRICE_SEN],
                trade[m.T_QUANTITY_WH],
                trade[m.T_POSITION] - self.first,
            ]
            for trade in applied.trades.tolist()
        ]
        assert self.trades_of(told.reports) == trades
        changes = applied.changes.copy()
        changes[:, m.C_POSITION] -= self.first
        assert told.changes.tolist() == changes.tolist()
        self.compare_levels()
        self.sent += len(pairs)

    def compare_answers(self, verdicts: np.ndarray, reports: np.ndarray) -> None:
        answers = np.isin(reports[:, z.R_KIND], (z.ACCEPTED, z.REJECTED, z.AMENDED, z.ALL_CANCELLED)) | (
            (reports[:, z.R_KIND] == z.CANCELLED) & (reports[:, z.R_REASON] == z.ASKED)
        )
        told = {number - self.sent: (kind, reason) for number, kind, reason in reports[answers][:, :3].tolist()}
        for at, verdict in enumerate(verdicts.tolist()):
            outcome = Outcome(verdict[e.V_OUTCOME])
            kind, reason = told[at]
            assert (kind == z.REJECTED) == (outcome is not Outcome.OK), (outcome, told[at])
            if kind == z.REJECTED:
                # the library forgets an order that has ended, so that nothing else about it can be wrong
                assert reason == SAME.get(outcome) or (reason == z.ORDER_UNKNOWN and outcome in ALSO_OF_ENDED), outcome
            self.seen[outcome] += 1

    def trades_of(self, reports: np.ndarray) -> list[list[int]]:
        found = []
        for number, _, _, resting, incoming, price, quantity, _ in reports[
            (reports[:, z.R_KIND] == z.FILL) & (reports[:, z.R_REASON] == z.RESTING)
        ].tolist():
            buys = self.quantity[incoming][1] == m.BUY
            found.append(
                [incoming, resting, price, quantity, number] if buys else [resting, incoming, price, quantity, number]
            )
        self.seen["trades"] += len(found)
        return found

    def compare_levels(self) -> None:
        t = self.state.tables()
        for side in (m.BUY, m.SELL):
            depth, orders = [], []
            level = best_level(t.roots, 0, side)
            while level:
                price = int(t.levels[level, m.LEVEL_PRICE])
                depth.append([price, int(t.levels[level, m.LEVEL_SHOWN_WH]), int(t.levels[level, m.LEVEL_ORDERS])])
                order = int(t.levels[level, m.LEVEL_HEAD])
                while order:
                    row = t.orders[order - 1]
                    orders.append([self.number_of[order - 1], int(row[m.O_QUANTITY_WH]), int(row[m.O_REMAINING_WH])])
                    order = int(t.links[order - 1, m.LINK_NEXT])
                level = next_level(t.roots, t.nodes, 0, side, price)
            assert self.book.depth(0, side).tolist() == depth
            assert self.book.orders(0, side)[:, [0, 3, 4]].tolist() == orders


def draw(random: Random, both: Both, number: int, now: int) -> tuple[list, list]:
    wish = random.random()
    trader = random.choice(TRADERS)
    middle = 1_000 + number // 100
    if wish < 0.62 or not both.quantity:
        side = random.choice((m.BUY, m.SELL))
        away = random.choice((-2, 1, 1, 2, 4))
        tif = random.choice((0, 0, 0, 0, 1, 2, 3))
        quantity = random.choice((1, 3, 10, 25, 60))
        words = {"price": middle - away if side == m.BUY else middle + away, "quantity": quantity, "tif": tif}
        if tif in (1, 2) and random.random() < 0.2:
            words["price"] = 0
        if tif != m.TIF_POST_ONLY and random.random() < 0.15:
            words["min_quantity"] = random.randint(0, quantity)
        if tif in (0, 3) and random.random() < 0.25:
            words["display"] = random.randint(max(1, -(-quantity // 20)), quantity)
        if tif in (0, 3) and random.random() < 0.15:
            words["expires_ms"] = now + random.randint(1, 400)
        words |= {"self_trade": random.randrange(4), "session": random.randrange(3)}
        return both.place(number, trader, side, now, **words)
    target = random.choice(list(both.quantity)[-150:]) if random.random() < 0.95 else number
    owner, side, quantity = both.quantity.get(target, (trader, m.BUY, 5))
    owner = owner if random.random() < 0.95 else trader
    if wish < 0.8:
        return both.other(Kind.CANCEL, number, target, owner, now)
    if wish < 0.985:
        more = random.choice((-8, -2, 0, 0)) if side == m.SELL else random.choice((-8, -2, 0, 0, 6))
        asked = max(quantity + more, 1)
        if side == m.SELL and (row := both.book.orders(0, m.SELL)).size:  # a sell's tokens are reserved: never more
            known = row[row[:, 0] == target]
            asked = min([asked, *known[:, 3].tolist()])
        price = middle + random.choice((-3, -1, 0, 1, 3))
        return both.other(Kind.AMEND, number, target, owner, now, price=price, quantity=asked)
    return both.other(Kind.CANCEL_ALL, number, 0, trader, now, session=random.randrange(3))


@pytest.mark.parametrize("seed", [1, 2])
def test_one_stream_through_engine_and_library(seed: int) -> None:
    random, both, now, number = Random(seed), Both(), NOW_MS, 1
    while number <= MESSAGES:
        pairs = []
        for _ in range(random.choice((1, 1, 2, 6))):
            pairs.append(draw(random, both, number, now))
            number += 1
        both.send(pairs, now)
        now += random.choice((0, 1, 20))
    assert both.seen["trades"] > MESSAGES // 10
    assert both.seen[Outcome.OK] > MESSAGES // 3
    if not INTERPRETED:
        assert {*SAME} - {Outcome.DISPLAY_INVALID} <= set(both.seen)
