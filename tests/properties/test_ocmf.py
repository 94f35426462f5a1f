"""A damaged record never yields a value; damage outside the signed text changes none."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmark.core.errors import Refused
from wattmark.metering.errors import ReadingsMalformed
from wattmark.metering.formats.ocmf import OcmfRecord, read_ocmf, split
from wattmark.metering.formats.ocmf_container import read_container
from wattmark.metering.formats.ocmf_readings import register_of
from wattmark.testing.ocmf import FISCAL, OcmfSigner

SIGNER = OcmfSigner()
RECORD = SIGNER.record()
TRUE = read_ocmf(RECORD, SIGNER.key)


def read(record: bytes) -> OcmfRecord | None:
    try:
        return read_ocmf(record, SIGNER.key)
    except Refused:
        return None


def test_every_byte_of_the_signed_text_flipped() -> None:
    start = len(b"OCMF|")
    for at in range(start, start + len(FISCAL)):
        flipped = bytearray(RECORD)
        flipped[at] ^= 1 << at % 8
        assert read(bytes(flipped)) is None, at


def test_every_byte_outside_set_to_every_value() -> None:
    """Hex digits in the other case, JSON's white space: the same record; all else: refused."""
    same = 0
    places = [*range(len(b"OCMF|")), *range(len(b"OCMF|") + len(FISCAL), len(RECORD))]
    for at in places:
        for value in {RECORD[at] ^ 1 << bit for bit in range(8)} | {0x20, 0x7C, 0x7D, 0x22, 0}:
            changed = bytearray(RECORD)
            changed[at] = value
            found = read(bytes(changed))
            assert found is None or found == TRUE, (at, value)
            same += found is not None and value != RECORD[at]
    assert same > 0


@given(cut=st.integers(0, len(RECORD) - 1))
def test_a_cut_record(cut: int) -> None:
    assert read(RECORD[:cut]) is None


@given(at=st.integers(0, len(RECORD)), more=st.binary(min_size=1, max_size=8))
def test_bytes_put_in(at: int, more: bytes) -> None:
    found = read(RECORD[:at] + more + RECORD[at:])
    assert found is None or found == TRUE
    if b"OCMF|" in RECORD[:at] and at < len(b"OCMF|") + len(FISCAL):
        assert found is None


@settings(max_examples=300)
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_anything_is_read_or_refused(data: bytes) -> None:
    for record in (data, b"OCMF|" + data, b"OCMF|{}|" + data, b"OCMF|" + data + b"|" + split(RECORD)[1]):
        assert read(record) is None
    for file in (data, b"<values><value>" + data, b"<values><value>" + data + b"</value></values>"):
        with contextlib.suppress(ReadingsMalformed):
            read_container(file)


@settings(max_examples=200)
@given(payload=st.text(st.characters(blacklist_characters="|", blacklist_categories=["Cs"]), max_size=100))
def test_anything_signed_is_read_or_refused(payload: str) -> None:
    for text in (payload, FISCAL.replace("123.4567", payload), FISCAL.replace("F7", payload, 1)):
        try:
            record = read_ocmf(SIGNER.record(text), SIGNER.key)
        except Refused:
            continue
        assert record.payload == text.encode()


@given(wh=st.integers(0, 2**53 - 1), more=st.text("0123456789", max_size=10))
def test_a_register_is_the_floor(wh: int, more: str) -> None:
    assert register_of(f"{wh // 1000}.{wh % 1000:03}{more}", "kWh", "RV") == wh
    assert register_of(f"{wh}.{more or 0}", "Wh", "RV") == wh


def test_signatures_of_ours_made_by_others_are_refused() -> None:
    with pytest.raises(Refused, match="SIGNATURE_INVALID"):
        read_ocmf(OcmfSigner(secret=99).record(), SIGNER.key)
