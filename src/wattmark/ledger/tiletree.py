"""Roots and proofs of a log read from its tiles: some tiles per proof, no leaf kept in memory.

A hash below a tile's bottom row is folded from the row, so a proof reads at most a few tiles per tile level
(C2SP tlog-tiles). Nothing here vouches for the tiles: compare the root with a signed checkpoint.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.crypto.hashing import HASH_BYTES
from wattmark.ledger.merkle import MerkleTree, node_hash
from wattmark.ledger.tiles import TILE_HEIGHT, TILE_WIDTH, TileId, read_tile

TILES_KEPT: Final = 256
"""Tiles remembered (8 KiB each)."""

_SIZE_RULE: Final = Text(en="complete subtrees of the published size", ja="公開済みサイズ内の完全な部分木")


class TileTree(MerkleTree):
    """The tree of the first ``size`` entries, its hashes read from tiles; it cannot grow."""

    __slots__ = ("_size", "_tile")

    def __init__(self, read: Callable[[str], bytes], size: int) -> None:
        """Read tiles by path with ``read``, which raises ``UnknownReference`` for one that is not there."""
        super().__init__()
        self._size = size
        self._tile = lru_cache(maxsize=TILES_KEPT)(lambda level, index: read_tile(read, self._id(level, index)))

    @property
    @override
    def size(self) -> int:
        """Number of leaves."""
        return self._size

    @override
    def nodes(self, level: int, start: int, end: int) -> bytes:
        """Return the hashes of the complete subtrees ``[start, end)`` of 2^``level`` leaves, back to back.

        Raises:
            MalformedInput: one of them is not complete, or a tile has the wrong length.
            UnknownReference: a tile is missing.
        """
        if not (level >= 0 and 0 <= start <= end <= self._size >> level):
            raise MalformedInput("BAD_INDEX", "node", (level, start, end), _SIZE_RULE)
        return b"".join(self._node(level, index) for index in range(start, end))

    @override
    def append(self, leaf_hashes: object) -> int:
        """Refuse: tiles are written by the log.

        Raises:
            MalformedInput: always.
        """
        raise MalformedInput(
            "READ_ONLY",
            "leaf_hashes",
            self._size,
            Text(en="a tree that is not read from tiles", ja="タイル由来ではない木"),
        )

    @override
    def _rows(self, level: int, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        hashes = b"".join(self._node(level, index) for index in indices.tolist())
        return np.frombuffer(hashes, np.uint8).reshape(-1, HASH_BYTES)

    @override
    def _range_root(self, start: int, end: int) -> bytes:
        parts: list[bytes] = []
        while start < end:
            level = (end - start).bit_length() - 1
            parts.append(self._node(level, start >> level))
            start += 1 << level
        root = parts.pop()
        while parts:
            root = node_hash(parts.pop(), root)
        return root

    def _id(self, level: int, index: int) -> TileId:
        complete = self._size >> (TILE_HEIGHT * level)
        return TileId(level, index, min(TILE_WIDTH, complete - index * TILE_WIDTH))

    def _node(self, level: int, index: int) -> bytes:
        tile_level, above = divmod(level, TILE_HEIGHT)
        first = index << above
        tile = self._tile(tile_level, first // TILE_WIDTH)
        place = first % TILE_WIDTH * HASH_BYTES
        row = [tile[at : at + HASH_BYTES] for at in range(place, place + (HASH_BYTES << above), HASH_BYTES)]
        while len(row) > 1:
            row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
        return row[0]
