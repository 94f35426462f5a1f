"""DLMS: the standard's worked examples of suite 0, and the 16 public pushes of three makers' meters."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from wattmark.core.errors import Refused
from wattmark.metering.formats.dlms import DlmsPush, read_frame, read_push
from wattmark.metering.formats.dlms_cipher import GloKeys, open_glo
from wattmark.metering.formats.dlms_hdlc import strip_llc

EXAMPLES = json.loads((Path(__file__).parent / "metering" / "dlms_glo.json").read_text())
TITLE = bytes.fromhex("4d4d4d0000bc614e")
COUNTER = bytes.fromhex("01234567")
KEYS = {TITLE: GloKeys(bytes(range(16)), bytes(range(0xD0, 0xE0)))}
QUANTITIES = {
    **{f"{kind}_power_{way}": f"{c}.7" for kind, way, c in (("active", "import", 1), ("active", "export", 2))},
    **{f"reactive_power_{way}": f"{c}.7" for way, c in (("import", 3), ("export", 4))},
    **{f"active_power_{way}_total": f"{c}.8" for way, c in (("import", 1), ("export", 2))},
    **{f"reactive_power_{way}_total": f"{c}.8" for way, c in (("import", 3), ("export", 4))},
    **{f"current_l{phase}": f"{c}.7" for phase, c in ((1, 31), (2, 51), (3, 71))},
    **{f"voltage_l{phase}": f"{c}.7" for phase, c in ((1, 32), (2, 52), (3, 72))},
    **{
        f"{kind}_power_{way}_l{phase}": f"{20 * phase + c}.7"
        for phase in (1, 2, 3)
        for c, (kind, way) in enumerate(
            [("active", "import"), ("active", "export"), ("reactive", "import"), ("reactive", "export")], 1
        )
    },
}
"""Names of the collection -> OBIS C.D."""


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["name"])
def test_the_worked_examples(example) -> None:
    body = bytes.fromhex(example["control"]) + COUNTER + bytes.fromhex(example["protected"])
    message = b"\xdb\x08" + TITLE + bytes((len(body),)) + body
    assert open_glo(message, KEYS, {}).plaintext == bytes.fromhex(example["plaintext"])
    for at in range(len(message)):
        with pytest.raises(Refused):
            open_glo(message[:at] + bytes((message[at] ^ 1,)) + message[at + 1 :], KEYS, {})


@pytest.fixture(scope="module")
def collection(shared_data: Path):
    return json.loads((shared_data / "metering" / "dlms_han" / "han_dlms_payloads_with_expected.json").read_text())


def compared(push: DlmsPush, decoded: dict) -> int:
    """Check every number of a push against the collection's, and return how many there were."""
    found = {value.obis.split(":")[1].rsplit(".", 2)[0]: value for value in push.values}
    named = {QUANTITIES[name]: number for name, number in decoded.items() if name in QUANTITIES}
    assert set(found) == set(named)
    for code, number in named.items():
        value = found[code]
        assert float(value.raw) * 10.0**value.scaler == pytest.approx(number, abs=1e-9), code
    assert push.import_wh == decoded.get("active_power_import_total")
    assert push.export_wh == decoded.get("active_power_export_total")
    return len(named)


@pytest.mark.data
def test_every_payload(collection) -> None:
    """14 of 14, 142 numbers."""
    numbers = 0
    for payload in collection["payloads"]:
        push = read_push(strip_llc(bytes.fromhex(payload["hex"])))
        decoded = payload["decoded"]
        numbers += compared(push, decoded)
        assert push.meter == decoded.get("meter_id", "")
        if "meter_datetime" not in decoded:
            assert push.time is None
            continue
        assert push.time is not None
        expected = datetime.fromisoformat(decoded["meter_datetime"])
        assert push.time.local == expected.replace(tzinfo=None)
        assert push.time.utc_s == (None if expected.tzinfo is None else int(expected.timestamp()))
    assert (len(collection["payloads"]), numbers) == (14, 142)


@pytest.mark.data
def test_every_frame(collection) -> None:
    """2 of 2; every byte of them damaged gives nothing."""
    expected = [("1-0:1.7.0.255", 1_661), ("1-0:1.7.0.255", 5_502)]
    for frame, value in zip(collection["hdlc_frames"], expected, strict=True):
        data = bytes.fromhex(frame["hex"])
        (read,) = read_push(read_frame(data)).values
        assert (read.obis, read.raw) == value
        for at in range(len(data)):
            for bit in range(8):
                with pytest.raises(Refused):
                    read_push(read_frame(data[:at] + bytes((data[at] ^ 1 << bit,)) + data[at + 1 :]))
