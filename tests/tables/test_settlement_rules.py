"""The order of settlement as a rule book: what an account holds, what it uses, what is left to buy.

Lots: name, kind (own = same slot, bank:RULE = banked claim), slot, Wh, expiry slot. Half hours are numbered
from 0; prices are JPY/kWh. Result: "lot:from-to" per slot, then the Wh bought.
"""

import pytest

from wattmark.settlement.columns import Demand, Lots, SpotPrices
from wattmark.settlement.settle import settle_day
from wattmark.settlement.tariff import Tariff

KOMA = 1_800
FAR = 1_000
BANK_SLOT = -1

RULES = """
case                                  | use        | prices   | lots                                     | expected
own first, then bought                | 500        | 10       | a own 0 300 far                          | a:0-300 +200
own is not needed whole               | 200        | 10       | a own 0 300 far                          | a:0-200 +0
own before bank                       | 500        | 10       | b bank:1 - 400 far, a own 0 300 far      | a:0-300 b:0-200 +0
other slot's own token is idle        | 500        | 10       | a own 1 300 far                          | +500
first expiring own lot first          | 100        | 10       | a own 0 80 9, b own 0 80 5               | b:0-80 a:0-20 +0
equal expiry: lower lot first         | 100        | 10       | a own 0 80 9, b own 0 80 9               | a:0-80 b:0-20 +0
bank over two slots                   | 300 300    | 10 10    | b bank:1 - 500 far                       | b:0-300 +0 / b:300-500 +100
bank serves in time, not by price     | 300 300    | 10 90    | b bank:1 - 300 far                       | b:0-300 +0 / +300
first expiring claim first            | 100 100    | 10 10    | b bank:1 - 80 9, c bank:1 - 80 5         | c:0-80 b:0-20 +0 / b:20-80 +40
a lapsed claim is lost                | 100 100    | 10 10    | b bank:1 - 150 1                         | b:0-100 +0 / +100
dear slots only (rule 2, from 20)     | 300 300    | 19 20    | b bank:2 - 500 far                       | +300 / b:0-300 +0
cap per slot (rule 2, 2,000 Wh)       | 5000 5000  | 30 30    | b bank:2 - 4500 far                      | b:0-2000 +3000 / b:2000-4000 +3000
the cap is per rule, over its lots    | 5000       | 30       | b bank:2 - 1500 8, c bank:2 - 1500 9     | b:0-1500 c:0-500 +3000
other rules go on past a cap          | 5000       | 30       | b bank:2 - 3000 8, c bank:1 - 3000 9     | b:0-2000 c:0-3000 +0
a storage token serves its own slot   | 100 100    | 10 10    | s store 1 150 far                        | +100 / s:0-100 +0
no use, nothing used                  | 0          | 10       | a own 0 300 far, b bank:1 - 9 far        | +0
"""


def cases() -> list[list[str]]:
    lines = [line for line in RULES.strip().splitlines()[1:] if line]
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def lot_row(number: int, text: str) -> tuple[int, ...]:
    _, kind, slot, wh, expiry = text.split()
    name, _, rule = kind.partition(":")
    start_s = (BANK_SLOT if slot == "-" else int(slot)) * KOMA + KOMA
    until_s = (FAR if expiry == "far" else int(expiry)) * KOMA + KOMA
    code = {"own": 1, "bank": 2, "store": 3}[name]
    return number, 7, number, 3, 0, int(wh), start_s, KOMA, code, until_s, int(rule or 0), 0, until_s if rule else 0


@pytest.mark.parametrize(("case", "use", "prices", "lots", "expected"), cases(), ids=str)
def test_rule(case: str, use: str, prices: str, lots: str, expected: str) -> None:
    wants = [int(wh) for wh in use.split()]
    names = [text.split()[0] for text in lots.split(",")]
    count = len(wants)
    starts = [(slot + 1) * KOMA for slot in range(count)]
    result = settle_day(
        Demand([7] * count, [3] * count, starts, [KOMA] * count, wants),
        Lots(*zip(*(lot_row(number, text) for number, text in enumerate(lots.split(","))), strict=True)),
        SpotPrices([3] * count, starts, [KOMA] * count, [int(price) * 100 for price in prices.split()]),
        Tariff(1, 0),
    )
    shown = []
    for slot in range(count):
        rows = [row for row in range(len(result.allocation)) if result.allocation.period_start_s[row] == starts[slot]]
        used = [
            f"{names[result.allocation.lot[row]]}:{result.allocation.start[row]}-{result.allocation.end[row]}"
            for row in rows
        ]
        shown.append(" ".join([*used, f"+{result.residual.residual_wh[slot]}"]))
    assert " / ".join(shown) == expected, case
