"""P1: a telegram of our own, kept as text, and the 13 public telegrams of nine makers' meters."""

import csv
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from wattmark.metering.formats.p1 import P1Reading, read_p1
from wattmark.metering.formats.p1_frame import check_sequence, split_stream

OWN = Path(__file__).parent / "metering" / "p1.txt"


def test_our_own() -> None:
    found = read_p1(OWN.read_bytes())
    assert (found.import_wh, found.export_wh, found.end_s, found.serial) == (200_001, 1_001, 1_775_003_400, "WM-1")


def wh(found: P1Reading, row: dict[str, str], way: str) -> None:
    """Compare a direction's tariffs, and their sum, with the collection's texts."""
    c = {"import": 1, "export": 2}[way]
    texts = [row[f"{way}_t{e}"] for e in (1, 2)]
    if not all(texts):
        return
    expected = [int(Decimal(text.split("*")[0]) * {"kWh": 1_000, "Wh": 1}[text.split("*")[1]]) for text in texts]
    assert [one for each, e, one in found.tariff_wh if each == c and e in (1, 2)] == expected
    assert {"import": found.import_wh, "export": found.export_wh}[way] == sum(expected)


def test_the_13_public_telegrams(shared_data: Path) -> None:
    folder = shared_data / "metering" / "dsmr_p1"
    with (folder / "expected.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 13
    for row in rows:
        (data,) = split_stream((folder / f"{row['telegram']}.txt").read_bytes())
        assert f"{check_sequence(data[: data.rindex(b'!') + 1]):04X}" == row["crc16_arc_computed"]
        found = read_p1(data)
        assert found.frame.checked == bool(row["crc_in_telegram"])
        for way in ("import", "export"):
            wh(found, row, way)
        if row["equipment_id_hex"]:
            assert found.meter == row["equipment_id_hex"]
        if row["timestamp"].endswith(("S", "W")):
            zone = timezone(timedelta(hours=2 if row["timestamp"][-1] == "S" else 1))
            local = datetime.strptime(row["timestamp"][:-1], "%y%m%d%H%M%S").replace(tzinfo=zone)
            assert found.end_s == int(local.timestamp())
        else:
            assert found.end_s is None


@pytest.mark.parametrize(
    ("name", "import_wh", "export_wh"),
    [("ESY5Q3DB1024_V304", 52_185_782, 19_949_322), ("ESY5Q3DA1004_V304", 32_549_506, None)],
)
def test_registers_of_seven_decimals(shared_data: Path, name: str, import_wh: int, export_wh: int | None) -> None:
    (data,) = split_stream((shared_data / "metering" / "dsmr_p1" / f"TELEGRAM_{name}.txt").read_bytes())
    found = read_p1(data)
    assert (found.import_wh, found.export_wh) == (import_wh, export_wh)
