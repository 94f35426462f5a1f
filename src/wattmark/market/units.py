"""Units of the exchange (J1, J2, J3, J44) <-> whole Wh and sen; nothing is rounded but where a rule says so."""

from typing import Final

from wattmark.core.energy import WH_PER_KWH
from wattmark.core.errors import MalformedInput
from wattmark.core.periods import KOMA_S
from wattmark.core.text import Text

LOT_KWH: Final = 50
"""The lot of spot and intraday: 0.1 MW over half an hour (J1) [kWh]."""
LOT_WH: Final = LOT_KWH * WH_PER_KWH
FORWARD_LOT_KWH: Final = 500
"""The lot of the forward market: 1 MW over half an hour (J44) [kWh]."""
SEN_AS_JPY_PER_MWH: Final = 10
"""One sen per kWh, the tick, in the unit of the interface (J2) [JPY/MWh]."""
HOUR_S: Final = 3_600
_LOT_W: Final = 100_000


def lots_of_wh(quantity_wh: int, duration_s: int = KOMA_S) -> int:
    """Return whole lots of 0.1 MW over a period; what is less than a lot is cut off (J1)."""
    return quantity_wh * HOUR_S // (_LOT_W * duration_s)


def wh_of_lots(lots: int, duration_s: int = KOMA_S) -> int:
    """Return the energy of lots of 0.1 MW over a period: 50 kWh each over half an hour (J1) [Wh]."""
    return lots * _LOT_W * duration_s // HOUR_S


def sen_of_jpy_per_mwh(price: int) -> int:
    """Return a price of the interface as ticks (J2) [sen/kWh].

    Raises:
        MalformedInput: not a multiple of 10 JPY/MWh.
    """
    if price % SEN_AS_JPY_PER_MWH:
        rule = Text(en="a multiple of 10 JPY/MWh (J2)", ja="10円/MWhの倍数であること(J2)")
        raise MalformedInput("PRICE_OFF_TICK", "price_jpy_per_mwh", price, rule)
    return price // SEN_AS_JPY_PER_MWH


def jpy_per_mwh_of_sen(price_sen: int) -> int:
    """Return a price in the unit of the interface (J2) [JPY/MWh]."""
    return price_sen * SEN_AS_JPY_PER_MWH


def unit_price_sen(amount_e5: int, quantity_wh: int) -> int:
    """Return the price of an amount over a quantity, rounded half up to 0.01 JPY/kWh (J3) [sen/kWh].

    Half up is away from zero (四捨五入), so what one side pays and the other gets are rounded alike.

    Args:
        amount_e5: amount [10^-5 JPY].
        quantity_wh: energy, positive [Wh].
    """
    rounded = (2 * abs(amount_e5) + quantity_wh) // (2 * quantity_wh)
    return -rounded if amount_e5 < 0 else rounded
