"""NEM12 and NEM13: a file of our own, and the public files: 16 read as expected, four refused for cause.

The collection expects three refusals. The fourth is ours: a file that announces 30 minutes and brings 96 values a day, of
which the reference reader takes the first 48 and drops the others without a word.
"""

import ast
import csv
import zipfile
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from wattmark.metering.errors import ReadingsMalformed
from wattmark.metering.formats.nem12 import MARKET_OFFSET_S, NemFile, channel_registers, read_nem

OWN = Path(__file__).parent / "metering" / "nem12.csv"
HALVED = "Example_NEM12_30min_200_15min_300.csv"


def test_our_own() -> None:
    found = read_nem(OWN.read_bytes())
    assert [channel_registers([one])[-1].register_wh for one in found.channels[:2]] == [1_081, 720]
    assert [len(one.days) for one in found.channels] == [1, 2, 1]


def market(moment_s: int) -> str:
    return str(datetime(1970, 1, 1) + timedelta(seconds=moment_s + MARKET_OFFSET_S))  # noqa: DTZ001 - market time


def said(found: NemFile) -> dict[tuple[str, str], tuple[int, str, str, Decimal, dict[str, int]]]:
    """Return (count, first start, last end, sum, flags) of each channel."""
    said = {}
    for nmi, suffix in dict.fromkeys((one.nmi, one.suffix) for one in found.channels):
        channels = [one for one in found.channels if (one.nmi, one.suffix) == (nmi, suffix)]
        days = [each for one in channels for each in one.days]
        start = datetime.combine(min(each.day for each in days), datetime.min.time())
        end = datetime.combine(max(each.day for each in days), datetime.min.time()) + timedelta(days=1)
        flags = Counter(flag[0] for each in days for flag in each.flags)
        total = Decimal(sum(sum(each.ticks) for each in days)).scaleb(-9)
        said[nmi, suffix] = (flags.total(), str(start), str(end), total, dict(flags))
    for one in found.reads:
        flags = {one.flags[1][0]: 1}
        said[one.nmi, one.suffix] = (
            1,
            market(one.start_s),
            market(one.end_s),
            Decimal(one.quantity_ticks).scaleb(-9),
            flags,
        )
    return said


def contents(path: Path) -> bytes:
    if path.suffix != ".zip":
        return path.read_bytes()
    with zipfile.ZipFile(path) as packed:
        (name,) = packed.namelist()
        return packed.read(name)


def test_the_public_files(shared_data: Path) -> None:
    folder = shared_data / "metering" / "nem12"
    with (folder / "expected_nemreader.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = dict.fromkeys(row["file"] for row in rows)
    refused = {row["file"] for row in rows if row["nmi"] == "ERROR"}
    assert (len(names), len(refused)) == (20, 3)
    read = 0
    for name in names:
        data = contents(folder / name)
        if name in refused | {HALVED}:
            with pytest.raises(ReadingsMalformed, match="FIELD_INVALID"):
                read_nem(data)
            continue
        expected = {
            (row["nmi"], row["channel"]): (
                int(row["intervals"]),
                row["first_start"],
                row["last_end"],
                Decimal(row["sum"]),
                ast.literal_eval(row["quality_counts"]),
            )
            for row in rows
            if row["file"] == name
        }
        assert said(read_nem(data)) == expected, name
        read += 1
    assert read == 16


def test_a_header_alone_and_nothing_at_all(shared_data: Path) -> None:
    folder = shared_data / "metering" / "nem12"
    assert read_nem((folder / "Example_NEM12_empty.csv").read_bytes()) == NemFile(header=True, channels=(), reads=())
    with pytest.raises(ReadingsMalformed, match="NOT_NEM12"):
        read_nem((folder / "Example_empty_file.csv").read_bytes())
