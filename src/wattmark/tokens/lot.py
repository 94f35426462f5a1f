"""Lots and bundles as values, and the life cycle of a token as a table.

Theory of operation. A token is one Wh: a bundle and a serial in [0, n). A lot is a range of serials of one
bundle with one owner; what happens to tokens happens to lots. ``LIFE_CYCLE`` is the whole life of a lot: a
pair that is not in it is refused, so nothing that was retired, expired or withdrawn ever comes back (fault 2
of the tokens reference). The kind of a lot changes once at most, by ``BANK``, from generation to a claim on
energy (K1); a lot's owner changes by transfer and trade only.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.periods import Period
from wattmark.core.text import Text
from wattmark.tokens import layout as k

Row = npt.NDArray[np.int64]


class LotState(IntEnum):
    """Where a lot is in its life."""

    HELD = k.HELD
    RESERVED = k.RESERVED
    RETIRED = k.RETIRED
    EXPIRED = k.EXPIRED
    WITHDRAWN = k.WITHDRAWN


class LotKind(IntEnum):
    """What a lot carries (K1); past its slot a generation lot is certificate only (K2)."""

    GENERATION = k.GENERATION
    ENERGY_CLAIM = k.ENERGY_CLAIM
    STORAGE = k.STORAGE_DISCHARGE


class Claim(IntEnum):
    """What a retirement claims."""

    SAME_SLOT = k.CLAIM_SAME_SLOT
    BANKED = k.CLAIM_BANKED
    CERTIFICATE = k.CLAIM_CERTIFICATE


class Event(IntEnum):
    """What can happen to a lot, or to a range cut out of it."""

    TRANSFER = 1
    SPLIT = 2
    RESERVE = 3
    OFFER = 4
    RELEASE = 5
    CANCEL = 6
    SELL = 7
    RETIRE = 8
    EXPIRE = 9
    WITHDRAW = 10
    BANK = 11


LIFE_CYCLE: Final = {
    (LotState.HELD, Event.TRANSFER): LotState.HELD,
    (LotState.HELD, Event.SPLIT): LotState.HELD,
    (LotState.HELD, Event.BANK): LotState.HELD,
    (LotState.HELD, Event.RESERVE): LotState.RESERVED,
    (LotState.HELD, Event.OFFER): LotState.RESERVED,
    (LotState.RESERVED, Event.RELEASE): LotState.HELD,
    (LotState.RESERVED, Event.CANCEL): LotState.HELD,
    (LotState.RESERVED, Event.SELL): LotState.HELD,
    (LotState.HELD, Event.RETIRE): LotState.RETIRED,
    (LotState.HELD, Event.EXPIRE): LotState.EXPIRED,
    (LotState.HELD, Event.WITHDRAW): LotState.WITHDRAWN,
}
"""State x event -> state. ``RELEASE`` undoes ``RESERVE``, ``CANCEL`` and ``SELL`` end an ``OFFER``."""

STATE_TEXT: Final = {
    LotState.HELD: Text(en="held", ja="保有"),
    LotState.RESERVED: Text(en="reserved", ja="予約"),
    LotState.RETIRED: Text(en="retired", ja="償却"),
    LotState.EXPIRED: Text(en="expired", ja="失効"),
    LotState.WITHDRAWN: Text(en="withdrawn", ja="取消し"),
}
KIND_TEXT: Final = {
    LotKind.GENERATION: Text(en="generation", ja="発電"),
    LotKind.ENERGY_CLAIM: Text(en="banked claim on energy", ja="預け入れ(電力請求権)"),
    LotKind.STORAGE: Text(en="storage discharge", ja="蓄電池の放電"),
}
CLAIM_TEXT: Final = {
    Claim.SAME_SLOT: Text(en="used in the same period", ja="同じコマで使用"),
    Claim.BANKED: Text(en="used from the bank", ja="預け入れから使用"),
    Claim.CERTIFICATE: Text(en="retired as a certificate", ja="証書として償却"),
}


@dataclass(frozen=True, slots=True)
class Lot:
    """A range of serials of one bundle with one owner.

    Attributes:
        lot: row.
        bundle: bundle's row.
        start: first serial.
        end: one past the last serial; quantity = end - start [Wh].
        owner: account.
        state: where it is in its life.
        kind: what it carries.
        reference: order (reserved by an offer) or beneficiary (retired), else ``None``.
        claim: what was claimed, if retired.
        claim_period_s: period it was used for, POSIX seconds, 0 for a certificate.
        rule: redemption rule, if banked.
        from_s: first moment a redeemed period may start, if banked.
        until_s: last moment a redeemed period may end, if banked.
        since_ms: time of the last change.
    """

    lot: int
    bundle: int
    start: int
    end: int
    owner: int
    state: LotState
    kind: LotKind
    reference: int | None
    claim: Claim | None
    claim_period_s: int
    rule: int
    from_s: int
    until_s: int
    since_ms: int

    @property
    def quantity_wh(self) -> int:
        """Return the number of tokens [Wh]."""
        return self.end - self.start

    @classmethod
    def from_row(cls, lot: int, row: Row) -> "Lot":
        """Return the lot of a table row int64[14]."""
        words = row.tolist()
        return cls(
            lot=lot,
            bundle=words[k.L_BUNDLE],
            start=words[k.L_START],
            end=words[k.L_END],
            owner=words[k.L_OWNER],
            state=LotState(words[k.L_STATE]),
            kind=LotKind(words[k.L_KIND]),
            reference=None if words[k.L_REF] == k.NO_REF else words[k.L_REF],
            claim=Claim(words[k.L_CLAIM]) if words[k.L_CLAIM] else None,
            claim_period_s=words[k.L_CLAIM_PERIOD_S],
            rule=words[k.L_RULE],
            from_s=words[k.L_FROM_S],
            until_s=words[k.L_UNTIL_S],
            since_ms=words[k.L_SINCE_MS],
        )


@dataclass(frozen=True, slots=True)
class Bundle:
    """All tokens of one device and one period; its registers are its identity.

    Attributes:
        bundle: row.
        device: device's row.
        period: generation period.
        reg_from_wh: register before the period [Wh].
        reg_to_wh: register after it [Wh].
        expiry_s: date after which tokens can no longer be used, POSIX seconds.
        tier: evidence tier 0 to 4.
        area: market area 1 to 9.
        source: energy source 1 to 7.
        issued_wh: tokens minted [Wh]; 0 when withheld.
        evidence: hash of the reading's envelope payload.
    """

    bundle: int
    device: int
    period: Period
    reg_from_wh: int
    reg_to_wh: int
    expiry_s: int
    tier: int
    area: int
    source: int
    issued_wh: int
    evidence: bytes

    @classmethod
    def from_row(cls, bundle: int, row: Row) -> "Bundle":
        """Return the bundle of a table row int64[20]."""
        words = row.tolist()
        return cls(
            bundle=bundle,
            device=words[k.B_DEVICE],
            period=Period(words[k.B_PERIOD_S], words[k.B_DURATION_S]),
            reg_from_wh=words[k.B_REG_FROM_WH],
            reg_to_wh=words[k.B_REG_TO_WH],
            expiry_s=words[k.B_EXPIRY_S],
            tier=words[k.B_TIER],
            area=words[k.B_AREA],
            source=words[k.B_SOURCE],
            issued_wh=words[k.B_ISSUED_WH],
            evidence=row[k.B_EVIDENCE : k.BUNDLE_WORDS].astype("<i8").tobytes(),
        )

    def energytag_range(self, start: int, end: int) -> tuple[int, int]:
        """Return the inclusive ids of serials [start, end): they count up per device, quantity = last - first + 1."""
        return self.reg_from_wh + start + 1, self.reg_from_wh + end
