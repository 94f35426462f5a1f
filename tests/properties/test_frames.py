"""Laws of the journal's frames: round trip; no flipped bit passes; a torn write never costs an earlier frame."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmark.ledger.frames import CHAIN_START, Frame, Tail, TailKind, encode_frame, scan_segment

SEGMENT_BYTES = 4_096


def _frames(payloads: list[bytes], start: int = 0) -> list[bytes]:
    chain, frames = CHAIN_START, []
    for sequence, payload in enumerate(payloads, start):
        frames.append(encode_frame(sequence, chain, payload))
        [frame, _] = scan_segment(frames[-1], sequence, chain)
        chain = frame.frame_hash
    return frames


def _segment(frames: list[bytes], size: int = SEGMENT_BYTES) -> bytes:
    return b"".join(frames).ljust(size, b"\x00")


def _scan(data: bytes, start: int = 0) -> tuple[list[Frame], Tail]:
    *frames, tail = scan_segment(data, start, CHAIN_START)
    assert isinstance(tail, Tail)
    return frames, tail


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=10), st.integers(0, 2**63 - 20))
def test_frames_come_back_and_zeros_follow(payloads, start):
    frames = _frames(payloads, start)
    found, tail = _scan(_segment(frames), start)
    assert [frame.payload for frame in found] == payloads
    assert [frame.sequence for frame in found] == list(range(start, start + len(payloads)))
    assert tail == Tail(TailKind.CLEAN, sum(map(len, frames)))
    assert b"".join(frames) == b"".join(encode_frame(one.sequence, one.prev_hash, one.payload) for one in found)


def test_every_flipped_bit_of_a_segment_is_found():
    """Damage before the last frame and among the zeros is never taken for a torn write."""
    frames = _frames([b"first", bytes(100), b"third" * 20, b"the last one" + bytes(8)])
    whole = _segment(frames, 1_024)
    last_start, end = sum(map(len, frames[:-1])), sum(map(len, frames))
    for byte in range(len(whole)):
        for bit in range(8):
            changed = bytearray(whole)
            changed[byte] ^= 1 << bit
            found, tail = _scan(bytes(changed))
            assert len(found) < 4 or tail.kind is not TailKind.CLEAN
            assert tail.position
            if end <= byte < end + 4:  # looks like the first byte of a next frame, and nothing is lost with it
                assert (len(found), tail.position) == (4, f"frame 4 at byte {end}")
                continue
            assert tail.kind is TailKind.BROKEN, (byte, bit)
            if byte < last_start:
                assert len(found) < 3
            elif byte >= end:
                assert (len(found), tail.position) == (4, f"byte {byte}")


def test_a_flip_in_a_last_frame_with_a_sector_of_zeros_is_never_clean():
    """Here a flip can look like a torn write; it is still found, and the checkpoint tells which it was."""
    frames = _frames([b"first", b"last" + bytes(2_000) + b"last"])
    whole = _segment(frames)
    for byte in range(len(frames[0]), len(frames[0]) + len(frames[1])):
        changed = bytearray(whole)
        changed[byte] ^= 0x10
        found, tail = _scan(bytes(changed))
        assert len(found) == 1
        assert tail.kind in (TailKind.TORN, TailKind.BROKEN)
        assert tail.position == f"frame 1 at byte {len(frames[0])}"


@given(st.binary(min_size=1, max_size=2_000), st.integers(0, 100))
def test_a_write_cut_short_anywhere_is_torn(payload, lead):
    frames = _frames([b"before" + bytes(lead), payload])
    for kept in {0, 1, 4, 5, 8, 47, 48, 49, len(frames[1]) // 2, len(frames[1]) - 1}:
        if kept >= len(frames[1]):
            continue
        data = _segment([frames[0], frames[1][:kept].rstrip(b"\x00")])
        found, tail = _scan(data)
        assert len(found) == 1
        assert tail.kind is (TailKind.TORN if any(frames[1][:kept]) else TailKind.CLEAN)
        assert tail.offset == len(frames[0])


@given(st.sets(st.integers(0, 7)), st.integers(0, 600), st.integers(0, 2**32 - 1))
def test_a_write_that_lost_whole_sectors_is_torn(lost, lead, seed):
    random = np.random.default_rng(seed)
    payload = random.integers(1, 256, 3_000, dtype=np.uint8).tobytes()
    frames = _frames([b"\x01" * (lead + 1), payload])
    data = bytearray(_segment(frames, 8_192))
    start, end = len(frames[0]), len(frames[0]) + len(frames[1])
    for sector in lost:
        first = max(start, (start // 512 + sector) * 512)
        last = min(end, (start // 512 + sector + 1) * 512)
        data[first:last] = bytes(max(0, last - first))
    found, tail = _scan(bytes(data))
    missing = any(data[start:end][place] == 0 != frames[1][place] for place in range(len(frames[1])))
    if not missing:
        assert (len(found), tail.kind) == (2, TailKind.CLEAN)
    else:
        assert len(found) == 1
        assert tail.kind is (TailKind.TORN if any(data[start:end]) else TailKind.CLEAN)


@given(st.binary(min_size=0, max_size=400))
def test_arbitrary_bytes_are_no_frames_and_never_crash(data):
    found, tail = _scan(data)
    assert found == []
    assert (tail.kind is TailKind.CLEAN) == (not any(data))


@pytest.mark.parametrize(("sequence", "chain"), [(1, CHAIN_START), (0, b"\x01" * 32)])
def test_a_valid_frame_in_the_wrong_place_is_damage(sequence, chain):
    data = _segment([encode_frame(0, CHAIN_START, b"payload")])
    [tail] = scan_segment(data, sequence, chain)
    assert isinstance(tail, Tail)
    assert tail.kind is TailKind.BROKEN


def test_a_bad_frame_before_a_good_one_is_damage_whatever_its_length_says():
    """Even when the length is changed so that the frame seems to reach over everything behind it."""
    frames = _frames([b"first", b"second" + bytes(200), b"third"])
    for length in (1, 5, 100, 206, 300, 2_000, SEGMENT_BYTES, 2**31, 2**32 - 1):
        data = bytearray(_segment(frames))
        place = len(frames[0])
        if length == int.from_bytes(data[place : place + 4], "little"):
            continue
        data[place : place + 4] = length.to_bytes(4, "little")
        found, tail = _scan(bytes(data))
        assert (len(found), tail.kind) == (1, TailKind.BROKEN), length


@pytest.mark.parametrize("lead", range(9))
@pytest.mark.parametrize("size", [300, 700, 1_500])
def test_a_torn_write_whose_head_lies_on_the_border_of_two_sectors_is_torn(lead, size):
    """Also where the border cuts the length in two: what is read then is a length, but not this frame's."""
    payloads = [bytes([1]) * (1_024 - lead - 49), bytes(1 + n % 255 for n in range(size))]
    first, second = _frames(payloads)
    start = len(first)
    assert start % 512 == (512 - lead) % 512
    sectors = range(start // 512, -(-(start + len(second)) // 512))
    for kept in range(1 << len(sectors)):
        data = bytearray(first + second).ljust(SEGMENT_BYTES, b"\x00")
        for i, sector in enumerate(sectors):
            if not kept >> i & 1:
                place = slice(max(start, 512 * sector), 512 * (sector + 1))
                data[place] = bytes(len(data[place]))
        found, tail = _scan(bytes(data))
        whole = kept == (1 << len(sectors)) - 1
        assert len(found) == 1 + whole
        assert tail.kind is (TailKind.CLEAN if whole or kept == 0 else TailKind.TORN), (kept, tail)
