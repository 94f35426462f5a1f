"""The changes that the engine reports are the book: snapshot at any moment + increments after it = the state's orders."""

from random import Random

import numpy as np
import pytest

from wattmark.core.ids import id_words
from wattmark.engine import layout as e
from wattmark.engine.apply import apply
from wattmark.engine.commands import FIELDS, Kind, command, stack
from wattmark.engine.state import State
from wattmark.flows.market_data import shown_orders
from wattmark.market import layout as m
from wattmark.market.board import Board, Increment, changes_of
from wattmark.simulation.benchmarks.world import FIRST_TRADER, NOW_MS, lot_of, market

TRADERS = 8
NONE = dict.fromkeys(FIELDS[Kind.PLACE_ORDER], 0)


class Stream:
    """Orders of every kind near a moving price, amended, cancelled, halted and out of date."""

    def __init__(self, seed: int) -> None:
        self.chance, self.count, self.now_ms, self.placed = Random(seed), 0, NOW_MS, []
        self.start = [0] * TRADERS

    def row(self, kind: Kind, actor: int, **fields: int) -> np.ndarray:
        self.count += 1
        return command(kind, id=self.count, actor=actor, **fields)

    def draw(self) -> np.ndarray:
        chance, dice = self.chance, self.chance.random()
        trader = chance.randrange(TRADERS)
        account, price = FIRST_TRADER + trader, 1_000 + self.count // 40 % 20 + chance.randint(-6, 6)
        target = dict(
            zip(("target_id_low", "target_id_high"), id_words(chance.choice(self.placed or [1])), strict=True)
        )
        if dice < 0.12:
            return self.row(Kind.CANCEL, account, **target)
        if dice < 0.24:
            return self.row(Kind.AMEND, account, **target, price_sen_per_kwh=price, quantity_wh=chance.randint(1, 90))
        if dice < 0.26:
            session = chance.randint(0, 2)
            return self.row(Kind.CANCEL_ALL, account, account=account, product=-1, session=session)
        if dice < 0.29:
            state = chance.choice((m.PRODUCT_HALTED, m.PRODUCT_OPEN, m.PRODUCT_OPEN))
            return self.row(Kind.SET_TRADING, 0, product=0, trading_state=state, reason=0)
        quantity = chance.randint(20, 99)
        fields = NONE | {"side": m.BUY, "price_sen_per_kwh": price, "quantity_wh": quantity}
        fields |= {"tif": chance.choice((0, 0, 0, 0, 1, 2, 3)), "self_trade": chance.randrange(4)}
        fields |= {"session": chance.randrange(3), "display_wh": chance.choice((0, 0, 7))}
        if fields["tif"] == m.TIF_REST and chance.random() < 0.3:
            fields["expires_ms"] = self.now_ms + chance.randint(1, 3_000)
        if fields["tif"] == m.TIF_IMMEDIATE:
            fields |= {"display_wh": 0, "price_sen_per_kwh": chance.choice((price, 0))}
        if trader % 2:
            self.start[trader] += 100
            fields |= {"side": m.SELL, "lot": lot_of(trader), "start": (1 << 34) - self.start[trader]}
        self.placed = [*self.placed[-60:], self.count + 1]
        return self.row(Kind.PLACE_ORDER, account, **fields)


def board(state: State, sequence: int) -> Board:
    return Board.from_orders(0, sequence, shown_orders(state, 0), int(state.products[0, m.P_STATE]))


@pytest.mark.parametrize("seed", range(4))
def test_whoever_joins_at_any_moment_has_the_book(seed: int) -> None:
    state, stream, boards = market(m.MODE_CONTINUOUS), Stream(seed), []
    sequence, told, traded, accepted, chance = 0, 0, 0, 0, Random(seed)
    for _ in range(400):
        stream.now_ms += chance.choice((0, 1, 50, 900))
        rows = stack([stream.draw() for _ in range(chance.randint(1, 20))])
        applied = apply(state, rows, stream.now_ms)
        accepted += int((applied.verdicts[:, e.V_OUTCOME] == e.OK).sum())
        for changed in changes_of(applied.changes, applied.trades, [0]).values():
            sequence += 1
            told, traded = told + len(changed.levels), traded + sum(trade.quantity_wh for trade in changed.trades)
            for joined in boards:
                joined.apply(Increment(0, sequence, changed.levels, changed.trades))
        expected = board(state, sequence)
        for joined in boards:
            assert joined.bids() == expected.bids()
            assert joined.asks() == expected.asks()
        if chance.random() < 0.1:
            boards = [*boards[-3:], expected]
    assert traded == int(state.products[0, m.P_VOLUME_WH])
    assert min(told, accepted, traded) > 1_000, (told, accepted, traded)
