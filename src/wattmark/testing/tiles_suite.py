"""What every ``Tiles`` engine must do."""

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
import pytest

from wattmark.core.errors import MalformedInput, UnknownReference
from wattmark.ledger.merkle import MerkleTree, leaf_hashes
from wattmark.ledger.ports import Tiles
from wattmark.ledger.tiles import CHECKPOINT_PATH, TILE_WIDTH, changed_tiles, tiles_of, tree_from_tiles


class TilesSuite(ABC):
    """Subclass it in a test module and say how the engine is opened."""

    @abstractmethod
    def open(self, folder: Path) -> Tiles:
        """Open the store that lives in ``folder``, the same one each time."""

    def test_files_come_back_after_opening_anew(self, tmp_path: Path) -> None:
        """Tiles, partial tiles and the checkpoint."""
        files = [
            ("tile/0/000", bytes(8_192)),
            ("tile/0/x001/234.p/5", b"\x01" * 160),
            ("tile/0/x001/234", b"\x02" * 8_192),
            ("tile/entries/000.p/1", b"\x00\x00"),
            (CHECKPOINT_PATH, b"text"),
        ]
        self.open(tmp_path).write_many(files)
        store = self.open(tmp_path)
        assert {path: store.read(path) for path, _ in files} == dict(files)
        assert store.list() == sorted(path for path, _ in files)

    def test_a_later_write_replaces_a_file(self, tmp_path: Path) -> None:
        """The checkpoint is written again and again."""
        store = self.open(tmp_path)
        store.write_many([(CHECKPOINT_PATH, b"old and longer")])
        store.write_many([(CHECKPOINT_PATH, b"new")])
        assert store.read(CHECKPOINT_PATH) == b"new"

    def test_an_absent_file_is_an_unknown_reference(self, tmp_path: Path) -> None:
        """Also in a store nothing was written to."""
        store = self.open(tmp_path)
        assert store.list() == []
        for path in ("tile/0/000", "tile/0/000.p/1", CHECKPOINT_PATH):
            with pytest.raises(UnknownReference):
                store.read(path)

    @pytest.mark.parametrize(
        "path",
        [
            *("", "tile", "../checkpoint", "tile/0/../../../etc/passwd", "/tile/0/000", "tile/0/0", "tile/00/000"),
            *("tile/0/x000/001", "tile/0/000.p/256", "tile/0/000.p/0", "tile/64/000", "tile/0/000.tmp"),
        ],
    )
    def test_other_paths_are_refused(self, tmp_path: Path, path: str) -> None:
        """A path comes from strangers; only the canonical path of a tile is looked at."""
        store = self.open(tmp_path)
        with pytest.raises(MalformedInput):
            store.read(path)
        with pytest.raises(MalformedInput):
            store.write_many([(path, b"x")])
        assert store.list() == []

    def test_a_growing_tree_is_read_back_at_every_published_size(self, tmp_path: Path) -> None:
        """Batch by batch, as a log grows."""
        store, tree, size = self.open(tmp_path), MerkleTree(), 0
        for batch in (1, 255, 256, 3, 700):
            tree.append(leaf_hashes([b"entry %d" % (size + place) for place in range(batch)]))
            store.write_many(changed_tiles(tree, size, tree.size))
            size = tree.size
            assert tree_from_tiles(store.read, size).root() == tree.root()
        assert store.prune(size, size) == 0
        assert store.prune(size) > 0
        assert store.prune(size) == 0
        assert tree_from_tiles(store.read, size).root() == tree.root()
        stored, full = set(store.list()), [tile.path for tile in tiles_of(size) if tile.width == TILE_WIDTH]
        assert stored >= {tile.path for tile in tiles_of(size)}
        assert not [path for path in stored if path.partition(".p/")[0] in full and ".p/" in path]

    def test_pruning_keeps_a_partial_tile_without_its_full_one(self, tmp_path: Path) -> None:
        """Nothing that cannot be read elsewhere is deleted."""
        store = self.open(tmp_path)
        store.write_many([("tile/0/000.p/7", np.zeros(224, dtype=np.uint8).tobytes())])
        assert store.prune(300) == 0
        assert store.list() == ["tile/0/000.p/7"]
