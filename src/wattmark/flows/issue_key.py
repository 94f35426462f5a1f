"""API keys: 256 random bits shown once; only their SHA-256 is stored, in the journal."""

from typing import Final

from wattmark.core.errors import MalformedInput, NotAuthorised
from wattmark.core.text import Text
from wattmark.crypto.hashing import sha256
from wattmark.engine import layout as e
from wattmark.engine.commands import Kind, command, words_hash
from wattmark.flows.plan import Plan, plan_of
from wattmark.flows.platform import Platform
from wattmark.flows.ports import KeyRow

SECRET_HEX_CHARS: Final = 64
_HEX: Final = frozenset("0123456789abcdef")


def key_digest(secret: str) -> bytes:
    """Return what is stored of an API key.

    Raises:
        MalformedInput: not 64 lower-case hexadecimal digits; the secret is not repeated in the error.
    """
    if len(secret) == SECRET_HEX_CHARS and _HEX.issuperset(secret):
        return sha256(secret.encode())
    rule = Text(en="64 lower-case hexadecimal digits", ja="小文字の16進数64桁")
    raise MalformedInput("KEY_MALFORMED", "api_key", "(secret)", rule)


def plan_issue_key(*, identity: int, account: int, roles: int, secret: str, actor: int = e.OPERATOR) -> Plan:
    """Return the plan that registers an API key; result0 is its row.

    Args:
        identity: 128-bit id of the command.
        account: account the key acts for.
        roles: bits of ``core.codes.Role``, among the account's own.
        secret: 256 random bits as 64 hexadecimal digits.
        actor: account that asks; an operator.

    Raises:
        MalformedInput: the secret has another form.
    """
    row = command(
        Kind.REGISTER_KEY, id=identity, actor=actor, account=account, roles=int(roles), hash=key_digest(secret)
    )
    return plan_of([row])


def issue_key(platform: Platform, *, identity: int, account: int, roles: int, secret: str, now_ms: int) -> int:
    """Register an API key and return its row.

    Raises:
        MalformedInput: the secret has another form.
        RuleViolated: unknown account, or roles the account does not have.
    """
    plan = plan_issue_key(identity=identity, account=account, roles=roles, secret=secret)
    return platform.execute_one(plan, now_ms).result0


def plan_revoke_key(*, identity: int, key: int, actor: int = e.OPERATOR) -> Plan:
    """Return the plan that ends an API key."""
    return plan_of([command(Kind.REVOKE_KEY, id=identity, actor=actor, key=key)])


def authenticate(platform: Platform, secret: str) -> KeyRow:
    """Return the active key of a secret; the read model is only the index, the state decides.

    Raises:
        MalformedInput: the secret has not the form of a key.
        NotAuthorised: no such key, or it was revoked.
    """
    digest = key_digest(secret)
    found = platform.views.key_by_digest(digest)
    if found is not None and found.key < platform.state.count("keys"):
        row = platform.state.keys[found.key]
        if words_hash(row[e.K_DIGEST : e.K_DIGEST + 4]) == digest and row[e.K_STATUS] == e.KEY_ACTIVE:
            return KeyRow(found.key, int(row[e.K_ACCOUNT]), int(row[e.K_ROLES]), digest, revoked=False)
    rule = Text(en="an active API key", ja="有効なAPIキー")
    raise NotAuthorised("KEY_UNKNOWN", "api_key", "(secret)", rule)
