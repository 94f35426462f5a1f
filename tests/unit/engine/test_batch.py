"""The payload of a frame: every byte accounted for."""

import hashlib
import struct

import numpy as np
import pytest

from wattmark.core.errors import MalformedInput
from wattmark.engine.batch import (
    ENTRY_BYTES,
    MAX_PAYLOAD_BYTES,
    Batch,
    decode_batch,
    draw_salts,
    encode_batch,
    leaf_entries,
    named_payloads,
)
from wattmark.engine.commands import Kind, command, payload_hash, stack

PAYLOADS = [b"", b"{}", b"x" * 1_000]


def batch() -> Batch:
    accounts = [
        command(Kind.OPEN_ACCOUNT, id=n + 1, actor=0, hash=payload_hash(payload), roles=1, credit_limit_e5jpy=-n)
        for n, payload in enumerate(PAYLOADS)
    ]
    other = command(Kind.RELEASE, id=9, actor=-1, lot=-(2**63))
    verdicts = np.arange(16, dtype=np.int64).reshape(4, 4) - 2**62
    payloads = {payload_hash(payload): payload for payload in PAYLOADS}
    return Batch(-5, stack([*accounts, other]), verdicts, draw_salts(b"k" * 32, 3, 4), payloads)


def same(first: Batch, second: Batch) -> bool:
    arrays = ("commands", "verdicts", "salts")
    return (
        first.timestamp_ms == second.timestamp_ms
        and first.payloads == second.payloads
        and all((getattr(first, name) == getattr(second, name)).all() for name in arrays)
    )


def test_a_batch_is_read_back_as_it_was_written() -> None:
    data = encode_batch(batch())
    assert same(decode_batch(data), batch())
    assert same(decode_batch(memoryview(data)), batch())
    assert encode_batch(decode_batch(data)) == data


def test_the_empty_batch_has_a_form_too() -> None:
    empty = Batch(1, stack([]), np.zeros((0, 4), np.int64), np.zeros((0, 16), np.uint8), {})
    assert len(encode_batch(empty)) == 24
    assert same(decode_batch(encode_batch(empty)), empty)


def test_every_shorter_or_longer_text_is_refused() -> None:
    data = encode_batch(batch())
    for end in range(len(data)):
        with pytest.raises(MalformedInput):
            decode_batch(data[:end])
    with pytest.raises(MalformedInput):
        decode_batch(data + b"\0")


def test_a_payload_that_is_not_what_its_hash_says_is_refused() -> None:
    """A flipped byte in a payload makes it one that no command names."""
    data = bytearray(encode_batch(batch()))
    for place in (len(data) - 1, len(data) - 500, 24 + 4 * ENTRY_BYTES + 8):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises(MalformedInput):
            decode_batch(bytes(changed))


def header(magic: bytes = b"WMB1", count: int = 0, payloads: int = 0, zero: int = 0) -> bytes:
    return struct.pack("<4sIqII", magic, count, 0, payloads, zero)


FORGED = {
    "another magic": header(b"WMB2"),
    "a set reserved word": header(zero=1),
    "more records than bytes": header(count=1),
    "very many records": header(count=2**32 - 1),
    "a payload without bytes": header(payloads=1),
    "a payload nobody names": header(payloads=1) + struct.pack("<I", 1) + b"x",
    "a payload longer than allowed": header(payloads=1) + struct.pack("<I", MAX_PAYLOAD_BYTES + 1) + bytes(1 << 21),
}


@pytest.mark.parametrize("case", FORGED)
def test_forged_batches_are_refused(case: str) -> None:
    with pytest.raises(MalformedInput):
        decode_batch(FORGED[case])


def test_the_same_payload_twice_is_refused() -> None:
    """One form only: equal payloads are stored once."""
    data = encode_batch(batch())
    doubled = data[:16] + struct.pack("<I", 4) + data[20:] + struct.pack("<I", 2) + b"{}"
    with pytest.raises(MalformedInput):
        decode_batch(doubled)


def test_a_leaf_is_command_verdict_and_salt() -> None:
    made = batch()
    entries = leaf_entries(made)
    assert entries.shape == (4, ENTRY_BYTES) == (4, 176)
    for row in range(4):
        entry = entries[row].tobytes()
        assert entry[:128] == made.commands[row].astype("<i8").tobytes()
        assert entry[128:160] == made.verdicts[row].astype("<i8").tobytes()
        assert entry[160:] == made.salts[row].tobytes()


def test_salts_are_drawn_from_the_key_and_the_frame() -> None:
    first = draw_salts(b"k" * 32, 3, 4)
    expected = hashlib.shake_128(b"wattmark/salts/v1" + b"k" * 32 + bytes(7) + b"\3").digest(64)
    assert first.tobytes() == expected
    assert (first == draw_salts(b"k" * 32, 3, 4)).all()
    for other in (draw_salts(b"j" * 32, 3, 4), draw_salts(b"k" * 32, 4, 4)):
        assert not (first == other).all(axis=1).any()


def test_only_kinds_with_payloads_name_one() -> None:
    digest = bytes(range(32))
    rows = [command(Kind.REGISTER_KEY, id=1, actor=0, hash=digest, account=0, roles=1)]
    rows.append(command(Kind.STATE_HASH, id=2, actor=0, hash=digest, frame_sequence=0))
    assert named_payloads(stack(rows)) == set()
    rows.append(command(Kind.OPEN_ACCOUNT, id=3, actor=0, hash=digest, roles=1, credit_limit_e5jpy=0))
    assert named_payloads(stack(rows)) == {digest}
