"""Who is asking: API keys in the Authorization header, and what a caller may see.

A key is ``wm_`` and 64 hexadecimal digits (256 random bits, made by the client). The platform has seen only
its SHA-256, which stands in the journal; a key acts for one account with some of the account's roles.
"""

from dataclasses import dataclass
from typing import Final

from wattmark.core.codes import Role
from wattmark.core.errors import NotAuthorised, Refused, UnknownReference
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.flows.issue_key import authenticate
from wattmark.flows.platform import Platform

KEY_PREFIX: Final = "wm_"
SCHEME: Final = "bearer "
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

    def check_reads(self, account: int, field: str, value: object) -> None:
        """Refuse to show what belongs to another account, in the words of something that does not exist.

        Raises:
            UnknownReference: the caller is neither the account nor an overseer.
        """
        if account != self.account and not self.sees_all:
            raise not_theirs(field, value)


def not_theirs(field: str, value: object) -> UnknownReference:
    """Return the error for what does not exist or is not the caller's to know of; the two read the same."""
    return UnknownReference(f"UNKNOWN_{field.upper()}", field, value, OWN)


def key_required() -> NotAuthorised:
    """Return the error of a request without a usable key (401)."""
    return NotAuthorised("KEY_REQUIRED", "authorization", "", KEY_REQUIRED)


def not_allowed(field: str, value: object) -> NotAuthorised:
    """Return the error of a key without the role (403)."""
    return NotAuthorised("NOT_ALLOWED", field, value, NOT_ALLOWED)


def identify(platform: Platform, secret: str) -> Principal:
    """Return the caller behind a key.

    Raises:
        NotAuthorised: unknown, revoked or malformed; all three read the same, and none repeats the secret.
    """
    try:
        row = authenticate(platform, secret.removeprefix(KEY_PREFIX))
    except Refused as error:
        raise key_required() from error
    return Principal(row.key, row.account, Role(row.roles))


def principal_of_key(platform: Platform, key: int) -> Principal | None:
    """Return the caller behind a key's row, ``None`` when it was revoked meanwhile."""
    if not 0 <= key < platform.state.count("keys"):
        return None
    row = platform.state.keys[key]
    if row[e.K_STATUS] != e.KEY_ACTIVE:
        return None
    return Principal(key, int(row[e.K_ACCOUNT]), Role(int(row[e.K_ROLES])))


def bearer_secret(header: str) -> str:
    """Return the key of an Authorization header.

    Raises:
        NotAuthorised: another scheme, or nothing.
    """
    if header[: len(SCHEME)].lower() != SCHEME:
        raise key_required()
    return header[len(SCHEME) :].strip()
