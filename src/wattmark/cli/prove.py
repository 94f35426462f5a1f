"""``wattmark prove HOME``: write the proof file of a retirement, or of a plan customer's day."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from wattmark.cli.say import print_json, say, tell
from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text

_HOME = tell(Text(en="Directory of the platform.", ja="運用先のディレクトリ。"))
_POSITION = tell(Text(en="Log index of a retirement.", ja="償却記録のログ番号。"))
_ID = tell(Text(en="Id of the RETIRE command (32 hexadecimal digits).", ja="償却コマンドのID(16進数32桁)。"))
_CUSTOMER = tell(Text(en="A plan customer's pseudonym (hexadecimal).", ja="プラン需要家の仮名(16進数)。"))
_DAY = tell(Text(en="Day of the plan, YYYY-MM-DD (JST).", ja="プランの日 YYYY-MM-DD(日本時間)。"))
_RETAILER = tell(Text(en="Account whose tokens the plan divides.", ja="プランの原資となる口座。"))
_WITNESSED = tell(
    Text(en="Under the last checkpoint that witnesses cosigned.", ja="立会人が連署した最新のチェックポイントで。")
)
_OUT = tell(Text(en="File to write (default: standard output).", ja="出力ファイル(省略時は標準出力)。"))
_JSON = tell(Text(en="Print one JSON object about the file.", ja="ファイルについてJSONで出力。"))


def prove(
    home: Annotated[Path, typer.Argument(help=_HOME)],
    position: Annotated[int, typer.Option("--position", min=-1, help=_POSITION)] = -1,
    identity: Annotated[str, typer.Option("--id", help=_ID)] = "",
    customer: Annotated[str, typer.Option("--customer", help=_CUSTOMER)] = "",
    day: Annotated[str, typer.Option("--day", help=_DAY)] = "",
    retailer: Annotated[int, typer.Option("--retailer", min=0, help=_RETAILER)] = 0,
    out: Annotated[Path | None, typer.Option("--out", help=_OUT)] = None,
    witnessed: Annotated[bool, typer.Option("--witnessed", help=_WITNESSED)] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Write a proof file that anybody verifies offline with ``wattmark verify``.

    誰でもオフラインで検証できる証明ファイルを書き出す。
    """
    from wattmark.wiring import Platform

    if (position >= 0) + bool(identity) + bool(customer) != 1:
        rule = Text(en="exactly one of --position, --id, --customer", ja="--position、--id、--customer のいずれか1つ")
        raise MalformedInput("ARGUMENTS", "position", position, rule)
    wanted_day = _day(day) if customer else None
    with Platform.open(home, read_only=True) as platform:
        data = _proof(platform, position, identity, (customer, wanted_day, retailer), witnessed=witnessed)
        vkey = platform.keys.vkey
    if out is None:
        typer.echo(data.decode(), nl=False)
        return
    out.write_bytes(data)
    if as_json:
        print_json({"file": str(out), "bytes": len(data), "vkey": vkey})
    else:
        say(Text(en=f"Wrote {out}; verify with --key {vkey}", ja=f"{out} を書き出しました。検証: --key {vkey}"))


def _proof(
    platform: object, position: int, identity: str, plan: tuple[str, date | None, int], *, witnessed: bool
) -> bytes:
    from wattmark.core.ids import parse_id
    from wattmark.flows.platform import Platform, existing
    from wattmark.flows.prove_plan import prove_plan
    from wattmark.flows.prove_retirement import prove_retirement

    assert isinstance(platform, Platform)
    customer, day, retailer = plan
    if day is not None:
        return prove_plan(platform, retailer, day, _pseudonym(customer), witnessed=witnessed)
    if identity:
        found = platform.sequencer.find(parse_id(identity))
        position = -1 if found is None else found[0]
    record = Text(en="record", ja="記録")
    at = existing(platform.state.position, position, "position", record)
    return prove_retirement(platform, at, witnessed=witnessed)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        rule = Text(en="a day as YYYY-MM-DD", ja="YYYY-MM-DD 形式の日付")
        raise MalformedInput("DAY_INVALID", "day", text, rule) from error


def _pseudonym(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        rule = Text(en="hexadecimal digits", ja="16進数")
        raise MalformedInput("CUSTOMER_INVALID", "customer", text, rule) from error
