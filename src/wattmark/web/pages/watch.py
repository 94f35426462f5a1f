"""The operator's report on the market: what the rules of surveillance found on a day, with the evidence (L8)."""

from datetime import date, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse, Response

from wattmark.core.periods import JST
from wattmark.flows.platform import Platform
from wattmark.flows.watch_market import traded_days, watch_market
from wattmark.market.surveillance.alert import MAX_ROWS, Alert, Figure
from wattmark.market.surveillance.policy import Surveillance
from wattmark.market.surveillance.watch import RULES, Report, Rule
from wattmark.market.thresholds import thresholds
from wattmark.web.charts.watch import Span, watch_chart
from wattmark.web.pages.parts import Fact, chosen_day
from wattmark.web.say import Say
from wattmark.web.visit import Visited

router = APIRouter()

MS: Final = 1_000
HOUR_MS: Final = 3_600_000
MEANINGS: Final = {one.name: one.text for one in thresholds(Surveillance)}
"""Name of a threshold -> what it means."""


@router.get("/watch")
async def watch_page(
    visit: Visited,
    day: Annotated[str | None, Query(max_length=10)] = None,
    form: Annotated[str, Query(alias="format", max_length=8)] = "",
) -> Response:
    """Show the report of a day, the last one with orders where none is named; ``format=json`` returns it as JSON."""
    days = await visit.read(traded_days)
    chosen, here = chosen_day(days, day or None)
    report = None if chosen is None else await visit.context.run(lambda platform: _report(platform, chosen))
    if form == "json":
        values = None if report is None or chosen is None else {"day": chosen.isoformat(), **report.to_dict()}
        return JSONResponse(values, headers={"Cache-Control": "no-store"})
    shown = None if report is None or chosen is None else report_values(report, chosen, visit.say)
    return visit.page("watch.html", {"tab": "watch", "days": days, "here": here, "watch": shown})


def _report(platform: Platform, day: date) -> Report:
    return watch_market(platform, day)


def report_values(report: Report, day: date, say: Say) -> dict[str, Any]:
    """Return what the page shows of a report."""
    figures = report.figures
    return {
        "lead": say.t("watch.lead", date=say.date(day)),
        "facts": [
            Fact(say.t("watch.trades"), f"{figures.trades:,}"),
            Fact(say.t("watch.energy"), say.energy(figures.traded_wh)),
            Fact(say.t("watch.value"), say.money(figures.value_e5)),
            Fact(say.t("watch.orders"), f"{figures.orders:,}"),
            Fact(say.t("watch.cancels"), f"{figures.cancels:,}"),
            Fact(say.t("watch.accounts"), f"{figures.accounts:,} ({figures.owners:,})"),
            Fact(say.t("watch.products"), f"{figures.products:,}"),
        ],
        "pictures": [_picture(report, say, wide=wide) for wide in (True, False)],
        "head": [say.t("watch.hour"), say.t("watch.axis")],
        "hours": [(f"{hour}:00", say.energy(wh)) for hour, wh in enumerate(figures.hours_wh)],
        "rules": [_rule_values(rule, report.of_rule(rule.rule), day, say) for rule in RULES],
    }


def _picture(report: Report, say: Say, *, wide: bool) -> Any:  # noqa: ANN401 - markup
    rows = [rule.rule for rule in RULES]
    spans = [
        Span(
            rows.index(alert.rule),
            (alert.since_ms - report.start_ms) / HOUR_MS,
            (alert.until_ms - report.start_ms) / HOUR_MS,
        )
        for alert in report.alerts
    ]
    label = say.t("watch.chart", count=len(report.alerts))
    return watch_chart(report.figures.hours_wh, rows, spans, label=label, axis=say.t("watch.axis"), wide=wide)


def _rule_values(rule: Rule, alerts: tuple[Alert, ...], day: date, say: Say) -> dict[str, Any]:
    found = say.t("watch.found", count=len(alerts)) if alerts else say.t("watch.silent")
    return {
        "rule": rule.rule,
        "name": say.text(rule.name),
        "text": say.text(rule.text),
        "found": found,
        "is_silent": not alerts,
        "alerts": [_alert_values(alert, day, say) for alert in alerts],
    }


def _alert_values(alert: Alert, day: date, say: Say) -> dict[str, Any]:
    return {
        "text": say.text(alert.text),
        "accounts": ", ".join(str(account) for account in alert.accounts),
        "products": alert.products,
        "when": f"{_clock(alert.since_ms, day)} – {_clock(alert.until_ms, day)}",
        "figures": [
            {
                "name": say.text(MEANINGS[figure.name]),
                "value": _quantity(figure, figure.value, say),
                "limit": _quantity(figure, figure.limit, say),
            }
            for figure in alert.figures
        ],
        "evidence": say.t("watch.evidence", trades=f"{alert.trade_count:,}", orders=f"{alert.order_count:,}"),
        "trades": alert.trades,
        "orders": ", ".join(f"#{order}" for order in alert.orders),
        "cut": say.t("watch.first", count=MAX_ROWS) if max(alert.trade_count, alert.order_count) > MAX_ROWS else "",
    }


def _quantity(figure: Figure, value: int, say: Say) -> str:
    if figure.unit == "per mille":
        return say.percent(value)
    if figure.unit == "Wh":
        return say.energy(value)
    return f"{value:,} {say.t(f'watch.unit_{figure.unit}')}"


def _clock(timestamp_ms: int, day: date) -> str:
    """Return hours, minutes and seconds, with the date where it is another day's."""
    when = datetime.fromtimestamp(timestamp_ms // MS, JST)
    return f"{when:%H:%M:%S}" if when.date() == day else f"{when:%m-%d %H:%M:%S}"
