"""Bad tiles: their paths, their files, entry bundles, and trees and proofs read from them."""

from contextlib import ExitStack
from pathlib import Path

from fuzz.material import LOG, checkpoint, journal, tree
from fuzz.running import Target
from wattmark.core.errors import MalformedInput, Refused, UnknownReference
from wattmark.core.text import Text
from wattmark.crypto.hashing import HASH_BYTES
from wattmark.ledger.audit import audit_checkpoint, audit_tiles
from wattmark.ledger.note import parse_vkey
from wattmark.ledger.tiles import changed_tiles, format_bundle, parse_bundle, parse_tile_path, tree_from_tiles
from wattmark.ledger.tiletree import TileTree
from wattmark.storage.files import FileTiles

SIZES = (1, 70, 256, 300)
SECRET = b"not below the log"


def pack(files: dict[str, bytes]) -> bytes:
    """The files of a log as one input: (length u8 | path | length u16 | bytes) again and again."""
    parts = []
    for path, data in files.items():
        parts += [len(path).to_bytes(1, "little"), path.encode(), len(data).to_bytes(2, "little"), data]
    return b"".join(parts)


def unpack(data: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    at = 0
    while at < len(data):
        end = at + 1 + data[at]
        path = data[at + 1 : end].decode(errors="surrogateescape")
        at = end + 2 + int.from_bytes(data[end : end + 2], "little")
        files[path] = data[end + 2 : at]
    return files


def stored(size: int) -> dict[str, bytes]:
    return dict(changed_tiles(tree(size), 0, size)) | {"checkpoint": checkpoint(size).encode()}


def read_from(files: dict[str, bytes]):
    def read(path: str) -> bytes:
        try:
            return files[path]
        except KeyError as error:
            raise UnknownReference(
                "UNKNOWN_TILE", "path", path, Text(en="a stored tile", ja="保存済みのタイル")
            ) from error

    return read


class Log:
    """The files of a log of one size; what they say is compared with what is true."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.true = tree(size)
        self.files = stored(size)

    def rebuilt(self, data: bytes) -> bytes:
        """``tree_from_tiles``: the true root comes from the true leaves only."""
        files = unpack(data)
        made = tree_from_tiles(read_from(files), self.size)
        assert made.size == self.size
        if made.root() == self.true.root():
            assert made.nodes(0, 0, self.size) == self.true.nodes(0, 0, self.size)
        return made.root()

    def proofs(self, data: bytes) -> tuple:
        """``TileTree``: roots and proofs, without a leaf in memory."""
        read = TileTree(read_from(unpack(data)), self.size)
        root = read.root()
        proof = read.inclusion_proof(self.size // 2)
        grown = read.consistency_proof(self.size // 3 + 1 if self.size > 1 else 1)
        assert all(len(digest) == HASH_BYTES for digest in [root, *proof, *grown])
        return root, proof, grown

    def audited(self, data: bytes) -> int:
        """``audit_tiles``: every difference is found, and nothing else."""
        files = unpack(data)
        found = audit_tiles(sorted(files), files.__getitem__, self.true, self.size)
        found += audit_checkpoint(_text(files.get("checkpoint")), self.files["checkpoint"].decode(), _VKEY, self.true)
        if not found:
            assert all(files.get(path) == content for path, content in self.files.items() if ".p/" not in path)
            assert all(content == self.files.get(path, content) for path, content in files.items())
        assert all(one.file.startswith(("log/", "checkpoint/")) and one.position and one.detail for one in found)
        return len(found)


_VKEY = parse_vkey(LOG.vkey)


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode(errors="replace")


def read_bundle(data: bytes) -> int:
    width = data[0] + 1 if data else 1
    entries = parse_bundle(data[1:], width)
    assert len(entries) == width
    assert format_bundle(entries) == data[1:]
    return width


def path_target(folder: Path) -> Target:
    """Paths as a stranger asks for them: one path per tile, and no way out of the log's directory."""
    (folder / "secret").write_bytes(SECRET)
    (folder / "log").mkdir()
    tiles = FileTiles(folder / "log")
    tiles.write_many(stored(300).items())

    def read(data: bytes) -> bytes:
        path = data.decode(errors="surrogateescape")
        found = tiles.read(path)
        assert path == "checkpoint" or parse_tile_path(path).path == path
        assert found != SECRET
        return found

    paths = [
        *stored(300),
        *stored(70),
        "tile/0/x001/234",
        "tile/entries/000",
        "tile/63/x123/x456/789.p/255",
        "../secret",
    ]
    return Target("tile path", "tiles", [path.encode() for path in paths], read, runs=100_000)


def targets(folder: Path, stack: ExitStack) -> list[Target]:
    del stack
    logs = [Log(size) for size in SIZES]
    entries = journal().entries
    bundles = [bytes([n - 1]) + format_bundle(entries[:n]) for n in (1, 3, 40)] + [b"\xff" + format_bundle([b""] * 256)]
    made = [path_target(folder), Target("entry bundle", "tiles", bundles, read_bundle, (MalformedInput,), runs=60_000)]
    for log in logs:
        seeds, name = [pack(log.files)], f"of {log.size}"
        made += [
            Target(f"tree {name}", "tiles", seeds, log.rebuilt, (Refused,), runs=20_000),
            Target(f"proofs {name}", "tiles", seeds, log.proofs, (Refused,), runs=10_000),
            Target(f"audit {name}", "tiles", seeds, log.audited, (), runs=10_000),
        ]
    return made
