"""Registers of a file in any unsigned format, in one shape: what a command or a gateway hands on.

What a key must verify first (OCMF, ciphered DLMS) and what only a column map explains (CSV, Parquet) is not read here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from wattmark.core.codes import Tier
from wattmark.metering.errors import ReadingsMalformed
from wattmark.metering.formats.devices_json import read_device
from wattmark.metering.formats.dlms import DlmsPush, read_frame, read_push
from wattmark.metering.formats.echonet import EchonetAnswer, calibration, read_answer, registers
from wattmark.metering.formats.echonet_frame import read_echonet, read_erxudp
from wattmark.metering.formats.nem12 import NemFile, channel_registers, read_nem
from wattmark.metering.formats.p1 import read_p1
from wattmark.metering.formats.p1_frame import split_stream
from wattmark.metering.formats.recognise import Format, recognise
from wattmark.metering.formats.record_refusals import RecordCode, record_refused
from wattmark.metering.labels import Label


@dataclass(frozen=True, slots=True)
class FoundRegister:
    """A register at a moment, whatever it came in.

    Attributes:
        meter: name of the meter as the format has it; empty where it has none.
        channel: ``import``, ``export``, ``outage``, or the channel of a NEM12 file.
        end_s: the moment, POSIX seconds; ``None`` where nobody says it.
        register_wh: its value [Wh]; ``None`` where it was not measured.
        label: what it is worth.
        tier: T0, or T1 over an authenticated way.
    """

    meter: str
    channel: str
    end_s: int | None
    register_wh: int | None
    label: Label
    tier: Tier


def read_anything(
    data: bytes, form: Format | None = None, *, received_s: int | None = None, utc_offset_s: int | None = None
) -> tuple[FoundRegister, ...]:
    """Return the registers of a file.

    Args:
        data: the file: one record, or telegrams or lines one after the other.
        form: its format; recognised by content if not given.
        received_s: when it came, POSIX seconds, for histories that say only how many days back they are.
        utc_offset_s: local time minus UTC, for stamps without a zone [s].

    Raises:
        ReadingsMalformed: as the reader of the format; ``KEY_MISSING``, a format a key must verify first;
            ``FORMAT_UNKNOWN``, none, or one that needs a column map.
    """
    form = form or recognise(data)
    if form in (Format.OCMF, Format.OCMF_CONTAINER, Format.DLMS_CIPHERED):
        raise record_refused(RecordCode.KEY_MISSING, "file", form.value)
    if form is Format.ERXUDP:
        return tuple(_lines(data, received_s))
    if form is Format.ECHONET:
        return tuple(_answers([read_answer(read_echonet(data))], "", Tier.T0, received_s))
    if form is Format.P1:
        return tuple(_telegrams(data))
    if form is Format.NEM12:
        return tuple(_channels(read_nem(data)))
    if form is Format.DEVICE_JSON:
        return tuple(
            FoundRegister(one.meter, one.flow, one.end_s, one.register_wh, one.label, one.tier)
            for one in read_device(data, utc_offset_s)
        )
    if form in (Format.DLMS_FRAME, Format.DLMS_PUSH):
        return tuple(_push(read_push(read_frame(data) if form is Format.DLMS_FRAME else data)))
    raise record_refused(RecordCode.FORMAT_UNKNOWN, "file", form.value, known="a format without a column map")


def _lines(data: bytes, received_s: int | None) -> Iterator[FoundRegister]:
    """Lines of a Wi-SUN module; each meter's calibration is told by its own lines."""
    meters: dict[tuple[str, Tier], list[EchonetAnswer]] = {}
    for number, line in enumerate(data.splitlines(), 1):
        try:
            heard = read_erxudp(line)
            meters.setdefault((heard.sender.hex(), heard.tier), []).append(read_answer(heard.frame))
        except ReadingsMalformed as error:
            raise ReadingsMalformed(error.code, f"line {number}, {error.field}", error.value, error.rule) from error
    for (meter, tier), answers in meters.items():
        yield from _answers(answers, meter, tier, received_s)


def _answers(answers: list[EchonetAnswer], meter: str, tier: Tier, received_s: int | None) -> Iterator[FoundRegister]:
    if not any(answer.counts for answer in answers):
        return
    known = calibration(answers)
    for answer in answers:
        for one in registers(answer, known, received_s):
            yield FoundRegister(meter, one.flow.value, one.end_s, one.register_wh, one.label, tier)


def _telegrams(data: bytes) -> Iterator[FoundRegister]:
    telegrams = split_stream(data) or (data,)
    for one in map(read_p1, telegrams):
        for channel, register_wh in (("import", one.import_wh), ("export", one.export_wh)):
            if register_wh is not None:
                yield FoundRegister(one.serial, channel, one.end_s, register_wh, one.label, one.tier)


def _channels(found: NemFile) -> Iterator[FoundRegister]:
    """Energy channels of a NEM12 file, each as a register that begins at 0; two readings of a NEM13 row say no shape."""
    energy = [one for one in found.channels if one.is_energy and one.days]
    for nmi, suffix in dict.fromkeys((one.nmi, one.suffix) for one in energy):
        rows = [one for one in energy if (one.nmi, one.suffix) == (nmi, suffix)]
        for one in channel_registers(rows):
            yield FoundRegister(nmi, suffix, one.end_s, one.register_wh, one.label, Tier.T0)


def _push(push: DlmsPush) -> Iterator[FoundRegister]:
    end_s = None if push.time is None else push.time.utc_s
    for channel, register_wh in (("import", push.import_wh), ("export", push.export_wh)):
        if register_wh is not None:
            yield FoundRegister(push.meter, channel, end_s, register_wh, push.label, push.tier)
