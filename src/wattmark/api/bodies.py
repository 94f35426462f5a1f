"""JSON bodies read as everywhere else in the product: UTF-8, no duplicate key, no NaN (``core.encoding``).

FastAPI alone would let the last of two equal keys win, so two readers could see two orders in one body.
"""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from typing_extensions import override

from wattmark.core.encoding import json_decode_strict
from wattmark.core.errors import MalformedInput


def read_json(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value of a body, whose length ``Shield`` has limited.

    Raises:
        RequestValidationError: of type ``json_invalid``; its place is the character where that is known.
    """
    try:
        return json_decode_strict(body, len(body))
    except MalformedInput as error:
        cause = error.__cause__
        place = ("body", cause.pos) if isinstance(cause, json.JSONDecodeError) else ("body",)
        fault: dict[str, Any] = {"type": "json_invalid", "loc": place, "msg": "JSON decode error", "input": {}}
        raise RequestValidationError([fault]) from error


class StrictRoute(APIRoute):
    """A route whose JSON body goes through ``read_json``; the class of every route of the API."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with a strict request in place of the plain one."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            try:
                return await handle(_StrictRequest(request.scope, request.receive))
            except HTTPException as error:
                if isinstance(error.__cause__, RequestValidationError):
                    raise error.__cause__ from error  # FastAPI makes a bare 400 of what ``json`` raises
                raise

        return handle_strictly


class _StrictRequest(Request):
    @override
    async def json(self) -> Any:
        return read_json(await self.body())
