"""One JSON form for every error, and the status of each leaf of the error tree.

::

    {"error": {"code": ..., "field": ..., "value": ..., "rule": {"en": ..., "ja": ...}}}

    400 the body is no JSON or no whole records   401 no or an unknown key   403 not theirs
    404 not there, or not theirs to know of       409 against a rule          413 too large
    422 a field does not have its form            503 try again later; nothing was acknowledged
"""

import json
import logging
import traceback
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from typing_extensions import override

from wattmark.core.errors import Broken, MalformedInput, NotAuthorised, Refused, Unavailable, UnknownReference
from wattmark.core.text import Text
from wattmark.market import layout as m

LOGGER: Final = logging.getLogger("wattmark.api")
RETRY_AFTER_S: Final = 1
VALUE_CHARS: Final = 200
"""Longest echo of a refused value [characters]."""

_BROKEN_BODY: Final = frozenset({"NOT_JSON", "TOO_LONG", "RECORD_LENGTH"})
"""Codes that say the body as a whole cannot be read: 400."""

UNKNOWN_KEY: Final = Text(en="a known and active API key", ja="有効なAPIキー")
NOT_THEIRS: Final = Text(en="a role that may do this", ja="この操作を行える役割")
NO_SUCH_THING: Final = Text(en="something that exists and is yours to see", ja="存在し、閲覧できるもの")

_FORMS: Final = {
    "missing": Text(en="required", ja="必須"),
    "extra_forbidden": Text(en="only the documented fields", ja="定義された項目のみ"),
    "json_invalid": Text(en="well-formed JSON in UTF-8 without duplicate keys", ja="重複キーのない正しいUTF-8のJSON"),
    "int_type": Text(en="a whole number", ja="整数"),
    "int_parsing": Text(en="a whole number", ja="整数"),
    "int_from_float": Text(en="a whole number", ja="整数"),
    "string_type": Text(en="a text", ja="文字列"),
    "bool_type": Text(en="true or false", ja="trueまたはfalse"),
    "list_type": Text(en="a list", ja="リスト"),
    "dict_type": Text(en="an object", ja="オブジェクト"),
    "model_attributes_type": Text(en="an object", ja="オブジェクト"),
    "greater_than_equal": Text(en="at least {ge}", ja="{ge}以上"),
    "greater_than": Text(en="more than {gt}", ja="{gt}より大きい値"),
    "less_than_equal": Text(en="at most {le}", ja="{le}以下"),
    "less_than": Text(en="less than {lt}", ja="{lt}より小さい値"),
    "too_short": Text(en="at least {min_length} items", ja="{min_length}件以上"),
    "too_long": Text(en="at most {max_length} items", ja="{max_length}件以下"),
    "string_too_short": Text(en="at least {min_length} characters", ja="{min_length}文字以上"),
    "string_too_long": Text(en="at most {max_length} characters", ja="{max_length}文字以下"),
    "string_pattern_mismatch": Text(en="text of the form {pattern}", ja="{pattern}の形の文字列"),
    "enum": Text(en="one of {expected}", ja="{expected}のいずれか"),
    "literal_error": Text(en="one of {expected}", ja="{expected}のいずれか"),
}
_OTHER_FORM: Final = Text(en="the documented form", ja="定義された形式")
_STATUS_RULES: Final = {
    401: UNKNOWN_KEY,
    403: NOT_THEIRS,
    404: NO_SUCH_THING,
    405: Text(en="a documented method of this address", ja="このアドレスで使えるメソッド"),
    413: Text(en="a body within the limit of this address", ja="このアドレスの上限以内の本文"),
}


IN_WORDS: Final[dict[str, tuple[str, dict[int, str]]]] = {
    "tif": (
        "time_in_force",
        {m.TIF_REST: "rest", m.TIF_IMMEDIATE: "ioc", m.TIF_ALL_OR_NONE: "fok", m.TIF_POST_ONLY: "post_only"},
    ),
    "self_trade": (
        "self_trade",
        {
            m.STP_NEWEST: "cancel_newest",
            m.STP_OLDEST: "cancel_oldest",
            m.STP_BOTH: "cancel_both",
            m.STP_DECREMENT: "decrement",
        },
    ),
    "side": ("side", {m.BUY: "buy", m.SELL: "sell"}),
    "target_id": ("order", {}),
    "low_sen_per_kwh": ("low_sen", {}),
    "high_sen_per_kwh": ("high_sen", {}),
    "trading_state": ("trading", {m.PRODUCT_OPEN: "resume", m.PRODUCT_HALTED: "halt"}),
}
"""A record's word -> the field and the values by which bodies have it."""


class FramesOnly(logging.Filter):
    """Leaves of an exception in the log its type and where it was raised; its words may hold somebody's data (L8)."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            record.exc_text = "".join(traceback.format_tb(error.__traceback__)) + type(error).__qualname__
            record.exc_info = None
        return True


FRAMES_ONLY: Final = FramesOnly()


class ErrorResponse(JSONResponse):
    """A JSON response that may repeat what a client sent, halves of surrogate pairs (no UTF-8) included."""

    @override
    def render(self, content: object) -> bytes:
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def status_of(error: Refused) -> int:
    """Return the HTTP status of a refusal."""
    if isinstance(error, UnknownReference):
        return 404
    if isinstance(error, NotAuthorised):
        return 401 if error.code == "KEY_REQUIRED" else 403
    if isinstance(error, MalformedInput):
        return 400 if error.code in _BROKEN_BODY else 422
    return 409


def error_body(code: str, field: str, value: object, rule: Text) -> dict[str, Any]:
    """Return the one JSON form."""
    return {"error": {"code": code, "field": field, "value": value, "rule": rule.to_dict()}}


def refusal_fields(error: Refused) -> dict[str, Any]:
    """Return a refusal with field and value as bodies have them, where the rules of the market name a record's word."""
    fields = error.to_dict()
    name, values = IN_WORDS.get(error.field, (error.field, {}))
    shown = values.get(error.value, fields["value"]) if isinstance(error.value, int) else fields["value"]
    return {**fields, "field": name, "value": shown}


def refused_response(error: Refused) -> JSONResponse:
    """Return the response of a refusal."""
    status = status_of(error)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return ErrorResponse({"error": refusal_fields(error)}, status, headers)


def unavailable_response(error: Unavailable) -> JSONResponse:
    """Return 503: nothing was acknowledged, the same command may be sent again."""
    body = error_body("UNAVAILABLE", "", "", error.reason)
    return ErrorResponse(body, 503, {"Retry-After": str(RETRY_AFTER_S)})


def broken_response(error: Broken) -> JSONResponse:
    """Return 500: stored truth does not hold; the auditor says where."""
    LOGGER.critical("stored truth does not hold: %s", error.rule)
    rule = Text(en="stored truth must hold; run the audit", ja="保存された記録が成り立つこと(監査が必要)")
    return ErrorResponse(error_body("BROKEN", "", "", rule), 500)


def validation_error(error: RequestValidationError) -> MalformedInput:
    """Return the first fault pydantic found, as our own error."""
    first = error.errors()[0]
    kind = str(first["type"])
    where = [str(part) for part in first["loc"] if part not in ("body", "query", "path", "header")]
    values = {name: str(value) for name, value in (first.get("ctx") or {}).items()}
    form = _FORMS.get(kind, _OTHER_FORM)
    rule = form.format(**values) if all(f"{{{n}}}" not in form.en or n in values for n in _names(form.en)) else form
    code = "NOT_JSON" if kind == "json_invalid" else "FIELD_MISSING" if kind == "missing" else "FIELD_INVALID"
    value = "" if kind in {"missing", "json_invalid"} else _shown(first.get("input"))
    return MalformedInput(code, ".".join(where) or "body", value, rule)


def _names(words: str) -> list[str]:
    return [part.split("}")[0] for part in words.split("{")[1:]]


def _shown(value: object) -> object:
    if isinstance(value, int):
        return value
    text = value if isinstance(value, str) else repr(jsonable_encoder(value, custom_encoder={bytes: bytes.hex}))
    return text if len(text) <= VALUE_CHARS else text[:VALUE_CHARS] + "..."


def api_error(status: int) -> JSONResponse:
    """Return the JSON form of a plain HTTP status, such as an unknown address."""
    rule = _STATUS_RULES.get(status, _OTHER_FORM)
    return ErrorResponse(error_body(f"HTTP_{status}", "", "", rule), status)


def install_handlers(app: FastAPI) -> None:
    """Make every error of ours leave in the one form; no traceback and no secret in an answer, no words in the log."""
    for logger in (LOGGER, logging.getLogger("uvicorn.error")):  # the server logs what it is not the first to see
        logger.addFilter(FRAMES_ONLY)

    async def on_refused(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refused)
        return refused_response(error)

    async def on_unavailable(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Unavailable)
        return unavailable_response(error)

    async def on_broken(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Broken)
        return broken_response(error)

    async def on_validation(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return refused_response(validation_error(error))

    async def on_status(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        response = api_error(error.status_code)
        response.headers.update(error.headers or {})
        return response

    async def on_fault(_: Request, error: Exception) -> JSONResponse:
        LOGGER.error("fault of ours: %s", type(error).__name__, exc_info=error)
        rule = Text(en="none; this is a fault of ours", ja="なし(こちらの不具合です)")
        return ErrorResponse(error_body("FAULT", "", "", rule), 500)

    app.add_exception_handler(Refused, on_refused)
    app.add_exception_handler(Unavailable, on_unavailable)
    app.add_exception_handler(Broken, on_broken)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_status)
    app.add_exception_handler(Exception, on_fault)
