"""JEPX's curves in plain Python: the rule of the replay as it is written (J33), and a reader of one line at a time."""

import gzip
from datetime import date
from decimal import ROUND_DOWN, Decimal
from typing import NamedTuple


class Row(NamedTuple):
    """One row of a curve file."""

    day: int
    slot: int
    group: int
    price_sen: int
    sell_lots: int
    buy_lots: int


def crossing(price: list[int], sell: list[int], buy: list[int]) -> tuple[int, int] | None:
    """Return (price, volume) of a curve by J33: one row back where the row before already covers what is wanted here."""
    i = next(i for i in range(len(price)) if sell[i] >= buy[i])
    if i > 0 and sell[i - 1] >= buy[i]:
        i -= 1
    volume = min(sell[i], buy[i])
    return (max(price[i], 1), volume) if volume else None


def mutant(price: list[int], sell: list[int], buy: list[int]) -> int:
    """Return the usual error: the first row where supply covers demand."""
    return max(next(p for p, s, b in zip(price, sell, buy, strict=True) if s >= b), 1)


def rows(data: bytes) -> list[Row]:
    """Return the rows of a well-formed curve file; any other file raises something."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    header = data.split(b"\n", 1)[0]
    try:
        header.decode()
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("cp932")
    found = []
    for line in text.split("\n")[1:]:
        if not line.strip():
            continue
        day, slot, price, sell, buy, group = (cell.strip() for cell in line.strip().split(","))
        plain_day = day.replace("/", "-")
        when = date.fromisoformat(plain_day) if "-" not in plain_day else date(*map(int, plain_day.split("-")))
        found.append(
            Row(
                when.toordinal() - date(1970, 1, 1).toordinal(),
                int(slot),
                int(group) if group else -1,
                int(Decimal(price) * 100),
                int((Decimal(sell) * 10).to_integral_value(ROUND_DOWN)),
                int((Decimal(buy) * 10).to_integral_value(ROUND_DOWN)),
            )
        )
    return found
