"""Statement of one account and day: every period, every serial range, exact amounts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np

from wattmark.core.encoding import json_canonical
from wattmark.core.errors import MalformedInput
from wattmark.core.periods import DAY_S, Period, jst_day_start_s
from wattmark.core.text import Text
from wattmark.settlement.columns import Allocation, DaySettlement, Int64s, Residual
from wattmark.settlement.invoice import InvoiceLine, invoice_lines
from wattmark.settlement.tariff import Tariff
from wattmark.tokens.lot import Claim

FORMAT: Final = "wattmark-statement@v1"


@dataclass(frozen=True, slots=True)
class SerialRange:
    """Tokens ``[start, end)`` of one bundle that covered a part of a period.

    Attributes:
        claim: same slot or banked.
        device: device that produced them.
        bundle: bundle.
        start: first serial.
        end: serial after the last.
    """

    claim: Claim
    device: int
    bundle: int
    start: int
    end: int

    @property
    def quantity_wh(self) -> int:
        """Return the energy [Wh]."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One period in one area; ``consumption = same slot + banked + residual`` [Wh], amounts [10^-5 JPY]."""

    period: Period
    area: int
    consumption_wh: int
    same_slot_wh: int
    banked_wh: int
    residual_wh: int
    price_sen: int
    spot_amount_e5: int
    tariff_amount_e5: int
    ranges: tuple[SerialRange, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """What an account used on a JST day and what it owes for the part without tokens.

    Attributes:
        account: account.
        day: calendar day in JST.
        tariff: terms that applied.
        lines: in order of (area, period).
    """

    account: int
    day: date
    tariff: Tariff
    lines: tuple[StatementLine, ...]

    def total(self, column: str) -> int:
        """Return the sum of a column over all lines [Wh or 10^-5 JPY]."""
        return sum(int(getattr(line, column)) for line in self.lines)

    @property
    def fixed_amount_e5(self) -> int:
        """Return the fixed charge of the day [10^-5 JPY]."""
        return self.tariff.fixed_per_day_e5 if self.lines else 0

    @property
    def amount_e5(self) -> int:
        """Return everything owed, exactly [10^-5 JPY]."""
        return self.total("spot_amount_e5") + self.total("tariff_amount_e5") + self.fixed_amount_e5

    @property
    def invoice(self) -> tuple[InvoiceLine, ...]:
        """Return the invoice lines, rounded once each (J4)."""
        return invoice_lines(self.total("spot_amount_e5"), self.total("tariff_amount_e5"), self.fixed_amount_e5)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; every number is an integer."""
        totals = {name: self.total(name) for name in _TOTALS}
        return {
            "format": FORMAT,
            "account": self.account,
            "day": self.day.isoformat(),
            "tariff": {
                "version": self.tariff.version,
                "energy_adder_sen_per_kwh": self.tariff.energy_adder_sen,
                "fixed_per_day_e5jpy": self.tariff.fixed_per_day_e5,
            },
            "lines": [_line_dict(line) for line in self.lines],
            "totals": {**totals, "fixed_amount_e5": self.fixed_amount_e5, "amount_e5": self.amount_e5},
            "invoice": [line.to_dict() for line in self.invoice],
        }

    def to_json(self) -> bytes:
        """Return canonical JSON (RFC 8785)."""
        return json_canonical(self.to_dict())


_TOTALS: Final = (
    "consumption_wh",
    "same_slot_wh",
    "banked_wh",
    "residual_wh",
    "spot_amount_e5",
    "tariff_amount_e5",
)


def make_statements(
    settlement: DaySettlement, bundle_device: Int64s | Mapping[int, int], tariff: Tariff, day: date
) -> Iterator[Statement]:
    """Yield the statement of every account in the settlement, in order of account.

    Args:
        settlement: of one JST day.
        bundle_device: device of each bundle, by bundle number.
        tariff: terms the settlement was made with.
        day: the JST day.

    Raises:
        MalformedInput: a period that is not of the day, or a bundle without a device.
    """
    residual, allocation = settlement.residual, settlement.allocation
    first_s = jst_day_start_s(day)
    outside = (residual.period_start_s < first_s) | (residual.period_start_s >= first_s + DAY_S)
    if outside.any():
        rule = Text(en=f"periods of {day} (JST)", ja=f"{day}(日本時間)の期間")
        at = int(residual.period_start_s[int(np.argmax(outside))])
        raise MalformedInput("STATEMENT_DAY", "period_start_s", at, rule)
    accounts, first = np.unique(residual.account, return_index=True)
    edges = [*first.tolist(), len(residual)]
    used = np.searchsorted(allocation.account, [*accounts.tolist(), np.iinfo(np.int64).max])
    for at, account in enumerate(accounts.tolist()):
        ranges = _ranges(allocation.take(slice(int(used[at]), int(used[at + 1]))), bundle_device)
        mine = residual.take(slice(edges[at], edges[at + 1]))
        yield Statement(account, day, tariff, tuple(_lines(mine, ranges)))


def _ranges(
    allocation: Allocation, bundle_device: Int64s | Mapping[int, int]
) -> dict[tuple[int, int], list[SerialRange]]:
    found: dict[tuple[int, int], list[SerialRange]] = {}
    columns = (allocation.area, allocation.period_start_s, allocation.claim, allocation.bundle)
    rows = zip(*(column.tolist() for column in (*columns, allocation.start, allocation.end)), strict=True)
    for area, start_s, claim, bundle, start, end in rows:
        part = SerialRange(Claim(claim), _device(bundle, bundle_device), bundle, start, end)
        found.setdefault((area, start_s), []).append(part)
    return found


def _device(bundle: int, bundle_device: Int64s | Mapping[int, int]) -> int:
    try:
        return int(bundle_device[bundle])
    except (KeyError, IndexError) as error:
        rule = Text(en="a bundle with a device", ja="発電設備が登録された証書ロット")
        raise MalformedInput("BUNDLE_UNKNOWN", "bundle", bundle, rule) from error


def _lines(residual: Residual, ranges: dict[tuple[int, int], list[SerialRange]]) -> Iterator[StatementLine]:
    columns = (column.tolist() for column in list(residual.columns().values())[1:])
    for area, start_s, duration_s, used_wh, own_wh, banked_wh, rest_wh, price_sen, spot_e5, adder_e5 in zip(
        *columns, strict=True
    ):
        yield StatementLine(
            Period(start_s, duration_s),
            area,
            used_wh,
            own_wh,
            banked_wh,
            rest_wh,
            price_sen,
            spot_e5,
            adder_e5,
            tuple(ranges.get((area, start_s), ())),
        )


def _line_dict(line: StatementLine) -> dict[str, Any]:
    return {
        "area": line.area,
        "period_start_s": line.period.start_s,
        "duration_s": line.period.duration_s,
        "consumption_wh": line.consumption_wh,
        "same_slot_wh": line.same_slot_wh,
        "banked_wh": line.banked_wh,
        "residual_wh": line.residual_wh,
        "price_sen_per_kwh": line.price_sen,
        "spot_amount_e5": line.spot_amount_e5,
        "tariff_amount_e5": line.tariff_amount_e5,
        "ranges": [
            {
                "claim": part.claim.name,
                "device": part.device,
                "bundle": part.bundle,
                "start": part.start,
                "end": part.end,
                "quantity_wh": part.quantity_wh,
            }
            for part in line.ranges
        ],
    }
