"""Invoices: the one place where money is rounded (J3, J4)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from wattmark.core.money import E5_PER_YEN, truncate_yen
from wattmark.core.text import Text

PERCENT: Final = 100


class Charge(Enum):
    """What an invoice line is for."""

    SPOT = "spot"
    TARIFF = "tariff"
    FIXED = "fixed"
    FEE = "fee"
    TAX = "tax"


CHARGE_TEXT: Final = {
    Charge.SPOT: Text(en="energy without a token, day-ahead price", ja="トークンのない電力量(前日スポット価格)"),
    Charge.TARIFF: Text(en="energy without a token, retailer's adder", ja="トークンのない電力量(小売加算額)"),
    Charge.FIXED: Text(en="fixed charge per day", ja="日額基本料金"),
    Charge.FEE: Text(en="trading fee", ja="売買手数料"),
    Charge.TAX: Text(en="consumption tax", ja="消費税"),
}


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line: exact amount, whole yen booked, and what goes to the rounding account.

    Attributes:
        charge: what it is for.
        exact_e5: exact amount [10^-5 JPY].
        yen: booked amount, cut toward zero [JPY].
    """

    charge: Charge
    exact_e5: int
    yen: int

    @property
    def rounding_e5(self) -> int:
        """Return the cut-off part: ``exact = yen + rounding`` [10^-5 JPY]."""
        return self.exact_e5 - self.yen * E5_PER_YEN

    def to_dict(self) -> dict[str, str | int]:
        """Return the JSON form."""
        return {
            "charge": self.charge.value,
            "exact_e5": self.exact_e5,
            "yen": self.yen,
            "rounding_e5": self.rounding_e5,
        }


def invoice_line(charge: Charge, exact_e5: int) -> InvoiceLine:
    """Return the line of an exact amount, truncated once toward zero (J3: flooring is wrong)."""
    return InvoiceLine(charge, exact_e5, truncate_yen(exact_e5))


def tax_line(yen: int, percent: int) -> InvoiceLine:
    """Return the line of the tax on a booked amount, cut toward zero like every line (J3, J5).

    Args:
        yen: booked amount that is taxed; negative where a member pays [JPY].
        percent: rate of the delivery day for energy, of the trading day for fees.
    """
    return invoice_line(Charge.TAX, yen * percent * (E5_PER_YEN // PERCENT))


def invoice_lines(spot_e5: int, tariff_e5: int, fixed_e5: int) -> tuple[InvoiceLine, ...]:
    """Return the lines of one account and day; lines without an amount are left out (J4)."""
    amounts = {Charge.SPOT: spot_e5, Charge.TARIFF: tariff_e5, Charge.FIXED: fixed_e5}
    return tuple(invoice_line(charge, exact_e5) for charge, exact_e5 in amounts.items() if exact_e5)


def rounding_e5(lines: Iterable[InvoiceLine]) -> int:
    """Return what the rounding account receives, so that the books sum to zero (J4) [10^-5 JPY]."""
    return sum(line.rounding_e5 for line in lines)
