"""The API and the pages as one application."""

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from wattmark.api.app import create_app
from wattmark.api.errors import (
    LOGGER,
    api_error,
    broken_response,
    refused_response,
    status_of,
    unavailable_response,
    validation_error,
)
from wattmark.core.clock import Clock, now_ms
from wattmark.core.errors import Broken, Refused, Unavailable
from wattmark.core.text import Text
from wattmark.flows.platform import Platform
from wattmark.web.access import admit, check_pages
from wattmark.web.assets import Assets
from wattmark.web.pages import entrance, front, log, market, me, orders, plants, product, watch
from wattmark.web.visit import begin_visit, make_environment

ROUTERS = (
    front.router,
    plants.router,
    market.router,
    product.router,
    me.router,
    orders.router,
    watch.router,
    log.router,
    entrance.router,
)
API_PREFIXES = ("/api/", "/log/tile/", "/log/checkpoint")
NEEDS_LOGIN = "KEY_REQUIRED"
KNOWN_ERRORS = (400, 401, 403, 404, 413, 422, 503, 500)
"""Statuses with words of their own; others read like the first or the last."""


def create_site(platform: Platform, clock: Clock = now_ms) -> FastAPI:
    """Return the API with the pages.

    Args:
        platform: open for writing; its owner closes it after the application has ended.
        clock: POSIX milliseconds.
    """
    app = create_app(platform, clock)
    app.state.assets = Assets()
    app.state.environment = make_environment()
    pages = APIRouter(dependencies=[Depends(admit)], include_in_schema=False)
    for router in ROUTERS:
        pages.include_router(router)
    check_pages(pages.routes)
    app.include_router(pages)
    _install_handlers(app)
    return app


def _install_handlers(app: FastAPI) -> None:
    """Errors of pages leave as pages, those of the API as JSON."""

    async def on_refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        if _is_api(request):
            return refused_response(error)
        status = status_of(error)
        if error.code == NEEDS_LOGIN and request.method == "GET":
            return RedirectResponse(f"/login?next={request.url.path}", 303)
        return await error_page(request, status, error)

    async def on_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        refused = validation_error(error)
        if _is_api(request):
            return refused_response(refused)
        # an address with a number that is none leads nowhere
        status = 404 if error.errors()[0]["loc"][0] == "path" else 422
        return await error_page(request, status, refused)

    async def on_status(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if _is_api(request):
            response: Response = api_error(error.status_code)
        else:
            response = await error_page(request, error.status_code)
        response.headers.update(error.headers or {})
        return response

    async def on_unavailable(request: Request, error: Exception) -> Response:
        assert isinstance(error, Unavailable)
        response: Response = unavailable_response(error)
        if not _is_api(request):
            page = await error_page(request, 503, reason=error.reason)
            page.headers["Retry-After"] = response.headers["Retry-After"]
            return page
        return response

    async def on_broken(request: Request, error: Exception) -> Response:
        assert isinstance(error, Broken)
        return broken_response(error) if _is_api(request) else await error_page(request, 500)

    async def on_fault(request: Request, error: Exception) -> Response:
        LOGGER.error("fault of ours: %s", type(error).__name__, exc_info=error)
        return api_error(500) if _is_api(request) else await error_page(request, 500)

    app.add_exception_handler(Refused, on_refused)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_status)
    app.add_exception_handler(Unavailable, on_unavailable)
    app.add_exception_handler(Broken, on_broken)
    app.add_exception_handler(Exception, on_fault)


async def error_page(
    request: Request, status: int, error: Refused | None = None, reason: Text | None = None
) -> Response:
    """Return an error as a page: what is at fault, its value, the rule; or the reason it is not possible now."""
    visit = await begin_visit(request)
    known = {409: 422}.get(status, status)
    known = known if known in KNOWN_ERRORS else KNOWN_ERRORS[-1] if status >= 500 else KNOWN_ERRORS[0]
    shown = {
        "status": status,
        "title": visit.say.t(f"error.{known}"),
        "words": visit.say.t("error.words") if reason is None else visit.say.text(reason),
        "field": "" if error is None else error.field,
        "value": "" if error is None else error.shown_value(),
        "rule": "" if error is None else visit.say.text(error.rule),
        "code": "" if error is None else error.code,
    }
    return visit.page("error.html", {"error": shown}, status)


def _is_api(request: Request) -> bool:
    return request.url.path.startswith(API_PREFIXES)
