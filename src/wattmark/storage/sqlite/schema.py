"""Tables of the read model; all of them can be dropped and rebuilt from the journal and the lake."""

import sqlite3
from typing import Final

SCHEMA_VERSION: Final = 1
"""Changes with any table; a file of another version is rebuilt."""

_TABLES: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE payloads (hash BLOB PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE keys (
  key INTEGER PRIMARY KEY, account INTEGER NOT NULL, roles INTEGER NOT NULL,
  digest BLOB NOT NULL, revoked INTEGER NOT NULL
);
CREATE INDEX keys_digest ON keys (digest);
CREATE INDEX keys_account ON keys (account);
CREATE TABLE products (
  product INTEGER PRIMARY KEY, area INTEGER NOT NULL, source INTEGER NOT NULL,
  period_start_s INTEGER NOT NULL, duration_s INTEGER NOT NULL,
  trades INTEGER NOT NULL, quantity_wh INTEGER NOT NULL, last_price_sen INTEGER NOT NULL
);
CREATE INDEX products_period ON products (period_start_s, area, source);
CREATE TABLE orders (
  order_row INTEGER PRIMARY KEY, position INTEGER NOT NULL, timestamp_ms INTEGER NOT NULL,
  id_low INTEGER NOT NULL, id_high INTEGER NOT NULL, account INTEGER NOT NULL, product INTEGER NOT NULL,
  side INTEGER NOT NULL, price_sen INTEGER NOT NULL, quantity_wh INTEGER NOT NULL, lot INTEGER NOT NULL,
  filled_wh INTEGER NOT NULL
);
CREATE INDEX orders_account ON orders (account, position);
CREATE TABLE trades (
  position INTEGER NOT NULL, number INTEGER NOT NULL, timestamp_ms INTEGER NOT NULL,
  product INTEGER NOT NULL, area INTEGER NOT NULL, source INTEGER NOT NULL,
  period_start_s INTEGER NOT NULL, duration_s INTEGER NOT NULL,
  quantity_wh INTEGER NOT NULL, price_sen INTEGER NOT NULL,
  buyer INTEGER NOT NULL, seller INTEGER NOT NULL, buy_order INTEGER NOT NULL, sell_order INTEGER NOT NULL,
  lot INTEGER NOT NULL, bundle INTEGER NOT NULL,
  PRIMARY KEY (position, number)
) WITHOUT ROWID;
CREATE INDEX trades_product ON trades (product, position);
CREATE INDEX trades_time ON trades (timestamp_ms);
CREATE INDEX trades_buyer ON trades (buyer, position);
CREATE INDEX trades_seller ON trades (seller, position);
CREATE TABLE events (
  position INTEGER NOT NULL, number INTEGER NOT NULL, timestamp_ms INTEGER NOT NULL, kind INTEGER NOT NULL,
  bundle INTEGER NOT NULL, lot INTEGER NOT NULL, new_lot INTEGER NOT NULL,
  start INTEGER NOT NULL, end INTEGER NOT NULL,
  account INTEGER NOT NULL, other_account INTEGER NOT NULL, price_sen INTEGER NOT NULL,
  PRIMARY KEY (position, number)
) WITHOUT ROWID;
CREATE INDEX events_bundle ON events (bundle, position);
CREATE INDEX events_account ON events (account, position);
CREATE INDEX events_other ON events (other_account, position);
CREATE TABLE bulk (
  position INTEGER PRIMARY KEY, timestamp_ms INTEGER NOT NULL, bulk_kind INTEGER NOT NULL,
  rows INTEGER NOT NULL, total_wh INTEGER NOT NULL, period_start_s INTEGER NOT NULL, duration_s INTEGER NOT NULL,
  root BLOB NOT NULL, payload_hash BLOB NOT NULL
);
CREATE TABLE registrations (
  kind INTEGER NOT NULL, row INTEGER NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (kind, row)
) WITHOUT ROWID;
CREATE TABLE evidence (hash BLOB PRIMARY KEY, file TEXT NOT NULL, row INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE statements (
  account INTEGER NOT NULL, day INTEGER NOT NULL, file TEXT NOT NULL, row INTEGER NOT NULL,
  PRIMARY KEY (account, day)
) WITHOUT ROWID;
CREATE TABLE slots (day INTEGER NOT NULL, file TEXT NOT NULL, PRIMARY KEY (day, file)) WITHOUT ROWID;
CREATE TABLE channels (device INTEGER PRIMARY KEY, state BLOB NOT NULL);
CREATE TABLE pending (device INTEGER NOT NULL, number INTEGER PRIMARY KEY, file TEXT NOT NULL, row INTEGER NOT NULL);
CREATE INDEX pending_device ON pending (device, number);
"""


def create_tables(connection: sqlite3.Connection) -> None:
    """Make the empty tables and stamp the schema's version."""
    connection.executescript(_TABLES)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.commit()


def schema_is_current(connection: sqlite3.Connection) -> bool:
    """Return whether the file carries this version of the tables."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return bool(version == SCHEMA_VERSION)
