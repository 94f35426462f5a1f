"""Which language a page is in: the address, then the cookie, then what the browser asks for."""

from typing import Final
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request

from wattmark.core.text import LANGUAGES

COOKIE: Final = "wattmark_language"
COOKIE_DAYS: Final = 365
NAMES: Final = {"ja": "日本語", "en": "English"}


def choose_language(request: Request) -> str:
    """Return ``"ja"`` or ``"en"``."""
    for asked in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if asked in LANGUAGES:
            return asked
    return _accepted(request.headers.get("accept-language", ""))


def _accepted(header: str) -> str:
    """Return the better liked of our languages in an Accept-Language header; English when none is named."""
    best, liked = "en", 0.0
    for part in header.split(","):
        name, _, quality = part.strip().partition(";q=")
        code = name.split("-")[0].lower()
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        if code in LANGUAGES and weight > liked:
            best, liked = code, weight
    return best


def address_in(request: Request, language: str) -> str:
    """Return this page's address in another language."""
    pairs = [(name, value) for name, value in parse_qsl(request.url.query) if name != "lang"]
    return f"{request.url.path}?{urlencode([*pairs, ('lang', language)])}"
