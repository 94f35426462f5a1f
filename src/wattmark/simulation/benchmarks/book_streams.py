"""Streams of book messages: seven days in the life of a zaraba, drawn as whole columns.

Every order has a number, a time and a life; its cancel, and where it has one its amend, stand at their times among the
messages of the others. An order that trades before its cancel comes makes that cancel one of an unknown order, as in
any market. ``middle`` moves as a random walk where the day is not calm, so that what rested is crossed later.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from wattmark.market import book_layout as z
from wattmark.market import layout as m
from wattmark.market.book import Rows

ACCOUNTS: Final = 500
MIDDLE: Final = 50_000
SEED: Final = 7
FIRST_NUMBER: Final = 1_000_003


@dataclass(frozen=True, slots=True)
class Day:
    """How a day is drawn.

    Attributes:
        name: for the report.
        life: mean number of orders that come between an order and its cancel.
        spread: mean distance of a passive order from the middle [ticks].
        step: largest step of the middle per order [ticks].
        takers: share of orders that take what rests.
        depth: orders resting before the day begins.
        amended: share of resting orders that are amended once.
        taken: mean size of what takes, in sizes of what rests.
        every_kind: whether icebergs, fill-or-kill, post-only, least quantities, ends and self-trades come too.
    """

    name: str
    life: int
    spread: float
    step: float = 0.0
    takers: float = 0.1
    depth: int = 10_000
    amended: float = 0.0
    taken: float = 2.0
    every_kind: bool = False


DAYS: Final = (
    Day("calm", life=5_000, spread=8),
    Day("moving middle", life=20_000, spread=60, step=1.0),
    Day("deep", life=150_000, spread=2_500, step=1.0, depth=200_000),
    Day("cancels", life=30_000, spread=300, step=0.5, takers=0.01, depth=30_000),
    Day("amends", life=30_000, spread=100, step=0.5, depth=30_000, amended=0.9),
    Day("sweeps", life=200_000, spread=40, step=0.3, takers=0.02, taken=40, depth=50_000),
    Day("every kind", life=20_000, spread=60, step=0.5, takers=0.2, depth=20_000, amended=0.3, every_kind=True),
)


def draw(day: Day, orders: int) -> tuple[Rows, Rows]:
    """Return (messages before the day, messages of the day), int64[n, 14]; the day has ``orders`` new orders."""
    dice = np.random.default_rng(SEED)
    count = day.depth + orders
    at = np.arange(count)
    buys = dice.random(count) < 0.5
    takes = (dice.random(count) < day.takers) & (at >= day.depth)
    middle = MIDDLE + np.cumsum(np.where(at < day.depth, 0.0, dice.uniform(-day.step, day.step, count) * 4))
    away = np.where(takes, -dice.exponential(day.spread, count) - 3, dice.exponential(day.spread, count) + 1)
    price = np.clip(np.where(buys, middle - away, middle + away), 1, 99_900).astype(np.int64)
    size = np.where(takes, dice.integers(1, 200, count) * day.taken, dice.integers(1, 200, count))
    new = np.zeros((count, z.MESSAGE_WORDS), np.int64)
    new[:, z.M_KIND] = z.NEW
    new[:, z.M_ID] = FIRST_NUMBER + at
    new[:, z.M_ACCOUNT] = dice.integers(0, ACCOUNTS, count)
    new[:, z.M_SIDE] = np.where(buys, m.BUY, m.SELL)
    new[:, z.M_PRICE] = price
    new[:, z.M_QUANTITY] = size.astype(np.int64)
    new[:, z.M_TIF] = np.where(takes, m.TIF_IMMEDIATE, m.TIF_REST)
    if day.every_kind:
        _vary(new, takes, dice)
    rests = ~takes
    life = dice.exponential(day.life, count)
    ends = at + life
    # what stood before the day has lived for some time already, its cancels come evenly
    ends[: day.depth] = day.depth + dice.exponential(day.life, day.depth)
    cancel = _follow(new, rests, z.CANCEL)
    changed = rests & (dice.random(count) < day.amended)
    amend = _follow(new, changed, z.AMEND)
    amend[:, z.M_PRICE] += dice.integers(-4, 5, len(amend))
    amend[:, z.M_QUANTITY] += dice.integers(-20, 10, len(amend))
    np.clip(amend[:, z.M_QUANTITY], 1, None, out=amend[:, z.M_QUANTITY])
    changes_at = np.maximum(at + life * dice.random(count), day.depth)
    rows = np.concatenate([new, cancel, amend])
    times = np.concatenate([at.astype(float), ends[rests], changes_at[changed]])
    rows, times = rows[times < count], times[times < count]
    order = np.argsort(times, kind="stable")
    rows = rows[order]
    rows[:, z.M_TIME_MS] = np.floor(times[order] / 100)
    before = int(np.searchsorted(times[order], day.depth))
    return np.ascontiguousarray(rows[:before]), np.ascontiguousarray(rows[before:])


def _follow(new: Rows, which: np.typing.NDArray[np.bool_], kind: int) -> Rows:
    """Return messages that name the orders given."""
    rows = new[which]
    rows[:, z.M_KIND] = kind
    rows[:, [z.M_TIF, z.M_MIN, z.M_DISPLAY, z.M_EXPIRES_MS]] = 0
    return rows


def _vary(new: Rows, takes: np.typing.NDArray[np.bool_], dice: np.random.Generator) -> None:
    """Give orders of a day all the terms there are."""
    count = len(new)
    kind = dice.integers(0, 10, count)
    new[:, z.M_SELF_TRADE] = dice.integers(0, 4, count)
    new[:, z.M_ACCOUNT] %= 20
    new[takes & (kind == 0), z.M_TIF] = m.TIF_ALL_OR_NONE
    new[takes & (kind == 1), z.M_PRICE] = z.MARKET_PRICE
    least = takes & (kind == 2)
    new[least, z.M_MIN] = new[least, z.M_QUANTITY] // 2
    new[~takes & (kind == 3), z.M_TIF] = m.TIF_POST_ONLY
    iceberg = ~takes & ((kind == 4) | (kind == 5))
    new[iceberg, z.M_DISPLAY] = (new[iceberg, z.M_QUANTITY] + 4) // 5
    timed = ~takes & (kind == 6)
    new[timed, z.M_EXPIRES_MS] = (np.flatnonzero(timed) + dice.integers(1_000, 40_000, int(timed.sum()))) // 100 + 1
