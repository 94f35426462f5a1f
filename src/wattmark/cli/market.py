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
_CAPACITY = tell(
    Text(
        en="JSON file with what may flow between areas; without it nothing flows.",
        ja="エリア間の空容量のJSONファイル(指定がなければ0)。",
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


@market.command("clear")
def clear(
    home: Annotated[Path, typer.Argument(help=_CLOSED_HOME)],
    capacity: Annotated[Path | None, typer.Option("--capacity", exists=True, dir_okay=False, help=_CAPACITY)] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Clear every call auction whose gate has closed: all periods, areas and blocks together, the rest one by one.

    閉場した板寄せを全コマ・全エリア・ブロック同時に(その他は個別に)処理する。
    """
    from wattmark.core.clock import now_ms
    from wattmark.engine.commands import Kind, kind_of
    from wattmark.flows.clear_auctions import plan_clear_auctions
    from wattmark.flows.clear_together import AuctionPolicy, plan_clear_together
    from wattmark.wiring import Platform

    policy = AuctionPolicy() if capacity is None else AuctionPolicy.parse(capacity.read_bytes())
    with Platform.open(home) as platform:
        now = now_ms()
        together = plan_clear_together(platform.state, policy, now)
        done = platform.execute_all(together, now)
        alone = platform.execute_all(plan_clear_auctions(platform.state, now), now)
    kinds = [kind_of(row) for row in together.commands]
    groups = [one for one, kind in zip(done, kinds, strict=True) if kind == Kind.CLEAR_COUPLED]
    found = {
        "auctions": kinds.count(Kind.PRICE_AUCTION) + len(alone),
        "traded_wh": sum(one.result0 for one in groups) + sum(one.result1 for one in alone),
        "income_e5jpy": sum(one.result1 for one in groups),
    }
    if as_json:
        print_json(found)
        return
    say(
        Text(
            en=f"{found['auctions']:,} auctions cleared, {found['traded_wh']:,} Wh traded",
            ja=f"板寄せ{found['auctions']:,}件、約定{found['traded_wh']:,} Wh",
        )
    )


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
