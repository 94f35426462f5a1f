"""The routes of the API: who may call is asked first, then the body is read.

JSON is read as everywhere else in the product (``core.encoding``): UTF-8, no duplicate key, no NaN. FastAPI alone
would let the last of two equal keys win, so two readers could see two orders in one body.
"""

import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from typing_extensions import override

from wattmark.api.authorisation import enforce
from wattmark.api.context import context_of
from wattmark.core.encoding import json_decode_strict
from wattmark.core.errors import MalformedInput

Model = TypeVar("Model", bound=BaseModel)


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
    """A route that asks ``enforce`` first and reads its JSON body with ``read_json``; the class of all of the API."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with a strict request in place of the plain one."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            await enforce(request, context_of(request))
            try:
                return await handle(_StrictRequest(request.scope, request.receive))
            except HTTPException as error:
                if isinstance(error.__cause__, RequestValidationError):
                    raise error.__cause__ from error  # FastAPI makes a bare 400 of what ``json`` raises
                raise

        return handle_strictly


class DirectRoute(StrictRoute):
    """A route that many requests a second take: its endpoint gets the request as it is and makes the response itself.

    FastAPI still finds and describes it; its body model stands in ``openapi_extra``.
    """

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the endpoint behind ``enforce``."""
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint

        async def handle(request: Request) -> Response:
            await enforce(request, context_of(request))
            return await endpoint(request)

        return handle


def read_model(model: type[Model], body: bytes) -> Model:
    """Return a body as its model.

    Raises:
        RequestValidationError: no JSON, or not of the model's form.
    """
    try:
        return model.model_validate(read_json(body))
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


class _StrictRequest(Request):
    @override
    async def json(self) -> Any:
        return read_json(await self.body())
