"""Frames, telegrams and files of meters that sign nothing: refused, or read whole."""

from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

from fuzz.running import Target
from wattmark.metering.errors import ReadingsMalformed
from wattmark.metering.formats.anything import read_anything
from wattmark.metering.formats.devices_json import read_device
from wattmark.metering.formats.echonet import Calibration, EchonetRegister, read_answer, registers
from wattmark.metering.formats.echonet_frame import EchonetFrame, read_echonet, read_erxudp
from wattmark.metering.formats.nem12 import Nem12Channel, NemRegister, channel_registers, read_nem
from wattmark.metering.formats.p1 import P1Reading, read_p1
from wattmark.metering.formats.recognise import recognise
from wattmark.testing.devices import home_assistant, shelly, tasmota
from wattmark.testing.echonet import GENERATOR, NOON, answer, counts, erxudp, settings
from wattmark.testing.nem12 import FLAGGED, READ, channel, day, nem
from wattmark.testing.p1 import LINES, telegram, with_check

REFUSALS = (ReadingsMalformed,)
FRAMES = [
    *settings(coefficient=10),
    answer((0xEA, NOON + b"\0" + counts(123_456)), (0xE7, counts(468))),
    answer((0xE2, b"\0\1" + counts(*range(48)))),
    answer((0xEC, NOON + b"\2" + counts(5, 6, 3, 4)), (0xD0, NOON + b"\0" + counts(1, 2))),
    answer((0xE7, NOON + b"\0" + counts(44)), (0xDB, b"\1"), source=GENERATOR),
]
TELEGRAMS = [telegram(), telegram(LINES[3:7], checked=False), telegram([*LINES[:3], "1-0:1.8.0(5.001*kWh)"])]
FILES = [
    FLAGGED,
    nem(channel(), day([1] * 48), "500,O,S01,20260401000000,1.0"),
    nem(READ, "550,N,,A,", kind="NEM13"),
]
MESSAGES = [
    shelly({"switch:0": {"id": 0, "aenergy": {"total": 11.679}}, "emdata:0": {"total_act": 5_000.9}}),
    tasmota(123.456),
    home_assistant("12.3"),
]
LINES = b"".join(map(erxudp, FRAMES[:3]))
CALIBRATION = Calibration(1_000, 10)


def echonet(data: bytes) -> tuple[EchonetRegister, ...]:
    found = read_answer(read_echonet(data))
    assert found.frame.data == data
    return registers(found, CALIBRATION)


def line(data: bytes) -> EchonetFrame:
    return read_erxudp(data).frame


def p1(data: bytes) -> P1Reading:
    found = read_p1(data)
    assert found.frame.data == data
    return found


def nem12(data: bytes) -> list[tuple[NemRegister, ...]]:
    channels = read_nem(data).channels
    for one in channels:
        assert {len(each.ticks) for each in one.days} <= {86_400 // one.duration_s}
    return [registers_of(one) for one in channels if one.is_energy and one.days]


def registers_of(one: Nem12Channel) -> tuple[NemRegister, ...]:
    found = channel_registers([one])
    assert all(before.register_wh <= after.register_wh for before, after in pairwise(found))
    return found


def targets(folder: Path, stack: ExitStack) -> list[Target]:
    del folder, stack
    return [
        Target("ECHONET Lite", "readings", FRAMES, echonet, REFUSALS),
        Target("ERXUDP line", "readings", [erxudp(frame) for frame in FRAMES], line, REFUSALS),
        Target("P1 telegram", "readings", TELEGRAMS, p1, REFUSALS, fix=with_check),
        Target("NEM12 file", "readings", FILES, nem12, REFUSALS),
        Target("device JSON", "readings", MESSAGES, read_device, REFUSALS),
        Target("format", "readings", [*FRAMES, *TELEGRAMS, *FILES[1:], *MESSAGES], recognise, REFUSALS),
        Target("any format", "readings", [LINES, TELEGRAMS[0] * 2, FILES[1], *MESSAGES], read_anything, REFUSALS),
    ]
