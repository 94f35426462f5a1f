"""Who may open which page: one table, as for the API; a page without an entry cannot be served."""

from collections.abc import Iterable
from enum import Enum
from typing import Final

from fastapi import Request
from starlette.routing import BaseRoute

from wattmark.api.authorisation import served_routes
from wattmark.api.security import not_allowed
from wattmark.web.visit import begin_visit


class PageAccess(Enum):
    """Who may open a page: everybody, those who logged in and then only their own, or operators and auditors."""

    PUBLIC = "everybody"
    OWN = "who has logged in, their own data only"
    OVERSEE = "operators and auditors"


PAGES: Final[dict[tuple[str, str], PageAccess]] = {
    ("GET", "/"): PageAccess.PUBLIC,
    ("GET", "/plants"): PageAccess.PUBLIC,
    ("GET", "/plants/{device}"): PageAccess.PUBLIC,
    ("GET", "/stamp/{lot}.svg"): PageAccess.PUBLIC,
    ("GET", "/stamp/{lot}"): PageAccess.PUBLIC,
    ("GET", "/market"): PageAccess.PUBLIC,
    ("GET", "/market/{product}"): PageAccess.PUBLIC,
    ("POST", "/market/{product}/order"): PageAccess.OWN,
    ("GET", "/me"): PageAccess.OWN,
    ("GET", "/me/sheet/{day}.svg"): PageAccess.OWN,
    ("GET", "/me/statement/{day}.json"): PageAccess.OWN,
    ("GET", "/me/certificate/{lot}.json"): PageAccess.OWN,
    ("GET", "/me/orders"): PageAccess.OWN,
    ("GET", "/me/orders/cancel-all"): PageAccess.OWN,
    ("POST", "/me/orders/cancel-all"): PageAccess.OWN,
    ("GET", "/me/orders/{order}"): PageAccess.OWN,
    ("POST", "/me/orders/{order}/cancel"): PageAccess.OWN,
    ("POST", "/me/orders/{order}/amend"): PageAccess.OWN,
    ("GET", "/me/wallet"): PageAccess.OWN,
    ("GET", "/watch"): PageAccess.OVERSEE,
    ("GET", "/log"): PageAccess.PUBLIC,
    ("GET", "/log/{position}"): PageAccess.PUBLIC,
    ("GET", "/log/{position}/proof"): PageAccess.PUBLIC,
    ("GET", "/verify"): PageAccess.PUBLIC,
    ("POST", "/verify"): PageAccess.PUBLIC,
    ("GET", "/login"): PageAccess.PUBLIC,
    ("POST", "/login"): PageAccess.PUBLIC,
    ("POST", "/logout"): PageAccess.PUBLIC,
    ("GET", "/about"): PageAccess.PUBLIC,
    ("GET", "/docs/api"): PageAccess.PUBLIC,
    ("GET", "/static/{name}"): PageAccess.PUBLIC,
}
"""(method, path) -> who may open it. What a public page shows is public for everybody."""


def check_pages(routes: Iterable[BaseRoute]) -> None:
    """Check that every page has an entry and every entry a page; a mistake of ours ends the start."""
    served = set(served_routes(routes))
    assert served == PAGES.keys(), f"pages and their table differ: {sorted(served ^ PAGES.keys())}"


async def admit(request: Request) -> None:
    """Begin the visit and let it through to its page, or refuse it.

    Raises:
        NotAuthorised: the page is for those who have logged in, or for operators and auditors.
    """
    visit = await begin_visit(request)
    request.state.visit = visit
    access = PAGES[request.method, request.scope["route"].path]
    if access is not PageAccess.PUBLIC and not visit.signed_in.sees_all and access is PageAccess.OVERSEE:
        raise not_allowed("session", request.url.path)
