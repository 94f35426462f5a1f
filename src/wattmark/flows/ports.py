"""What the use cases ask of the read model, and the rows it answers with.

The read model is disposable: it can be lost at any moment and is rebuilt from the journal and the lake. No
decision about energy or money may rest on it alone; what it says is looked up again in the state or re-verified.
Durability: none promised. Consistency: a read sees every batch acknowledged before the call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from wattmark.market import candles
from wattmark.market import layout as m

Candle = candles.Candle
"""What the trades of one interval came to."""


def _no_changes() -> npt.NDArray[np.int64]:
    return np.empty((0, m.CHANGE_WORDS), np.int64)


@dataclass(frozen=True, slots=True)
class TradeRow:
    """One trade: ``quantity_wh`` [Wh] at ``price_sen_per_kwh`` [sen/kWh] from seller to buyer."""

    position: int
    number: int
    timestamp_ms: int
    product: int
    area: int
    source: int
    period_start_s: int
    duration_s: int
    quantity_wh: int
    price_sen_per_kwh: int
    buyer: int
    seller: int
    buy_order: int
    sell_order: int
    lot: int
    bundle: int


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An accepted order as it was placed; what is left of it stands in the state."""

    order: int
    position: int
    timestamp_ms: int
    identity: int
    account: int
    product: int
    side: int
    price_sen_per_kwh: int
    quantity_wh: int
    lot: int
    filled_at_once_wh: int


@dataclass(frozen=True, slots=True)
class EventRow:
    """One step in the life of a bundle's serials ``[start, end)``; ``kind`` is a command kind, 0 for a trade."""

    position: int
    number: int
    timestamp_ms: int
    kind: int
    bundle: int
    lot: int
    new_lot: int
    start: int
    end: int
    account: int
    other_account: int
    price_sen_per_kwh: int


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An API key; only its SHA-256 is kept anywhere."""

    key: int
    account: int
    roles: int
    digest: bytes
    revoked: bool


@dataclass(frozen=True, slots=True)
class LakePlace:
    """A row of a lake file."""

    file: str
    row: int


@dataclass(frozen=True, slots=True)
class BulkRow:
    """A BULK_ROOT record."""

    position: int
    timestamp_ms: int
    bulk_kind: int
    rows: int
    total_wh: int
    period_start_s: int
    duration_s: int
    root: bytes
    payload_hash: bytes


@dataclass(frozen=True, slots=True)
class ProductRow:
    """A product with what was traded in it."""

    product: int
    area: int
    source: int
    period_start_s: int
    duration_s: int
    trades: int
    quantity_wh: int
    last_price_sen: int


class Views(Protocol):
    """The reads that use cases and pages need; each returns an empty list or ``None`` when there is nothing."""

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
        ...

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
        """Return candles, oldest first: by time of trade, or (``by_period``) by the traded period's start.

        Intervals are counted from midnight of a clock ``align_s`` seconds ahead of UTC.
        """
        ...

    def trade_columns(self, since_ms: int, until_ms: int) -> npt.NDArray[np.int64]:
        """Return every trade with ``since_ms <= time < until_ms``, oldest first, ``int64 [n, 9]``.

        Columns: time [ms], product, buyer, seller, buy order, sell order, quantity [Wh], price [sen/kWh], log index.
        """
        ...

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
        ...

    def orders(self, account: int, *, before_position: int | None = None, limit: int = 100) -> list[OrderRow]:
        """Return an account's orders, newest first."""
        ...

    def events(self, bundle: int, *, limit: int = 1_000) -> list[EventRow]:
        """Return what happened to a bundle's serials, oldest first."""
        ...

    def account_events(self, account: int, *, kind: int | None = None, limit: int = 100) -> list[EventRow]:
        """Return the steps an account took part in, newest first."""
        ...

    def payload(self, digest: bytes) -> bytes | None:
        """Return the payload with this SHA-256."""
        ...

    def key_by_digest(self, digest: bytes) -> KeyRow | None:
        """Return the API key with this SHA-256."""
        ...

    def keys_of(self, account: int) -> list[KeyRow]:
        """Return an account's API keys."""
        ...

    def evidence(self, digest: bytes) -> LakePlace | None:
        """Return where the envelope with this SHA-256 lies."""
        ...

    def bulk(self, *, bulk_kind: int | None = None, limit: int = 100) -> list[BulkRow]:
        """Return bulk records, newest first."""
        ...

    def statement(self, account: int, day: int) -> LakePlace | None:
        """Return where the statement of an account and JST day (yyyymmdd) lies."""
        ...

    def statement_days(self, account: int) -> list[int]:
        """Return the days (yyyymmdd) with a statement, newest first."""
        ...

    def registered_at(self, kind: int, row: int) -> int | None:
        """Return the log index of the record that made a row: of an account, a device or a meter key.

        Args:
            kind: OPEN_ACCOUNT, REGISTER_DEVICE or REGISTER_METER_KEY.
            row: number of the account, device or key.
        """
        ...

    def slot_files(self, day: int) -> list[str]:
        """Return the lake files with verified slots of a JST day (yyyymmdd)."""
        ...

    def settled_days(self) -> Sequence[int]:
        """Return every day (yyyymmdd) with statements, newest first."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class AppliedFrame:
    """One frame of the journal after it was applied: what a read model is fed, live and in a rebuild.

    Attributes:
        sequence: sequence number of the frame.
        frame_hash: hash of the whole frame; the next frame names it.
        first_position: log index of the first record.
        commands: the records' commands, ``int64 [n, 16]``.
        verdicts: their verdicts, ``int64 [n, 4]``.
        payloads: SHA-256 -> bytes of the payloads that came with them.
        trades: effects of the frame, ``int64 [m, 9]`` (``market.layout``).
        ranges: serials [start, end) of the lots that RELEASE and EXPIRE records gave back, ``int64 [k, 2]``, in order.
        changes: every change of a visible level, ``int64 [c, 6]``, in order (columns ``C_*``).
    """

    sequence: int
    frame_hash: bytes
    first_position: int
    commands: npt.NDArray[np.int64]
    verdicts: npt.NDArray[np.int64]
    payloads: Mapping[bytes, bytes]
    trades: npt.NDArray[np.int64]
    ranges: npt.NDArray[np.int64]
    changes: npt.NDArray[np.int64] = field(default_factory=_no_changes)
