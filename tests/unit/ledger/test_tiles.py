import pytest

from wattmark.core.errors import MalformedInput, UnknownReference
from wattmark.core.text import Text
from wattmark.ledger.merkle import MerkleTree, leaf_hashes
from wattmark.ledger.tiles import (
    changed_tiles,
    entries_path,
    format_bundle,
    parse_bundle,
    parse_tile_path,
    tile_path,
    tiles_of,
    tree_from_tiles,
)


def _tree(size):
    tree = MerkleTree()
    tree.append(leaf_hashes([b"%d" % number for number in range(size)]))
    return tree


@pytest.mark.parametrize("index", [0, 7, 999, 1_000, 123_456, 10**9, 2**63 - 1])
@pytest.mark.parametrize("width", [1, 255, 256])
def test_every_tile_has_one_path(index, width):
    for level in (0, 9, 10, 63):
        tile = parse_tile_path(tile_path(level, index, width))
        assert (tile.level, tile.index, tile.width) == (level, index, width)
    assert parse_tile_path(entries_path(index, width)).path == entries_path(index, width)


@pytest.mark.parametrize(("level", "index", "width"), [(64, 0, 256), (-2, 0, 256), (0, -1, 1), (0, 0, 0), (0, 0, 257)])
def test_tiles_that_cannot_be_have_no_path(level, index, width):
    with pytest.raises(MalformedInput):
        tile_path(level, index, width)


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/1",
        "tile/0/0000",
        "tile/0/x01/000",
        "tile/0/x000/000",
        "tile/01/000",
        "tile/-1/000",
        "tile/0/001/000",
        "tile/0/x001/x002",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/",
        "tile/0/000/",
        "tile/0/000\n",
        "tile/x/000",
        "tile/64/000",
        "tile/0/" + "x999/" * 9 + "999",
        "tile/0/٠٠٠",
    ],
)
def test_other_spellings_are_refused(path):
    with pytest.raises(MalformedInput):
        parse_tile_path(path)


def test_nothing_grown_is_nothing_to_write():
    tree = _tree(300)
    assert list(changed_tiles(tree, 300, 300)) == []
    assert list(changed_tiles(tree, 0, 0)) == []
    assert list(tiles_of(0)) == []


def test_the_entry_that_completes_a_tile_opens_the_level_above():
    tree = _tree(257)
    assert [path for path, _ in changed_tiles(tree, 254, 255)] == ["tile/0/000.p/255"]
    assert [path for path, _ in changed_tiles(tree, 255, 256)] == ["tile/0/000", "tile/1/000.p/1"]
    assert [path for path, _ in changed_tiles(tree, 256, 257)] == ["tile/0/001.p/1"]


@pytest.mark.parametrize(("old", "new"), [(-1, 5), (6, 5), (0, 301)])
def test_sizes_out_of_order_are_refused(old, new):
    with pytest.raises(MalformedInput):
        list(changed_tiles(_tree(300), old, new))


def _reader(files):
    def read(path):
        if path not in files:
            raise UnknownReference("UNKNOWN_TILE", "path", path, Text(en="a tile", ja="タイル"))
        return files[path]

    return read


def test_a_pruned_partial_tile_is_cut_from_the_full_one():
    tree = _tree(512)
    files = dict(changed_tiles(tree, 0, 512))
    assert "tile/0/001.p/44" not in files
    assert tree_from_tiles(_reader(files), 300).root() == tree.root(300)
    with pytest.raises(UnknownReference):
        tree_from_tiles(_reader({}), 300)
    with pytest.raises(UnknownReference):
        tree_from_tiles(_reader({}), 256)


def test_a_tile_of_another_length_is_refused():
    files = dict(changed_tiles(_tree(300), 0, 300))
    for path in ("tile/0/000", "tile/0/001.p/44"):
        for data in (files[path][:-1], files[path] + b"\x00", b""):
            with pytest.raises(MalformedInput):
                tree_from_tiles(_reader({**files, path: data}), 300)


@pytest.mark.parametrize("entries", [[b""], [b"a", b"", b"bc"], [bytes(65_535)], [b"x"] * 256])
def test_bundles_come_back(entries):
    bundle = format_bundle(entries)
    assert parse_bundle(bundle, len(entries)) == entries
    assert len(bundle) == sum(map(len, entries)) + 2 * len(entries)
    for data in (bundle[:-1], bundle + b"\x00", b""):
        with pytest.raises(MalformedInput):
            parse_bundle(data, len(entries))
    for width in (len(entries) - 1, len(entries) + 1):
        with pytest.raises(MalformedInput):
            parse_bundle(bundle, width)


def test_a_bundle_is_u16_big_endian_lengths():
    assert format_bundle([b"abc", b""]) == b"\x00\x03abc\x00\x00"


@pytest.mark.parametrize("entries", [[], [b""] * 257, [bytes(65_536)]])
def test_bundles_that_cannot_be_are_refused(entries):
    with pytest.raises(MalformedInput):
        format_bundle(entries)


def test_an_entry_too_long_for_a_bundle_is_not_hashed():
    with pytest.raises(MalformedInput):
        leaf_hashes([b"", bytes(65_536)])
