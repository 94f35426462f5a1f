"""``wattmark jepx``: replay published bid curves, export results in JEPX's layouts, list a day by its calendar."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from wattmark.cli.given import opened
from wattmark.cli.say import EXIT_FINDINGS, print_json, say, tell
from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text

if TYPE_CHECKING:
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
        en="Area groups as published; needed with a CSV of curves or with a summary.",
        ja="公表されたエリアグループ。カーブがCSVの場合と照合先が約定結果の場合は必須。",
    )
)
_EXPECTED = tell(
    Text(
        en="Published prices: our list per curve, or JEPX's summary of results.",
        ja="公表価格: カーブごとの一覧、またはJEPXの約定結果。",
    )
)
_MOST = tell(Text(en="Differences to print.", ja="表示する差異の件数。"))
_JSON = tell(Text(en="Print one JSON object.", ja="JSONで出力。"))
_GROUPS_RULE: Final = Text(
    en="--groups FILE: a CSV of curves, and a summary, name curves by number only",
    ja="--groups で指定すること(CSVのカーブと約定結果にはエリア名がない)",
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

    公表された入札カーブをすべて約定させ、公表価格と比べる。1件でも異なれば終了コード1。
    """
    from wattmark.market.formats.jepx_curves import read_curves
    from wattmark.market.replay import Comparison
    from wattmark.market.replay import replay as replay_curves

    begun = time.perf_counter()
    compared = Comparison(_published(curves, expected, groups or []))
    for file in curves:
        with opened(file, "curves") as source:
            for table in read_curves(source, file.name):
                compared.add(table, replay_curves(table))
    compared.finish()
    seconds = time.perf_counter() - begun
    _report(compared, seconds, most, as_json=as_json)
    if compared.equal != compared.total or not compared.total:
        raise typer.Exit(EXIT_FINDINGS)


def _published(curves: list[Path], expected: Path, groups: list[Path]) -> "dict[CurveKey, PublishedPrice]":
    """Return the published price of each curve; areas of the groups file are held against those of our list."""
    from wattmark.market.formats.jepx_groups import read_groups
    from wattmark.market.formats.jepx_lines import buffer, is_parquet
    from wattmark.market.formats.jepx_results import read_expected
    from wattmark.market.replay import published_by_curve

    needs_groups = False
    for file in curves:
        with opened(file, "curves") as source:
            needs_groups |= not is_parquet(buffer(source))
    with opened(expected, "expected") as source:
        found = read_expected(source, expected.name)
    known: list[AreaGroup] = []
    for file in groups:
        with opened(file, "groups") as source:
            known += read_groups(source, file.name)
    if not groups and (needs_groups or isinstance(found, list)):
        raise MalformedInput("GROUPS_MISSING", "groups", "", _GROUPS_RULE)
    if isinstance(found, list):
        return published_by_curve(found, known)
    for group in known:
        one = found.get(group.key)
        if one is not None and one.areas != group.areas:
            rule = Text(en="the same areas as the list of prices says", ja="公表価格の一覧と同じエリアであること")
            raise MalformedInput("GROUP_DIFFERS", f"groups, {_where(group.key)}", _areas(group.areas), rule)
    return found


def _report(compared: "Comparison", seconds: float, most: int, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "equal": compared.equal,
                "total": compared.total,
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
