"""Strict members of a JSON object: exact names, exact types, canonical base64."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from wattmark.core.encoding import json_decode_strict
from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.ledger.proof import LogProof, parse_log_proof


def read_object(data: bytes, formats: tuple[str, ...], max_bytes: int) -> dict[str, Any]:
    """Return the JSON object of a file whose ``format`` is one of those known.

    Raises:
        MalformedInput: too long, not JSON, a duplicate key, or another format.
    """
    content = json_decode_strict(data, max_bytes)
    if not isinstance(content, dict) or content.get("format") not in formats:
        rule = Text(en=f"an object with format {' or '.join(formats)}", ja=f"formatが{'または'.join(formats)}")
        found = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise MalformedInput("FORMAT_UNKNOWN", "format", found, rule)
    return content


def any_object(value: object, field: str) -> dict[str, Any]:
    """Return the value if it is an object, whatever its members."""
    if not isinstance(value, dict):
        raise _wrong(field, type(value).__name__, Text(en="an object", ja="オブジェクト"))
    return value


def members(value: object, field: str, required: set[str], optional: frozenset[str] = frozenset()) -> Mapping[str, Any]:
    """Return the object if it has exactly the required members, and no others than the optional ones.

    Raises:
        MalformedInput: not an object, or a member missing or unknown.
    """
    found = any_object(value, field)
    names = set(found)
    for name in sorted((required - names) | (names - required - optional)):
        code = "MEMBER_MISSING" if name in required else "MEMBER_UNKNOWN"
        rule = Text(en=f"members {sorted(required)}", ja=f"項目は{sorted(required)}")
        raise MalformedInput(code, f"{field}.{name}", None, rule)
    return found


def text(value: object, field: str) -> str:
    """Return the value if it is a string."""
    if not isinstance(value, str):
        raise _wrong(field, type(value).__name__, Text(en="a string", ja="文字列"))
    return value


def whole(value: object, field: str, low: int, high: int) -> int:
    """Return the value if it is an integer (never a boolean or a float) within ``low..high``."""
    if type(value) is not int or not low <= value <= high:
        raise _wrong(field, value, Text(en=f"a whole number {low}..{high}", ja=f"{low}以上{high}以下の整数"))
    return value


def items(value: object, field: str, most: int) -> list[Any]:
    """Return the value if it is an array of at most ``most``."""
    if not isinstance(value, list) or len(value) > most:
        raise _wrong(field, type(value).__name__, Text(en=f"an array of at most {most}", ja=f"{most}個以下の配列"))
    return value


def base64_bytes(value: object, field: str) -> bytes:
    """Return the bytes of canonical base64 (RFC 4648, section 4)."""
    rule = Text(en="canonical base64", ja="正準のbase64")
    encoded = text(value, field)
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _wrong(field, encoded, rule) from error
    if to_base64(data) != encoded:
        raise _wrong(field, encoded, rule)
    return data


def to_base64(data: bytes) -> str:
    """Return canonical base64."""
    return base64.b64encode(data).decode()


def log_proof(value: object, field: str) -> LogProof:
    """Return the log proof of its one text form; unauthenticated extra data is refused."""
    proof = parse_log_proof(text(value, field))
    if proof.extra is not None:
        raise _wrong(field, "extra", Text(en="a proof without extra data", ja="追加データのない証明"))
    return proof


def same(stated: object, expected: object) -> bool:
    """Return whether two JSON values are equal, types included (1 is neither true nor 1.0)."""
    if type(stated) is not type(expected):
        return False
    if isinstance(stated, dict) and isinstance(expected, dict):
        return stated.keys() == expected.keys() and all(same(stated[name], expected[name]) for name in stated)
    if isinstance(stated, list) and isinstance(expected, list):
        return len(stated) == len(expected) and all(map(same, stated, expected))
    return stated == expected


def _wrong(field: str, value: object, rule: Text) -> MalformedInput:
    return MalformedInput("MEMBER_INVALID", field, value, rule)
