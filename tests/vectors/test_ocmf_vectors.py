"""OCMF records of our own on every curve, kept as text: what verified once verifies for ever."""

import json
from pathlib import Path

import pytest

from wattmark.crypto.ecdsa import CURVES
from wattmark.metering.formats.ocmf import read_ocmf
from wattmark.metering.formats.ocmf_signature import read_key

CASES = json.loads((Path(__file__).parent / "metering" / "ocmf.json").read_text())


def test_every_curve_is_there() -> None:
    assert {read_key(case["key"]).curve for case in CASES} == set(CURVES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_fiscal_record(case) -> None:
    record = read_ocmf(case["record"].encode(), read_key(case["key"]))
    assert (record.counter, record.page, record.meter) == ("F", case["page"], case["meter"])
    assert [reading.register_wh for reading in record.minting] == case["register_wh"]
