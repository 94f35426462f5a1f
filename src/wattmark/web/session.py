"""Sessions of the pages: a signed cookie that names a key's row, and a token in every form.

Nothing is stored on the server. The cookie is ``version.key.expires.nonce.signature``; it says which API key logged
in, never the key itself, and it is worth nothing once that key is revoked. The form token is bound to the
cookie, so a form of another site cannot use it. A visitor without a session gets a cookie with key -1.
"""

import hmac
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from wattmark.core.errors import NotAuthorised
from wattmark.core.ids import random_bytes
from wattmark.core.text import Text

COOKIE: Final = "wattmark_session"
VERSION: Final = "1"
SESSION_S: Final = 12 * 3_600
NOBODY: Final = -1
NONCE_BYTES: Final = 16
PARTS: Final = 5
MAX_COOKIE_CHARS: Final = 256

STALE_FORM: Final = Text(
    en="a form of this session; load the page again", ja="この画面から送信された入力(読み込み直してください)"
)


@dataclass(frozen=True, slots=True)
class Session:
    """What the cookie says.

    Attributes:
        key: row of the API key that logged in, -1 for a visitor.
        expires_s: when it ends [POSIX s].
        nonce: random, makes the form token of this session.
    """

    key: int
    expires_s: int
    nonce: str

    @property
    def body(self) -> str:
        """Return what is signed."""
        return f"{VERSION}.{self.key}.{self.expires_s}.{self.nonce}"


def new_session(key: int, now_s: int) -> Session:
    """Return a fresh session."""
    return Session(key, now_s + SESSION_S, random_bytes(NONCE_BYTES).hex())


def read_session(request: Request, secret: bytes, now_s: int) -> Session | None:
    """Return the session of a request's cookie, ``None`` when there is none that holds."""
    text = request.cookies.get(COOKIE, "")
    body, _, signature = text.rpartition(".")
    if len(text) > MAX_COOKIE_CHARS or not hmac.compare_digest(signature.encode(), _sign(secret, "session", body)):
        return None
    parts = body.split(".")
    if len(parts) != PARTS - 1 or parts[0] != VERSION:
        return None
    session = Session(int(parts[1]), int(parts[2]), parts[3])
    return session if session.expires_s > now_s else None


def write_session(response: Response, session: Session, secret: bytes, *, secure: bool) -> None:
    """Set the cookie: not for scripts, not for other sites."""
    value = f"{session.body}.{_sign(secret, 'session', session.body).decode()}"
    response.set_cookie(COOKIE, value, max_age=SESSION_S, httponly=True, samesite="lax", secure=secure)


def form_token(session: Session, secret: bytes) -> str:
    """Return the token that every form of a session carries."""
    return _sign(secret, "form", session.body).decode()


def check_token(session: Session | None, token: str, secret: bytes) -> Session:
    """Return the session whose form this is.

    Raises:
        NotAuthorised: no session, or a token of another one.
    """
    if session is None or not hmac.compare_digest(token.encode(), form_token(session, secret).encode()):
        raise NotAuthorised("FORM_STALE", "csrf", "", STALE_FORM)
    return session


def _sign(secret: bytes, purpose: str, body: str) -> bytes:
    return hmac.digest(secret, f"wattmark {purpose}\n{body}".encode(), "sha256").hex().encode()
