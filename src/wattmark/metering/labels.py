"""What a slot's energy is worth as evidence: labels, tiers, and which of them may become tokens.

Labels follow the table of the metering reference, section 4; tiers T0..T4 section 3.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from wattmark.core.codes import Tier
from wattmark.core.text import Text
from wattmark.metering.envelope import Quality, Status


class Label(IntEnum):
    """What is known about a slot's energy."""

    ACTUAL = 1
    ACTUAL_LATE = 2
    REGISTER_ONLY = 3
    EDITED = 4
    ESTIMATED = 5
    QUESTIONABLE = 6
    MISSING = 7


LABEL_TEXT: Final = {
    Label.ACTUAL: Text(en="measured", ja="実測"),
    Label.ACTUAL_LATE: Text(en="measured, received late", ja="実測(遅着)"),
    Label.REGISTER_ONLY: Text(en="measured total, shape unknown", ja="指針のみ(内訳不明)"),
    Label.EDITED: Text(en="edited", ja="訂正値"),
    Label.ESTIMATED: Text(en="estimated", ja="推定値"),
    Label.QUESTIONABLE: Text(en="questionable", ja="要確認"),
    Label.MISSING: Text(en="missing", ja="欠測"),
}

MINTING_LABELS: Final = frozenset({Label.ACTUAL, Label.ACTUAL_LATE, Label.REGISTER_ONLY})
"""Labels that mint without anybody's signature; EDITED needs two, the rest never mint."""
EDIT_SIGN_OFFS: Final = 2
"""People who must sign off an edited value before it mints."""

TIER_TEXT: Final = {
    Tier.T0: Text(en="unsigned", ja="署名なし"),
    Tier.T1: Text(en="authenticated transport", ja="認証された通信路"),
    Tier.T2: Text(en="signed by gateway or secure element", ja="ゲートウェイ署名"),
    Tier.T3: Text(en="signed by the meter, attested", ja="計器署名(構成証明あり)"),
    Tier.T4: Text(en="signed by the meter, physically confirmed", ja="計器署名(物理的裏付けあり)"),
}

_QUALITY_LABEL: Final = {
    Quality.SUBSTITUTED: Label.ESTIMATED,
    Quality.ESTIMATED: Label.ESTIMATED,
    Quality.QUESTIONABLE: Label.QUESTIONABLE,
    Quality.NO_READING: Label.MISSING,
}
_TAMPER: Final = int(Status.COVER_OPEN | Status.MAGNET)


def slot_label(quality: int, status: int, *, bridged: bool, late: bool) -> Label:
    """Return the label of a verified slot.

    Args:
        quality: a ``Quality``.
        status: bits of ``Status``; an opened cover or a magnet makes the slot questionable.
        bridged: the register advanced over more than the slot (meter off, or the value before was no reading).
        late: received later than the policy allows for a plain ACTUAL.
    """
    if quality != Quality.GOOD:
        return _QUALITY_LABEL[Quality(quality)]
    if status & _TAMPER:
        return Label.QUESTIONABLE
    if bridged:
        return Label.REGISTER_ONLY
    return Label.ACTUAL_LATE if late else Label.ACTUAL


@dataclass(frozen=True, slots=True)
class MintPolicy:
    """What the operator lets become tokens.

    Attributes:
        tiers: tiers that mint; T0 and T1 only where the operator says so (metering reference, section 3).
        labels: labels that mint without sign-off.
    """

    tiers: frozenset[int] = field(default_factory=lambda: frozenset({Tier.T2, Tier.T3, Tier.T4}))
    labels: frozenset[int] = MINTING_LABELS

    def mints(self, tier: int, label: int, sign_offs: int = 0) -> bool:
        """Return whether energy of this tier and label becomes tokens.

        Args:
            tier: evidence tier of the device.
            label: label of the slot.
            sign_offs: people who signed off an edited value.
        """
        if tier not in self.tiers:
            return False
        return label in self.labels or (label == Label.EDITED and sign_offs >= EDIT_SIGN_OFFS)
