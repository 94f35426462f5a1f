"""``wattmark bench NAME``: one engine of ours, a limit of this machine and peers, measured in one run."""

from enum import StrEnum
from importlib import import_module
from typing import Annotated

import typer

from wattmark.cli.say import print_json, say, tell
from wattmark.core.text import Text

_NAME = tell(Text(en="What to measure.", ja="測定するもの。"))
_QUICK = tell(Text(en="A small run, to see that it works; its figures mean little.", ja="動作確認用の小さな測定。"))
_JSON = tell(Text(en="Print one JSON object.", ja="JSONで出力。"))
_WATTS = tell(
    Text(
        en="energy: power of a busy core [W], where no energy counter can be read.",
        ja="energy:電力計が読めないとき、稼働中のコア1個の電力とみなす値(W)。",
    )
)
_FIGURE = Text(en="ours", ja="本システム")
_LIMIT = Text(en="limit", ja="機械の限界")
_RATIO = Text(en="ratio", ja="比")
_WHOLE = 100
"""From here on a figure is printed without decimals."""


class Bench(StrEnum):
    """The benchmarks; each is a module of its name."""

    LEDGER = "ledger"
    BOOK = "book"
    AUCTION = "auction"
    BLOCKS = "blocks"
    COUPLING = "coupling"
    SETTLE = "settle"
    METER = "meter"
    ENERGY = "energy"
    AUDIT = "audit"
    START = "start"
    HTTP = "http"


def bench(
    name: Annotated[Bench, typer.Argument(help=_NAME)],
    quick: Annotated[bool, typer.Option("--quick", help=_QUICK)] = False,
    watts_per_core: Annotated[float, typer.Option("--watts-per-core", min=0.1, max=1_000, help=_WATTS)] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Measure an engine beside a limit of this machine and beside peers, on one workload.

    エンジンの速度を、同じ機械の限界・他の実装と並べて測る。
    """
    given = {"watts_per_core": watts_per_core} if name is Bench.ENERGY else {}
    report = import_module(f"wattmark.simulation.benchmarks.{name.value}").run(quick=quick, **given).to_dict()
    if as_json:
        print_json(report)
        return
    unit = report["unit"]
    say(Text(en=f"{name.value} [{unit}]", ja=f"{name.value} [{unit}]"))
    for label, value in (
        (tell(_FIGURE), report["figure"]),
        (f"{tell(_LIMIT)}: {report['limit_is']}", report["limit"]),
        *report["peers"].items(),
    ):
        typer.echo(f"{value:>16,.0f}  {label}" if value >= _WHOLE else f"{value:>16.4g}  {label}")
    typer.echo(f"{report['ratio']:>16.4g}  {tell(_RATIO)}")
