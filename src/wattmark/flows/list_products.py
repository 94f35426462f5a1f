"""List what can be traded: area x source x period, or any period of a year for banked tokens and certificates."""

from collections.abc import Iterable
from datetime import date
from typing import Final

from wattmark.core.ids import derive_id
from wattmark.core.periods import Period, day_periods
from wattmark.engine.commands import Kind, command
from wattmark.engine.layout import OPERATOR
from wattmark.flows.plan import Plan, join, plan_of
from wattmark.market.calendar import Calendar, intraday
from wattmark.market.layout import MODE_CALL, MODE_CONTINUOUS, SCOPE_PERIOD

_MS: Final = 1_000


def product_id(area: int, source: int, period: Period, mode: int, scope: int) -> int:
    """Return the id of the command that lists a product; the same product is listed once."""
    return derive_id("product", area, source, period.start_s, period.duration_s, mode, scope)


def plan_list_products(
    *,
    area: int,
    sources: Iterable[int],
    periods: Iterable[Period],
    gate_open_ms: int,
    gate_close_ms: int | None = None,
    mode: int = MODE_CONTINUOUS,
    scope: int = SCOPE_PERIOD,
    actor: int = OPERATOR,
) -> Plan:
    """Return the plan that lists one product per source and period; result0 of each is its number.

    Args:
        area: market area 1..9.
        sources: ``core.codes.Source`` values.
        periods: periods of the products, or the year for the other scopes.
        gate_open_ms: first time of an order [ms].
        gate_close_ms: end of trading [ms]; ``None`` for the end of each period.
        mode: 1 continuous, 2 call auction.
        scope: 0 one period, 1 banked tokens of a year, 2 certificates of a year.
        actor: account that asks; an operator.
    """
    listed = list(sources)
    rows = [
        command(
            Kind.LIST_PRODUCT,
            id=product_id(area, source, period, mode, scope),
            actor=actor,
            area=int(area),
            source=int(source),
            period_start_s=period.start_s,
            duration_s=period.duration_s,
            gate_open_ms=gate_open_ms,
            gate_close_ms=period.end_s * _MS if gate_close_ms is None else gate_close_ms,
            mode=mode,
            scope=scope,
        )
        for period in periods
        for source in listed
    ]
    return plan_of(rows)


def plan_list_day_ahead(
    day: date, *, areas: Iterable[int], sources: Iterable[int], calendar: Calendar, actor: int = OPERATOR
) -> Plan:
    """Return the plan that lists the call auctions of a delivery day: 48 half hours x areas x sources (J6, J10).

    Args:
        day: delivery day, JST.
        areas: market areas 1..9.
        sources: ``core.codes.Source`` values.
        calendar: business days and trading days; the gates follow from it.
        actor: account that asks; an operator.
    """
    gates, listed = calendar.day_ahead(day), list(sources)
    return join(
        plan_list_products(
            area=area,
            sources=listed,
            periods=day_periods(day),
            gate_open_ms=gates.open_ms,
            gate_close_ms=gates.close_ms,
            mode=MODE_CALL,
            actor=actor,
        )
        for area in areas
    )


def plan_list_intraday(day: date, *, areas: Iterable[int], sources: Iterable[int], actor: int = OPERATOR) -> Plan:
    """Return the plan that lists the continuous products of a delivery day, each with gates of its own (J36).

    Args:
        day: delivery day, JST.
        areas: market areas 1..9.
        sources: ``core.codes.Source`` values.
        actor: account that asks; an operator.
    """
    listed = list(sources)
    gates = [(period, intraday(period)) for period in day_periods(day)]
    return join(
        plan_list_products(
            area=area,
            sources=listed,
            periods=[period],
            gate_open_ms=gate.open_ms,
            gate_close_ms=gate.close_ms,
            mode=MODE_CONTINUOUS,
            actor=actor,
        )
        for area in areas
        for period, gate in gates
    )
