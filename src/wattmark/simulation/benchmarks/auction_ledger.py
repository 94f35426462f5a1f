"""The auction in the ledger: the public book as orders of accounts, cleared by one command, journalled.

Each order is placed through the sequencer: checked, its cash or its numbered tokens reserved. ``CLEAR_AUCTION`` then
finds price and every order's share, moves serials and cash of every trade, gives back what is left and ends every
order; its record is durable when it is answered.
"""

import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.clock import cpu_seconds
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.engine.apply import apply
from wattmark.engine.commands import Kind, Words, command, stack
from wattmark.engine.state import State
from wattmark.flows.sequence import Sequencer
from wattmark.flows.settings import Settings
from wattmark.market import layout as m
from wattmark.simulation.benchmarks.report import significant
from wattmark.simulation.benchmarks.world import FIRST_TRADER, NO_TEXT, NOW_MS, TRADERS, lot_of, set_up_commands
from wattmark.wiring import Platform, open_sequencer

Int64s = npt.NDArray[np.int64]
BATCH: Final = 8_192
SETTINGS: Final = Settings(origin="bench.example/log", name=Text(en="Benchmark", ja="測定"))
AFTER_GATE_MS: Final = NOW_MS + 3_600_000
CLEAR_ID: Final = 1 << 70
SELLERS: Final = TRADERS // 2


def order_rows(book: tuple[Int64s, Int64s, Int64s, Int64s]) -> Words:
    """Return a PLACE_ORDER per bid of a book, sells and buys in turn; a lot of the book is one Wh here."""
    sell_price, sell_lots, buy_price, buy_lots = book
    half = len(sell_price)
    blank = command(
        Kind.PLACE_ORDER,
        id=1,
        actor=FIRST_TRADER,
        hash=None,
        root=None,
        product=0,
        side=m.BUY,
        price_sen_per_kwh=1,
        quantity_wh=1,
        lot=0,
        start=0,
        tif=m.TIF_REST,
    )
    rows = np.repeat(blank[None, :], 2 * half, axis=0)
    rows[:, e.W_ID_LOW] = 1 + np.arange(2 * half)
    number = np.arange(half) % SELLERS
    field = e.W_FIELDS
    sells, buys = rows[0::2], rows[1::2]
    kind = int(blank[e.W_HEAD]) & e.HALF_MASK
    sells[:, e.W_HEAD] = kind | (FIRST_TRADER + 2 * number + 1) << e.ACTOR_SHIFT
    buys[:, e.W_HEAD] = kind | (FIRST_TRADER + 2 * number) << e.ACTOR_SHIFT
    sells[:, field + 1] = m.SELL
    sells[:, field + 2], sells[:, field + 3] = sell_price, sell_lots
    buys[:, field + 2], buys[:, field + 3] = buy_price, buy_lots
    for seller in range(SELLERS):  # each sells its lot from the end, so that the row of the lot stays with it
        own = number == seller
        sells[own, field + 4] = lot_of(2 * seller + 1)
        sells[own, field + 5] = (1 << 34) - np.cumsum(sell_lots[own])
    return rows


def submit_all(sequencer: Sequencer, rows: Words) -> float:
    """Submit commands of which none may be refused; return the seconds."""
    begun = time.perf_counter()
    for first in range(0, len(rows), BATCH):
        verdicts = sequencer.submit(rows[first : first + BATCH], now_ms=NOW_MS)
        assert not verdicts[:, e.V_OUTCOME].any(), np.unique(verdicts[:, e.V_OUTCOME])
    return time.perf_counter() - begun


def clear_row() -> Words:
    """Return the one command that clears the auction."""
    return stack([command(Kind.CLEAR_AUCTION, id=CLEAR_ID, actor=e.OPERATOR, hash=None, root=None, product=0)])


def measure(book: tuple[Int64s, Int64s, Int64s, Int64s], expected: tuple[int, int]) -> dict[str, float]:
    """Return how long the orders took and how long their auction takes: applied alone, and through the sequencer.

    ``cpu_s`` is the processor's time of the whole process, which says what it costs however busy the machine is.
    """
    rows = order_rows(book)
    made = set_up_commands(m.MODE_CALL)
    _compile()
    state = State()
    for some in (made, *(rows[first : first + BATCH] for first in range(0, len(rows), BATCH))):
        apply(state, some, NOW_MS)
    begun, worked = time.perf_counter(), cpu_seconds()
    applied = apply(state, clear_row(), AFTER_GATE_MS)
    alone, alone_cpu = time.perf_counter() - begun, cpu_seconds() - worked
    assert tuple(applied.verdicts[0, e.V_RESULT0 :]) == expected
    trades = len(applied.trades)
    del state, applied
    with tempfile.TemporaryDirectory(prefix="wattmark-bench-") as folder:
        home = Path(folder) / "home"
        Platform.create(home, SETTINGS, NOW_MS).close()
        with open_sequencer(home) as sequencer:
            sequencer.submit(made, [NO_TEXT], now_ms=NOW_MS)
            placing = submit_all(sequencer, rows)
            begun, worked = time.perf_counter(), cpu_seconds()
            verdict = sequencer.submit(clear_row(), now_ms=AFTER_GATE_MS)[0]
            seconds, cpu = time.perf_counter() - begun, cpu_seconds() - worked
            assert tuple(verdict[[e.V_OUTCOME, e.V_RESULT0, e.V_RESULT1]]) == (0, *expected)
            assert not sequencer.state.header[e.H_OPEN_ORDERS]
    return {
        "open_orders": len(rows),
        "trades": trades,
        "orders_per_s": round(len(rows) / placing),
        "apply_s": significant(alone),
        "apply_cpu_s": significant(alone_cpu),
        "seconds": significant(seconds),
        "cpu_s": significant(cpu),
    }


def _compile() -> None:
    state = State()
    apply(state, set_up_commands(m.MODE_CALL), NOW_MS)
    apply(state, clear_row(), AFTER_GATE_MS)
