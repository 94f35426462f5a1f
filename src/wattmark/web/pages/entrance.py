"""Logging in and out, the about page, the API page, static files."""

import asyncio
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from wattmark.api.authorisation import TABLE
from wattmark.core.errors import NotAuthorised
from wattmark.web.assets import Assets
from wattmark.web.pages.parts import Message
from wattmark.web.session import NOBODY
from wattmark.web.visit import Visit, Visited

router = APIRouter()

AFTER_LOGIN: Final = "/me"
MAX_KEY_CHARS: Final = 128


@router.get("/login")
async def login_page(visit: Visited, next: str = AFTER_LOGIN) -> Response:  # noqa: A002 - the address's name
    """Show the form."""
    return visit.page("login.html", {"message": None, "next": own_address(next)})


@router.post("/login")
async def login(visit: Visited) -> Response:
    """Begin a session of the API key."""
    fields = await visit.form()
    secret, to = fields.get("key", "").strip(), own_address(fields.get("next", AFTER_LOGIN))
    try:
        if len(secret) > MAX_KEY_CHARS:
            secret = ""
        caller = await asyncio.to_thread(visit.context.keys.identify, secret)
    except NotAuthorised:
        say = visit.say
        message = Message("no", say.t("login.refused"), (say.t("login.refused_words"),))
        return visit.page("login.html", {"message": message, "next": to}, 401)
    return visit.log_in(caller.key, to)


@router.post("/logout")
async def logout(visit: Visited) -> Response:
    """End the session."""
    await visit.form()
    return visit.log_in(NOBODY, "/")


@router.get("/about")
async def about(visit: Visited) -> Response:
    """Say what this is."""
    return visit.page("about.html", {})


@router.get("/docs/api")
async def api_page(visit: Visited) -> Response:
    """Show the API, drawn from its own OpenAPI description."""
    return visit.page("docs_api.html", {"groups": api_groups(visit), "base": str(visit.request.base_url).rstrip("/")})


@router.get("/static/{name}")
async def static(name: str, visit: Visited) -> Response:
    """Return a static file."""
    assets: Assets = visit.request.app.state.assets
    return assets.response(name)


def own_address(address: str) -> str:
    """Return an address of this site, the front page of one's own for anything else."""
    is_own = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if is_own else AFTER_LOGIN


def api_groups(visit: Visit) -> list[dict[str, Any]]:
    """Return the calls of the API by tag."""
    schema: dict[str, Any] = visit.request.app.openapi()
    access = {(method, path.replace(":path}", "}")): who for (method, path), who in TABLE.items()}
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, calls in schema["paths"].items():
        for method, call in calls.items():
            entry = {
                "method": method.upper(),
                "path": path,
                "summary": call.get("summary", ""),
                "who": access[method.upper(), path].value,
                "fields": _fields(call, schema),
            }
            groups.setdefault((call.get("tags") or ["api"])[0], []).append(entry)
    return [{"name": name, "calls": calls} for name, calls in groups.items()]


def _fields(call: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    fields = [
        {
            "name": item["name"],
            "where": item["in"],
            "type": _type(item.get("schema", {}), schema),
            "required": item.get("required", False),
            "meaning": item.get("description", ""),
        }
        for item in call.get("parameters", [])
    ]
    content = call.get("requestBody", {}).get("content", {}).get("application/json", {})
    body = _resolved(content.get("schema", {}), schema)
    required = set(body.get("required", ()))
    for name, item in body.get("properties", {}).items():
        fields.append(
            {
                "name": name,
                "where": "body",
                "type": _type(item, schema),
                "required": name in required,
                "meaning": item.get("description", ""),
            }
        )
    return fields


def _resolved(item: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference = item.get("$ref", "")
    if not reference:
        return item
    found: dict[str, Any] = schema["components"]["schemas"][reference.rsplit("/", 1)[-1]]
    return found


def _type(item: dict[str, Any], schema: dict[str, Any]) -> str:
    if "anyOf" in item:
        return " | ".join(_type(part, schema) for part in item["anyOf"])
    if "enum" in item:
        return " | ".join(str(value) for value in item["enum"])
    if "const" in item:
        return str(item["const"])
    limits = [f"{sign} {item[name]}" for name, sign in (("minimum", "≥"), ("maximum", "≤")) if name in item]
    kind = item.get("type") or _resolved(item, schema).get("type", "")
    return " ".join([kind, *limits])
