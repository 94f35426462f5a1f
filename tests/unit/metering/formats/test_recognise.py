"""Formats by content: every reader's own material, and what belongs to none."""

import pytest

from wattmark.core.errors import Refused
from wattmark.metering.formats.recognise import Format, recognise
from wattmark.testing.devices import home_assistant, shelly, tasmota
from wattmark.testing.dlms import PUSH, glo, hdlc
from wattmark.testing.echonet import answer, counts, erxudp
from wattmark.testing.nem12 import FLAGGED, READ, nem
from wattmark.testing.ocmf import OcmfSigner
from wattmark.testing.p1 import telegram

FRAME = answer((0xE0, counts(1)))


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (OcmfSigner().record(), Format.OCMF),
        (b"\xef\xbb\xbf\n" + OcmfSigner().record(), Format.OCMF),
        (b'<?xml version="1.0"?><values/>', Format.OCMF_CONTAINER),
        (b"<values>", Format.OCMF_CONTAINER),
        (hdlc(PUSH), Format.DLMS_FRAME),
        (hdlc(PUSH).strip(b"\x7e"), Format.DLMS_FRAME),
        (glo(PUSH, 1), Format.DLMS_CIPHERED),
        (PUSH, Format.DLMS_PUSH),
        (FRAME, Format.ECHONET),
        (erxudp(FRAME), Format.ERXUDP),
        (telegram(), Format.P1),
        (FLAGGED, Format.NEM12),
        (b"\n" + FLAGGED.split(b"\r\n", 1)[1], Format.NEM12),
        (nem(READ, kind="NEM13"), Format.NEM12),
        (READ.encode(), Format.NEM12),
        (shelly({}), Format.DEVICE_JSON),
        (tasmota(1), Format.DEVICE_JSON),
        (home_assistant("1"), Format.DEVICE_JSON),
        (b"PAR1....", Format.PARQUET),
    ],
)
def test_every_format(data: bytes, found: Format) -> None:
    assert recognise(data) is found


@pytest.mark.parametrize(
    "data",
    [b"", b"\x7e", b"time,kWh\n2026-04-01,1\n", b"200,5\n", b"/etc/passwd", b"{}", b"{", b"\xff" * 8, b"x" * 99],
)
def test_none_of_them(data: bytes) -> None:
    with pytest.raises(Refused) as caught:
        recognise(data)
    assert caught.value.code in {"FORMAT_UNKNOWN", "LIST_UNKNOWN", "NOT_JSON"}
    assert caught.value.code == "FORMAT_UNKNOWN" or data.startswith(b"{")
