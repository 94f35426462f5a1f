"""Turns one applied frame into rows of the read model; the only writer of its tables."""

import sqlite3
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.engine import layout as e
from wattmark.engine.state import State
from wattmark.flows.bulk import index_bulk
from wattmark.flows.ports import AppliedFrame
from wattmark.market import layout as m
from wattmark.tokens import layout as k

Rows = npt.NDArray[np.int64]

NO_VALUE: Final = -1
TRADE_KIND: Final = 0
"""Kind of a trade's event; every other event carries its command's kind."""

_LOT_KINDS: Final = (
    e.ISSUE, e.WITHDRAW, e.TRANSFER, e.SPLIT, e.RESERVE, e.RELEASE, e.RETIRE, e.EXPIRE, e.BANK,
)  # fmt: skip
_REGISTRATIONS: Final = (e.OPEN_ACCOUNT, e.REGISTER_DEVICE, e.REGISTER_METER_KEY)
_WITH_RANGE: Final = (e.WITHDRAW, e.TRANSFER, e.SPLIT, e.RESERVE, e.RETIRE, e.BANK)


class FrameWriter:
    """Writes frames in order; each is one transaction together with the cursor."""

    def __init__(self, connection: sqlite3.Connection, read_lake: Callable[[str], bytes]) -> None:
        """Write through ``connection``; ``read_lake`` returns a lake file's bytes by path."""
        self._connection = connection
        self._read_lake = read_lake

    def write(self, frame: AppliedFrame, state: State) -> None:
        """Add the rows of one frame; of ``state``, which may be later, only what never changes is read.

        Raises:
            Broken: a lake file named by a record of the frame is missing or not what the record says.
        """
        commands, verdicts = frame.commands, frame.verdicts
        kinds = commands[:, e.W_HEAD] & e.HALF_MASK
        accepted = verdicts[:, e.V_OUTCOME] == 0
        positions = np.arange(frame.first_position, frame.first_position + len(commands))
        self._payloads(frame)
        for kind in np.unique(kinds[accepted]).tolist():
            rows = np.flatnonzero(accepted & (kinds == kind))
            self._write_kind(kind, positions[rows], commands[rows], verdicts[rows], frame, state)
        self._trades(frame.trades, state)
        self._connection.execute(
            "INSERT OR REPLACE INTO meta VALUES ('cursor', ?)",
            (frame.sequence.to_bytes(8, "big") + frame.frame_hash,),
        )

    def _write_kind(
        self, kind: int, positions: Rows, commands: Rows, verdicts: Rows, frame: AppliedFrame, state: State
    ) -> None:
        if kind == e.PLACE_ORDER:
            self._orders(positions, commands, verdicts)
        elif kind == e.LIST_PRODUCT:
            self._products(commands, verdicts)
        elif kind == e.REGISTER_KEY:
            self._keys(commands, verdicts)
        elif kind == e.REVOKE_KEY:
            keys = [(int(command[e.W_FIELDS]),) for command in commands]
            self._connection.executemany("UPDATE keys SET revoked = 1 WHERE key = ?", keys)
        elif kind == e.BULK_ROOT:
            for position, command, verdict in zip(positions.tolist(), commands, verdicts, strict=True):
                self._bulk(position, command, verdict, frame)
        elif kind in _REGISTRATIONS:
            kind_column = np.full(len(commands), kind, np.int64)
            self._insert("registrations", np.column_stack([kind_column, verdicts[:, e.V_RESULT0], positions]))
        elif kind in _LOT_KINDS:
            self._lot_events(kind, positions, commands, verdicts, frame, state)

    def _payloads(self, frame: AppliedFrame) -> None:
        self._connection.executemany("INSERT OR IGNORE INTO payloads VALUES (?, ?)", frame.payloads.items())

    def _orders(self, positions: Rows, commands: Rows, verdicts: Rows) -> None:
        columns = [
            verdicts[:, e.V_RESULT0],
            positions,
            verdicts[:, e.V_TIMESTAMP_MS],
            commands[:, e.W_ID_LOW],
            commands[:, e.W_ID_HIGH],
            commands[:, e.W_HEAD] >> e.ACTOR_SHIFT,
            *(commands[:, e.W_FIELDS + word] for word in range(5)),
            verdicts[:, e.V_RESULT1],
        ]
        self._insert("orders", np.column_stack(columns))

    def _products(self, commands: Rows, verdicts: Rows) -> None:
        zero = np.zeros(len(commands), np.int64)
        terms = [commands[:, e.W_FIELDS + word] for word in range(4)]
        self._insert("products", np.column_stack([verdicts[:, e.V_RESULT0], *terms, zero, zero, zero]))

    def _keys(self, commands: Rows, verdicts: Rows) -> None:
        rows = [
            (int(verdict[e.V_RESULT0]), int(command[3]), int(command[4]), command[e.W_HASH :].astype("<i8").tobytes())
            for command, verdict in zip(commands, verdicts, strict=True)
        ]
        self._connection.executemany("INSERT INTO keys VALUES (?, ?, ?, ?, 0)", rows)

    def _lot_events(
        self, kind: int, positions: Rows, commands: Rows, verdicts: Rows, frame: AppliedFrame, state: State
    ) -> None:
        count = len(commands)
        none = np.full(count, NO_VALUE, np.int64)
        actor = commands[:, e.W_HEAD] >> e.ACTOR_SHIFT
        if kind == e.ISSUE:
            bundle, lot = verdicts[:, e.V_RESULT0], verdicts[:, e.V_RESULT1]
            minted = bundle >= 0
            withheld = (commands[:, e.W_HEAD] >> e.FLAGS_SHIFT) & e.HALF_MASK == k.WITHHELD_FLAG
            keep = np.flatnonzero(minted & ~withheld)
            start, end = np.zeros(count, np.int64), commands[:, 7] - commands[:, 6]
            owner = state.devices[commands[:, 3], k.D_OWNER]
            columns = [bundle, lot, lot, start, end, actor, owner, none]
        else:
            keep = np.arange(count)
            lot = commands[:, e.W_FIELDS]
            new_lot = verdicts[:, e.V_RESULT0] if kind != e.EXPIRE else lot
            start, end = (commands[:, 4], commands[:, 5]) if kind in _WITH_RANGE else _ranges_of(kind, frame)
            other = commands[:, 6] if kind in (e.TRANSFER, e.RETIRE) else none
            columns = [state.lots[lot, k.L_BUNDLE], lot, new_lot, start, end, actor, other, none]
        kind_column = np.full(count, kind, np.int64)
        table = np.column_stack(
            [positions, np.zeros(count, np.int64), verdicts[:, e.V_TIMESTAMP_MS], kind_column, *columns]
        )
        self._insert("events", table[keep])

    def _trades(self, trades: Rows, state: State) -> None:
        if not len(trades):
            return
        positions = trades[:, m.T_POSITION]
        number = _count_within(positions)
        product = trades[:, m.T_PRODUCT]
        lot = trades[:, m.T_LOT]
        bundle = state.lots[lot, k.L_BUNDLE]
        buyer = state.orders[trades[:, m.T_BUY_ORDER], m.O_ACCOUNT]
        seller = state.orders[trades[:, m.T_SELL_ORDER], m.O_ACCOUNT]
        price, quantity = trades[:, m.T_PRICE_SEN], trades[:, m.T_QUANTITY_WH]
        terms = [state.products[product, word] for word in (m.P_AREA, m.P_SOURCE, m.P_PERIOD_S, m.P_DURATION_S)]
        when = trades[:, m.T_TIMESTAMP_MS]
        orders = [trades[:, m.T_BUY_ORDER], trades[:, m.T_SELL_ORDER]]
        self._insert(
            "trades",
            np.column_stack(
                [positions, number, when, product, *terms, quantity, price, buyer, seller, *orders, lot, bundle]
            ),
        )
        start = trades[:, m.T_START]
        kind = np.full(len(trades), TRADE_KIND, np.int64)
        old_lot = state.orders[trades[:, m.T_SELL_ORDER], m.O_LOT]
        self._insert(
            "events",
            np.column_stack(
                [positions, number + 1, when, kind, bundle, old_lot, lot, start, start + quantity, seller, buyer, price]
            ),
        )
        totals = np.column_stack([quantity, price, product]).tolist()
        sql = "UPDATE products SET trades = trades + 1, quantity_wh = quantity_wh + ?, last_price_sen = ? WHERE product = ?"
        self._connection.executemany(sql, totals)

    def _bulk(self, position: int, command: Rows, verdict: Rows, frame: AppliedFrame) -> None:
        words = command.astype("<i8")
        root, payload_hash = words[e.W_ROOT : e.W_HASH].tobytes(), words[e.W_HASH :].tobytes()
        values = (position, int(verdict[e.V_TIMESTAMP_MS]), *command[3:8].tolist(), root, payload_hash)
        self._connection.execute("INSERT INTO bulk VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        payload = frame.payloads.get(payload_hash)
        if payload is None:
            return
        index = index_bulk(int(command[3]), payload, self._read_lake)
        self._connection.executemany("INSERT OR REPLACE INTO evidence VALUES (?, ?, ?)", index.evidence)
        self._connection.executemany("INSERT OR REPLACE INTO statements VALUES (?, ?, ?, ?)", index.statements)
        self._connection.executemany("INSERT OR REPLACE INTO slots VALUES (?, ?)", index.slots)
        devices = [(device,) for device in index.channels]
        self._connection.executemany("DELETE FROM pending WHERE device = ?", devices)
        self._connection.executemany("INSERT OR REPLACE INTO channels VALUES (?, ?)", index.channels.items())
        self._connection.executemany("INSERT INTO pending (device, file, row) VALUES (?, ?, ?)", index.pending)

    def _insert(self, table: str, rows: Rows) -> None:
        if len(rows):
            marks = ", ".join("?" * rows.shape[1])
            self._connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows.tolist())  # noqa: S608 - names of ours, values are bound


def _ranges_of(kind: int, frame: AppliedFrame) -> tuple[Rows, Rows]:
    """Return the ranges that the frame's records of a kind gave back: RELEASE or EXPIRE."""
    kinds = frame.commands[:, e.W_HEAD] & e.HALF_MASK
    gave_back = ((kinds == e.RELEASE) | (kinds == e.EXPIRE)) & (frame.verdicts[:, e.V_OUTCOME] == 0)
    ranges = frame.ranges[kinds[gave_back] == kind]
    return ranges[:, 0], ranges[:, 1]


def _count_within(positions: Rows) -> Rows:
    """Return 0, 1, 2 ... within each run of equal positions."""
    first = np.flatnonzero(np.concatenate(([True], np.diff(positions) != 0)))
    lengths = np.diff(np.append(first, len(positions)))
    return np.arange(len(positions)) - np.repeat(first, lengths)
