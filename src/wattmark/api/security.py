"""Who is asking: API keys in the Authorization header, and what a caller may see.

A key is ``wm_`` and 64 hexadecimal digits (256 random bits, made by the client). The platform has seen only
its SHA-256, which stands in the journal; a key acts for one account with some of the account's roles.
"""

from dataclasses import dataclass
from typing import Final

from wattmark.core.codes import Role
from wattmark.core.errors import NotAuthorised, Refused, UnknownReference
from wattmark.core.text import Text
from wattmark.crypto.hashing import sha256
from wattmark.engine import layout as e
from wattmark.flows.issue_key import authenticate
from wattmark.flows.platform import Platform

KEY_PREFIX: Final = "wm_"
SCHEME: Final = "bearer "
REMEMBERED_KEYS: Final = 100_000
OVERSEERS: Final = Role.OPERATOR | Role.AUDITOR
"""Roles that see everybody's data."""
ACTORS: Final = Role.OPERATOR | Role.PRODUCER | Role.CONSUMER | Role.COLLECTOR
"""Roles that may give commands; an auditor only reads."""

KEY_REQUIRED: Final = Text(
    en="an active API key in the Authorization header, as Bearer wm_...",
    ja="Authorizationヘッダーに有効なAPIキー(Bearer wm_...)",
)
NOT_ALLOWED: Final = Text(en="a key whose role may do this", ja="この操作を許された役割のキー")
OWN: Final = Text(en="an existing one of your own", ja="存在し、自分に属するもの")


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller.

    Attributes:
        key: row of the API key.
        account: account it acts for.
        roles: what it may do.
    """

    key: int
    account: int
    roles: Role

    @property
    def is_operator(self) -> bool:
        """Return whether the caller runs the platform."""
        return Role.OPERATOR in self.roles

    @property
    def sees_all(self) -> bool:
        """Return whether the caller may read everybody's data."""
        return bool(self.roles & OVERSEERS)

    @property
    def may_act(self) -> bool:
        """Return whether the caller may give commands at all."""
        return bool(self.roles & ACTORS)


def not_theirs(field: str, value: object) -> UnknownReference:
    """Return the error for what does not exist or is not the caller's to know of; the two read the same."""
    return UnknownReference(f"UNKNOWN_{field.upper()}", field, value, OWN)


def key_required() -> NotAuthorised:
    """Return the error of a request without a usable key (401)."""
    return NotAuthorised("KEY_REQUIRED", "authorization", "", KEY_REQUIRED)


def not_allowed(field: str, value: object) -> NotAuthorised:
    """Return the error of a key without the role (403)."""
    return NotAuthorised("NOT_ALLOWED", field, value, NOT_ALLOWED)


class KnownKeys:
    """The callers behind keys; one instance per application.

    Theory of operation. The row of a key never changes, so where it was found is remembered by the key's SHA-256.
    Whether it is still active is read from the state every time: two words of an array that only grows, which
    needs neither a lock nor another thread. Only keys that were good once are remembered.
    """

    def __init__(self, platform: Platform) -> None:
        """Look keys up in a platform."""
        self._platform = platform
        self._rows: dict[bytes, int] = {}

    def remembered(self, secret: str) -> Principal | None:
        """Return the caller behind a key that was used before and is still active, else ``None``."""
        row = self._rows.get(_digest(secret))
        return None if row is None else principal_of_key(self._platform, row)

    def identify(self, secret: str) -> Principal:
        """Return the caller behind a key; asks the read model.

        Raises:
            NotAuthorised: unknown, revoked or malformed; all three read the same, and none repeats the secret.
        """
        try:
            row = authenticate(self._platform, secret.removeprefix(KEY_PREFIX))
        except Refused as error:
            raise key_required() from error
        if len(self._rows) >= REMEMBERED_KEYS:
            self._rows.clear()
        self._rows[_digest(secret)] = row.key
        return Principal(row.key, row.account, Role(row.roles))


def _digest(secret: str) -> bytes:
    return sha256(secret.removeprefix(KEY_PREFIX).encode())


def principal_of_key(platform: Platform, key: int) -> Principal | None:
    """Return the caller behind a key's row, ``None`` when it was revoked meanwhile."""
    keys = platform.state.keys
    if not 0 <= key < len(keys) or keys[key, e.K_STATUS] != e.KEY_ACTIVE:
        return None
    return Principal(key, int(keys[key, e.K_ACCOUNT]), Role(int(keys[key, e.K_ROLES])))


def bearer_secret(header: str) -> str:
    """Return the key of an Authorization header.

    Raises:
        NotAuthorised: another scheme, or nothing.
    """
    if header[: len(SCHEME)].lower() != SCHEME:
        raise key_required()
    return header[len(SCHEME) :].strip()
