"""Every OCMF record of the public collection, in the file it came in: 250 records, 246 verified, 4 refused for cause.

A record is found by its text in the file, so that none is missed because a container could not be read.
"""

import html
import re
from collections import Counter
from pathlib import Path

import pytest

from wattmark.core.errors import Refused
from wattmark.metering.formats.ocmf import OcmfRecord, read_ocmf
from wattmark.metering.formats.ocmf_container import read_container
from wattmark.metering.formats.ocmf_readings import Quantity
from wattmark.metering.labels import Label

pytestmark = pytest.mark.data

RECORDS = 250
REFUSED = {
    ("test_ocmf_keba_kcp30_fail.xml", 1): "SIGNATURE_INVALID",  # one day of the time altered
    ("OCMF-receipt-with_import_and_export.xml", 1): "SIGNATURE_INVALID",  # printed over several lines after signing
    ("signature_16955306_ALL.xml", 1): "KEY_MISSING",  # the file brings no key
    ("signature_16955306_ALL.xml", 2): "KEY_MISSING",
}
BROKEN_FILES = {"ocmf-compleo-daten.xml", "test_input_invalid_xml.xml"}
"""Named .xml, but not well-formed: two roots; cut off."""
CURVES = {
    "secp256r1": 231,
    "secp256k1": 5,
    "secp192r1": 4,
    "secp192k1": 2,
    "secp384r1": 2,
    "brainpoolP256r1": 2,
}


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "metering" / "safe_transparenzsoftware"


@pytest.fixture(scope="module")
def files(folder: Path) -> dict[str, bytes]:
    found = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    assert len(found) == 50
    return {str(file.relative_to(folder)): file.read_bytes() for file in found}


@pytest.fixture(scope="module")
def outcomes(files: dict[str, bytes]) -> dict[tuple[str, int], OcmfRecord | Refused]:
    """Every record by file name and number within it, through the container where it is one."""
    found: dict[tuple[str, int], OcmfRecord | Refused] = {}
    for name, data in files.items():
        for number, (record, key) in enumerate(records_of(Path(name).name, data), 1):
            try:
                found[Path(name).name, number] = read_ocmf(record, key)
            except Refused as error:
                found[Path(name).name, number] = error
    return found


def records_of(name: str, data: bytes) -> list[tuple[bytes, str]]:
    try:
        return [(value.data, value.key_text) for value in read_container(data) if value.data.startswith(b"OCMF|")]
    except Refused:
        assert not name.endswith(".xml") or name in BROKEN_FILES
    key = data.rpartition(b"Public key:")[2].decode() if b"Public key:" in data else ""
    return [(record, key) for record in re.findall(rb"OCMF\|[^<]*", data)]


def test_none_is_missed(files: dict[str, bytes], outcomes: dict[tuple[str, int], OcmfRecord | Refused]) -> None:
    assert sum(html.unescape(data.decode("utf-8", "replace")).count("OCMF|") for data in files.values()) == RECORDS
    assert len(outcomes) == RECORDS


def test_what_is_refused_and_why(outcomes: dict[tuple[str, int], OcmfRecord | Refused]) -> None:
    refused = {where: outcome.code for where, outcome in outcomes.items() if isinstance(outcome, Refused)}
    assert refused == REFUSED
    assert len(outcomes) - len(refused) == 246


def test_curves_and_counters(outcomes: dict[tuple[str, int], OcmfRecord | Refused]) -> None:
    records = [outcome for outcome in outcomes.values() if isinstance(outcome, OcmfRecord)]
    assert Counter(record.key.curve for record in records) == CURVES
    assert {record.counter for record in records} == {"T"}


def test_no_public_record_mints(outcomes: dict[tuple[str, int], OcmfRecord | Refused]) -> None:
    """All are transactions; those with a synchronised clock count by tariff, by transaction, or by no register."""
    records = [outcome for outcome in outcomes.values() if isinstance(outcome, OcmfRecord)]
    readings = [reading for record in records for reading in record.readings]
    assert Counter(reading.label for reading in readings) == {Label.QUESTIONABLE: len(readings) - 8, Label.ACTUAL: 8}
    assert {reading.quantity for reading in readings if reading.label is Label.ACTUAL} == {Quantity.OTHER}
    assert [record for record in records if record.minting] == []


@pytest.mark.parametrize(
    ("file", "number", "meter", "page", "registers_wh"),
    [
        ("fromweb.xml", 1, "17619300", 32, [259, 259]),
        ("OCMF_Test_Data_00.xml", 2, "1DZG0033016824", 199, [9_038, None]),
        ("VW_OCMF_load.xml", 1, "1211751603", 144, [57_584, 4_405, 58_685, 4_405]),
        ("Ocmf_Example_OBIS_98.8.0_2.8.0.xml", 1, "1XXX0128200099", 76, [0, 1_000, 1_000, 2_000]),
        ("brainpoolP256r1.xml", 1, "12345678", 274, [1_833]),
        ("nistP384_0Wh.xml", 2, "12345678", 6, [0]),
        ("chargepoint_3.xml", 1, "33019230", 2, [0, 1_304]),
        ("test_ocmf_ebee_01.xml", 2, "000033022620", 29, [7_753]),
        ("ocmf_tariff_1.xml", 1, "16913115", 86, [62_500_203, 62_500_203]),
        ("test_ocmf_transaction_two_values.xml", 1, "HTBGenerated1", 12_345, [3_518, 7_010]),
        ("test_ocmf_transaction_two_values.xml", 2, "HTBGenerated1", 12_345, [9_436, 12_641]),
        ("ocmf-compleo-daten.xml", 1, "1EBZ0300034628", 120, [2_851_485, 2_851_753]),
        ("test.xml", 1, "1EBZ0300034628", 117, [2_850_685, 2_850_951]),
        ("keba_test.xml", 1, "16913115", 46_669, [1_234_560, 1_234_560, 0]),
        ("keba_test.xml", 100, "16913115", 46_768, [1_234_560, 1_234_560, 0]),
        ("measurements.xml", 21, "16913115", 86, [62_500_203, 62_500_203]),
    ],
)
def test_values(
    outcomes: dict[tuple[str, int], OcmfRecord | Refused],
    file: str,
    number: int,
    meter: str,
    page: int,
    registers_wh: list[int | None],
) -> None:
    record = outcomes[file, number]
    assert isinstance(record, OcmfRecord)
    assert (record.meter, record.page) == (meter, page)
    assert [reading.register_wh for reading in record.readings] == registers_wh


def test_the_sealed_container_is_no_record(files: dict[str, bytes]) -> None:
    """An RSA-sealed container is named OCMF but holds none."""
    (value,) = read_container(files["xml/test_ocmf_rsa_01.xml"])
    assert value.format == "OCMF"
    with pytest.raises(Refused, match="NOT_OCMF"):
        read_ocmf(value.data, value.key_text)
