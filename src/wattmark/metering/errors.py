"""Why a reading is refused: one code per rule, one class per kind of fault.

::

    core.errors.Refused
    |-- MalformedInput
    |   |-- EnvelopeMalformed     the bytes are not what the format says (sender's encoder is at fault)
    |   `-- ReadingsMalformed     a line of an imported file (formats/); names line and column
    |-- UnknownReference
    |   `-- SignerUnknown         no such key or channel
    |-- NotAuthorised
    |   `-- SignerRefused         a key that may not sign this, or a signature that does not fit
    `-- RuleViolated
        `-- ReadingRefused        well signed, but against a rule of sequence, time, register or seal
            `-- Equivocation      two signed truths for one sequence number: the channel is frozen

A code is stable: it stands in the lake beside the envelope it refused.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wattmark.core.errors import MalformedInput, NotAuthorised, Refused, RuleViolated, UnknownReference
from wattmark.core.text import Text


class EnvelopeMalformed(MalformedInput):
    """The bytes are not a deterministic envelope of the required shape."""


class ReadingsMalformed(MalformedInput):
    """A line of an imported file cannot be read; ``field`` names line and column."""


class SignerUnknown(UnknownReference):
    """The key or the channel is not registered."""


class SignerRefused(NotAuthorised):
    """The key may not sign this envelope, or the signature does not fit."""


class ReadingRefused(RuleViolated):
    """Well signed, but against a rule."""


class Equivocation(ReadingRefused):
    """Two validly signed truths for one sequence number: a portable proof of cheating.

    Attributes:
        state: the channel with its ``frozen`` mark set, to be stored in place of the old one.
    """

    def __init__(self, code: str, field: str, value: object, rule: Text, state: object = None) -> None:
        """Keep the refusal and the frozen state."""
        super().__init__(code, field, value, rule)
        self.state = state


class Code(StrEnum):
    """Outcome of the verification of one envelope."""

    OK = "OK"
    ENVELOPE_TOO_LONG = "ENVELOPE_TOO_LONG"
    NOT_CBOR = "NOT_CBOR"
    NOT_DETERMINISTIC = "NOT_DETERMINISTIC"
    WRONG_TYPE = "WRONG_TYPE"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    HEADER_INVALID = "HEADER_INVALID"
    VALUES_MISMATCH = "VALUES_MISMATCH"
    CHANNEL_UNKNOWN = "CHANNEL_UNKNOWN"
    KEY_UNKNOWN = "KEY_UNKNOWN"
    KEY_OF_ANOTHER_METER = "KEY_OF_ANOTHER_METER"
    KEY_TAKEN = "KEY_TAKEN"
    KEY_INVALID = "KEY_INVALID"
    ALGORITHM_MISMATCH = "ALGORITHM_MISMATCH"
    KEY_NOT_YET_VALID = "KEY_NOT_YET_VALID"
    KEY_REVOKED = "KEY_REVOKED"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    CHANNEL_FROZEN = "CHANNEL_FROZEN"
    REPLAYED = "REPLAYED"
    EQUIVOCATION = "EQUIVOCATION"
    SEQUENCE_GAP = "SEQUENCE_GAP"
    SEAL_OVERDUE = "SEAL_OVERDUE"
    DURATION_MISMATCH = "DURATION_MISMATCH"
    TIME_OFF_GRID = "TIME_OFF_GRID"
    TIME_OVERLAP = "TIME_OVERLAP"
    TIME_FUTURE = "TIME_FUTURE"
    REGISTER_FELL = "REGISTER_FELL"
    CHAIN_BROKEN = "CHAIN_BROKEN"
    BOOT_COUNTER_FELL = "BOOT_COUNTER_FELL"
    CONFIG_CHANGED = "CONFIG_CHANGED"
    PERIOD_MISMATCH = "PERIOD_MISMATCH"
    REGISTER_NOT_TILED = "REGISTER_NOT_TILED"
    ROOT_MISMATCH = "ROOT_MISMATCH"
    SLOT_DIFFERS = "SLOT_DIFFERS"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one code means: the class that is raised and the rule in words."""

    family: type[Refused]
    field: str
    text: Text


def _rule(family: type[Refused], field: str, en: str, ja: str) -> Rule:
    return Rule(family, field, Text(en=en, ja=ja))


RULES: Final[dict[Code, Rule]] = {
    Code.ENVELOPE_TOO_LONG: _rule(
        EnvelopeMalformed, "envelope", "at most {limit} bytes", "{limit}バイト以下であること"
    ),
    Code.NOT_CBOR: _rule(EnvelopeMalformed, "envelope", "well-formed CBOR", "正しいCBORであること"),
    Code.NOT_DETERMINISTIC: _rule(
        EnvelopeMalformed,
        "envelope",
        "the one deterministic encoding (RFC 8949, 4.2.1), nothing after it",
        "決定的符号化(RFC 8949 4.2.1)であり、余分なバイトがないこと",
    ),
    Code.WRONG_TYPE: _rule(EnvelopeMalformed, "envelope", "exactly: {shape}", "正確に次の型であること: {shape}"),
    Code.OUT_OF_RANGE: _rule(EnvelopeMalformed, "envelope", "within {limit}", "範囲は{limit}"),
    Code.HEADER_INVALID: _rule(
        EnvelopeMalformed,
        "protected",
        "COSE_Sign1 with protected header exactly {{1: alg, 4: kid}}, alg -7 or -8, empty unprotected header",
        "保護ヘッダーが{{1: alg, 4: kid}}のみ、algは-7か-8、非保護ヘッダーが空のCOSE_Sign1であること",
    ),
    Code.VALUES_MISMATCH: _rule(
        EnvelopeMalformed,
        "values",
        "the unsigned values cover exactly n = {n} slots",
        "署名外の値は{n}コマ分であること",
    ),
    Code.CHANNEL_UNKNOWN: _rule(
        SignerUnknown, "meter_id", "a registered meter channel", "登録済みの計器チャネルであること"
    ),
    Code.KEY_UNKNOWN: _rule(SignerUnknown, "kid", "a registered key", "登録済みの鍵であること"),
    Code.KEY_OF_ANOTHER_METER: _rule(
        SignerRefused, "kid", "a key registered for device {device}", "装置{device}に登録された鍵であること"
    ),
    Code.KEY_TAKEN: _rule(
        SignerRefused, "kid", "a key id names one public key only", "鍵IDは1つの公開鍵だけを指すこと"
    ),
    Code.KEY_INVALID: _rule(
        EnvelopeMalformed, "public_key", "a public key of the algorithm {alg}", "アルゴリズム{alg}の公開鍵であること"
    ),
    Code.ALGORITHM_MISMATCH: _rule(
        SignerRefused,
        "alg",
        "the algorithm registered with the key: {alg}",
        "鍵に登録されたアルゴリズム{alg}であること",
    ),
    Code.KEY_NOT_YET_VALID: _rule(
        SignerRefused,
        "kid",
        "a key valid at log time: from {from_ms} ms",
        "記録時刻に有効な鍵であること({from_ms}ミリ秒から)",
    ),
    Code.KEY_REVOKED: _rule(
        SignerRefused,
        "kid",
        "a key not revoked at log time: until {until_ms} ms",
        "記録時刻に失効していない鍵であること({until_ms}ミリ秒まで)",
    ),
    Code.SIGNATURE_INVALID: _rule(
        SignerRefused,
        "signature",
        "a signature of this key over exactly these bytes",
        "このバイト列に対するこの鍵の署名であること",
    ),
    Code.CHANNEL_FROZEN: _rule(
        ReadingRefused, "meter_id", "a channel not frozen by an equivocation", "二重署名で凍結されたチャネルでないこと"
    ),
    Code.REPLAYED: _rule(
        ReadingRefused,
        "seq",
        "each sequence number once; next is {next_seq}",
        "連番は1度だけ使えること(次は{next_seq})",
    ),
    Code.EQUIVOCATION: _rule(
        Equivocation, "seq", "one leaf for each sequence number", "1つの連番に署名された値は1つであること"
    ),
    Code.SEQUENCE_GAP: _rule(
        ReadingRefused, "seq", "no gap; next is {next_seq}", "連番に欠けがないこと(次は{next_seq})"
    ),
    Code.SEAL_OVERDUE: _rule(
        ReadingRefused,
        "t_end",
        "a day seal for everything older than {limit_s} s",
        "{limit_s}秒より古い値は日次封印済みであること",
    ),
    Code.DURATION_MISMATCH: _rule(
        ReadingRefused,
        "dur_s",
        "the registered slot length {resolution_s} s (S4)",
        "登録されたコマ長{resolution_s}秒であること(S4)",
    ),
    Code.TIME_OFF_GRID: _rule(
        ReadingRefused, "t_end", "a multiple of {resolution_s} s (S3)", "{resolution_s}秒の倍数であること(S3)"
    ),
    Code.TIME_OVERLAP: _rule(
        ReadingRefused,
        "t_end",
        "a slot starts at or after the end of the last one: {last_t_end} (S3)",
        "直前のコマの終わり{last_t_end}以後に始まること(S3)",
    ),
    Code.TIME_FUTURE: _rule(
        ReadingRefused,
        "t_end",
        "at most half a slot after the log time: {limit_s} (S3)",
        "記録時刻の半コマ後{limit_s}までであること(S3)",
    ),
    Code.REGISTER_FELL: _rule(
        ReadingRefused,
        "register_wh",
        "a register never falls; it was {last_register_wh} Wh (V3)",
        "指針は減らないこと(前回{last_register_wh} Wh、V3)",
    ),
    Code.CHAIN_BROKEN: _rule(
        ReadingRefused,
        "prev_day_hash",
        "the hash of the day sealed before: {expected}",
        "直前に封印した日のハッシュ{expected}であること",
    ),
    Code.BOOT_COUNTER_FELL: _rule(
        ReadingRefused,
        "boot_ctr",
        "a boot counter never falls; it was {boot_ctr}",
        "起動回数は減らないこと(前回{boot_ctr})",
    ),
    Code.CONFIG_CHANGED: _rule(
        ReadingRefused,
        "cfg_hash",
        "the registered configuration {expected} (V14)",
        "登録済みの設定{expected}であること(V14)",
    ),
    Code.PERIOD_MISMATCH: _rule(
        ReadingRefused,
        "period",
        "a day after the last sealed one, which holds all its slots in JST",
        "封印済みの最終日より後で、全コマが日本時間のその日に属すること",
    ),
    Code.REGISTER_NOT_TILED: _rule(
        ReadingRefused,
        "{field}",
        "the register {expected_wh} Wh: days tile the register line (V4)",
        "指針{expected_wh} Whに一致すること(V4)",
    ),
    Code.ROOT_MISMATCH: _rule(
        ReadingRefused,
        "root",
        "the RFC 6962 root over the rebuilt leaves: {expected}",
        "復元した葉のRFC 6962根{expected}であること",
    ),
    Code.SLOT_DIFFERS: _rule(
        Equivocation,
        "seq",
        "the day seal holds the identical leaf of every slot sent before",
        "日次封印は先に送られたコマと同一の葉を含むこと",
    ),
}
"""Every code but OK, with its class, field and words."""


def refusal(code: Code, value: object, *, field: str | None = None, **words: object) -> Refused:
    """Return the error of a code, ready to raise.

    Args:
        code: any code of ``RULES``.
        value: the offending value.
        field: the field at fault when it is not the code's usual one.
        words: what the rule's text leaves open.
    """
    rule = RULES[code]
    return rule.family(code.value, field or rule.field, value, rule.text.format(**words))
