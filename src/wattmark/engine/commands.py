"""Commands: kinds, their fields, and the 128-byte record."""

import hashlib
from collections.abc import Iterable
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.errors import MalformedInput
from wattmark.core.ids import id_words, words_id
from wattmark.core.text import Text
from wattmark.engine import layout

Words = npt.NDArray[np.int64]
HASH_BYTES: Final = 32
INT64_MIN: Final = -(1 << 63)
INT64_MAX: Final = (1 << 63) - 1


class Kind(IntEnum):
    """What a command asks for."""

    OPEN_ACCOUNT = layout.OPEN_ACCOUNT
    REGISTER_KEY = layout.REGISTER_KEY
    REVOKE_KEY = layout.REVOKE_KEY
    REGISTER_DEVICE = layout.REGISTER_DEVICE
    REGISTER_METER_KEY = layout.REGISTER_METER_KEY
    LIST_PRODUCT = layout.LIST_PRODUCT
    ISSUE = layout.ISSUE
    WITHDRAW = layout.WITHDRAW
    TRANSFER = layout.TRANSFER
    SPLIT = layout.SPLIT
    RESERVE = layout.RESERVE
    RELEASE = layout.RELEASE
    RETIRE = layout.RETIRE
    EXPIRE = layout.EXPIRE
    BANK = layout.BANK
    SET_COVER = layout.SET_COVER
    DEPOSIT = layout.DEPOSIT
    PAYOUT = layout.PAYOUT
    PAY = layout.PAY
    PLACE_ORDER = layout.PLACE_ORDER
    CANCEL = layout.CANCEL
    CLEAR_AUCTION = layout.CLEAR_AUCTION
    BULK_ROOT = layout.BULK_ROOT
    STATE_HASH = layout.STATE_HASH
    CLOSE_PRODUCT = layout.CLOSE_PRODUCT
    AMEND = layout.AMEND
    CANCEL_ALL = layout.CANCEL_ALL
    SET_LIMITS = layout.SET_LIMITS
    SET_TRADING = layout.SET_TRADING
    ANSWER_CAPACITY = layout.ANSWER_CAPACITY
    OPEN_ROUTE = layout.OPEN_ROUTE
    OPEN_BLOCK = layout.OPEN_BLOCK
    PLACE_SLOT = layout.PLACE_SLOT
    CANCEL_BLOCK = layout.CANCEL_BLOCK
    PRICE_AUCTION = layout.PRICE_AUCTION
    DECIDE_BLOCK = layout.DECIDE_BLOCK
    CLEAR_COUPLED = layout.CLEAR_COUPLED


class BulkKind(IntEnum):
    """What a bulk record is the root of."""

    READINGS = 1
    ALLOCATION = 2
    PLAN = 3
    STATEMENTS = 4
    IMPORT = 5
    SETTINGS = 6
    AUCTIONS = 7


FIELDS: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.OPEN_ACCOUNT: ("roles", "credit_limit_e5jpy"),
    Kind.REGISTER_KEY: ("account", "roles"),
    Kind.REVOKE_KEY: ("key",),
    Kind.REGISTER_DEVICE: (
        "account",
        "area",
        "source",
        "capacity_w",
        "channel_role",
        "register_open_wh",
        "resolution_s",
        "tier",
    ),
    Kind.REGISTER_METER_KEY: ("device", "alg", "valid_from_ms"),
    Kind.LIST_PRODUCT: (
        "area",
        "source",
        "period_start_s",
        "duration_s",
        "gate_open_ms",
        "gate_close_ms",
        "mode",
        "scope",
    ),
    Kind.ISSUE: ("device", "period_start_s", "duration_s", "reg_from_wh", "reg_to_wh", "expiry_s", "tier"),
    Kind.WITHDRAW: ("lot", "start", "end", "reason"),
    Kind.TRANSFER: ("lot", "start", "end", "to_account"),
    Kind.SPLIT: ("lot", "start", "end"),
    Kind.RESERVE: ("lot", "start", "end", "timeout_ms"),
    Kind.RELEASE: ("lot",),
    Kind.RETIRE: ("lot", "start", "end", "beneficiary_account", "claim", "period_start_s", "duration_s"),
    Kind.EXPIRE: ("lot",),
    Kind.BANK: ("lot", "start", "end", "rule", "redeem_until_s"),
    Kind.SET_COVER: ("forward_wh", "stored_wh", "stress_price_sen"),
    Kind.DEPOSIT: ("account", "amount_e5jpy"),
    Kind.PAYOUT: ("account", "amount_e5jpy"),
    Kind.PAY: ("from_account", "to_account", "amount_e5jpy", "reason", "period_start_s", "duration_s"),
    Kind.PLACE_ORDER: (
        "product",
        "side",
        "price_sen_per_kwh",
        "quantity_wh",
        "lot",
        "start",
        "tif",
        "expires_ms",
        "min_quantity_wh",
        "display_wh",
        "self_trade",
        "session",
        "area",
    ),
    Kind.CANCEL: ("target_id_low", "target_id_high"),
    Kind.CLEAR_AUCTION: ("product",),
    Kind.BULK_ROOT: ("bulk_kind", "rows", "total_wh", "period_start_s", "duration_s"),
    Kind.STATE_HASH: ("frame_sequence",),
    Kind.CLOSE_PRODUCT: ("product",),
    Kind.AMEND: ("target_id_low", "target_id_high", "price_sen_per_kwh", "quantity_wh"),
    Kind.CANCEL_ALL: ("account", "product", "session"),
    Kind.SET_LIMITS: ("product", "low_sen_per_kwh", "high_sen_per_kwh", "position_wh"),
    Kind.SET_TRADING: ("product", "trading_state", "reason"),
    Kind.ANSWER_CAPACITY: ("product", "granted_wh"),
    Kind.OPEN_ROUTE: ("product", "from_area", "to_area"),
    Kind.OPEN_BLOCK: ("block_kind", "side", "price_sen_per_kwh", "slots", "partner"),
    Kind.PLACE_SLOT: ("block", "product", "quantity_wh", "lot", "start"),
    Kind.CANCEL_BLOCK: ("block",),
    Kind.PRICE_AUCTION: ("product", "price_sen_per_kwh", "net_export_wh"),
    Kind.DECIDE_BLOCK: ("block", "accept"),
    Kind.CLEAR_COUPLED: ("product", "income_account"),
}
"""Names of the words from word 3 on."""

OPTIONAL: Final[dict[Kind, frozenset[str]]] = {
    Kind.PLACE_ORDER: frozenset(
        {"expires_ms", "min_quantity_wh", "display_wh", "self_trade", "session", "area"},
    )
}
"""Fields that may be left out; they are zero then."""

HASHED: Final = frozenset(kind for kind in Kind if layout.HAS_HASH[kind])
"""Kinds whose words 12 to 15 hold a SHA-256: of the payload, the API key, the evidence or the state."""

PAYLOAD_KINDS: Final = frozenset({Kind.OPEN_ACCOUNT, Kind.REGISTER_DEVICE, Kind.REGISTER_METER_KEY, Kind.BULK_ROOT})
"""Kinds whose hash is that of a payload which travels beside the command."""

PUBLIC_KINDS: Final = frozenset(
    {
        Kind.REGISTER_METER_KEY,
        Kind.LIST_PRODUCT,
        Kind.ISSUE,
        Kind.WITHDRAW,
        Kind.SET_COVER,
        Kind.CLEAR_AUCTION,
        Kind.BULK_ROOT,
        Kind.STATE_HASH,
        Kind.CLOSE_PRODUCT,
        Kind.SET_LIMITS,
        Kind.SET_TRADING,
        Kind.ANSWER_CAPACITY,
        Kind.OPEN_ROUTE,
        Kind.PRICE_AUCTION,
        Kind.CLEAR_COUPLED,
    }
)
"""Kinds whose entries are served to everybody, bulk records as far as ``PUBLIC_BULKS`` says; the rest are personal (L8)."""

PUBLIC_BULKS: Final = frozenset({BulkKind.PLAN, BulkKind.SETTINGS, BulkKind.AUCTIONS})
"""Bulk records for everybody. A delivery may be of one meter, a settlement of one home: their totals are personal (L8)."""


def command(
    kind: Kind,
    *,
    id: int,  # noqa: A002 - the field's name
    actor: int,
    flags: int = 0,
    hash: bytes | None = None,  # noqa: A002 - the field's name
    root: bytes | None = None,
    **fields: int,
) -> Words:
    """Return the record int64[16] of a command.

    Args:
        kind: what is asked for.
        id: 128-bit id made by the client; a retry has the same.
        actor: account that asks.
        flags: 1 on ``ISSUE`` withholds the tokens.
        hash: 32 bytes, exactly for the kinds in ``HASHED``.
        root: 32 bytes, exactly for ``BULK_ROOT``.
        **fields: every name in ``FIELDS[kind]`` but those in ``OPTIONAL``, as 64-bit integers.

    Raises:
        MalformedInput: a field is missing, unknown, not an integer or out of 64 bits.
    """
    row = np.zeros(layout.COMMAND_WORDS, np.int64)
    row[layout.W_ID_LOW], row[layout.W_ID_HIGH] = id_words(id)
    row[layout.W_HEAD] = kind | flags << layout.FLAGS_SHIFT | actor << layout.ACTOR_SHIFT
    names = FIELDS[kind]
    optional = OPTIONAL.get(kind, frozenset())
    given = 0
    for word, name in enumerate(names, layout.W_FIELDS):
        if name in fields:
            row[word] = _checked_int(name, fields[name])
            given += 1
        elif name not in optional:
            _refuse_names(kind, fields, names)
    if len(fields) != given:
        _refuse_names(kind, fields, names)
    if (hash is not None) != (kind in HASHED) or (root is not None) != (kind is Kind.BULK_ROOT):
        rule = Text(en="32 bytes exactly where the kind has them", ja="種別が要求する場合のみ32バイト")
        raise MalformedInput("HASH_INVALID", "hash", kind.name, rule)
    if hash is not None:
        row[layout.W_HASH :] = hash_words(hash)
    if root is not None:
        row[layout.W_ROOT : layout.W_HASH] = hash_words(root, "root")
    return row


def _refuse_names(kind: Kind, fields: dict[str, int], names: tuple[str, ...]) -> None:
    wrong = sorted((set(names) - OPTIONAL.get(kind, frozenset())) ^ set(fields) - OPTIONAL.get(kind, frozenset()))
    rule = Text(en=f"{kind.name} has exactly {', '.join(names)}", ja=f"{kind.name}の項目は{', '.join(names)}のみ")
    raise MalformedInput("FIELDS_INVALID", wrong[0], wrong, rule)


def _checked_int(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not INT64_MIN <= value <= INT64_MAX:
        rule = Text(en="a signed 64-bit integer", ja="符号付き64ビット整数")
        raise MalformedInput("NOT_INT64", name, value, rule)
    return int(value)


def hash_words(digest: bytes, field: str = "hash") -> Words:
    """Return 32 bytes as four little-endian words."""
    if len(digest) != HASH_BYTES:
        rule = Text(en="32 bytes", ja="32バイト")
        raise MalformedInput("HASH_INVALID", field, digest.hex(), rule)
    return np.frombuffer(digest, "<i8").astype(np.int64)


def words_hash(words: Words) -> bytes:
    """Return the 32 bytes of four words."""
    return words.astype("<i8").tobytes()


def payload_hash(payload: bytes) -> bytes:
    """Return the SHA-256 by which a command names its payload."""
    return hashlib.sha256(payload).digest()


def stack(commands: Iterable[Words]) -> Words:
    """Return the commands as one array int64[n, 16]."""
    rows = list(commands)
    return np.stack(rows) if rows else np.zeros((0, layout.COMMAND_WORDS), np.int64)


def kind_of(row: Words) -> int:
    """Return the kind's number; it need not be a ``Kind``."""
    return int(row[layout.W_HEAD]) & layout.HALF_MASK


def actor_of(row: Words) -> int:
    """Return the account that asks."""
    return int(row[layout.W_HEAD]) >> layout.ACTOR_SHIFT


def flags_of(row: Words) -> int:
    """Return the flags."""
    return int(row[layout.W_HEAD]) >> layout.FLAGS_SHIFT & layout.HALF_MASK


def id_of(row: Words) -> int:
    """Return the 128-bit id."""
    return words_id(int(row[layout.W_ID_LOW]), int(row[layout.W_ID_HIGH]))


def fields(row: Words) -> dict[str, int]:
    """Return the named fields of a known kind, an empty dictionary for an unknown one."""
    number = kind_of(row)
    names = FIELDS[Kind(number)] if 1 <= number <= layout.LAST_KIND else ()
    return {name: int(row[word]) for word, name in enumerate(names, layout.W_FIELDS)}


def to_bytes(commands: Words) -> bytes:
    """Return the little-endian records, 128 bytes each."""
    return np.ascontiguousarray(commands, "<i8").tobytes()


def from_bytes(data: bytes | bytearray | memoryview) -> Words:
    """Return int64[n, 16] of little-endian records.

    Raises:
        MalformedInput: the length is not a multiple of 128.
    """
    size = memoryview(data).nbytes
    if size % layout.COMMAND_BYTES:
        rule = Text(en="a multiple of 128 bytes", ja="128バイトの倍数")
        raise MalformedInput("RECORD_LENGTH", "body", size, rule)
    return np.frombuffer(data, "<i8").astype(np.int64).reshape(-1, layout.COMMAND_WORDS)
