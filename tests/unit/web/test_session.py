"""Sessions: signed, expiring, bound to their forms; nothing of the key stands in the cookie."""

import pytest
from starlette.requests import Request
from starlette.responses import Response

from wattmark.core.errors import NotAuthorised
from wattmark.web.session import (
    COOKIE,
    NOBODY,
    SESSION_S,
    Session,
    check_token,
    form_token,
    new_session,
    read_session,
    write_session,
)

SECRET, OTHER = b"s" * 32, b"o" * 32
NOW_S = 1_700_000_000


def cookie_of(session: Session, secret: bytes = SECRET, *, secure: bool = False) -> str:
    response = Response()
    write_session(response, session, secret, secure=secure)
    return response.headers["set-cookie"]


def request(cookie: str) -> Request:
    header = cookie.split(";", maxsplit=1)[0].encode()
    return Request({"type": "http", "headers": [(b"cookie", header)], "method": "GET", "path": "/"})


def test_a_session_is_read_back_until_it_ends() -> None:
    session = new_session(7, NOW_S)
    cookie = cookie_of(session)
    assert read_session(request(cookie), SECRET, NOW_S) == session
    assert read_session(request(cookie), SECRET, NOW_S + SESSION_S - 1) == session
    assert read_session(request(cookie), SECRET, NOW_S + SESSION_S) is None


def test_the_cookie_is_kept_from_scripts_and_other_sites() -> None:
    words = cookie_of(new_session(7, NOW_S)).lower()
    assert "httponly" in words
    assert "samesite=lax" in words
    assert "secure" not in words
    assert "secure" in cookie_of(new_session(7, NOW_S), secure=True).lower()


@pytest.mark.parametrize("position", range(0, 120, 7))
def test_one_changed_letter_is_noticed(position: int) -> None:
    text = cookie_of(new_session(7, NOW_S)).split(";")[0]
    at = len(COOKIE) + 1 + position % (len(text) - len(COOKIE) - 1)
    changed = text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]
    assert read_session(request(changed), SECRET, NOW_S) is None


@pytest.mark.parametrize(
    "text", ["", "x", "....", "1.7.9", f"{COOKIE}=", f"{COOKIE}=1.2.3.4.5", f"{COOKIE}={'1' * 900}"]
)
def test_nonsense_is_nobody(text: str) -> None:
    assert read_session(request(text), SECRET, NOW_S) is None


def test_another_secret_ends_all_sessions() -> None:
    assert read_session(request(cookie_of(new_session(7, NOW_S))), OTHER, NOW_S) is None


def test_a_form_belongs_to_one_session() -> None:
    mine, theirs = new_session(7, NOW_S), new_session(7, NOW_S)
    token = form_token(mine, SECRET)
    assert check_token(mine, token, SECRET) == mine
    for session, given in ((theirs, token), (None, token), (mine, ""), (mine, token[:-1] + "x")):
        with pytest.raises(NotAuthorised) as error:
            check_token(session, given, SECRET)
        assert given == "" or given not in str(error.value)


def test_a_visitors_token_is_worth_nothing_after_logging_in() -> None:
    visitor = new_session(NOBODY, NOW_S)
    with pytest.raises(NotAuthorised):
        check_token(new_session(7, NOW_S), form_token(visitor, SECRET), SECRET)
