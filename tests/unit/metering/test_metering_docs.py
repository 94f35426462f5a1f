"""The reference page says what the code does."""

import dataclasses
import json
import re
from datetime import date

import pytest

from wattmark.crypto.ecdsa import CURVE_UNSUPPORTED, CURVES
from wattmark.metering.decode import SLOT_SECONDS
from wattmark.metering.errors import Code
from wattmark.metering.formats.columns import ColumnMap
from wattmark.metering.formats.record_refusals import RecordCode
from wattmark.testing.meters import SeededMeter

HOME_WH = [180 + 37 * i % 900 for i in range(48)]


@pytest.fixture(scope="module")
def page(repository):
    return (repository / "docs" / "reference" / "meter-envelopes.md").read_text()


def test_every_code_and_every_member_of_the_map_is_explained(page):
    words = set(re.findall(r"`(\w+)`", page))
    assert {code.value for code in Code} - {"OK", "KEY_TAKEN", "KEY_INVALID"} <= words
    assert {field.name for field in dataclasses.fields(ColumnMap)} <= words
    assert ", ".join(map(str, SLOT_SECONDS)) in page


def test_every_refusal_of_a_record_is_explained(repository):
    pages = "".join(page.read_text() for page in (repository / "docs" / "reference").glob("*.md"))
    assert {code.value for code in RecordCode} | {CURVE_UNSUPPORTED} <= set(re.findall(r"`(\w+)`", pages))
    signed = (repository / "docs" / "reference" / "signed-readings.md").read_text()
    assert set(CURVES) <= set(re.findall(r"\w+", signed))


def test_the_example_map_is_one(page):
    (example,) = re.findall(r"^    (\{.*?\})$", page, re.MULTILINE | re.DOTALL)
    assert ColumnMap.from_dict(json.loads(example)).slots_per_day == 48


@pytest.mark.parametrize(
    ("row", "resolution_s", "energies_wh"),
    [
        ("a home, half-hourly", 1_800, HOME_WH),
        ("a home, every 5 minutes", 300, [70] * 288),
        ("a home, every minute", 60, [7] * 1_440),
    ],
)
def test_bytes_on_the_wire(page, row, resolution_s, energies_wh):
    meter = SeededMeter(resolution_s=resolution_s, register_open_wh=12_345_678)
    if row.endswith("half-hourly"):
        for day in range(1, 8):
            meter.day(date(2026, 1, day), energies_wh)
    signed = meter.day(date(2026, 1, 8), energies_wh)
    assert f"| {row} | {len(signed.seal):,}" in page
