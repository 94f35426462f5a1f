"""The table of routes: complete, and its rules caller by caller."""

import pytest
from fastapi import APIRouter, FastAPI

from wattmark.api.app import ROUTERS
from wattmark.api.authorisation import TABLE, Access, check_access, check_table, served_routes
from wattmark.api.security import Principal, bearer_secret, not_theirs
from wattmark.core.codes import Role
from wattmark.core.errors import NotAuthorised, UnknownReference

OPERATOR = Principal(0, 0, Role.OPERATOR)
AUDITOR = Principal(1, 7, Role.AUDITOR)
MINE = Principal(2, 3, Role.CONSUMER)
OTHER = Principal(3, 4, Role.CONSUMER)
MY_PATH = {"account": "3"}


def test_every_route_has_an_entry_and_every_entry_a_route() -> None:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    for router in ROUTERS:
        app.include_router(router)
    check_table(app.routes)
    assert len(TABLE) == len(set(served_routes(app.routes)))


def secrets() -> dict[str, str]:
    return {}


def test_a_route_without_an_entry_is_not_served() -> None:
    router = APIRouter()
    router.add_api_route("/api/v1/secrets", secrets, methods=["GET"])
    with pytest.raises(AssertionError, match="/api/v1/secrets"):
        check_table([*router.routes])


ALLOWED = """
access   method  operator auditor mine other
KEY      GET     yes      yes     yes  yes
ACTOR    POST    yes      403     yes  yes
OWN      GET     yes      yes     yes  404
OBJECT   GET     yes      yes     yes  yes
OBJECT_ACT POST  yes      403     yes  yes
OVERSEE  GET     yes      yes     403  403
OPERATE  POST    yes      403     403  403
"""
CASES = [line.split() for line in ALLOWED.strip().splitlines()[1:]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]} {case[1]}")
def test_who_may(case: list[str]) -> None:
    access, method, *expected = case
    for caller, outcome in zip((OPERATOR, AUDITOR, MINE, OTHER), expected, strict=True):
        errors = {"yes": (), "403": (NotAuthorised,), "404": (UnknownReference,)}[outcome]
        if errors:
            with pytest.raises(errors):
                check_access(Access[access], caller, method, MY_PATH)
        else:
            check_access(Access[access], caller, method, MY_PATH)


def test_what_is_not_theirs_reads_like_what_does_not_exist() -> None:
    with pytest.raises(UnknownReference) as theirs:
        check_access(Access.OWN, OTHER, "GET", MY_PATH)
    nothing = not_theirs("account", "3")
    assert theirs.value.to_dict() == nothing.to_dict()


@pytest.mark.parametrize("header", ["", "Basic abc", "wm_abc", "bearerx"])
def test_only_bearer_keys_are_read(header: str) -> None:
    with pytest.raises(NotAuthorised):
        bearer_secret(header)


def test_the_scheme_is_not_case_sensitive() -> None:
    assert bearer_secret("bEaReR  wm_1") == "wm_1"
