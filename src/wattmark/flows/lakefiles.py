"""Tables of the lake: one Parquet form, one row encoding, one sum tree over each file.

Every lake table has a column ``wh`` [Wh] and a column ``salt`` (16 bytes). A row's bytes are the deterministic CBOR
array of its other columns in the file's order; the file's root is that of the salted Merkle sum tree over its rows.
So any file can be checked against its record without knowing what it is about, and any row can be proven alone.
"""

import hashlib
import hmac
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from wattmark.core.encoding import cbor_encode
from wattmark.core.errors import Broken
from wattmark.ledger.sumtree import SumTree

SALT_BYTES: Final = 16
WH_COLUMN: Final = "wh"
SALT_COLUMN: Final = "salt"
READ_ROWS: Final = 65_536
"""Rows decoded at a time, so that memory stays bounded."""


def lake_table(
    columns: Mapping[str, Any], wh: Sequence[int] | npt.NDArray[np.int64], salt_key: bytes, path: str
) -> pa.Table:
    """Return the table with its ``wh`` and ``salt`` columns.

    Args:
        columns: name -> Arrow array or list, equally long.
        wh: what each row adds to the file's total [Wh].
        salt_key: secret of the platform; salts derive from it, so the same input gives the same bytes (L6).
        path: where the file will lie; a part of the salts' derivation.
    """
    table = pa.table({**columns, WH_COLUMN: pa.array(wh, pa.int64())})
    salts = pa.array(_salts(salt_key, path, table.num_rows), pa.binary(SALT_BYTES))
    return table.append_column(SALT_COLUMN, salts)


def secret_order(count: int, salt_key: bytes, path: str) -> npt.NDArray[np.int64]:
    """Return ``count`` row numbers in an order that only the platform's secret tells.

    A proof shows the Wh of the row beside it; in an order everybody knows it would always be the same neighbour's.
    """
    seed = hmac.digest(salt_key, b"wattmark lake order\n" + path.encode(), "sha256")
    drawn = np.frombuffer(hashlib.shake_128(seed).digest(8 * count), "<u8")
    return np.argsort(drawn, kind="stable")


def table_bytes(table: pa.Table) -> bytes:
    """Return the table as Parquet; equal tables give equal bytes for one version of Arrow."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", use_dictionary=True, store_schema=False)
    return sink.getvalue()


def read_table(data: bytes) -> pa.Table:
    """Return a table of the lake.

    Raises:
        pyarrow.ArrowException: the bytes are not Parquet.
    """
    return pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)


def read_row(data: bytes, row: int) -> dict[str, Any]:
    """Return one row of a table of the lake."""
    rows: list[dict[str, Any]] = read_table(data).slice(row, 1).to_pylist()
    return rows[0]


def tree_of(table: pa.Table) -> SumTree:
    """Return the salted Merkle sum tree over the rows of a table."""
    wh = table.column(WH_COLUMN).to_numpy()
    salts = table.column(SALT_COLUMN).to_pylist()
    packed = np.frombuffer(b"".join(salts), np.uint8).reshape(len(salts), SALT_BYTES)
    return SumTree(list(row_bytes(table)), np.ascontiguousarray(wh, np.int64), packed)


def row_bytes(table: pa.Table) -> Iterator[bytes]:
    """Yield each row's bytes: the CBOR array of all columns but ``wh`` and ``salt``."""
    named = [name for name in table.column_names if name not in (WH_COLUMN, SALT_COLUMN)]
    for batch in table.select(named).to_batches(max_chunksize=READ_ROWS):
        lists = [column.to_pylist() for column in batch.columns]
        for row in zip(*lists, strict=True):
            yield cbor_encode(list(row))


def _salts(key: bytes, path: str, count: int) -> list[bytes]:
    seed = hmac.digest(key, b"wattmark lake salt\n" + path.encode(), "sha256")
    return [hashlib.sha256(seed + row.to_bytes(8, "big")).digest()[:SALT_BYTES] for row in range(count)]


def broken_lake(path: str, position: str, rule: str, detail: str) -> Broken:
    """Return the error that names a lake file."""
    return Broken(f"lake/{path}", position, rule, detail)
