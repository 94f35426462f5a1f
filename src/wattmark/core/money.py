"""Money: whole units of 10^-5 JPY, so that sen/kWh x Wh is exact (J4, B1)."""

from typing import Final

E5_PER_YEN: Final = 100_000
"""Units of 10^-5 JPY in one yen."""
SEN_PER_YEN: Final = 100
MIN_PRICE_SEN: Final = 1
"""Lowest price, 0.01 JPY/kWh (J7) [sen/kWh]."""
MAX_PRICE_SEN: Final = 99_900
"""Highest price, 999.00 JPY/kWh (J7) [sen/kWh]."""
MAX_AMOUNT_E5: Final = 1 << 60
"""Largest amount a single command may name: about 11.5 trillion JPY [10^-5 JPY]."""


def amount_e5jpy(price_sen_per_kwh: int, quantity_wh: int) -> int:
    """Return price x quantity [10^-5 JPY]: 1 sen/kWh = 10^-5 JPY/Wh, so nothing is rounded."""
    return price_sen_per_kwh * quantity_wh


def truncate_yen(amount_e5: int) -> int:
    """Return whole yen, cut toward zero as JEPX books them (J3)."""
    whole = abs(amount_e5) // E5_PER_YEN
    return -whole if amount_e5 < 0 else whole


def format_yen(amount_e5: int, decimals: int = 2) -> str:
    """Return the amount as ``¥1,234.56``, cut toward zero at ``decimals`` (0..5)."""
    sign = "-" if amount_e5 < 0 else ""
    yen, rest = divmod(abs(amount_e5), E5_PER_YEN)
    tail = f".{rest:05}"[: decimals + 1] if decimals else ""
    return f"{sign}¥{yen:,}{tail}"


def format_price(price_sen_per_kwh: int) -> str:
    """Return the price as JPY/kWh with two decimals."""
    sign = "-" if price_sen_per_kwh < 0 else ""
    yen, sen = divmod(abs(price_sen_per_kwh), SEN_PER_YEN)
    return f"{sign}{yen:,}.{sen:02}"
