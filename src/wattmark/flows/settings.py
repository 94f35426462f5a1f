"""The operator's settings: one frozen value, kept as canonical JSON in ``HOME/wattmark.json``."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final
from urllib.parse import unquote

from wattmark.core.codes import Area, Tier
from wattmark.core.encoding import json_canonical, json_decode_strict
from wattmark.core.errors import MalformedInput
from wattmark.core.periods import DURATIONS_S
from wattmark.core.text import Text
from wattmark.market.policy import MarketPolicy

FORMAT: Final = "wattmark-settings@v1"
SETTINGS_FILE: Final = "wattmark.json"
MIB: Final = 1 << 20

JOURNAL_FILE: Final = "file"
JOURNAL_POSTGRES: Final = "postgres"
OMITTED_BY_DEFAULT: Final = (
    "journal",
    "journal_dsn",
    "journal_schema",
    "followers",
    "acknowledge_after",
    "acknowledge_within_ms",
    "market",
)
"""Fields that stand in the file only where they differ from their defaults."""

_SECRETIVE: Final = "(not shown)"
_PASSWORD: Final = re.compile(r"(password|secret|scram_(client|server)_key)\s*=|://[^/@]*:[^/@]*@", re.IGNORECASE)
"""What a password stands behind in a connection string of libpq, and other secrets of its newer versions."""
MAX_FOLLOWERS: Final = 16

MARKET_AS_IT_COMES: Final = MarketPolicy()

_FOLLOWER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}(#[0-9]{1,9})?")
_NAME_CHARS: Final = 200
_ORIGIN_CHARS: Final = 255


@dataclass(frozen=True, slots=True)
class Settings:
    """What one platform is; every field is in the genesis record by the file's hash.

    Attributes:
        origin: checkpoint origin, a URL without schema (C2SP tlog-checkpoint).
        name: the platform's name, shown on every page.
        area: market area of the grid it serves (J8).
        resolution_s: length of a settlement period [s].
        token_expiry_days: how long a token lives after its period [days].
        tariff_sen_per_kwh: added to the area's spot price for energy without a token [sen/kWh].
        bank_rule: version of the redemption rule of new deposits (K3, K5).
        mint_t0: whether unsigned readings may become tokens (metering reference, section 3).
        minimum_tier: lowest evidence tier that is minted.
        checkpoint_interval_ms: a checkpoint is signed at most this often [ms].
        snapshot_frames: a snapshot is taken every this many frames.
        segment_bytes: length of a preallocated journal segment [bytes].
        reserve_bytes: writing stops below this much free disk [bytes].
        journal: where the journal is kept: ``file`` (below the home) or ``postgres``.
        journal_dsn: libpq connection string of the database; it never holds a password.
        journal_schema: the schema of the journal's tables.
        followers: names of the followers that count, as ``name`` or ``name#key`` (row of the API key it must use).
        acknowledge_after: a command is acknowledged when it is on disk here and at so many followers (L5).
        acknowledge_within_ms: writing stops when they do not confirm within this time [ms].
        market: price collars, position limits, halts, and the thresholds of surveillance.
    """

    origin: str
    name: Text
    area: int = int(Area.TOKYO)
    resolution_s: int = 1_800
    token_expiry_days: int = 365
    tariff_sen_per_kwh: int = 700
    bank_rule: int = 1
    mint_t0: bool = False
    minimum_tier: int = int(Tier.T2)
    checkpoint_interval_ms: int = 1_000
    snapshot_frames: int = 1_024
    segment_bytes: int = 64 * MIB
    reserve_bytes: int = 64 * MIB
    journal: str = JOURNAL_FILE
    journal_dsn: str = ""
    journal_schema: str = "wattmark"
    followers: tuple[str, ...] = ()
    acknowledge_after: int = 0
    acknowledge_within_ms: int = 10_000
    market: MarketPolicy = MARKET_AS_IT_COMES

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            MalformedInput: a field breaks its rule; the error names field, value and rule.
        """
        for field, (holds, rule) in _RULES.items():
            value = getattr(self, field)
            if not holds(value):
                raise MalformedInput("SETTING_INVALID", field, _SECRETIVE if field == "journal_dsn" else value, rule)
        if (self.journal == JOURNAL_POSTGRES) != bool(self.journal_dsn):
            rule = Text(
                en="a connection string exactly where the journal is in PostgreSQL",
                ja="ジャーナルがPostgreSQLにある場合のみ接続文字列を指定",
            )
            raise MalformedInput("SETTING_INVALID", "journal_dsn", _SECRETIVE, rule)
        if self.acknowledge_after > len(self.followers):
            rule = Text(en="at most the number of followers", ja="追随先の数以下")
            raise MalformedInput("SETTING_INVALID", "acknowledge_after", self.acknowledge_after, rule)

    def with_changes(self, **changes: Any) -> "Settings":  # noqa: ANN401 - checked by __post_init__
        """Return the settings with some fields replaced, checked again."""
        return replace(self, **changes)


def _whole(low: int, high: int) -> tuple[Callable[[Any], bool], Text]:
    rule = Text(en=f"a whole number from {low} to {high}", ja=f"{low}以上{high}以下の整数")
    return (lambda value: type(value) is int and low <= value <= high), rule


def _is_origin(value: object) -> bool:
    return (
        isinstance(value, str)
        and 0 < len(value) <= _ORIGIN_CHARS
        and value.isascii()
        and value.isprintable()
        and not set(value) & set(" +\n")
        and "://" not in value
    )


def _is_dsn(value: object) -> bool:
    plain = isinstance(value, str) and len(value) <= 1_000 and value.isprintable()
    return plain and not any(_PASSWORD.search(form) for form in (str(value), unquote(str(value))))


def _is_name(value: Any) -> bool:  # noqa: ANN401 - anything may stand in a file
    parts: list[Any] = [value.en, value.ja] if isinstance(value, Text) else [None]
    return all(isinstance(part, str) and 0 < len(part) <= _NAME_CHARS and part.isprintable() for part in parts)


def _are_followers(value: Any) -> bool:  # noqa: ANN401 - anything may stand in a file
    if not isinstance(value, tuple) or len(value) > MAX_FOLLOWERS:
        return False
    if not all(isinstance(entry, str) and _FOLLOWER.fullmatch(entry) for entry in value):
        return False
    return len({entry.partition("#")[0] for entry in value}) == len(value)


_RULES: Final[dict[str, tuple[Callable[[Any], bool], Text]]] = {
    "origin": (
        _is_origin,
        Text(
            en="1 to 255 ASCII characters without space, '+' or schema, such as example.org/log",
            ja="空白・「+」・スキームを含まない1〜255文字のASCII(例: example.org/log)",
        ),
    ),
    "name": (
        _is_name,
        Text(
            en="a name of 1 to 200 printable characters in English and in Japanese",
            ja="英語と日本語それぞれ1〜200文字の名称",
        ),
    ),
    "area": _whole(min(Area), max(Area)),
    "resolution_s": (
        lambda value: type(value) is int and value in DURATIONS_S,
        Text(en="one of 300, 900, 1800, 3600 seconds", ja="300、900、1800、3600秒のいずれか"),
    ),
    "token_expiry_days": _whole(1, 3_660),
    "tariff_sen_per_kwh": _whole(0, 99_900),
    "bank_rule": _whole(1, 1_000),
    "mint_t0": (lambda value: type(value) is bool, Text(en="true or false", ja="trueまたはfalse")),
    "minimum_tier": _whole(min(Tier), max(Tier)),
    "checkpoint_interval_ms": _whole(0, 86_400_000),
    "snapshot_frames": _whole(1, 1_000_000),
    "segment_bytes": _whole(64 * 1024, 1 << 30),
    "reserve_bytes": _whole(0, 1 << 40),
    "journal": (
        lambda value: value in (JOURNAL_FILE, JOURNAL_POSTGRES),
        Text(en="file or postgres", ja="fileまたはpostgres"),
    ),
    "journal_dsn": (
        _is_dsn,
        Text(
            en="a connection string of at most 1,000 characters without a password: that belongs into PGPASSFILE",
            ja="パスワードを含まない1,000文字以下の接続文字列(パスワードはPGPASSFILEに置く)",
        ),
    ),
    "journal_schema": (
        lambda value: isinstance(value, str) and re.fullmatch(r"(?!pg_)[a-z_][a-z0-9_]{0,62}", value) is not None,
        Text(
            en="a schema name of at most 63 lower-case letters, digits and underscores",
            ja="63文字以下の英小文字・数字・下線のスキーマ名",
        ),
    ),
    "followers": (
        _are_followers,
        Text(
            en=f"at most {MAX_FOLLOWERS} different names of letters, digits, dots and hyphens, with or without #key",
            ja=f"英数字・「.」・「-」からなる重複のない名前を{MAX_FOLLOWERS}件以下(#鍵番号を付けられる)",
        ),
    ),
    "acknowledge_after": _whole(0, MAX_FOLLOWERS),
    "acknowledge_within_ms": _whole(100, 600_000),
    "market": (
        lambda value: isinstance(value, MarketPolicy),
        Text(en="an object of the market policy's thresholds", ja="市場方針の項目からなるオブジェクト"),
    ),
}


_DEFAULTS: Final = {field.name: field.default for field in fields(Settings) if field.name in OMITTED_BY_DEFAULT}


def settings_bytes(settings: Settings) -> bytes:
    """Return the one canonical form of the settings, with a final newline."""
    values = {**asdict(settings), "followers": list(settings.followers), "market": settings.market.to_values()}
    for name, default in _DEFAULTS.items():
        if getattr(settings, name) == default:
            del values[name]
    return json_canonical({"format": FORMAT, **values}) + b"\n"


def parse_settings(data: bytes) -> Settings:
    """Return the settings written in ``data``.

    Raises:
        MalformedInput: not canonical JSON of exactly the known fields, or a field breaks its rule.
    """
    values = json_decode_strict(data, field=SETTINGS_FILE)
    known = {field.name for field in fields(Settings)}
    if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
        rule = Text(en=f"an object with format {FORMAT}", ja=f"format が {FORMAT} のオブジェクト")
        raise MalformedInput("SETTINGS_FORMAT", "format", SETTINGS_FILE, rule)
    for field in sorted((known ^ set(values)) - set(_DEFAULTS)):
        rule = Text(en="exactly the known settings", ja="既知の設定項目と過不足がないこと")
        raise MalformedInput(
            "SETTING_UNKNOWN" if field in values else "SETTING_MISSING", field, values.get(field), rule
        )
    if isinstance(values.get("followers"), list):
        values["followers"] = tuple(values["followers"])
    if "market" in values:
        values["market"] = MarketPolicy.from_values(values["market"])
    settings = Settings(**{**values, "name": _name(values["name"])})
    if settings_bytes(settings) != data:
        rule = Text(
            en="canonical JSON (RFC 8785), a final newline, and no journal, follower or market settings at their defaults",
            ja="正準JSON(RFC 8785)と末尾の改行(ジャーナル・追随先・市場の既定値は書かない)",
        )
        raise MalformedInput("SETTINGS_NOT_CANONICAL", "format", SETTINGS_FILE, rule)
    return settings


def _name(value: object) -> Text:
    if isinstance(value, dict) and set(value) == {"en", "ja"}:
        return Text(en=value["en"], ja=value["ja"])
    raise MalformedInput("SETTING_INVALID", "name", value, _RULES["name"][1])
