"""Continuous trading: messages per second through the book library, and the same stream through all else.

The figure is the worst of seven days of messages (``book_streams.py``), kernel and Python call together, in batches of
``BATCH``. Beside it the public stream of ``book_peers.py`` goes through the library, through the state machine, through
the sequencer with its journal, through a plain-Python book of price and time, and through the projects of the package
index. The volume traded must be the same in all of them. The state machine does more than a book: each order is checked
and reserved against cash or numbered tokens, each fill moves serials and money, each command is idempotent.
"""

import heapq
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.engine.apply import apply
from wattmark.engine.commands import Kind, Words
from wattmark.flows.settings import Settings
from wattmark.market import book_layout as z
from wattmark.market import layout as m
from wattmark.market.book import Book
from wattmark.simulation.benchmarks import book_peers
from wattmark.simulation.benchmarks.book_streams import DAYS, Day, draw
from wattmark.simulation.benchmarks.ledger import pipelined, publishing
from wattmark.simulation.benchmarks.report import Report, median_rate, seconds_of, significant
from wattmark.simulation.benchmarks.world import (
    FIRST_TRADER,
    LOT_WH,
    NO_TEXT,
    NOW_MS,
    TRADERS,
    lot_of,
    market,
    set_up_commands,
)
from wattmark.wiring import Platform, open_sequencer

BATCH: Final = 8_192
BOOK_BATCH: Final = 4_096
"""Messages per call of the library: what a call writes then stays in the second cache."""
ORDERS: Final = 400_000
QUICK_ORDERS: Final = 20_000
ROUNDS: Final = 5
WHOLE_DAY: Final = (600_000, ROUNDS)
QUICK_DAY: Final = (30_000, 1)
"""Orders of a day, and how often it is run."""
SETTINGS: Final = Settings(origin="bench.example/log", name=Text(en="Benchmark", ja="測定"))


@dataclass(frozen=True, slots=True)
class Event:
    """One order of the stream, and whether the order five earlier is cancelled after it."""

    buys: bool
    price: int
    quantity: int
    cancels: bool


def stream(orders: int) -> list[Event]:
    """Return the public stream."""
    draw = random.Random(7)
    return [
        Event(draw.random() < 0.5, draw.randint(1400, 1600), draw.randint(1, 100), draw.random() < 0.1 and i >= 5)
        for i in range(orders)
    ]


def records(events: list[Event]) -> Words:
    """Return the stream as command records int64[n, 16]; sellers sell from the back of their lot."""
    rows = np.zeros((len(events) + sum(event.cancels for event in events), e.COMMAND_WORDS), np.int64)
    left = dict.fromkeys(range(TRADERS), LOT_WH)
    actors: list[int] = []
    at = 0
    for number, event in enumerate(events):
        trader = 2 * (number % (TRADERS // 2)) + (0 if event.buys else 1)
        actors.append(FIRST_TRADER + trader)
        fields = (0, m.BUY, event.price, event.quantity, 0, 0, 0)
        if not event.buys:
            left[trader] -= event.quantity
            fields = (0, m.SELL, event.price, event.quantity, lot_of(trader), left[trader], 0)
        rows[at, : e.W_FIELDS] = number + 1, 0, Kind.PLACE_ORDER | actors[number] << e.ACTOR_SHIFT
        rows[at, e.W_FIELDS : e.W_FIELDS + len(fields)] = fields
        at += 1
        if event.cancels:
            head = Kind.CANCEL | actors[number - 5] << e.ACTOR_SHIFT
            rows[at, : e.W_FIELDS + 1] = len(events) + number + 1, 0, head, number - 4
            at += 1
    return rows


def plain_book(events: list[Event]) -> int:
    """Return the Wh traded by a book of two heaps and a dictionary: what pure Python can do."""
    buys: list[list[int]] = []
    sells: list[list[int]] = []
    placed: list[list[int]] = []
    traded = 0
    for number, event in enumerate(events):
        mine, others = (buys, sells) if event.buys else (sells, buys)
        order = [-event.price if event.buys else event.price, number, event.quantity]
        while order[2] and others:
            best = others[0]
            if not best[2]:
                heapq.heappop(others)
                continue
            if order[0] + best[0] > 0:
                break
            quantity = min(order[2], best[2])
            order[2] -= quantity
            best[2] -= quantity
            traded += quantity
        if order[2]:
            heapq.heappush(mine, order)
        placed.append(order)
        if event.cancels:
            placed[number - 5][2] = 0
    return traded


def batches(rows: Words) -> Iterator[Words]:
    """Yield the records in batches of at most 8,192."""
    for first in range(0, len(rows), BATCH):
        yield rows[first : first + BATCH]


def trade(rows: Words) -> tuple[float, float, int, int]:
    """Return (seconds, seconds of processor time, Wh traded, trades) of the records on a fresh market."""
    state = market(m.MODE_CONTINUOUS)
    traded = trades = 0
    begun, cpu = time.perf_counter(), time.process_time()
    for batch in batches(rows):
        applied = apply(state, batch, NOW_MS)
        trades += len(applied.trades)
        traded += int(applied.trades[:, m.T_QUANTITY_WH].sum())
    return time.perf_counter() - begun, time.process_time() - cpu, traded, trades


def messages_of(events: list[Event]) -> Words:
    """Return the stream as messages of the library int64[n, 14], from the accounts that ``records`` takes."""
    rows = np.zeros((len(events) + sum(event.cancels for event in events), z.MESSAGE_WORDS), np.int64)
    accounts: list[int] = []
    at = 0
    for number, event in enumerate(events):
        accounts.append(2 * (number % (TRADERS // 2)) + (0 if event.buys else 1))
        side = m.BUY if event.buys else m.SELL
        rows[at, : z.M_TIF] = z.NEW, number + 1, accounts[number], 0, side, event.price, event.quantity
        at += 1
        if event.cancels:
            rows[at, : z.M_PRODUCT] = z.CANCEL, number - 4, accounts[number - 5]
            at += 1
    return rows


def through_library(rows: Words) -> tuple[float, int]:
    """Return (seconds, quantity traded) of messages on a fresh book."""
    book = Book(orders=len(rows))
    traded, seconds = 0, 0.0
    for first in range(0, len(rows), BOOK_BATCH):
        some = rows[first : first + BOOK_BATCH]
        begun = time.perf_counter()
        reports = book.submit(some, copy=False).reports
        seconds += time.perf_counter() - begun
        fills = (reports[:, z.R_KIND] == z.FILL) & (reports[:, z.R_REASON] == z.RESTING)
        traded += int(reports[fills, z.R_QUANTITY].sum())
    return seconds, traded


def day_of(day: Day, orders: int, rounds: int) -> dict[str, float]:
    """Return what a day is and the rates of its messages: the best of so many runs, by the clock and by the CPU."""
    before, stream = draw(day, orders)
    by_clock, by_cpu = [], []
    facts: dict[str, float] = {}
    for number in range(rounds + 1):
        book = Book(orders=2 * day.depth + orders // 2)
        for first in range(0, len(before), BOOK_BATCH):
            book.submit(before[first : first + BOOK_BATCH], copy=False)
        if number == 0:
            levels = len(book.depth(0, m.BUY)) + len(book.depth(0, m.SELL))
            facts |= {"messages": len(stream), "resting": book.live, "levels": levels} | _kinds(book, stream)
            continue
        clock, cpu = time.perf_counter(), time.process_time()
        for first in range(0, len(stream), BOOK_BATCH):
            book.submit(stream[first : first + BOOK_BATCH], copy=False)
        by_clock.append(len(stream) / (time.perf_counter() - clock))
        by_cpu.append(len(stream) / (time.process_time() - cpu))
    return facts | {"per_s": significant(max(by_clock)), "per_cpu_s": significant(max(by_cpu))}


def _kinds(book: Book, stream: Words) -> dict[str, float]:
    counts = np.zeros(z.TIME_PASSED + 1, np.int64)
    for first in range(0, len(stream), BOOK_BATCH):
        reports = book.submit(stream[first : first + BOOK_BATCH], copy=False).reports
        counts += np.bincount(reports[:, z.R_KIND], minlength=z.TIME_PASSED + 1)
    return {"trades": int(counts[z.FILL]) // 2, "refused": int(counts[z.REJECTED]), "amended": int(counts[z.AMENDED])}


def durable(rows: Words, expected: int) -> tuple[float, float]:
    """Return (seconds, seconds of processor time) of the records through the sequencer.

    They are applied, journalled and answered; another thread hashes and publishes beside it, whose time is included.
    """
    with tempfile.TemporaryDirectory(prefix="wattmark-bench-") as folder:
        home = Path(folder) / "home"
        Platform.create(home, SETTINGS, NOW_MS).close()
        with open_sequencer(home) as sequencer:
            sequencer.submit(set_up_commands(m.MODE_CONTINUOUS), [NO_TEXT], now_ms=NOW_MS)
            cpu = time.process_time()
            with publishing(sequencer):
                seconds, _ = pipelined(sequencer, rows, BATCH)
            cpu = time.process_time() - cpu
            assert sequencer.state.products[0, m.P_VOLUME_WH] == expected
    return seconds, cpu


def run(*, quick: bool) -> Report:
    """Return the report; ``quick`` draws shorter days and 20,000 orders of the public stream instead of 400,000."""
    begun = time.perf_counter()
    events = stream(QUICK_ORDERS if quick else ORDERS)
    rows, messages = records(events), messages_of(events)
    trade(rows[:100])  # compile
    seconds, cpu, traded, trades = min(trade(rows) for _ in range(3))
    library, told = min(through_library(messages) for _ in range(ROUNDS))
    expected: list[int] = []
    plain_seconds = seconds_of(lambda: expected.append(plain_book(events)))
    assert traded == told == expected[0], (traded, told, expected)
    journalled, journalled_cpu = durable(rows, traded)
    scattered = np.random.default_rng(7).permutation(len(messages))
    table = np.zeros_like(messages)

    def store() -> None:
        table[scattered] = messages

    days = {day.name: day_of(day, *(QUICK_DAY if quick else WHOLE_DAY)) for day in DAYS}
    found = book_peers.measured(len(events))
    for name, numbers in found.items():
        alike = plain_book(events[: int(numbers["orders"])])
        assert numbers["traded"] in {0, alike}, (name, numbers, alike)
    peers = {"plain Python heaps": len(rows) / plain_seconds} | {name: peer["rate"] for name, peer in found.items()}
    worst = min(days.values(), key=lambda day: day["per_s"])
    return Report(
        bench="book",
        figure=worst["per_s"],
        unit="messages/s",
        limit=median_rate(len(messages), store),
        limit_is="storing the same 112-byte messages at random rows of a table (numpy)",
        peers=peers,
        seconds=time.perf_counter() - begun,
        detail={
            "days": days,
            "worst_per_cpu_s": min(day["per_cpu_s"] for day in days.values()),
            "batch": BOOK_BATCH,
            "public_stream": {
                "orders": len(events),
                "cancels": len(rows) - len(events),
                "trades": trades,
                "traded": traded,
                "library_per_s": significant(len(rows) / library),
                "state_machine_per_s": significant(len(rows) / seconds),
                "state_machine_per_cpu_s": significant(len(rows) / cpu),
                "durable_per_s": significant(len(rows) / journalled),
                "durable_per_cpu_s": significant(len(rows) / journalled_cpu),
                "records_per_batch": BATCH,
            },
            "library_is_faster_by": book_peers.ratios(found, len(rows) / library),
            "durable_is_faster_by": book_peers.ratios(found, len(rows) / journalled),
            "peers_lack": {peer.name: peer.lacks for peer in book_peers.PEERS if peer.name in found},
        },
    )
