"""``wattmark import HOME FILE``: unsigned readings from CSV or Parquet by a declarative column map."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wattmark.cli.say import print_json, say, tell
from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text

_HOME = tell(Text(en="Directory of the platform.", ja="運用先のディレクトリ。"))
_FILE = tell(Text(en="CSV or Parquet file of readings.", ja="検針値のCSVまたはParquetファイル。"))
_MAP = tell(
    Text(
        en="JSON file that says what the columns mean (docs: import); unit, slot length, zone, stamp and encoding must be said.",
        ja="列の意味を定めるJSONファイル。単位・コマ長・時間帯・時刻の意味・文字コードは必須。",
    )
)
_DEVICE = tell(
    Text(en="Device of a meter: NAME=NUMBER, once per meter.", ja="計器の装置番号: 名前=番号(計器ごとに指定)。")
)
_JSON = tell(Text(en="Print one JSON object.", ja="JSONで出力。"))


def import_(
    home: Annotated[Path, typer.Argument(help=_HOME)],
    file: Annotated[Path, typer.Argument(help=_FILE)],
    column_map: Annotated[Path, typer.Option("--map", help=_MAP)],
    device: Annotated[list[str], typer.Option("--device", help=_DEVICE)],
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Import unsigned readings (tier T0): kept as evidence, minted only where the policy says so.

    署名のない検針値(T0)を取り込む。証拠として保存し、方針が許す場合のみ発行する。
    """
    from wattmark.cli.given import read_input
    from wattmark.core.clock import now_ms
    from wattmark.core.ids import derive_id
    from wattmark.crypto.hashing import sha256
    from wattmark.flows.import_readings import plan_import
    from wattmark.wiring import Platform

    now = now_ms()
    data = read_input(file, "file")
    devices = dict(_device(one) for one in device)
    with Platform.open(home) as platform:
        tables = _tables(file, read_input(column_map, "map"), devices, platform.state.devices)
        identity = derive_id(
            "import file", sha256(data), *(f"{name}={number}" for name, number in sorted(devices.items()))
        )
        imported = plan_import(platform, tables, devices, identity=identity, received_ms=now)
        platform.execute_all(imported.plan, now)
    issued = imported.issued
    report: dict[str, Any] = {
        "file": str(file),
        "rows": imported.rows,
        "energy_wh": imported.energy_wh,
        "issued": issued,
        "findings": [finding.to_dict() for finding in imported.findings],
    }
    if as_json:
        print_json(report)
        return
    say(
        Text(
            en=f"{imported.rows} readings, {imported.energy_wh} Wh; {issued} bundles issued; {len(imported.findings)} findings",
            ja=f"検針値 {imported.rows} 件、{imported.energy_wh} Wh、発行 {issued} 件、指摘 {len(imported.findings)} 件",
        )
    )
    for finding in imported.findings[:20]:
        typer.echo(f"  row {finding.row}\t{finding.rule}\t{tell(finding.text)}\t{finding.value} > {finding.limit}")


def _device(text: str) -> tuple[str, int]:
    name, equals, number = text.rpartition("=")
    if equals and name and number.isascii() and number.isdigit():
        return name, int(number)
    raise MalformedInput("DEVICE_INVALID", "device", text, Text(en="NAME=NUMBER", ja="名前=番号"))


def _tables(file: Path, map_bytes: bytes, devices: dict[str, int], registered: Any) -> list[Any]:  # noqa: ANN401 - int64[n, 16]
    from wattmark.core.encoding import json_decode_strict
    from wattmark.metering.formats.columns import ColumnMap
    from wattmark.metering.formats.csv import read_csv
    from wattmark.metering.formats.parquet import read_parquet
    from wattmark.tokens.layout import D_REG_NEXT_WH

    columns = ColumnMap.from_dict(json_decode_strict(map_bytes))
    open_wh = {
        name: int(registered[number, D_REG_NEXT_WH])
        for name, number in devices.items()
        if 0 <= number < len(registered)
    }
    with file.open("rb") as source:
        reader = read_parquet if file.suffix == ".parquet" else read_csv
        return list(reader(source, columns, open_wh))
