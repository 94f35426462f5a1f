"""Values to JSON: frozen read models as plain objects, units in the names."""

import json
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from typing import Any

from fastapi import Request, Response

from wattmark.core.errors import MalformedInput
from wattmark.core.ids import id_hex
from wattmark.core.periods import Period
from wattmark.core.text import Text
from wattmark.crypto.hashing import sha256
from wattmark.flows.platform import Done

DAY_RULE = Text(en="a calendar day such as 2021-01-12", ja="2021-01-12の形の日付")
IDENTITIES = frozenset({"identity"})
"""Fields that hold a 128-bit id, written in hexadecimal."""


def shape(value: Any) -> Any:  # noqa: ANN401 - any read model
    """Return the JSON form of a read model."""
    if isinstance(value, Text):
        return value.to_dict()
    if isinstance(value, Period):
        return {"start_s": value.start_s, "duration_s": value.duration_s}
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: id_hex(getattr(value, field.name))
            if field.name in IDENTITIES
            else shape(getattr(value, field.name))
            for field in fields(value)
        }
    if isinstance(value, (list, tuple)):
        return [shape(item) for item in value]
    if isinstance(value, dict):
        return {str(key): shape(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, date) else value


def accepted(identity: str, done: Done, result0: str = "", result1: str = "") -> dict[str, Any]:
    """Return the answer to an accepted command, its results under their names."""
    answer: dict[str, Any] = {"id": identity, "outcome": "OK", "timestamp_ms": done.timestamp_ms}
    if result0:
        answer[result0] = done.result0
    if result1:
        answer[result1] = done.result1
    return answer


def tagged(request: Request, content: object, tag: str = "") -> Response:
    """Return JSON with an ETag, or 304 where the caller has it already (RFC 9110, 13.1.2).

    Args:
        request: what may name an ETag in ``If-None-Match``.
        content: the answer.
        tag: what it was made of, where that says whether it changed; its SHA-256 otherwise.
    """
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    etag = f'"{tag or sha256(body).hex()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    known = {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}
    if etag in known:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def day_of(text: str) -> date:
    """Return the calendar day written as ``yyyy-mm-dd``.

    Raises:
        MalformedInput: another form.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise MalformedInput("DAY_INVALID", "day", text, DAY_RULE)
    return day
