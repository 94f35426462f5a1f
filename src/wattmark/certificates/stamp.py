"""Stamps: a lot as a collectible, drawn from metered facts (web reference, section 4).

States are read from the lot, never stored::

    HELD                    -> MINT      clean, transferable, claimable
    RESERVED (on sale)      -> LISTED    with a hinge
    RETIRED for same slot   -> USED      upright bull's-eye postmark
    RETIRED otherwise       -> CTO       quarter postmark in the corner (cancelled to order)
    EXPIRED, WITHDRAWN      -> VOID      overprint

The face value is always Wh, never yen, and nothing on it may be confused with postage
(web reference, section 9).
"""

import hashlib
from dataclasses import dataclass
from enum import Enum
from typing import Final

from wattmark.core.codes import Area, Source
from wattmark.core.errors import MalformedInput
from wattmark.core.periods import Period
from wattmark.core.text import Text


class StampState(Enum):
    """How a stamp looks; see the table above."""

    MINT = "mint"
    LISTED = "listed"
    USED = "used"
    CTO = "cto"
    VOID = "void"


STATE_TEXT: Final = {
    StampState.MINT: Text(en="mint", ja="未使用"),
    StampState.LISTED: Text(en="for sale", ja="売出中"),
    StampState.USED: Text(en="used", ja="使用済"),
    StampState.CTO: Text(en="cancelled to order", ja="注文消"),
    StampState.VOID: Text(en="void", ja="無効"),
}

LOT_HELD: Final = 1
LOT_RESERVED: Final = 2
LOT_RETIRED: Final = 3
CLAIM_SAME_SLOT: Final = 1


@dataclass(frozen=True, slots=True)
class StampFacts:
    """What a stamp is drawn from; all of it is metered or registered.

    Attributes:
        plant: name of the plant.
        device: number of the device.
        bundle: number of the bundle.
        start: first serial shown.
        end: serial after the last.
        source: what the plant turns into electricity.
        area: market area of the plant (J8).
        period: when it was produced.
        bundle_wh: everything the device produced in the period [Wh].
        capacity_w: rated power of the device [W].
    """

    plant: Text
    device: int
    bundle: int
    start: int
    end: int
    source: Source
    area: Area
    period: Period
    bundle_wh: int
    capacity_w: int

    def __post_init__(self) -> None:
        """Check the figures.

        Raises:
            MalformedInput: an empty or reversed range, or serials beyond the bundle.
        """
        if not 0 <= self.start < self.end <= self.bundle_wh:
            rule = Text(en=f"serials inside 0..{self.bundle_wh}", ja=f"0〜{self.bundle_wh}の範囲の番号")
            raise MalformedInput("STAMP_RANGE", "start, end", (self.start, self.end), rule)

    @property
    def face_wh(self) -> int:
        """Return the face value [Wh]."""
        return self.end - self.start

    @property
    def output_per_mille(self) -> int:
        """Return how hard the plant worked: energy over capacity x time [1/1000], at most 1000."""
        possible_wh = max(1, self.capacity_w * self.period.duration_s // 3_600)
        return min(1_000, self.bundle_wh * 1_000 // possible_wh)

    @property
    def plant_hash(self) -> bytes:
        """Return the hash that chooses the plant's colours and landscape."""
        return hashlib.sha256(b"wattmark plant %d" % self.device).digest()

    @property
    def token_hash(self) -> bytes:
        """Return the hash that draws the guilloche: it differs for every range of every bundle."""
        return hashlib.sha256(b"wattmark token %d %d %d" % (self.bundle, self.start, self.end)).digest()


TO_ORDER: Final = Text(en="to order", ja="注文消")
BANKED: Final = Text(en="banked", ja="預け分")
"""Note for tokens redeemed from the bank: used in another half hour than they were made in."""


@dataclass(frozen=True, slots=True)
class Postmark:
    """When and where a stamp was used.

    Attributes:
        period: the period of the consumption.
        place: area or ward, never an address (web reference, section 8).
        note: what a quarter postmark says below the date.
    """

    period: Period
    place: Text
    note: Text = TO_ORDER


def stamp_state(lot_state: int, claim: int) -> StampState:
    """Return how a lot looks, from its state and, if retired, what it was retired for."""
    if lot_state == LOT_RETIRED:
        return StampState.USED if claim == CLAIM_SAME_SLOT else StampState.CTO
    return {LOT_HELD: StampState.MINT, LOT_RESERVED: StampState.LISTED}.get(lot_state, StampState.VOID)
