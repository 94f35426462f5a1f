"""A day on the wire: the signed day, and beside it what the receiver needs to rebuild every leaf.

    [1, sign1, t_end_first, dur_s, steps, deltas, quality, status]

``steps`` (seconds from one ``t_end`` to the next, the first one being ``dur_s``), ``quality`` and ``status``
are run-length coded ``[count, value, count, value, ...]`` with maximal runs; ``deltas`` is a byte string of
the register advances from ``reg_open`` [Wh], little-endian, each in the 1, 2, 4 or 8 bytes the largest needs. Nothing here is signed, and nothing needs to be: values that do not lead to
the signed root are refused. The cost per meter-day is in the package's README.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from typing import Any, Final

import numpy as np

from wattmark.core.encoding import cbor_encode
from wattmark.metering.cose import Sign1, decode_sign1
from wattmark.metering.decode import (
    FORMAT_VERSION,
    MAX_REGISTER_WH,
    MAX_TIME_S,
    exact_bytes,
    exact_int,
    exact_list,
    exact_version,
    slot_seconds,
    strict_item,
)
from wattmark.metering.envelope import ALL_STATUS, MAX_DAY_PAYLOAD_BYTES, MAX_SLOTS, Day, Leaf, Quality
from wattmark.metering.errors import Code, refusal
from wattmark.metering.tree import leaf_hash

MAX_SEAL_BYTES: Final = MAX_DAY_PAYLOAD_BYTES + 160
"""Longest signed day [bytes]."""
MAX_TRANSPORT_BYTES: Final = 32 * 1_024
"""Longest day on the wire: 1,440 one-minute slots of a large plant fit [bytes]."""
_DELTA_TYPES: Final = {1: "<i1", 2: "<i2", 4: "<i4", 8: "<i8"}


@dataclass(frozen=True, slots=True)
class DayColumns:
    """A day's leaves as columns, whole numbers in range, in order.

    Attributes:
        dur_s: slot length of all [s].
        t_end: ends, POSIX seconds.
        register_wh: cumulative registers [Wh].
        quality: a ``Quality`` each.
        status: ``Status`` bits each.
    """

    dur_s: int
    t_end: list[int]
    register_wh: list[int]
    quality: list[int]
    status: list[int]

    def leaves(self, day: Day) -> list[Leaf]:
        """Return the leaves of ``day``."""
        rows = zip(self.t_end, self.register_wh, self.quality, self.status, strict=True)
        return [
            Leaf(day.meter_id, day.channel, seq, t_end, self.dur_s, register_wh, quality, status)
            for seq, (t_end, register_wh, quality, status) in enumerate(rows, day.seq_first)
        ]

    def hashes(self, day: Day) -> list[bytes]:
        """Return the leaf hashes of ``day``, without making the leaves."""
        meter_id, channel, dur_s = day.meter_id, day.channel, self.dur_s
        rows = zip(self.t_end, self.register_wh, self.quality, self.status, strict=True)
        return [
            leaf_hash(cbor_encode([FORMAT_VERSION, meter_id, channel, seq, t_end, dur_s, register_wh, quality, status]))
            for seq, (t_end, register_wh, quality, status) in enumerate(rows, day.seq_first)
        ]


@dataclass(frozen=True, slots=True)
class DayTransport:
    """A decoded day: the seal still unchecked, the values still run-length coded.

    Attributes:
        sign1: the signed day.
        t_end_first: end of the first slot, POSIX seconds.
        dur_s: slot length [s].
        steps: runs of seconds from slot to slot.
        deltas: register advances, packed [Wh].
        quality: runs of ``Quality``.
        status: runs of ``Status`` bits.
    """

    sign1: Sign1
    t_end_first: int
    dur_s: int
    steps: list[int]
    deltas: bytes
    quality: list[int]
    status: list[int]

    def columns(self, day: Day) -> DayColumns:
        """Return the day's leaves as columns.

        Args:
            day: the decoded payload of ``sign1``.

        Raises:
            EnvelopeMalformed: ``VALUES_MISMATCH`` where the values do not cover ``day.n`` slots,
                ``NOT_DETERMINISTIC`` or ``OUT_OF_RANGE``.
        """
        steps, quality, status = (_unrun(runs, day.n) for runs in (self.steps, self.quality, self.status))
        deltas = _unpack(self.deltas, day.n)
        if steps[0] != self.dur_s:
            raise refusal(Code.NOT_DETERMINISTIC, steps[0], field="steps")
        steps[0] = self.t_end_first
        t_end = list(accumulate(steps))
        registers = list(accumulate(deltas, initial=day.reg_open))[1:]
        exact_int(t_end[-1], "t_end", 0, MAX_TIME_S)
        exact_int(min(registers), "register_wh", 0, MAX_REGISTER_WH)
        exact_int(max(registers), "register_wh", 0, MAX_REGISTER_WH)
        return DayColumns(self.dur_s, t_end, registers, quality, status)

    def leaves(self, day: Day) -> list[Leaf]:
        """Return the day's leaves; arguments and errors as in ``columns``."""
        return self.columns(day).leaves(day)


def encode_transport(seal: bytes, day: Day, leaves: Sequence[Leaf]) -> bytes:
    """Return a day on the wire.

    Args:
        seal: the COSE_Sign1 over the day.
        day: its payload.
        leaves: the day's leaves in order, all of one slot length.
    """
    assert leaves
    dur_s = leaves[0].dur_s
    steps = [dur_s, *(after.t_end - before.t_end for before, after in pairwise(leaves))]
    registers = [day.reg_open, *(leaf.register_wh for leaf in leaves)]
    return cbor_encode(
        [
            FORMAT_VERSION,
            seal,
            leaves[0].t_end,
            dur_s,
            _run(steps),
            _pack([after - before for before, after in pairwise(registers)]),
            _run([leaf.quality for leaf in leaves]),
            _run([leaf.status for leaf in leaves]),
        ]
    )


def decode_transport(data: bytes) -> DayTransport:
    """Return the parts of a day on the wire.

    Raises:
        EnvelopeMalformed: too long, not deterministic, a wrong type, or a value out of range.
    """
    parts = exact_list(strict_item(data, MAX_TRANSPORT_BYTES), "day_envelope", 8)
    exact_version(parts[0])
    seal = exact_bytes(parts[1], "sign1", 1, MAX_SEAL_BYTES)
    return DayTransport(
        sign1=decode_sign1(seal, MAX_SEAL_BYTES),
        t_end_first=exact_int(parts[2], "t_end_first", 0, MAX_TIME_S),
        dur_s=slot_seconds(parts[3], "dur_s"),
        steps=_runs(parts[4], "steps", MAX_TIME_S),
        deltas=exact_bytes(parts[5], "deltas", 1, MAX_SLOTS * max(_DELTA_TYPES)),
        quality=_runs(parts[6], "quality", Quality.NO_READING),
        status=_runs(parts[7], "status", ALL_STATUS),
    )


def day_hash(data: bytes) -> bytes:
    """Return the hash of a day on the wire: the next day's ``prev_day_hash`` (no signature is checked).

    Raises:
        EnvelopeMalformed: not a day on the wire.
    """
    return leaf_hash(decode_transport(data).sign1.payload)


def _width(least: int, most: int) -> int:
    """Return the bytes an advance takes where the advances lie within ``least..most``."""
    return next(width for width in _DELTA_TYPES if -(1 << 8 * width - 1) <= least <= most < 1 << 8 * width - 1)


def _pack(deltas: Sequence[int]) -> bytes:
    return np.array(deltas, dtype=_DELTA_TYPES[_width(min(deltas), max(deltas))]).tobytes()


def _unpack(packed: bytes, n: int) -> list[int]:
    width, rest = divmod(len(packed), n)
    if rest or width not in _DELTA_TYPES:
        raise refusal(Code.VALUES_MISMATCH, len(packed), field="deltas", n=n)
    deltas: list[int] = np.frombuffer(packed, dtype=_DELTA_TYPES[width]).tolist()
    if width != _width(min(deltas), max(deltas)):
        raise refusal(Code.NOT_DETERMINISTIC, width, field="deltas")
    return deltas


def _run(values: Sequence[int]) -> list[int]:
    runs: list[int] = []
    for value, group in groupby(values):
        runs += (sum(1 for _ in group), value)
    return runs


def _runs(value: Any, field: str, high: int) -> list[int]:  # noqa: ANN401 - any CBOR item
    """Return checked runs: positive counts, values within ``0..high``, neighbours different."""
    runs = exact_list(value, field, most=2 * MAX_SLOTS)
    if len(runs) % 2:
        raise refusal(Code.WRONG_TYPE, len(runs), field=field, shape="count, value pairs")
    for count in runs[::2]:
        exact_int(count, field, 1, MAX_SLOTS)
    for item in runs[1::2]:
        exact_int(item, field, 0, high)
    if any(before == after for before, after in pairwise(runs[1::2])):
        raise refusal(Code.NOT_DETERMINISTIC, field, field=field)
    return runs


def _unrun(runs: Sequence[int], n: int) -> list[int]:
    total = sum(runs[::2])
    if total != n:
        raise refusal(Code.VALUES_MISMATCH, total, n=n)
    values: list[int] = []
    for count, value in zip(runs[::2], runs[1::2], strict=True):
        values += [value] * count
    return values
