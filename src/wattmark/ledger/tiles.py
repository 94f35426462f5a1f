"""C2SP tlog-tiles: the tree as static files of 256 hashes, and entry bundles.

Hash ``i`` of tile ``n`` at level ``l`` is the root of the complete subtree of 256^l leaves that starts at leaf
``(256 n + i) 256^l``. A tile is full (256 hashes, 8,192 bytes) and never changes again, or partial and part of
one tree size. Empty tiles do not exist.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Final

import numpy as np

from wattmark.core.errors import MalformedInput, UnknownReference
from wattmark.core.text import Text
from wattmark.crypto.hashing import HASH_BYTES
from wattmark.ledger.merkle import MAX_ENTRY_BYTES, MerkleTree

TILE_WIDTH: Final = 256
"""Hashes of a full tile, entries of a full bundle (C2SP tlog-tiles)."""
TILE_HEIGHT: Final = 8
"""Tree levels a tile spans (C2SP tlog-tiles)."""
MAX_TILE_LEVEL: Final = 63
"""Highest tile level of a path (C2SP tlog-tiles)."""
MAX_TILE_INDEX: Final = (1 << 63) - 1
"""Bound on a tile number, so that a path is short."""
ENTRIES_LEVEL: Final = -1
"""Level number that stands for ``entries`` in a parsed path."""
PARTIAL_SUFFIX: Final = ".p"
"""Ending of the folder that holds the partial widths of a tile (C2SP tlog-tiles)."""
CHECKPOINT_PATH: Final = "checkpoint"
"""Path of the checkpoint beside the tiles (C2SP tlog-tiles)."""

TILES_AT_ONCE: Final = 64
"""Tiles of a stored log that are read before they are hashed together [tiles]."""

_GROUP: Final = 1_000
_LENGTH_BYTES: Final = 2
_PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


@dataclass(frozen=True, slots=True, order=True)
class TileId:
    """Which tile: level (``ENTRIES_LEVEL`` for an entry bundle), number and width [hashes or entries]."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Return the path below the log's prefix."""
        name = "entries" if self.level == ENTRIES_LEVEL else str(self.level)
        groups = [f"{self.index % _GROUP:03d}"]
        rest = self.index // _GROUP
        while rest:
            groups.append(f"x{rest % _GROUP:03d}")
            rest //= _GROUP
        partial = "" if self.width == TILE_WIDTH else f"{PARTIAL_SUFFIX}/{self.width}"
        return f"tile/{name}/{'/'.join(reversed(groups))}{partial}"


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Return ``tile/<L>/<N>[.p/<W>]``; the suffix is absent for the full width 256.

    Raises:
        MalformedInput: level not 0..63, index negative, or width not 1..256.
    """
    return _checked(TileId(level, index, width)).path


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """Return ``tile/entries/<N>[.p/<W>]``.

    Raises:
        MalformedInput: index negative or width not 1..256.
    """
    return _checked(TileId(ENTRIES_LEVEL, index, width)).path


def parse_tile_path(path: str) -> TileId:
    """Return the tile a path names; there is exactly one path per tile.

    Raises:
        MalformedInput: not the canonical path of a tile or bundle.
    """
    match = _PATH.fullmatch(path)
    rule = Text(en="tile/<level|entries>/<number>[.p/<width>]", ja="tile/<段|entries>/<番号>[.p/<幅>]の形")
    if match is None:
        raise MalformedInput("BAD_TILE_PATH", "path", path, rule)
    level, groups, last, width = match.groups()
    index = int(groups.replace("x", "").replace("/", "") + last)
    tile = TileId(
        ENTRIES_LEVEL if level == "entries" else int(level), index, TILE_WIDTH if width is None else int(width)
    )
    if _checked(tile).path != path:
        raise MalformedInput("BAD_TILE_PATH", "path", path, rule)
    return tile


def tiles_of(size: int, since: int = 0) -> Iterator[TileId]:
    """Yield every hash tile a log of ``size`` entries has and one of ``since`` entries lacks, level by level."""
    level = 0
    while size >> (TILE_HEIGHT * level):
        old_count, count = since >> (TILE_HEIGHT * level), size >> (TILE_HEIGHT * level)
        if old_count < count:
            for index in range(old_count // TILE_WIDTH, (count - 1) // TILE_WIDTH + 1):
                yield TileId(level, index, min(TILE_WIDTH, count - index * TILE_WIDTH))
        level += 1


def changed_tiles(tree: MerkleTree, old_size: int, new_size: int) -> Iterator[tuple[str, bytes]]:
    """Yield (path, bytes) of every tile a log of ``new_size`` has and one of ``old_size`` lacked.

    Raises:
        MalformedInput: not ``0 <= old_size <= new_size <= tree size``.
    """
    if not 0 <= old_size <= new_size <= tree.size:
        rule = Text(en="0 <= old size <= new size <= tree size", ja="0 <= 旧サイズ <= 新サイズ <= 木の大きさ")
        raise MalformedInput("BAD_SIZE", "size", (old_size, new_size), rule)
    for tile in tiles_of(new_size, old_size):
        yield tile.path, tile_bytes(tree, tile)


def tile_bytes(tree: MerkleTree, tile: TileId) -> bytes:
    """Return the hashes of a tile [32 x width bytes].

    Raises:
        MalformedInput: the tree does not have that many complete subtrees.
    """
    start = tile.index * TILE_WIDTH
    return tree.nodes(tile.level * TILE_HEIGHT, start, start + tile.width)


def tree_from_tiles(read: Callable[[str], bytes], size: int) -> MerkleTree:
    """Return the tree of ``size`` leaves, hashed anew from the level 0 tiles that ``read`` returns.

    A partial tile that is gone is cut from the full one. Compare the root with a signed checkpoint: nothing
    here vouches for the tiles.

    Raises:
        UnknownReference: a tile is missing.
        MalformedInput: a tile has the wrong length.
    """
    tree = MerkleTree()
    lowest = takewhile(lambda tile: tile.level == 0, tiles_of(size))
    while some := list(islice(lowest, TILES_AT_ONCE)):
        hashes = b"".join([read_tile(read, tile) for tile in some])
        tree.append(np.frombuffer(hashes, dtype=np.uint8).reshape(-1, HASH_BYTES))
    return tree


def format_bundle(entries: Sequence[bytes]) -> bytes:
    """Return 1..256 entries, each behind its length as u16 big-endian (C2SP tlog-tiles).

    Raises:
        MalformedInput: no or too many entries, or one longer than 65,535 bytes.
    """
    if not 1 <= len(entries) <= TILE_WIDTH:
        rule = Text(en="1 to 256 entries in a bundle", ja="1束は1〜256エントリ")
        raise MalformedInput("BAD_BUNDLE", "entries", len(entries), rule)
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            rule = Text(en="a log entry of at most 65,535 bytes", ja="ログエントリは65,535バイト以下")
            raise MalformedInput("ENTRY_TOO_LONG", "entry", len(entry), rule)
        parts += (len(entry).to_bytes(_LENGTH_BYTES, "big"), entry)
    return b"".join(parts)


def parse_bundle(data: bytes, width: int) -> list[bytes]:
    """Return the ``width`` entries of a bundle.

    Raises:
        MalformedInput: cut short, or bytes left over.
    """
    entries: list[bytes] = []
    place = 0
    for _ in range(width):
        start = place + _LENGTH_BYTES
        place = start + int.from_bytes(data[place:start], "big")
        if start > len(data) or place > len(data):
            break
        entries.append(data[start:place])
    if len(entries) != width or place != len(data):
        rule = Text(en=f"exactly {width} entries", ja=f"ちょうど{width}エントリ")
        raise MalformedInput("BAD_BUNDLE", "bundle", len(data), rule)
    return entries


def read_tile(read: Callable[[str], bytes], tile: TileId) -> bytes:
    """Return the hashes of a tile; a partial tile that is gone is cut from the full one.

    Raises:
        UnknownReference: neither is there.
        MalformedInput: the wrong length.
    """
    try:
        data = read(tile.path)
    except UnknownReference:
        if tile.width == TILE_WIDTH:
            raise
        data = read(TileId(tile.level, tile.index).path)[: tile.width * HASH_BYTES]
    if len(data) != tile.width * HASH_BYTES:
        rule = Text(en="32 bytes for each hash of a tile", ja="タイルはハッシュごとに32バイト")
        raise MalformedInput("BAD_TILE", tile.path, len(data), rule)
    return data


def _checked(tile: TileId) -> TileId:
    if not (
        ENTRIES_LEVEL <= tile.level <= MAX_TILE_LEVEL
        and 0 <= tile.index <= MAX_TILE_INDEX
        and 1 <= tile.width <= TILE_WIDTH
    ):
        rule = Text(en="level 0..63, number >= 0, width 1..256", ja="段0〜63、番号0以上、幅1〜256")
        raise MalformedInput("BAD_TILE", "tile", (tile.level, tile.index, tile.width), rule)
    return tile
