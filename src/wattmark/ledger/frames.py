"""The journal's frame, and how a segment of frames is read back.

::

    length u32 | crc32c u32 | sequence u64 | prev_hash 32 | payload | 0xFF      (integers little-endian)

``length`` counts the payload; the last byte is never zero, so that a frame cut short shows it; the CRC covers everything but itself; ``prev_hash`` is the SHA-256 of the whole
frame before (32 zero bytes before the first), so the frames form one chain through all segments. A segment is
written full of zeros before its first frame, therefore what follows the last frame must be zeros.

Torn or damaged? A frame that was being written when the machine stopped was never acknowledged and may be
dropped. Any other bad frame is damage. A write of one frame over zeros can leave a prefix of it, or leave whole
sectors out; it cannot leave a bad frame that is followed by anything, a length no frame has, a frame with no
zeros where the missing part should be, nor one bit by itself. See ``_verdict``; what remains ambiguous (a bit
flip in a last frame that holds a whole sector of zeros) is caught by the signed checkpoint, kept elsewhere.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.crypto.hashing import HASH_BYTES, crc32c, sha256

HEADER_BYTES: Final = 48
"""Length of a frame before its payload [bytes]."""
END_MARK: Final = b"\xff"
"""Last byte of every frame."""
MAX_PAYLOAD_BYTES: Final = 32 * 1024 * 1024
"""Longest payload [bytes]; a batch of 8,192 commands takes 1.5 MB."""
MAX_SEQUENCE: Final = (1 << 63) - 1
"""Largest sequence number."""
CHAIN_START: Final = bytes(HASH_BYTES)
"""``prev_hash`` of the first frame."""
SECTOR_BYTES: Final = 512
"""Smallest unit a disk leaves out of a torn write [bytes]."""

_HEADER: Final = struct.Struct("<IIQ32s")
_CRC_PLACE: Final = slice(4, 8)
_SEQUENCE_OFFSET: Final = 8
_LENGTH_BITS: Final = 32
_SEGMENT_NAME: Final = re.compile(r"([0-9]{20})\.seg")

Bytes = NDArray[np.uint8]


class TailKind(Enum):
    """What follows the last valid frame of a segment."""

    CLEAN = "zeros"
    TORN = "torn"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Frame:
    """A valid frame: its number, place in its segment [bytes], payload and the hash of the whole."""

    sequence: int
    offset: int
    prev_hash: bytes
    payload: bytes
    frame_hash: bytes

    @property
    def end(self) -> int:
        """Return the offset behind the frame [bytes]."""
        return _end(self.offset, len(self.payload))


@dataclass(frozen=True, slots=True)
class Tail:
    """What follows the last valid frame: kind, where the frames end, where it is wrong, and why.

    Attributes:
        kind: zeros, a torn write or damage.
        offset: end of the valid frames [bytes].
        position: place of the fault in words, empty when clean.
        detail: what was found there, empty when clean.
    """

    kind: TailKind
    offset: int
    position: str = ""
    detail: str = ""


def encode_frame(sequence: int, prev_hash: bytes, payload: bytes) -> bytes:
    """Return the frame.

    Raises:
        MalformedInput: an empty or too long payload, or a sequence out of range.
    """
    if not 1 <= len(payload) <= MAX_PAYLOAD_BYTES:
        rule = Text(en=f"1 to {MAX_PAYLOAD_BYTES} bytes in a frame", ja=f"1フレームは1〜{MAX_PAYLOAD_BYTES}バイト")
        raise MalformedInput("BAD_FRAME", "payload", len(payload), rule)
    if not 0 <= sequence <= MAX_SEQUENCE:
        rule = Text(en="a sequence number of 0 to 2^63 - 1", ja="連番は0〜2^63-1")
        raise MalformedInput("BAD_FRAME", "sequence", sequence, rule)
    assert len(prev_hash) == HASH_BYTES
    header = bytearray(_HEADER.pack(len(payload), 0, sequence, prev_hash))
    crc = crc32c(END_MARK, crc32c(payload, _crc(header)))
    header[_CRC_PLACE] = crc.to_bytes(4, "little")
    return b"".join([header, payload, END_MARK])


def segment_name(first_sequence: int) -> str:
    """Return the file name of the segment that starts with this frame."""
    return f"{first_sequence:020d}.seg"


def parse_segment_name(name: str) -> int | None:
    """Return the first sequence a file name stands for, or ``None`` for another file."""
    match = _SEGMENT_NAME.fullmatch(name)
    return int(match.group(1)) if match else None


def scan_segment(
    data: bytes | bytearray | memoryview | Bytes, sequence: int, prev_hash: bytes | None, offset: int = 0
) -> Iterator[Frame | Tail]:
    """Yield the valid frames of a segment in order and then, always, its tail.

    Args:
        data: the segment from its first byte.
        sequence: number the first frame must have.
        prev_hash: hash the first frame must chain to, or ``None`` to take that frame's word.
        offset: where the first frame to read starts [bytes].
    """
    view = data if isinstance(data, np.ndarray) else np.frombuffer(data, dtype=np.uint8)
    while True:
        frame = _frame_at(view, offset)
        if frame is None:
            tail = _verdict(view, offset, sequence)
            # a reader beside the writer may have met a frame that was being written, and now is whole
            frame = None if tail.kind is TailKind.CLEAN else _frame_at(view, offset)
            if frame is None:
                yield tail
                return
        fault = _chain_fault(frame, sequence, prev_hash)
        if fault:
            yield Tail(TailKind.BROKEN, offset, f"frame {sequence} at byte {offset}", fault)
            return
        yield frame
        offset, sequence, prev_hash = frame.end, sequence + 1, frame.frame_hash


def _end(offset: int, length: int) -> int:
    return offset + HEADER_BYTES + length + len(END_MARK)


def _crc(frame: bytes | bytearray) -> int:
    return crc32c(frame[_CRC_PLACE.stop :], crc32c(frame[: _CRC_PLACE.start]))


def _frame_at(view: Bytes, offset: int) -> Frame | None:
    """Return the frame at ``offset`` if length and CRC hold."""
    if offset + HEADER_BYTES > len(view):
        return None
    header = view[offset : offset + HEADER_BYTES].tobytes()
    length, crc, sequence, prev_hash = _HEADER.unpack(header)
    end = _end(offset, length)
    if not 1 <= length <= MAX_PAYLOAD_BYTES or end > len(view) or sequence > MAX_SEQUENCE:
        return None
    payload = view[offset + HEADER_BYTES : end - len(END_MARK)].tobytes()  # the one copy
    mark = view[end - len(END_MARK) : end].tobytes()
    if mark != END_MARK or crc32c(mark, crc32c(payload, _crc(header))) != crc:
        return None
    return Frame(sequence, offset, prev_hash, payload, sha256(np.ascontiguousarray(view[offset:end]).data))


def _chain_fault(frame: Frame, sequence: int, prev_hash: bytes | None) -> str:
    if frame.sequence != sequence:
        return f"sequence {frame.sequence} instead of {sequence}"
    if prev_hash is not None and frame.prev_hash != prev_hash:
        return "the previous hash is not that of the frame before"
    return ""


def _verdict(view: Bytes, offset: int, sequence: int) -> Tail:
    """Tell zeros, a torn write and damage apart behind the last valid frame (see the module's theory)."""
    rest = view[offset:]
    if not rest.any():
        return Tail(TailKind.CLEAN, offset)
    first = offset + int(np.argmax(rest != 0))
    last = offset + len(rest) - 1 - int(np.argmax(rest[::-1] != 0))
    where = f"frame {sequence} at byte {offset}"
    length = int.from_bytes(view[offset : offset + 4].tobytes(), "little")
    end = _end(offset, length)
    if length == 0:
        return _headless(view, offset, first, last, sequence)
    damage = ""
    torn_length = _length_torn(view, offset) and last < _end(offset, MAX_PAYLOAD_BYTES)
    if length > MAX_PAYLOAD_BYTES or end > len(view):
        damage = f"the length {length} is that of no frame"
    elif last >= end and not torn_length:
        damage = f"bytes follow that frame, at byte {end + int(np.argmax(view[end : last + 1] != 0))}"
    elif _later_frame(view, offset, sequence) or _length_flipped(view, offset, length):
        damage = "the length does not lead to the next frame"
    elif not torn_length and not _has_gap(view[offset:end], offset):
        damage = "the frame is complete but its CRC-32C does not hold"
    if damage:
        return Tail(TailKind.BROKEN, offset, where, f"damaged: {damage}")
    return Tail(TailKind.TORN, offset, where, "last frame damaged or torn")


def _headless(view: Bytes, offset: int, first: int, last: int, sequence: int) -> Tail:
    """Judge bytes behind a zero length: the start of a torn frame left out, or a fault among the zeros."""
    bits = int(np.unpackbits(view[first : last + 1]).sum()) if last - first < SECTOR_BYTES else SECTOR_BYTES
    skipped = first // SECTOR_BYTES > offset // SECTOR_BYTES
    too_far = last >= _end(offset, MAX_PAYLOAD_BYTES)
    if bits == 1 or not skipped or too_far or _later_frame(view, offset, sequence):
        return Tail(TailKind.BROKEN, offset, f"byte {first}", "not zero behind the last frame")
    return Tail(TailKind.TORN, offset, f"byte {first}", "the start of the last frame is missing: damaged or torn")


def _later_frame(view: Bytes, offset: int, sequence: int) -> bool:
    """Tell whether a valid frame of this or the next number starts somewhere behind ``offset``."""
    rest = view[offset:].tobytes()
    for number in (sequence, sequence + 1):
        needle = number.to_bytes(8, "little")
        place = rest.find(needle, _SEQUENCE_OFFSET + 1) if number else -1
        while place >= 0:
            found = _frame_at(view, offset + place - _SEQUENCE_OFFSET)
            if found is not None and found.sequence == number:
                return True
            place = rest.find(needle, place + 1)
    return False


def _length_flipped(view: Bytes, offset: int, length: int) -> bool:
    """Tell whether one bit of the length is wrong and everything else right."""
    stored = int.from_bytes(view[offset : offset + HEADER_BYTES].tobytes()[_CRC_PLACE], "little")
    for bit in range(_LENGTH_BITS):
        other = length ^ (1 << bit)
        end = _end(offset, other)
        if 1 <= other <= MAX_PAYLOAD_BYTES and end <= len(view):
            whole = bytearray(view[offset:end].tobytes())
            whole[:4] = other.to_bytes(4, "little")
            if _crc(whole) == stored:
                return True
    return False


def _length_torn(view: Bytes, offset: int) -> bool:
    """Tell whether the length lies in two sectors one of which is missing: a smaller length is read then."""
    lead = -offset % SECTOR_BYTES
    if not 0 < lead < _LENGTH_BITS // 8:
        return False
    boundary = offset + lead
    return not view[offset:boundary].any() or not view[boundary : boundary + SECTOR_BYTES].any()


def _has_gap(frame: Bytes, offset: int) -> bool:
    """Tell whether the frame ends in zeros or a whole sector of it is zero, as a torn write leaves it."""
    if frame[-1] == 0:
        return True
    lead = -offset % SECTOR_BYTES
    if lead and not frame[:lead].any():
        return True
    body = frame[lead:]
    sectors = len(body) // SECTOR_BYTES
    return bool((~body[: sectors * SECTOR_BYTES].reshape(sectors, SECTOR_BYTES).any(axis=1)).any())
