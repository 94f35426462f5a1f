"""One visit to a page: language, session, who is logged in, and how the page is rendered."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar, cast

from fastapi import Depends, Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from wattmark.api.context import Context, context_of
from wattmark.api.security import Principal, principal_of_key
from wattmark.core.errors import NotAuthorised
from wattmark.core.text import LANGUAGES, Text
from wattmark.flows.platform import Platform
from wattmark.web.assets import Assets
from wattmark.web.charts.svg import texture_defs
from wattmark.web.language import COOKIE, COOKIE_DAYS, NAMES, address_in, choose_language
from wattmark.web.say import Say
from wattmark.web.session import NOBODY, Session, check_token, form_token, new_session, read_session, write_session

Answer = TypeVar("Answer")
DAY_S: Final = 86_400
LOG_IN: Final = Text(en="a visitor who has logged in", ja="ログインした利用者")

PLACES: Final = (
    ("site.today", "/", "M3 12L12 4l9 8M6 10v10h12V10"),
    ("site.plants", "/plants", "M12 21v-8M12 13c0-4 3-7 8-8 0 5-3 8-8 8zM12 16c0-3-2-6-7-7 0 4 3 7 7 7z"),
    ("site.market", "/market", "M4 20V10M4 14h0M10 20V4M16 20v-8M20 20H2"),
    ("site.me", "/me", "M13 3L5 14h6l-1 7 8-11h-6z"),
    ("site.log", "/log", "M6 3h12v18H6zM9 8h6M9 12h6M9 16h4"),
)
"""Key of the name, address, outline of the sign; the five places of the site."""


def make_environment() -> Environment:
    """Return the templates: everything escaped, a missing value is an error."""
    return Environment(
        loader=PackageLoader("wattmark.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@dataclass(slots=True)
class Visit:
    """One request for a page.

    Attributes:
        request: as received.
        context: the platform.
        say: the language.
        session: what the cookie says, ``None`` without one that holds.
        visitor: who is logged in, if anybody.
    """

    request: Request
    context: Context
    say: Say
    session: Session | None
    visitor: Principal | None

    @property
    def signed_in(self) -> Principal:
        """Return who is logged in.

        Raises:
            NotAuthorised: nobody is.
        """
        if self.visitor is None:
            raise NotAuthorised("KEY_REQUIRED", "session", "", LOG_IN)
        return self.visitor

    async def read(self, query: Callable[[Platform], Answer]) -> Answer:
        """Return what ``query`` reads while the state stands still."""
        return await self.context.read(query)

    async def form(self) -> dict[str, str]:
        """Return the fields of a posted form of this session.

        Raises:
            NotAuthorised: the form is not of this session.
        """
        posted = await self.request.form()
        fields = {name: value for name, value in posted.items() if isinstance(value, str)}
        check_token(self.session, fields.get("csrf", ""), self.context.platform.keys.web)
        return fields

    def page(self, template: str, values: dict[str, Any], status: int = 200) -> Response:
        """Return the rendered page, with the cookies it needs."""
        assets: Assets = self.request.app.state.assets
        environment: Environment = self.request.app.state.environment
        session = self.session or new_session(NOBODY, self.now_s)
        here = self.request.url.path
        secret = self.context.platform.keys.web
        known = {
            "lang": self.say.language,
            "languages": LANGUAGES,
            "language_name": NAMES.__getitem__,
            "in_language": lambda code: address_in(self.request, code),
            "t": self.say.t,
            "static": assets.address,
            "textures": texture_defs(),
            "places": _places(here),
            "visitor": self.visitor,
            "csrf": form_token(session, secret),
            "platform_name": self.say.text(self.context.platform.settings.name),
        }
        body = environment.get_template(template).render(known | values)
        response = HTMLResponse(body, status, {"Cache-Control": "no-store", "Vary": "Accept-Language, Cookie"})
        response.headers["Content-Language"] = self.say.language
        if self.session is None:
            write_session(response, session, secret, secure=self.is_secure)
        if self.request.query_params.get("lang") == self.say.language:
            response.set_cookie(
                COOKIE, self.say.language, max_age=COOKIE_DAYS * DAY_S, samesite="lax", secure=self.is_secure
            )
        return response

    def log_in(self, key: int, to: str) -> Response:
        """Return the redirection that begins a session of a key; key -1 ends it."""
        response = RedirectResponse(to, 303)
        session = new_session(key, self.now_s)
        write_session(response, session, self.context.platform.keys.web, secure=self.is_secure)
        return response

    @property
    def now_s(self) -> int:
        """Return the time [POSIX s]."""
        return self.context.clock() // 1_000

    @property
    def is_secure(self) -> bool:
        """Return whether the request came over TLS, as far as this process or its proxy knows."""
        return self.request.url.scheme == "https"


def _places(here: str) -> list[dict[str, object]]:
    return [
        {"key": key, "href": href, "icon": icon, "here": here == href or (href != "/" and here.startswith(href))}
        for key, href, icon in PLACES
    ]


async def begin_visit(request: Request) -> Visit:
    """Return the visit of a request; a session whose key was revoked is nobody's."""
    context = context_of(request)
    session = read_session(request, context.platform.keys.web, context.clock() // 1_000)
    visitor = None
    if session is not None and session.key != NOBODY:
        visitor = principal_of_key(context.platform, session.key)
        session = session if visitor is not None else None
    return Visit(request, context, Say(choose_language(request)), session, visitor)


async def visit_of(request: Request) -> Visit:
    """Return the visit that the access check began."""
    return cast("Visit", request.state.visit)


Visited = Annotated[Visit, Depends(visit_of)]
"""A route's parameter: the visit."""
