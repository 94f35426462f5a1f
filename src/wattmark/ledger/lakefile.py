"""What a journal record says about a file of the lake: name, size, SHA-256 of the whole and of each 64 KiB."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.crypto.hashing import HASH_BYTES, sha256

CHUNK_BYTES: Final = 65_536
"""Length of a chunk with a hash of its own, so that damage has a position [bytes]."""
MAX_LAKE_PATH: Final = 512
"""Longest path [characters]."""

_SAFE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-=")


@dataclass(frozen=True, slots=True)
class LakeFile:
    """A file by path below the lake, SHA-256, size [bytes] and the SHA-256 of each 64 KiB chunk."""

    path: str
    sha256: bytes
    size: int
    chunk_sha256s: tuple[bytes, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the JSON form that a BULK_ROOT payload holds."""
        chunks = [chunk.hex() for chunk in self.chunk_sha256s]
        return {"path": self.path, "sha256": self.sha256.hex(), "size": self.size, "chunks": chunks}

    @classmethod
    def from_dict(cls, value: Mapping[str, object]) -> "LakeFile":
        """Return the file a JSON form describes.

        Raises:
            MalformedInput: a field is missing or does not fit the others.
        """
        try:
            chunks = tuple(bytes.fromhex(chunk) for chunk in cast("list[str]", value["chunks"]))
            path, size = cast("str", value["path"]), cast("int", value["size"])
            digest = bytes.fromhex(cast("str", value["sha256"]))
            fits = type(size) is int and len(chunks) == -(-size // CHUNK_BYTES) and size >= 0 and isinstance(path, str)
        except (KeyError, TypeError, ValueError) as error:
            raise _malformed("file", value) from error
        if not fits or any(len(one) != HASH_BYTES for one in (digest, *chunks)):
            raise _malformed("file", value)
        return cls(checked_lake_path(path), digest, size, chunks)


def describe_lake_file(path: str, data: bytes) -> LakeFile:
    """Return the description of a file's bytes."""
    view = memoryview(data)
    chunks = tuple(sha256(view[start : start + CHUNK_BYTES]) for start in range(0, len(data), CHUNK_BYTES))
    return LakeFile(checked_lake_path(path), sha256(data), len(data), chunks)


def checked_lake_path(path: str) -> str:
    """Return the path if it is ``<kind>/<name>`` of plain names that cannot leave the lake.

    Raises:
        MalformedInput: another form.
    """
    names = path.split("/")
    plain = all(name and _SAFE.issuperset(name) and not name.startswith(".") for name in names)
    if not plain or len(path) > MAX_LAKE_PATH:
        raise _malformed("path", path)
    return path


def _malformed(field: str, value: object) -> MalformedInput:
    rule = Text(en="path, size and SHA-256 of a lake file", ja="レイクファイルのパス・サイズ・SHA-256")
    return MalformedInput("BAD_LAKE_FILE", field, value, rule)
