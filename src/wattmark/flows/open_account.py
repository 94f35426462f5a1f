"""Open an account: roles, credit limit and a free text that only its hash is public of (L8)."""

from collections.abc import Mapping
from typing import Any, Final

from wattmark.core.encoding import json_canonical
from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.engine.commands import Kind, command, payload_hash
from wattmark.engine.layout import OPERATOR
from wattmark.flows.plan import Plan, plan_of
from wattmark.flows.platform import Platform

MAX_PROFILE_BYTES: Final = 65_536
SALT_BYTES: Final = 16


def plan_open_account(
    *,
    identity: int,
    roles: int,
    profile: Mapping[str, Any],
    salt: bytes,
    credit_limit_e5jpy: int = 0,
    actor: int = OPERATOR,
) -> Plan:
    """Return the plan that opens an account; result0 is its number.

    Args:
        identity: 128-bit id of the command.
        roles: bits of ``core.codes.Role``.
        profile: what is known of the holder, such as ``{"name": {"en": ..., "ja": ...}}``.
        salt: 16 random bytes; they keep the profile's hash from being guessed.
        credit_limit_e5jpy: how far the cash may go below zero [10^-5 JPY].
        actor: account that asks; an operator.

    Raises:
        MalformedInput: the profile is no JSON object of moderate size, or the salt is not 16 bytes.
    """
    return _plan(identity, actor, roles, credit_limit_e5jpy, account_payload(profile, salt))


def account_payload(profile: Mapping[str, Any], salt: bytes) -> bytes:
    """Return the canonical JSON that an OPEN_ACCOUNT command names by hash.

    Raises:
        MalformedInput: not a JSON object of at most 64 KiB, or a salt of another length.
    """
    if len(salt) != SALT_BYTES:
        rule = Text(en="16 random bytes", ja="16バイトの乱数")
        raise MalformedInput("SALT_INVALID", "salt", len(salt), rule)
    return checked_json("profile", {**profile, "salt": salt.hex()})


def checked_json(field: str, value: Mapping[str, Any]) -> bytes:
    """Return a payload's canonical JSON.

    Raises:
        MalformedInput: it cannot be written as canonical JSON, or takes more than 64 KiB.
    """
    rule = Text(en="a JSON object of at most 65,536 bytes", ja="65,536バイト以下のJSONオブジェクト")
    try:
        data = json_canonical(dict(value))
    except (ValueError, TypeError, RecursionError) as error:
        raise MalformedInput("PAYLOAD_INVALID", field, str(error), rule) from error
    if len(data) > MAX_PROFILE_BYTES:
        raise MalformedInput("PAYLOAD_TOO_LONG", field, len(data), rule)
    return data


def open_account(platform: Platform, plan: Plan, now_ms: int) -> int:
    """Carry out ``plan_open_account`` and return the account's number.

    Raises:
        RuleViolated: the command was refused.
        Unavailable: nothing was acknowledged.
    """
    return platform.execute_one(plan, now_ms).result0


def _plan(identity: int, actor: int, roles: int, credit: int, payload: bytes) -> Plan:
    row = command(
        Kind.OPEN_ACCOUNT,
        id=identity,
        actor=actor,
        roles=int(roles),
        credit_limit_e5jpy=credit,
        hash=payload_hash(payload),
    )
    return plan_of([row], [payload])
