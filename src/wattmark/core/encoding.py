"""Canonical bytes: deterministic CBOR (RFC 8949, 4.2.1) and canonical JSON (RFC 8785)."""

import json
from typing import Any, Final

import cbor2
import rfc8785

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text

MAX_CBOR_BYTES: Final = 65_535
"""Default size limit of a strictly decoded item: that of a log entry [bytes]."""
MAX_JSON_BYTES: Final = 1 << 20
"""Default size limit of a strictly decoded JSON text [bytes]."""


def cbor_encode(item: Any) -> bytes:  # noqa: ANN401 - any CBOR item
    """Return the deterministic encoding of integers, byte strings, texts, arrays and maps."""
    return cbor2.dumps(item, canonical=True)


def cbor_decode_strict(data: bytes, max_bytes: int = MAX_CBOR_BYTES) -> Any:  # noqa: ANN401 - any value of the format
    """Return the item if ``data`` is its one deterministic encoding.

    Types of the elements are the caller's to check: floats and booleans survive re-encoding.

    Raises:
        MalformedInput: too long, not CBOR, or another encoding of the same item.
    """
    if len(data) > max_bytes:
        rule = Text(en=f"at most {max_bytes} bytes", ja=f"{max_bytes}バイト以下")
        raise MalformedInput("TOO_LONG", "cbor", len(data), rule)
    try:
        item = cbor2.loads(data)
        again = cbor2.dumps(item, canonical=True)
    except (
        cbor2.CBORError,
        ValueError,
        TypeError,
        OverflowError,
        RecursionError,
        MemoryError,
        ArithmeticError,
    ) as error:
        rule = Text(en="well-formed CBOR", ja="正しいCBOR")
        raise MalformedInput("NOT_CBOR", "cbor", data[:16].hex(), rule) from error
    if again != data:
        rule = Text(en="the deterministic encoding (RFC 8949, 4.2.1)", ja="決定的符号化(RFC 8949 4.2.1)")
        raise MalformedInput("NOT_DETERMINISTIC", "cbor", data[:16].hex(), rule)
    return item


def json_canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return the RFC 8785 form; integers must lie within +-(2^53 - 1)."""
    return rfc8785.dumps(value)


def json_decode_strict(
    data: bytes | str,
    max_bytes: int = MAX_JSON_BYTES,
    field: str = "json",
) -> Any:  # noqa: ANN401 - any value of the format
    """Return the JSON value; duplicate keys, NaN and infinities are refused.

    Args:
        data: UTF-8 text.
        max_bytes: size limit [bytes].
        field: what a refusal calls the text, such as its file.

    Raises:
        MalformedInput: too long, not UTF-8 JSON, or with a duplicate key or a non-finite number.
    """
    if len(data) > max_bytes:
        rule = Text(en=f"at most {max_bytes} bytes", ja=f"{max_bytes}バイト以下")
        raise MalformedInput("TOO_LONG", field, len(data), rule)
    try:
        text = data if isinstance(data, str) else data.decode()
        return json.loads(text, object_pairs_hook=_unique_pairs, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        rule = Text(en="JSON in UTF-8 without duplicate keys", ja="重複キーのないUTF-8のJSON")
        raise MalformedInput("NOT_JSON", field, str(error), rule) from error


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        message = "duplicate key"
        raise ValueError(message)
    return result


def _no_constant(name: str) -> float:
    raise ValueError(name)
