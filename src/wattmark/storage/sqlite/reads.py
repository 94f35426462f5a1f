"""The queries of ``flows.ports.Views`` over the tables of ``schema.py``."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from wattmark.core.ids import words_id
from wattmark.flows.ports import BulkRow, EventRow, KeyRow, LakePlace, OrderRow, ProductRow, TradeRow
from wattmark.market.candles import HALF_BITS, Candle
from wattmark.storage.sqlite.turns import Turns

_TRADE = (
    "position, number, timestamp_ms, product, area, source, period_start_s, duration_s, quantity_wh, price_sen,"
    " buyer, seller, buy_order, sell_order, lot, bundle"
)
_EVENT = "position, number, timestamp_ms, kind, bundle, lot, new_lot, start, end, account, other_account, price_sen"
_BULK = "position, timestamp_ms, bulk_kind, rows, total_wh, period_start_s, duration_s, root, payload_hash"

Value = int | bytes | str


class _Where:
    """Collects the conditions of a filter."""

    def __init__(self) -> None:
        self.terms: list[str] = []
        self.values: list[Value] = []

    def add(self, term: str, *values: Value | None) -> None:
        """Add a condition unless its value is ``None``."""
        given = [value for value in values if value is not None]
        if len(given) == len(values):
            self.terms.append(term)
            self.values.extend(given)

    def sql(self) -> str:
        """Return the WHERE clause."""
        return f" WHERE {' AND '.join(self.terms)}" if self.terms else ""


def _nothing_waits() -> None:
    """Do nothing: a model that is fed by the thread that reads it."""


class SqliteReads:
    """Reads through one connection; a lock lets many threads share it, in turn."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Read through ``connection``."""
        self._connection = connection
        self._turns = Turns()
        self._settle: Callable[[], None] = _nothing_waits

    def read_after(self, settle: Callable[[], None]) -> None:
        """Call ``settle`` before every read from now on; it waits for whoever feeds the model."""
        self._settle = settle

    @contextmanager
    def _settled(self) -> Iterator[None]:
        self._settle()
        with self._turns:
            yield

    def _all(self, sql: str, values: Sequence[Value] = ()) -> list[tuple[int, ...]]:
        with self._settled():
            return self._connection.execute(sql, tuple(values)).fetchall()

    def trades(
        self,
        *,
        product: int | None = None,
        area: int | None = None,
        source: int | None = None,
        account: int | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        before_position: int | None = None,
        limit: int = 100,
    ) -> list[TradeRow]:
        """Return trades, newest first; ``account`` is the buyer or the seller."""
        where = _Where()
        where.add("product = ?", product)
        where.add("area = ?", area)
        where.add("source = ?", source)
        where.add("(buyer = ? OR seller = ?)", account, account)
        where.add("timestamp_ms >= ?", since_ms)
        where.add("timestamp_ms < ?", until_ms)
        where.add("position < ?", before_position)
        sql = f"SELECT {_TRADE} FROM trades{where.sql()} ORDER BY position DESC, number DESC LIMIT ?"  # noqa: S608 - names of ours, values are bound
        return [TradeRow(*row) for row in self._all(sql, [*where.values, limit])]

    def candles(  # noqa: PLR0913 - a filter per column
        self,
        duration_s: int,
        *,
        product: int | None = None,
        area: int | None = None,
        source: int | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        by_period: bool = False,
        align_s: int = 0,
        limit: int = 500,
    ) -> list[Candle]:
        """Return the newest ``limit`` candles, oldest first, by time of trade or by the traded period's start.

        Intervals are counted from midnight of a clock ``align_s`` seconds ahead of UTC (``market.candles``).
        """
        when = "period_start_s" if by_period else "timestamp_ms / 1000"
        bucket = f"(({when}) + {int(align_s)}) / {int(duration_s)} * {int(duration_s)} - {int(align_s)}"
        upper, lower = (
            f"(price_sen * quantity_wh) >> {HALF_BITS}",
            f"(price_sen * quantity_wh) & {(1 << HALF_BITS) - 1}",
        )
        where = _Where()
        where.add("product = ?", product)
        where.add("area = ?", area)
        where.add("source = ?", source)
        where.add(f"({when}) * 1000 >= ?", since_ms)
        where.add(f"({when}) * 1000 < ?", until_ms)
        sql = f"""
            SELECT DISTINCT {bucket} AS start_s,
              first_value(price_sen) OVER w, max(price_sen) OVER w, min(price_sen) OVER w,
              last_value(price_sen) OVER w, sum(quantity_wh) OVER w, count(*) OVER w,
              sum({upper}) OVER w, sum({lower}) OVER w
            FROM trades{where.sql()}
            WINDOW w AS (PARTITION BY {bucket} ORDER BY position, number
              ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
            ORDER BY start_s DESC LIMIT ?"""  # noqa: S608 - column names of ours
        rows = self._all(sql, [*where.values, limit])
        return [
            Candle(start, duration_s, first, high, low, last, wh, count, (above << HALF_BITS) + below)
            for start, first, high, low, last, wh, count, above, below in reversed(rows)
        ]

    def trade_columns(self, since_ms: int, until_ms: int) -> npt.NDArray[np.int64]:
        """Return every trade with ``since_ms <= time < until_ms``, oldest first, ``int64 [n, 9]``."""
        sql = (
            "SELECT timestamp_ms, product, buyer, seller, buy_order, sell_order, quantity_wh, price_sen, position"
            " FROM trades WHERE timestamp_ms >= ? AND timestamp_ms < ? ORDER BY position, number"
        )
        return np.array(self._all(sql, (since_ms, until_ms)), np.int64).reshape(-1, 9)

    def products(
        self,
        *,
        area: int | None = None,
        source: int | None = None,
        from_s: int | None = None,
        until_s: int | None = None,
        limit: int = 1_000,
    ) -> list[ProductRow]:
        """Return products whose period starts in ``[from_s, until_s)``, by period, area and source."""
        where = _Where()
        where.add("area = ?", area)
        where.add("source = ?", source)
        where.add("period_start_s >= ?", from_s)
        where.add("period_start_s < ?", until_s)
        sql = (
            "SELECT product, area, source, period_start_s, duration_s, trades, quantity_wh, last_price_sen"  # noqa: S608 - names of ours, values are bound
            f" FROM products{where.sql()} ORDER BY period_start_s, area, source, product LIMIT ?"
        )
        return [ProductRow(*row) for row in self._all(sql, [*where.values, limit])]

    def orders(self, account: int, *, before_position: int | None = None, limit: int = 100) -> list[OrderRow]:
        """Return an account's orders, newest first."""
        where = _Where()
        where.add("account = ?", account)
        where.add("position < ?", before_position)
        sql = (
            "SELECT order_row, position, timestamp_ms, id_low, id_high, account, product, side, price_sen,"  # noqa: S608 - names of ours, values are bound
            f" quantity_wh, lot, filled_wh FROM orders{where.sql()} ORDER BY position DESC LIMIT ?"
        )
        return [
            OrderRow(order, position, timestamp_ms, words_id(low, high), *rest)
            for order, position, timestamp_ms, low, high, *rest in self._all(sql, [*where.values, limit])
        ]

    def events(self, bundle: int, *, limit: int = 1_000) -> list[EventRow]:
        """Return what happened to a bundle's serials, oldest first."""
        sql = f"SELECT {_EVENT} FROM events WHERE bundle = ? ORDER BY position, number LIMIT ?"  # noqa: S608 - names of ours, values are bound
        return [EventRow(*row) for row in self._all(sql, (bundle, limit))]

    def account_events(self, account: int, *, kind: int | None = None, limit: int = 100) -> list[EventRow]:
        """Return the steps an account took part in, newest first."""
        where = _Where()
        where.add("(account = ? OR other_account = ?)", account, account)
        where.add("kind = ?", kind)
        sql = f"SELECT {_EVENT} FROM events{where.sql()} ORDER BY position DESC, number DESC LIMIT ?"  # noqa: S608 - names of ours, values are bound
        return [EventRow(*row) for row in self._all(sql, [*where.values, limit])]

    def payload(self, digest: bytes) -> bytes | None:
        """Return the payload with this SHA-256."""
        return self._blob("SELECT data FROM payloads WHERE hash = ?", digest)

    def key_by_digest(self, digest: bytes) -> KeyRow | None:
        """Return the API key with this SHA-256."""
        rows = self._keys("digest = ?", digest)
        return rows[-1] if rows else None

    def keys_of(self, account: int) -> list[KeyRow]:
        """Return an account's API keys."""
        return self._keys("account = ?", account)

    def _keys(self, condition: str, value: Value) -> list[KeyRow]:
        sql = f"SELECT key, account, roles, digest, revoked FROM keys WHERE {condition} ORDER BY key"  # noqa: S608 - names of ours, values are bound
        with self._settled():
            rows = self._connection.execute(sql, (value,)).fetchall()
        return [
            KeyRow(key, account, roles, digest, revoked=bool(revoked)) for key, account, roles, digest, revoked in rows
        ]

    def evidence(self, digest: bytes) -> LakePlace | None:
        """Return where the envelope with this SHA-256 lies."""
        return self._place("SELECT file, row FROM evidence WHERE hash = ?", digest)

    def bulk(self, *, bulk_kind: int | None = None, limit: int = 100) -> list[BulkRow]:
        """Return bulk records, newest first."""
        where = _Where()
        where.add("bulk_kind = ?", bulk_kind)
        sql = f"SELECT {_BULK} FROM bulk{where.sql()} ORDER BY position DESC LIMIT ?"  # noqa: S608 - names of ours, values are bound
        with self._settled():
            rows = self._connection.execute(sql, (*where.values, limit)).fetchall()
        return [BulkRow(*row) for row in rows]

    def statement(self, account: int, day: int) -> LakePlace | None:
        """Return where the statement of an account and JST day (yyyymmdd) lies."""
        return self._place("SELECT file, row FROM statements WHERE account = ? AND day = ?", account, day)

    def statement_days(self, account: int) -> list[int]:
        """Return the days (yyyymmdd) with a statement, newest first."""
        sql = "SELECT day FROM statements WHERE account = ? ORDER BY day DESC"
        return [day for (day,) in self._all(sql, (account,))]

    def settled_days(self) -> list[int]:
        """Return every day (yyyymmdd) with statements, newest first."""
        return [day for (day,) in self._all("SELECT DISTINCT day FROM statements ORDER BY day DESC")]

    def registered_at(self, kind: int, row: int) -> int | None:
        """Return the log index of the record that made a row: of an account, a device or a meter key."""
        found = self._all("SELECT position FROM registrations WHERE kind = ? AND row = ?", (kind, row))
        return found[0][0] if found else None

    def slot_files(self, day: int) -> list[str]:
        """Return the lake files with verified slots of a JST day (yyyymmdd)."""
        with self._settled():
            rows = self._connection.execute("SELECT file FROM slots WHERE day = ? ORDER BY file", (day,)).fetchall()
        return [file for (file,) in rows]

    def _place(self, sql: str, *values: Value) -> LakePlace | None:
        with self._settled():
            row = self._connection.execute(sql, values).fetchone()
        return LakePlace(*row) if row else None

    def _blob(self, sql: str, *values: Value) -> bytes | None:
        with self._settled():
            row = self._connection.execute(sql, values).fetchone()
        return bytes(row[0]) if row else None
