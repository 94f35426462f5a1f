"""``wattmark market``: the daily report of the market, and the operator's policy for it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattmark.cli.say import print_json, say, tell
from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text

if TYPE_CHECKING:
    from datetime import date

    from wattmark.market.policy import MarketPolicy
    from wattmark.market.surveillance.watch import Report

_HOME = tell(Text(en="Directory of the platform.", ja="運用先のディレクトリ。"))
_CLOSED_HOME = tell(Text(en="Directory of the platform, not open elsewhere.", ja="運用先のディレクトリ(停止中)。"))
_DAY = tell(Text(en="Day, YYYY-MM-DD (JST).", ja="日付 YYYY-MM-DD(日本時間)。"))
_JSON = tell(Text(en="Print one JSON object.", ja="JSONで出力。"))
_SET = tell(
    Text(
        en="NAME=NUMBER, such as collar_up=300 or surveillance.wash_trades=5; may be repeated.",
        ja="項目=数値(例: collar_up=300、surveillance.wash_trades=5)。繰り返し可。",
    )
)
_SURVEILLANCE = "surveillance."

market = typer.Typer(
    no_args_is_help=True,
    help=tell(
        Text(en="Fair play: the daily report, and the operator's policy.", ja="公正な取引: 日次報告と運営者の方針。")
    ),
)


@market.command("report")
def report(
    home: Annotated[Path, typer.Argument(help=_HOME)],
    day: Annotated[str, typer.Option("--day", help=_DAY)],
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Say what the rules of surveillance find in the orders and trades of a day.

    その日の注文と約定を監視規則に照らした結果を示す。
    """
    from wattmark.flows.watch_market import watch_market
    from wattmark.wiring import Platform

    wanted = _day(day)
    with Platform.open(home, read_only=True) as platform:
        found = watch_market(platform, wanted)
    if as_json:
        print_json({"day": wanted.isoformat(), **found.to_dict()})
    else:
        _print(found)


@market.command("policy")
def policy(
    home: Annotated[Path, typer.Argument(help=_CLOSED_HOME)],
    changes: Annotated[list[str] | None, typer.Option("--set", help=_SET)] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Show the market policy: collars, position limits, halts, thresholds; with --set change and record it.

    市場方針(値幅制限・建玉上限・自動停止・しきい値)を表示する。--set で変更し記録する。
    """
    from wattmark.wiring.home import read_settings

    now = read_settings(home).market
    if changes:
        from wattmark.core.clock import now_ms
        from wattmark.wiring.market import set_market_policy

        now = _changed(now, changes)
        set_market_policy(home, now, now_ms())
    values = _values(now)
    if as_json:
        print_json(values)
        return
    for name, value in values.items():
        typer.echo(f"{name}\t{value}")


def _print(found: "Report") -> None:
    from wattmark.market.surveillance.watch import RULES

    figures = found.figures
    say(
        Text(
            en=f"{figures.trades:,} trades, {figures.traded_wh:,} Wh, {figures.orders:,} orders, "
            f"{figures.cancels:,} taken back, {figures.accounts:,} accounts",
            ja=f"約定{figures.trades:,}件、{figures.traded_wh:,} Wh、注文{figures.orders:,}件、"
            f"取消し{figures.cancels:,}件、口座{figures.accounts:,}",
        )
    )
    for rule in RULES:
        alerts = found.of_rule(rule.rule)
        for alert in alerts:
            say(Text(en=f"{rule.rule} {alert.text.en}", ja=f"{rule.rule} {alert.text.ja}"))
        if not alerts:
            say(Text(en=f"{rule.rule} {rule.name.en}: silent", ja=f"{rule.rule} {rule.name.ja}: 検出なし"))


def _values(now: "MarketPolicy") -> dict[str, int]:
    from wattmark.market.thresholds import thresholds

    values = {one.name: int(getattr(now, one.name)) for one in thresholds(now)}
    watched = thresholds(now.surveillance)
    return values | {f"{_SURVEILLANCE}{one.name}": int(getattr(now.surveillance, one.name)) for one in watched}


def _changed(now: "MarketPolicy", changes: list[str]) -> "MarketPolicy":
    from wattmark.market.policy import MarketPolicy

    values: dict[str, Any] = now.to_values()
    watched: dict[str, Any] = values.setdefault("surveillance", {})
    for change in changes:
        name, _, number = change.partition("=")
        if not number.strip().isdecimal():
            raise MalformedInput("NOT_A_NUMBER", "set", change, Text(en="NAME=NUMBER", ja="項目=数値"))
        if name.startswith(_SURVEILLANCE):
            watched[name.removeprefix(_SURVEILLANCE)] = int(number)
        else:
            values[name] = int(number)
    return MarketPolicy.from_values(values)


def _day(text: str) -> "date":
    from datetime import date

    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise MalformedInput("DAY_INVALID", "day", text, Text(en="YYYY-MM-DD", ja="YYYY-MM-DD形式")) from error
