"""Amended orders as the watched day has them: a row for what an order was before each amendment, and one for after.

The state has what an order became. What it was is read from the records that placed and amended it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.engine import layout as e
from wattmark.flows.sequence import Sequencer
from wattmark.market.surveillance.day import AMENDED, Orders, Trades

Rows = npt.NDArray[np.int64]
READ_ON: Final = 4_096
"""Records nearer to each other than this are read in one go."""
PRICE: Final = 5
QUANTITY: Final = 6
"""Words of PLACE_ORDER and of AMEND."""


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Amendments, oldest first.

    Attributes:
        order: number of the order.
        position: log index of the record.
        timestamp_ms: when [ms].
    """

    order: Rows
    position: Rows
    timestamp_ms: Rows


def commands_at(sequencer: Sequencer, positions: Rows) -> Rows:
    """Return the commands at log indices, ``int64 [n, 16]``; the indices ascend."""
    found = np.zeros((len(positions), e.COMMAND_WORDS), np.int64)
    for row, command in enumerate(_read(sequencer, positions)):
        found[row] = command
    return found


def _read(sequencer: Sequencer, positions: Rows) -> Iterator[Rows]:
    for part in np.split(positions, np.flatnonzero(np.diff(positions) > READ_ON) + 1):
        wanted = set(part.tolist())
        if wanted:
            for record in sequencer.records(int(part[0]), int(part[-1]) + 1):
                if record.position in wanted:
                    yield record.command


def with_amends(sequencer: Sequencer, orders: Orders, changes: Changes, trades: Trades, start_ms: int) -> Orders:
    """Return the orders with a row for each price and quantity they had on the day.

    Args:
        sequencer: reads the journal.
        orders: one row per order, as the state has it.
        changes: all their amendments before the end of the day.
        trades: trades of the day.
        start_ms: first moment of the day; rows that ended before it are left out [ms].
    """
    if not len(changes.order):
        return orders
    changed = np.searchsorted(orders.order, changes.order)
    first = np.unique(changed)
    at = np.unique(np.concatenate((orders.position[first], changes.position)))
    commands = commands_at(sequencer, at)
    row = np.concatenate((np.arange(len(orders)), changed))
    position = np.concatenate((orders.position, changes.position))
    placed_ms = np.concatenate((orders.placed_ms, changes.timestamp_ms))
    ordered = np.lexsort((position, row))
    row, position, placed_ms = row[ordered], position[ordered], placed_ms[ordered]
    is_changed = np.isin(row, first)
    command = commands[np.minimum(np.searchsorted(at, position), len(at) - 1)]
    price = np.where(is_changed & (command[:, PRICE] != e.MARKET_PRICE), command[:, PRICE], orders.price_sen[row])
    whole = np.where(is_changed, command[:, QUANTITY], orders.quantity_wh[row])
    goes_on = np.append(row[1:] == row[:-1], np.zeros(1, np.bool_))
    filled = _filled(orders.order[row], position, trades)
    # what it had filled before an amendment, on the day
    before = np.cumsum(filled) - filled
    begins = np.flatnonzero(np.append(np.ones(1, np.bool_), row[1:] != row[:-1]))
    before -= np.repeat(before[begins], np.diff(np.append(begins, len(row))))
    filled = np.where(is_changed, filled, orders.filled_wh[row])
    ended_ms = np.where(goes_on, np.append(placed_ms[1:], 0), np.maximum(orders.ended_ms[row], placed_ms))
    kept = np.flatnonzero(~goes_on | (ended_ms >= start_ms))
    return Orders(
        order=orders.order[row][kept],
        account=orders.account[row][kept],
        product=orders.product[row][kept],
        side=orders.side[row][kept],
        price_sen=price[kept],
        quantity_wh=np.where(is_changed, np.maximum(whole - before, filled), whole)[kept],
        filled_wh=filled[kept],
        placed_ms=placed_ms[kept],
        ended_ms=ended_ms[kept],
        end=np.where(goes_on, AMENDED, orders.end[row])[kept],
        position=position[kept],
    )


def with_since(trades: Trades, orders: Orders) -> Trades:
    """Return the trades, each with the records that made its two orders what they were.

    Args:
        trades: of the day.
        orders: all orders in them, a row for each price and quantity.
    """
    buy, sell = (
        orders.position[_row_of(orders.order, orders.position, number, trades.position)]
        for number in (trades.buy_order, trades.sell_order)
    )
    return replace(trades, buy_since=buy, sell_since=sell)


def _filled(order: Rows, position: Rows, trades: Trades) -> Rows:
    """Return what each row traded on the day [Wh]."""
    filled = np.zeros(len(order), np.int64)
    for number in (trades.buy_order, trades.sell_order):
        np.add.at(filled, _row_of(order, position, number, trades.position), trades.quantity_wh)
    return filled


def _row_of(order: Rows, position: Rows, number: Rows, moment: Rows) -> Rows:
    """Return the row of each order number that was the last to begin at or before a log index."""
    span = 1 + max(int(position.max(initial=0)), int(moment.max(initial=0)))
    return np.searchsorted(order * span + position, number * span + moment, side="right") - 1
