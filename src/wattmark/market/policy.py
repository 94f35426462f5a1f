"""The operator's market policy: price collars, position limits, halts, and the thresholds of surveillance.

Everything but surveillance is off where the operator says nothing: no collar, no position limit, no automatic halt.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from wattmark.core.errors import MalformedInput
from wattmark.core.money import MAX_PRICE_SEN, MIN_PRICE_SEN
from wattmark.core.text import Text
from wattmark.market.surveillance.policy import Surveillance
from wattmark.market.thresholds import check_thresholds, differing, known_fields, threshold

SECTION: Final = "market"
MAX_WH: Final = 1 << 40
MAX_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class MarketPolicy:
    """What the operator allows on the market. Moves are per mille, prices sen/kWh, energy Wh, times milliseconds."""

    collar_down: int = threshold(
        0,
        0,
        999,
        "per mille",
        Text(
            en="how far below its reference price a product may trade; 0 for any", ja="基準価格からの下限幅(0は無制限)"
        ),
    )
    collar_up: int = threshold(
        0,
        0,
        1_000_000,
        "per mille",
        Text(en="how far above it; 0 for any", ja="基準価格からの上限幅(0は無制限)"),
    )
    floor_sen: int = threshold(
        MIN_PRICE_SEN,
        MIN_PRICE_SEN,
        MAX_PRICE_SEN,
        "sen/kWh",
        Text(en="no collar ends below this price", ja="値幅制限の最低値"),
    )
    ceiling_sen: int = threshold(
        MAX_PRICE_SEN,
        MIN_PRICE_SEN,
        MAX_PRICE_SEN,
        "sen/kWh",
        Text(en="no collar ends above this price", ja="値幅制限の最高値"),
    )
    position_period_wh: int = threshold(
        0,
        0,
        MAX_WH,
        "Wh",
        Text(en="largest position of one account in a product of one period; 0 for any", ja="1コマの商品の建玉上限"),
    )
    position_banked_wh: int = threshold(
        0, 0, MAX_WH, "Wh", Text(en="the same in banked energy of a year", ja="預け入れ商品の建玉上限")
    )
    position_certificate_wh: int = threshold(
        0, 0, MAX_WH, "Wh", Text(en="the same in certificates of a year", ja="証書商品の建玉上限")
    )
    halt_move: int = threshold(
        0,
        0,
        1_000_000,
        "per mille",
        Text(
            en="a product halts when its price moved further than this; 0 for never", ja="自動停止する値動き(0はなし)"
        ),
    )
    halt_within_ms: int = threshold(300_000, 1, MAX_MS, "ms", Text(en="within this time", ja="その値動きを見る時間"))
    halt_trades: int = threshold(
        3, 2, 1_000_000, "trades", Text(en="over at least this many trades", ja="その間に必要な約定件数")
    )
    halt_length_ms: int = threshold(
        600_000, 1_000, MAX_MS, "ms", Text(en="how long an automatic halt lasts", ja="自動停止の長さ")
    )
    surveillance: Surveillance = field(default_factory=Surveillance)

    def __post_init__(self) -> None:
        """Check every threshold.

        Raises:
            MalformedInput: one is out of its bounds, or the floor is above the ceiling.
        """
        check_thresholds(self, SECTION)
        if self.floor_sen > self.ceiling_sen:
            rule = Text(en="a floor at or below the ceiling", ja="最高値以下の最低値")
            raise MalformedInput("THRESHOLD_INVALID", f"{SECTION}.floor_sen", self.floor_sen, rule)

    @property
    def sets_limits(self) -> bool:
        """Return whether products get limits at all."""
        bounds = self.floor_sen > MIN_PRICE_SEN or self.ceiling_sen < MAX_PRICE_SEN
        positions = self.position_period_wh or self.position_banked_wh or self.position_certificate_wh
        return bool(self.collar_down or self.collar_up or bounds or positions)

    @property
    def acts(self) -> bool:
        """Return whether a round of the market may have something to do."""
        return self.sets_limits or self.halt_move > 0

    def to_values(self) -> dict[str, Any]:
        """Return what differs from the defaults, as JSON values."""
        values: dict[str, Any] = dict(differing(self))
        surveillance = differing(self.surveillance)
        return {**values, "surveillance": surveillance} if surveillance else values

    @classmethod
    def from_values(cls, values: object) -> "MarketPolicy":
        """Return the policy of the values that differ from the defaults.

        Raises:
            MalformedInput: not an object, an unknown name, or a value out of its bounds.
        """
        known: dict[str, Any] = dict(known_fields(cls, values, SECTION))
        if "surveillance" in known:
            known["surveillance"] = Surveillance.from_values(known["surveillance"])
        return cls(**known)
