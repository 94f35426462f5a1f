"""The state: tables of 64-bit integers, and what is derived from them.

Business tables (accounts, devices, meter keys, bundles, lots, orders, products, keys, bulks) and the
bank's words of the header are what the state hash covers. The id table is a projection of the journal,
row = log index, which the Merkle root covers. The book and the id index are derived and rebuilt.
"""

import hashlib
from typing import Final, NamedTuple

import numpy as np

from wattmark.engine import layout as e
from wattmark.engine.book_kernels import move_rows, restore_orders
from wattmark.engine.commands import Words
from wattmark.engine.kernels import find_id, index_ids
from wattmark.engine.order_kernels import id_slot
from wattmark.market import layout as m
from wattmark.tokens import layout as k

TABLES: Final = {
    "accounts": (e.ACCOUNT_WORDS, e.H_N_ACCOUNTS),
    "devices": (k.DEVICE_WORDS, e.H_N_DEVICES),
    "meter_keys": (k.METER_KEY_WORDS, e.H_N_METER_KEYS),
    "bundles": (k.BUNDLE_WORDS, e.H_N_BUNDLES),
    "lots": (k.LOT_WORDS, e.H_N_LOTS),
    "orders": (m.ORDER_WORDS, e.H_N_ORDERS),
    "products": (m.PRODUCT_WORDS, e.H_N_PRODUCTS),
    "keys": (e.KEY_WORDS, e.H_N_KEYS),
    "bulks": (e.BULK_WORDS, e.H_N_BULKS),
    "blocks": (m.BLOCK_WORDS, e.H_N_BLOCKS),
    "ids": (e.ID_WORDS, e.H_N_IDS),
}
"""Name -> (words per row, header word that counts the rows)."""
BUSINESS_TABLES: Final = tuple(name for name in TABLES if name != "ids")
HASHED_WORDS: Final = (
    e.H_COVER_FORWARD_WH,
    e.H_COVER_STORED_WH,
    e.H_STRESS_PRICE_SEN,
    e.H_OUTSTANDING_WH,
    e.H_ARRIVALS,
)
"""Words of the header that the state hash covers: the bank's, and the number of arrivals in all books."""
FIRST_ROWS: Final = 64
FIRST_SLOTS: Final = 1_024
SMALL_ROWS: Final = 1 << 16
SMALL_GROWS: Final = 8
LARGE_GROWS: Final = 4
"""How many times larger a full table becomes: rows that are not written take no memory, those copied take time."""
MOVED_PER_COMMAND: Final = 8
"""Ids moved to a larger index for each command that may add one."""
GENESIS_ACCOUNTS: Final = 3
NOTHING: Final = np.zeros((0, 0), np.int64)


class Tables(NamedTuple):
    """What the kernels see."""

    accounts: Words
    devices: Words
    meter_keys: Words
    bundles: Words
    lots: Words
    orders: Words
    products: Words
    keys: Words
    bulks: Words
    blocks: Words
    ids: Words
    header: Words
    id_index: Words
    links: Words
    roots: Words
    nodes: Words
    levels: Words
    aux: Words
    owners: Words
    expiries: Words
    positions: Words
    trades: Words
    changes: Words


class State:
    """All tables; rows beyond a table's count are zero and not part of the state."""

    def __init__(self) -> None:
        """Make the genesis state: accounts 0 operator, 1 outside, 2 collateral."""
        self._arrays: dict[str, Words] = {
            name: np.zeros((FIRST_ROWS, words), np.int64) for name, (words, _) in TABLES.items()
        }
        self.header = np.zeros(e.HEADER_WORDS, np.int64)
        self.header[e.H_N_ACCOUNTS] = GENESIS_ACCOUNTS
        self._arrays["accounts"][e.OPERATOR, e.A_ROLES] = e.ROLE_OPERATOR
        self._rebuild()

    @classmethod
    def from_tables(cls, tables: dict[str, Words], header: Words) -> "State":
        """Return the state of stored tables (used rows only) and header; derived parts are rebuilt."""
        state = cls()
        state.header = header.astype(np.int64).copy()
        for name in TABLES:
            rows = tables[name]
            grown = np.zeros((max(FIRST_ROWS, len(rows)), rows.shape[1]), np.int64)
            grown[: len(rows)] = rows
            state._arrays[name] = grown
        state._rebuild()
        return state

    def _rebuild(self) -> None:
        rows = self.count("ids")
        self._index = np.zeros(_slots_for(rows), np.int64)
        index_ids(self._arrays["ids"], 0, rows, self._index)
        self._next_index = np.zeros(0, np.int64)
        self._moved = 0
        opened = int(self.header[e.H_OPEN_ORDERS])
        self._links = np.zeros((len(self._arrays["orders"]), m.LINK_WORDS), np.int64)
        self._roots = np.zeros((len(self._arrays["products"]), m.ROOT_WORDS), np.int64)
        self._nodes = np.zeros((FIRST_ROWS + m.TRIE_DEPTH * opened, m.NODE_WORDS), np.int64)
        self._levels = np.zeros((FIRST_ROWS + opened, m.LEVEL_WORDS), np.int64)
        self._aux = np.zeros(m.AUX_WORDS, np.int64)
        self._owners = np.zeros((len(self._arrays["accounts"]), 1), np.int64)
        orders = self.orders
        live = np.flatnonzero(np.isin(orders[:, m.O_STATE], (m.ORDER_OPEN, m.ORDER_QUEUED)))
        timed = int(np.count_nonzero(orders[live, m.O_EXPIRES_MS]))
        self._expiries = np.zeros((FIRST_ROWS + timed, m.HEAP_WORDS), np.int64)
        limited = np.flatnonzero(self.products[:, m.P_POSITION_WH])
        holders = int(np.count_nonzero(np.isin(orders[:, m.O_PRODUCT], limited))) if len(limited) else 0
        self._positions = np.zeros((_slots_for(holders), m.POSITION_WORDS), np.int64)
        self._trades = np.empty((0, m.TRADE_WORDS), np.int64)
        self._changes = np.empty((0, m.CHANGE_WORDS), np.int64)
        arrivals = live[np.argsort(orders[live, m.O_ARRIVAL], kind="stable")]
        restore_orders(self.tables(), arrivals)

    def _grow_index(self, more: int) -> None:
        """Make room in the id index for ``more`` ids.

        A larger index is filled over many batches, ``MOVED_PER_COMMAND`` old ids for each new one, and takes over once
        it holds them all; none of those batches waits for the whole of it.
        """
        rows = self.count("ids")
        if not len(self._next_index):
            if 2 * (rows + more) <= len(self._index):
                return
            slots = max(2 * len(self._index), _slots_for(rows + more))
            self._next_index, self._moved = np.zeros(slots, np.int64), 0
        full = 4 * (rows + more) > 3 * len(self._index)
        until = rows if full else min(rows, self._moved + MOVED_PER_COMMAND * more)
        index_ids(self._arrays["ids"], self._moved, until, self._next_index)
        self._moved = until
        if until == rows:
            self._index, self._next_index = self._next_index, np.zeros(0, np.int64)

    def reserve(self, commands: int, *, icebergs: int = 0, limits: bool = False) -> int:
        """Make room for a batch: every table can take what ``commands`` commands may add.

        Args:
            commands: how many.
            icebergs: how many of them place an order that shows itself in slices.
            limits: whether one of them sets limits, which enters all of a product's orders into the positions.

        Returns:
            how many trades they can make at most: each ends an order, or a slice of an iceberg, or what brought it.
        """
        opened = int(self.header[e.H_OPEN_ORDERS])
        slices = m.MOST_SLICES * (int(self._aux[m.X_ICEBERGS]) + icebergs)
        live = opened + int(self.header[e.H_OPEN_SLOTS])
        trades = 2 * (live + commands) + slices + 1
        for name in TABLES:
            extra = 4 * commands + trades if name == "lots" else commands
            self._arrays[name] = _grown(self._arrays[name], self.count(name) + extra)
        self._links = _grown(self._links, len(self._arrays["orders"]))
        self._roots = _grown(self._roots, len(self._arrays["products"]))
        self._owners = _grown(self._owners, len(self._arrays["accounts"]))
        resting = commands + int(self._aux[m.X_QUEUED])
        self._nodes = _grown(self._nodes, int(self._aux[m.X_NODES]) + m.TRIE_DEPTH * resting + 2)
        self._levels = _grown(self._levels, int(self._aux[m.X_LEVELS]) + resting + 2)
        self._expiries = _grown(self._expiries, int(self._aux[m.X_EXPIRIES]) + commands)
        holders = commands + (self.count("orders") if limits else 0)
        self._grow_positions(int(self._aux[m.X_POSITIONS]) + holders)
        self._grow_index(commands)
        return trades

    def room_for_effects(self, trades: int) -> tuple[Words, Words]:
        """Return where a batch may write so many trades, and two changes of levels for each; it is used again."""
        if trades > len(self._trades):
            self._trades = np.empty((2 * trades, m.TRADE_WORDS), np.int64)
            self._changes = np.empty((4 * trades, m.CHANGE_WORDS), np.int64)
        return self._trades, self._changes

    def _grow_positions(self, rows: int) -> None:
        if 2 * rows > len(self._positions):
            grown = np.zeros((_slots_for(2 * rows), m.POSITION_WORDS), np.int64)
            move_rows(self._positions, grown)
            self._positions = grown

    def tables(self, trades: Words = NOTHING, changes: Words = NOTHING) -> Tables:
        """Return the tables as the kernels see them, and where they write what they did."""
        return Tables(
            **self._arrays,
            header=self.header,
            id_index=self._index,
            links=self._links,
            roots=self._roots,
            nodes=self._nodes,
            levels=self._levels,
            aux=self._aux,
            owners=self._owners,
            expiries=self._expiries,
            positions=self._positions,
            trades=trades,
            changes=changes,
        )

    def count(self, name: str) -> int:
        """Return the number of rows in use."""
        return int(self.header[TABLES[name][1]])

    def table(self, name: str) -> Words:
        """Return a read-only view of a table's used rows."""
        view = self._arrays[name][: self.count(name)]
        view.flags.writeable = False
        return view

    @property
    def accounts(self) -> Words:
        """Accounts int64[n, 9]."""
        return self.table("accounts")

    @property
    def devices(self) -> Words:
        """Devices int64[n, 16]."""
        return self.table("devices")

    @property
    def meter_keys(self) -> Words:
        """Meter keys int64[n, 8]."""
        return self.table("meter_keys")

    @property
    def bundles(self) -> Words:
        """Bundles int64[n, 20]."""
        return self.table("bundles")

    @property
    def lots(self) -> Words:
        """Lots int64[n, 14]."""
        return self.table("lots")

    @property
    def orders(self) -> Words:
        """Orders int64[n, 16]."""
        return self.table("orders")

    @property
    def products(self) -> Words:
        """Products int64[n, 24]."""
        return self.table("products")

    @property
    def keys(self) -> Words:
        """API keys int64[n, 8]."""
        return self.table("keys")

    @property
    def bulks(self) -> Words:
        """Bulk records int64[n, 10]."""
        return self.table("bulks")

    @property
    def blocks(self) -> Words:
        """Block bids int64[n, 14]."""
        return self.table("blocks")

    @property
    def ids(self) -> Words:
        """One row per record int64[n, 8]; the row is the log index."""
        return self.table("ids")

    @property
    def position(self) -> int:
        """Number of records so far: the next log index."""
        return self.count("ids")

    @property
    def now_ms(self) -> int:
        """Time of the last batch."""
        return int(self.header[e.H_NOW_MS])

    @property
    def rows(self) -> int:
        """Rows in use in the business tables."""
        return sum(self.count(name) for name in BUSINESS_TABLES)

    def find_id(self, low: int, high: int) -> int:
        """Return the log index of the record with an id (its signed words), or -1."""
        row, _ = find_id(self._arrays["ids"], self._index, low, high, id_slot(low, high))
        return int(row)

    def state_hash(self) -> bytes:
        """Return the SHA-256 of the business tables and the bank's words (L6)."""
        digest = hashlib.sha256(b"wattmark/state/v1\n")
        for name in BUSINESS_TABLES:
            rows = self._arrays[name][: self.count(name)]
            digest.update(f"{name} {len(rows)} {rows.shape[1]}\n".encode())
            digest.update(np.ascontiguousarray(rows, "<i8").data)
        digest.update(np.ascontiguousarray(self.header[list(HASHED_WORDS)], "<i8").data)
        return digest.digest()


def _grown(array: Words, rows: int) -> Words:
    if rows <= len(array):
        return array
    times = SMALL_GROWS if len(array) < SMALL_ROWS else LARGE_GROWS
    grown = np.zeros((max(rows, times * len(array)), array.shape[1]), np.int64)
    grown[: len(array)] = array
    return grown


def _slots_for(rows: int) -> int:
    """Return the size of an index that is at most half full with so many ids: a power of two."""
    return max(FIRST_SLOTS, 1 << max(2 * rows - 1, 0).bit_length())
