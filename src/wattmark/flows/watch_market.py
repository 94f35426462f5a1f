"""The daily report of the market: orders and trades of a day as columns, and what the rules of surveillance say.

What an order was is read from the state, when it ended from the records that ended it, what it traded from the read
model; what it was before it was amended, from the records that placed and amended it (``watch_amends``). An order from
before the day counts where it traded, was amended or cancelled on the day, or still stands. How many watt hours an order
has filled is what it has filled by now; of an amended one, on the day.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.periods import DAY_S, JST_OFFSET_S, jst_day_start_s
from wattmark.engine import layout as e
from wattmark.engine.commands import fields
from wattmark.engine.state import State
from wattmark.flows.platform import Platform
from wattmark.flows.watch_amends import Changes, with_amends, with_since
from wattmark.market import layout as m
from wattmark.market.surveillance.day import (
    CANCELLED,
    ENDED,
    EXPIRED,
    FILLED,
    STILL_OPEN,
    MarketDay,
    Orders,
    Products,
    Trades,
    owners_of,
    sweeps_of,
)
from wattmark.market.surveillance.watch import Report, watch

Rows = npt.NDArray[np.int64]
MS: Final = 1_000
EPOCH: Final = date(1970, 1, 1).toordinal()
AT_ONCE: Final = (m.TIF_IMMEDIATE, m.TIF_ALL_OR_NONE)
"""What such an order does not trade on arrival is gone."""


@dataclass(frozen=True, slots=True, eq=False)
class _Copied:
    """What was copied of the state while it stood still.

    Attributes:
        number: numbers of the orders that lived on the day.
        orders: their rows, ``int64 [n, 16]``.
        placed_ms: when each was placed [ms].
        products: rows of all products.
        cancels: (order, time, actor) of the day's single cancels, ``int64 [k, 3]``.
        sweeps: log indices of the day's CANCEL_ALL records.
        sweep_ms: their times [ms].
        changes: amendments of the orders, of this day and days before.
        accounts: how many there are.
    """

    number: Rows
    orders: Rows
    placed_ms: Rows
    products: Rows
    cancels: Rows
    sweeps: Rows
    sweep_ms: Rows
    changes: Changes
    accounts: int


def watch_market(platform: Platform, day: date) -> Report:
    """Return the report of a JST day, by the policy of the settings and the owners the operator knows of.

    Call it without holding the state: it reads the journal too.

    Raises:
        MalformedInput: the file of owners has another form, or names an account that does not exist.
    """
    return watch(market_day(platform, day), platform.settings.market.surveillance)


def market_day(platform: Platform, day: date) -> MarketDay:
    """Return the orders and trades of a JST day as columns.

    Raises:
        MalformedInput: as ``watch_market``.
    """
    start_ms = jst_day_start_s(day) * MS
    end_ms = start_ms + DAY_S * MS
    rows = platform.views.trade_columns(start_ms, end_ms)
    with platform.sequencer.reading() as state:
        copied = _copy(state, rows, start_ms, end_ms)
    products = Products(copied.products[:, m.P_CLOSE_MS].copy(), copied.products[:, m.P_MODE].copy())
    head, tail = rows.T[:6], rows.T[6:]
    trades = Trades(*(np.ascontiguousarray(column) for column in (*head, rows.T[8], rows.T[8], *tail)))
    sweeps = list(_sweeps(platform, copied))
    orders = _orders(sweeps, copied, trades, products, end_ms)
    orders = with_amends(platform.sequencer, orders, copied.changes, trades, start_ms)
    return MarketDay(
        start_ms,
        end_ms,
        with_since(trades, orders),
        orders,
        products,
        owners_of(copied.accounts, platform.owner_groups()),
        sweeps_of((time_ms, account, product) for time_ms, actor, account, product, _ in sweeps if actor == account),
    )


def traded_days(platform: Platform) -> list[date]:
    """Return the JST days on which an order was placed, oldest first; the state must stand still."""
    orders, ids = platform.state.orders, platform.state.ids
    days = np.unique((ids[orders[:, m.O_POSITION], e.I_TIMESTAMP_MS] // MS + JST_OFFSET_S) // DAY_S)
    return [date.fromordinal(EPOCH + int(day)) for day in days]


def _copy(state: State, trades: Rows, start_ms: int, end_ms: int) -> _Copied:
    ids, orders = state.ids, state.orders
    times = ids[:, e.I_TIMESTAMP_MS]
    first, last = np.searchsorted(times, (start_ms, end_ms))
    heads = ids[first:last, e.I_HEAD]
    is_done = ids[first:last, e.I_OUTCOME] == e.OK
    cancelled = first + np.flatnonzero(is_done & (heads & e.HALF_MASK == e.CANCEL))
    swept = first + np.flatnonzero(is_done & (heads & e.HALF_MASK == e.CANCEL_ALL))
    placed_ms = times[orders[:, m.O_POSITION]]
    lived = placed_ms >= start_ms
    lived |= (orders[:, m.O_STATE] == m.ORDER_OPEN) | (orders[:, m.O_STATE] == m.ORDER_QUEUED)
    lived[trades[:, 4]] = True
    lived[trades[:, 5]] = True
    lived[ids[cancelled, e.I_RESULT0]] = True
    amended = first + np.flatnonzero(is_done & (heads & e.HALF_MASK == e.AMEND))
    lived[ids[amended, e.I_RESULT0]] = True
    number = np.flatnonzero(lived & (placed_ms < end_ms))
    since = int(orders[number, m.O_POSITION].min(initial=first))
    older = since + np.flatnonzero(
        (ids[since:first, e.I_OUTCOME] == e.OK) & (ids[since:first, e.I_HEAD] & e.HALF_MASK == e.AMEND)
    )
    amended = np.concatenate((older, amended))
    amended = amended[np.isin(ids[amended, e.I_RESULT0], number)]
    return _Copied(
        number,
        orders[number],
        placed_ms[number],
        state.products.copy(),
        np.column_stack((ids[cancelled, e.I_RESULT0], times[cancelled], ids[cancelled, e.I_HEAD] >> e.ACTOR_SHIFT)),
        swept,
        times[swept],
        Changes(ids[amended, e.I_RESULT0], amended, times[amended]),
        state.count("accounts"),
    )


def _orders(
    sweeps: list[tuple[int, int, int, int, int]], copied: _Copied, trades: Trades, products: Products, end_ms: int
) -> Orders:
    rows, number = copied.orders, copied.number
    product = rows[:, m.O_PRODUCT]
    # where nothing else is known, an order that is over ended at its gate, or when its time came
    gate_ms = np.minimum(products.close_ms[product], end_ms)
    expires_ms = rows[:, m.O_EXPIRES_MS]
    ended_ms = np.where(expires_ms > 0, np.minimum(expires_ms, gate_ms), gate_ms)
    terms = rows[:, m.O_TERMS]
    at_once = np.isin(terms & m.TERMS_MASK, AT_ONCE)
    ended_ms = np.where(at_once, copied.placed_ms, ended_ms)
    state = rows[:, m.O_STATE]
    end = np.full(len(rows), ENDED, np.int64)
    is_open = (state == m.ORDER_OPEN) | (state == m.ORDER_QUEUED)
    end[is_open], ended_ms[is_open] = STILL_OPEN, end_ms
    filled_ms = _last_fill(number, trades)
    has_filled = state == m.ORDER_FILLED
    end[has_filled] = np.where(filled_ms[has_filled] > 0, FILLED, STILL_OPEN)
    ended_ms[has_filled] = np.where(filled_ms[has_filled] > 0, filled_ms[has_filled], end_ms)
    places = np.searchsorted(number, copied.cancels[:, 0])
    by_owner = copied.cancels[:, 2] == rows[places, m.O_ACCOUNT]
    end[places], ended_ms[places] = np.where(by_owner, CANCELLED, ENDED), copied.cancels[:, 1]
    known = np.zeros(len(rows), np.bool_)
    known[places] = True
    waits = np.flatnonzero((state == m.ORDER_CANCELLED) & ~at_once & ~known)
    _swept(sweeps, rows, copied.placed_ms, waits, end, ended_ms)
    ran_out = (end == ENDED) & ~at_once & ~known & (expires_ms > 0) & (expires_ms <= gate_ms)
    end[ran_out] = EXPIRED
    return Orders(
        order=number,
        account=rows[:, m.O_ACCOUNT].copy(),
        product=product.copy(),
        side=rows[:, m.O_SIDE].copy(),
        price_sen=rows[:, m.O_PRICE_SEN].copy(),
        quantity_wh=rows[:, m.O_QUANTITY_WH].copy(),
        filled_wh=rows[:, m.O_QUANTITY_WH] - rows[:, m.O_REMAINING_WH],
        placed_ms=copied.placed_ms,
        ended_ms=np.maximum(np.minimum(ended_ms, end_ms), copied.placed_ms),
        end=end,
        position=rows[:, m.O_POSITION].copy(),
    )


def _last_fill(number: Rows, trades: Trades) -> Rows:
    """Return the time of each order's last trade on the day, 0 without one [ms]."""
    last = np.zeros(len(number), np.int64)
    for column in (trades.buy_order, trades.sell_order):
        np.maximum.at(last, np.searchsorted(number, column), trades.timestamp_ms)
    return last


def _sweeps(platform: Platform, copied: _Copied) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield (time, actor, account, product, session) of the day's CANCEL_ALL records, oldest first."""
    for position, time_ms in zip(copied.sweeps.tolist(), copied.sweep_ms.tolist(), strict=True):
        row = platform.sequencer.record(position).command
        named = fields(row)
        yield time_ms, int(row[e.W_HEAD]) >> e.ACTOR_SHIFT, named["account"], named["product"], named["session"]


def _swept(
    sweeps: list[tuple[int, int, int, int, int]],
    rows: Rows,
    placed_ms: Rows,
    waits: Rows,
    end: Rows,
    ended_ms: Rows,
) -> None:
    """Mark the orders that the sweeps took back: each the first one that fits it."""
    for time_ms, actor, account, product, session in sweeps:
        fits = (rows[waits, m.O_ACCOUNT] == account) & (placed_ms[waits] <= time_ms) & (ended_ms[waits] >= time_ms)
        fits &= (product < 0) | (rows[waits, m.O_PRODUCT] == product)
        fits &= (session == 0) | (rows[waits, m.O_GROUP] == session)
        taken = waits[fits]
        end[taken], ended_ms[taken] = CANCELLED if actor == account else ENDED, time_ms
        waits = waits[~fits]
