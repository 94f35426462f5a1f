"""``wattmark jepx``: replay published bid curves, export results in JEPX's layouts, list a day by its calendar."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from wattmark.cli.given import opened
from wattmark.cli.say import EXIT_FINDINGS, print_json, say, tell
from wattmark.core.codes import Area, Source
from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text

if TYPE_CHECKING:
    from datetime import date

    from wattmark.market.publish import PublishedSlot
    from wattmark.market.published import AreaGroup, CurveKey, PublishedPrice
    from wattmark.market.replay import Comparison, Difference

_CURVES = tell(
    Text(
        en="Bid curves: CSV as published (.gz or not, UTF-8 or CP932), or Parquet.",
        ja="入札カーブ: 公表されたCSV(.gz可、UTF-8かCP932)、またはParquet。",
    )
)
_GROUPS = tell(
    Text(
        en="Area groups as published, of all the days of the curves; needed with a CSV of curves or with a summary.",
        ja="公表されたエリアグループ(カーブの全日分)。カーブがCSVの場合と照合先が約定結果の場合は必須。",
    )
)
_EXPECTED = tell(
    Text(
        en="Published prices: our list per curve, or JEPX's summary of results; may be of more days than the curves (not_covered).",
        ja="公表価格: カーブごとの一覧、またはJEPXの約定結果。カーブより多くの日を含んでよい(not_covered)。",
    )
)
_MOST = tell(Text(en="Differences to print.", ja="表示する差異の件数。"))
_JSON = tell(Text(en="Print one JSON object.", ja="JSONで出力。"))
_HOME = tell(Text(en="Directory of the platform.", ja="運用先のディレクトリ。"))
_DAY = tell(Text(en="Delivery day (JST), such as 2026-11-25.", ja="受渡日(JST)。例: 2026-11-25。"))
_OUT = tell(Text(en="Directory to write the files to.", ja="出力先のディレクトリ。"))
_SOURCE = tell(
    Text(en="Energy source 1..7; needed where the day has several.", ja="電源種別 1〜7。複数ある日は指定が必要。")
)
_ENCODING = tell(Text(en="Character encoding: utf-8 or cp932.", ja="文字コード: utf-8 または cp932。"))
_LOT = tell(
    Text(
        en="Energy that stands as 0.1 MW in the curves [Wh]; 50000 is JEPX's lot, less magnifies a small market.",
        ja="カーブで0.1MWと表す電力量(Wh)。50000がJEPXの取引単位。小さな市場は小さくして拡大できる。",
    )
)
_AREA = tell(Text(en="Market area 1..9; may be repeated.", ja="エリア番号 1〜9。繰り返し可。"))
_SOURCES = tell(Text(en="Energy source 1..7; may be repeated.", ja="電源種別 1〜7。繰り返し可。"))
_MARKET = tell(Text(en="Market: day-ahead or intraday.", ja="市場: day-ahead(翌日)または intraday(時間前)。"))
_CLOSED = tell(
    Text(en="A day that is closed beside the holidays; may be repeated.", ja="祝日以外の休業日。繰り返し可。")
)
_TRADING_DAY = tell(
    Text(en="Day of the auction, where it is not the eve of delivery.", ja="取引日(受渡日の前日でない場合)。")
)
DAY_AHEAD: Final = "day-ahead"
INTRADAY: Final = "intraday"
_GROUPS_RULE: Final = Text(
    en="--groups FILE: a CSV of curves, and a summary, name curves by number only",
    ja="--groups で指定すること(CSVのカーブと約定結果にはエリア名がない)",
)
_NAMELESS: Final = Text(
    en="a group for every curve of areas, in the files of --groups (J32)",
    ja="エリアのカーブすべてについて、--groups のファイルにグループがあること(J32)",
)
_CURVELESS: Final = Text(
    en="a curve for every group of the same days, in CURVES (J32)",
    ja="同じ日のグループすべてについて、CURVES にカーブがあること(J32)",
)

jepx = typer.Typer(
    no_args_is_help=True,
    help=tell(
        Text(
            en="JEPX's published files: replay bid curves, export results in the same layouts, list a day's products.",
            ja="JEPXの公表ファイル: 入札カーブの再現、同じ形式での出力、1日分の商品の登録。",
        )
    ),
)


@jepx.command("replay")
def replay(
    curves: Annotated[list[Path], typer.Argument(help=_CURVES)],
    expected: Annotated[Path, typer.Option("--expected", help=_EXPECTED)],
    groups: Annotated[list[Path] | None, typer.Option("--groups", help=_GROUPS)] = None,
    most: Annotated[int, typer.Option("--max-differences", min=0, help=_MOST)] = 10,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Clear every published curve and compare its price with the published one; exit 1 when any differs.

    A published price without a curve differs too, if its day has any curve; days without one are counted: not_covered.

    公表された入札カーブをすべて約定させ、公表価格と比べる。1件でも異なれば終了コード1。
    カーブのある日の公表価格にカーブがなければ差異とし、カーブが1本もない日は not_covered として数える。
    """
    from wattmark.market.formats.jepx_curves import read_curves
    from wattmark.market.formats.jepx_lines import is_parquet
    from wattmark.market.replay import Comparison
    from wattmark.market.replay import replay as replay_curves

    begun = time.perf_counter()
    with ExitStack() as files:
        sources = [files.enter_context(opened(file, "curves")) for file in curves]
        needs_groups = not all(map(is_parquet, sources))
        published, known = _published(expected, groups or [], needs_groups=needs_groups)
        compared = Comparison(published)
        for file, source in zip(curves, sources, strict=True):
            for table in read_curves(source, file.name):
                compared.add(table, replay_curves(table))
    if groups:
        _hold_groups(known, compared)
    compared.finish()
    seconds = time.perf_counter() - begun
    _report(compared, seconds, most, as_json=as_json)
    if compared.equal != compared.total or not compared.total:
        raise typer.Exit(EXIT_FINDINGS)


def _published(
    expected: Path, groups: list[Path], *, needs_groups: bool
) -> "tuple[dict[CurveKey, PublishedPrice], list[AreaGroup]]":
    """Return the published price of each curve, and the groups; their areas are held against those of our list."""
    from wattmark.market.formats.jepx_groups import read_groups
    from wattmark.market.formats.jepx_results import read_expected
    from wattmark.market.replay import published_by_curve

    with opened(expected, "expected") as source:
        found = read_expected(source, expected.name)
    known: list[AreaGroup] = []
    for file in groups:
        with opened(file, "groups") as source:
            known += read_groups(source, file.name)
    if not groups and (needs_groups or isinstance(found, list)):
        raise MalformedInput("GROUPS_MISSING", "groups", "", _GROUPS_RULE)
    if isinstance(found, list):
        return published_by_curve(found, known), known
    for group in known:
        one = found.get(group.key)
        if one is not None and one.areas != group.areas:
            rule = Text(en="the same areas as the list of prices says", ja="公表価格の一覧と同じエリアであること")
            raise MalformedInput("GROUP_DIFFERS", f"groups, {_where(group.key)}", _areas(group.areas), rule)
    return found, known


def _hold_groups(known: "list[AreaGroup]", compared: "Comparison") -> None:
    """Refuse curves of areas without a group, and groups of the same days without a curve."""
    from wattmark.market.replay import unmatched_groups

    nameless, curveless = unmatched_groups(known, compared.curves)
    for key, code, file, rule in (
        (nameless, "GROUP_MISSING", "groups", _NAMELESS),
        (curveless, "CURVE_MISSING", "curves", _CURVELESS),
    ):
        if key is not None:
            raise MalformedInput(code, f"{file}, {_where(key)}", "", rule)


def _report(compared: "Comparison", seconds: float, most: int, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "equal": compared.equal,
                "total": compared.total,
                "not_covered": compared.not_covered,
                "seconds": round(seconds, 3),
                "differences": [_json(one, compared, "sen_per_kwh") for one in compared.differences[:most]],
                "volumes": {
                    "equal": compared.volumes_equal,
                    "total": compared.volumes_total,
                    "differences": [_json(one, compared, "kwh") for one in compared.volume_differences[:most]],
                },
            }
        )
        return
    for one in [*compared.differences[:most], *compared.volume_differences[:most]]:
        typer.echo(f"{_where(one.key)}\t{tell(one.what)}\t{one.replayed}\t{one.published}")
    say(
        Text(
            en=f"{compared.equal} of {compared.total} prices equal in {seconds:.2f} s; "
            f"{compared.volumes_equal} of {compared.volumes_total} volumes where one group holds all areas",
            ja=f"価格 {compared.total} 件中 {compared.equal} 件一致({seconds:.2f}秒)、"
            f"全エリアが1グループの約定量 {compared.volumes_total} 件中 {compared.volumes_equal} 件一致",
        )
    )
    if compared.not_covered:
        say(
            Text(
                en=f"not_covered: {compared.not_covered} days with published prices have no curve here",
                ja=f"not_covered: 公表価格のうち {compared.not_covered} 日分はカーブがない",
            )
        )


def _json(one: "Difference", compared: "Comparison", unit: str) -> dict[str, Any]:
    from wattmark.market.formats.jepx import date_of

    published = compared.published.get(one.key)
    day, slot, group = one.key
    return {
        "date": date_of(day).isoformat(),
        "slot": slot,
        "curve": group,
        "areas": None if published is None else _areas(published.areas),
        f"replayed_{unit}": one.replayed,
        f"published_{unit}": one.published,
        "difference": one.what.to_dict(),
    }


def _where(key: "CurveKey") -> str:
    from wattmark.market.formats.jepx import date_of

    return f"{date_of(key[0])} slot {key[1]} curve {key[2]}"


def _areas(areas: tuple[Any, ...]) -> str:
    return "+".join(area.name.lower() for area in areas) or "system"


@jepx.command("export")
def export(
    home: Annotated[Path, typer.Argument(help=_HOME)],
    day: Annotated[str, typer.Option("--day", help=_DAY)],
    out: Annotated[Path, typer.Option("--out", help=_OUT)],
    source: Annotated[int | None, typer.Option("--source", min=1, max=7, help=_SOURCE)] = None,
    encoding: Annotated[str, typer.Option("--encoding", metavar="[utf-8|cp932]", help=_ENCODING)] = "utf-8",
    lot_wh: Annotated[int, typer.Option("--lot-wh", min=1, max=50_000, help=_LOT)] = 50_000,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Write the cleared call auctions of a day as JEPX publishes its own: bid curves, area groups, summary.

    約定済みの板寄せ1日分を、JEPXの公表ファイルと同じ形式(入札カーブ・エリアグループ・約定結果)で書き出す。
    """
    from wattmark.flows.read_auctions import cleared_auctions, published_day
    from wattmark.market.publish import published_prices
    from wattmark.market.replay import Comparison
    from wattmark.market.replay import replay as replay_curves
    from wattmark.wiring import journal_frames

    wanted = _day(day, "day")
    if encoding not in {"utf-8", "cp932"}:
        raise typer.BadParameter("utf-8, cp932", param_hint="--encoding")
    with journal_frames(home) as frames:
        slots = published_day(cleared_auctions(frames, wanted, source), wanted, lot_wh)
    files = _write_day(slots, f"{wanted:%Y%m%d}", out, encoding)
    compared = Comparison(published_prices(slots))
    for one in slots:
        compared.add(one.curves, replay_curves(one.curves))
    cut_wh = sum(one.cut_wh for one in slots)
    if as_json:
        print_json(
            {
                "day": wanted.isoformat(),
                "slots": len(slots),
                "curves": compared.total,
                "replayed": compared.equal,
                "lot_wh": lot_wh,
                "cut_wh": cut_wh,
                "files": [str(file) for file in files],
            }
        )
        return
    for file in files:
        typer.echo(file)
    say(
        Text(
            en=f"{len(slots)} slots, {compared.total} curves, of which {compared.equal} replay to their price; "
            f"cutting volumes to lots of {lot_wh} Wh left out {cut_wh} Wh",
            ja=f"{len(slots)} コマ、カーブ {compared.total} 本(うち再現で同じ価格 {compared.equal} 本)、"
            f"{lot_wh} Wh 単位への切捨て {cut_wh} Wh",
        )
    )


def _write_day(slots: "list[PublishedSlot]", name: str, out: Path, encoding: str) -> list[Path]:
    """Write the three files of a day and return their paths."""
    from wattmark.market.formats.jepx_curves import write_curves
    from wattmark.market.formats.jepx_groups import write_groups
    from wattmark.market.formats.jepx_results import write_summary

    out.mkdir(parents=True, exist_ok=True)
    files = [out / f"spot_{kind}_{name}.csv" for kind in ("bid_curves", "splitting_areas", "summary")]
    with files[0].open("wb") as sink:
        write_curves(sink, (one.curves for one in slots), encoding)
    with files[1].open("wb") as sink:
        write_groups(sink, (group for one in slots for group in one.groups), encoding)
    with files[2].open("wb") as sink:
        write_summary(sink, (one.result for one in slots), encoding)
    return files


@jepx.command("list")
def list_day(
    home: Annotated[Path, typer.Argument(help=_HOME)],
    day: Annotated[str, typer.Option("--day", help=_DAY)],
    area: Annotated[list[int], typer.Option("--area", min=1, max=9, help=_AREA)],
    source: Annotated[list[int], typer.Option("--source", min=1, max=7, help=_SOURCES)],
    market: Annotated[str, typer.Option("--market", metavar="[day-ahead|intraday]", help=_MARKET)] = DAY_AHEAD,
    closed: Annotated[list[str] | None, typer.Option("--closed", help=_CLOSED)] = None,
    trading_day: Annotated[str, typer.Option("--trading-day", help=_TRADING_DAY)] = "",
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """List the products of a delivery day with the gates of the exchange's calendar; listing twice changes nothing.

    受渡日の商品(48コマ)を、取引所の暦どおりの受付時間で登録する。同じ登録を繰り返しても変わらない。
    """
    from wattmark.core.clock import now_ms
    from wattmark.flows.list_products import plan_list_day_ahead, plan_list_intraday
    from wattmark.market.calendar import Calendar
    from wattmark.wiring import Platform

    wanted = _day(day, "day")
    if market not in {DAY_AHEAD, INTRADAY}:
        raise typer.BadParameter(f"{DAY_AHEAD}, {INTRADAY}", param_hint="--market")
    calendar = Calendar(
        added=frozenset(_day(text, "closed") for text in closed or ()),
        trading_days={wanted: _day(trading_day, "trading_day")} if trading_day else {},
    )
    if calendar.trading_day(wanted) >= wanted:
        rule = Text(en="a day before delivery", ja="受渡日より前の日であること")
        raise MalformedInput("TRADING_DAY_INVALID", "trading_day", trading_day, rule)
    areas, sources = sorted({Area(one) for one in area}), sorted({Source(one) for one in source})
    if market == DAY_AHEAD:
        plan = plan_list_day_ahead(wanted, areas=areas, sources=sources, calendar=calendar)
    else:
        plan = plan_list_intraday(wanted, areas=areas, sources=sources)
    with Platform.open(home) as platform:
        products = [one.result0 for one in platform.execute_all(plan, now_ms())]
    if as_json:
        print_json({"day": wanted.isoformat(), "market": market, "products": products})
        return
    say(
        Text(
            en=f"{len(products)} products of {wanted} ({market}), numbers {products[0]} to {products[-1]}",
            ja=f"{wanted} の商品 {len(products)} 件({market})、番号 {products[0]}〜{products[-1]}",
        )
    )


def _day(text: str, field: str) -> "date":
    from wattmark.market.calendar import FIRST_DAY, LAST_DAY
    from wattmark.market.formats.jepx import date_of, day_of

    number = day_of(text)
    if number is None or not FIRST_DAY <= date_of(number) <= LAST_DAY:
        rule = Text(en="a day such as 2026-11-25, from 2006 to 2098", ja="2026-11-25 の形の日付(2006〜2098年)")
        raise MalformedInput("DAY_INVALID", field, text, rule)
    return date_of(number)
