"""The 128-byte record: words, names, hashes, ids."""

from random import Random

import numpy as np
import pytest

from wattmark.core.errors import MalformedInput
from wattmark.core.ids import id_words
from wattmark.engine import commands as c
from wattmark.engine import layout
from wattmark.engine.commands import FIELDS, HASHED, PAYLOAD_KINDS, PUBLIC_KINDS, Kind
from wattmark.engine.kernels import body_print
from wattmark.engine.order_kernels import id_slot


def example(kind: Kind, **changes: int) -> np.ndarray:
    fields = {name: number for number, name in enumerate(FIELDS[kind], 100)} | changes
    digest = bytes(range(32)) if kind in HASHED else None
    root = bytes(range(32, 64)) if kind is Kind.BULK_ROOT else None
    return c.command(kind, id=2**127 + 5, actor=7, hash=digest, root=root, **fields)


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.name)
def test_a_command_is_read_back_as_it_was_made(kind: Kind) -> None:
    row = example(kind)
    assert c.kind_of(row) == kind
    assert c.actor_of(row) == 7
    assert c.flags_of(row) == 0
    assert c.id_of(row) == 2**127 + 5
    assert c.fields(row) == {name: number for number, name in enumerate(FIELDS[kind], 100)}
    if kind in HASHED:
        assert c.words_hash(row[layout.W_HASH :]) == bytes(range(32))
    data = c.to_bytes(row[None, :])
    assert len(data) == 128
    assert (c.from_bytes(data)[0] == row).all()


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.name)
def test_the_layout_counts_the_words_that_a_kind_has(kind: Kind) -> None:
    """The names and the kernels' numbers say the same."""
    root_words = 4 if kind is Kind.BULK_ROOT else 0
    assert layout.FIELD_COUNT[kind] == len(FIELDS[kind]) + root_words
    assert layout.W_FIELDS + layout.FIELD_COUNT[kind] <= (layout.W_HASH if kind in HASHED else layout.COMMAND_WORDS)
    assert (kind in HASHED) == bool(layout.HAS_HASH[kind])
    if kind is Kind.BULK_ROOT:
        assert layout.W_FIELDS + len(FIELDS[kind]) == layout.W_ROOT


def test_kinds_are_numbered_without_gaps() -> None:
    assert [int(kind) for kind in Kind] == list(range(1, layout.LAST_KIND + 1))
    assert set(FIELDS) == set(Kind)
    assert PAYLOAD_KINDS <= HASHED
    assert set(Kind) > PUBLIC_KINDS
    for table in (layout.FIELD_COUNT, layout.OPERATOR_ONLY, layout.HAS_HASH):
        assert len(table) == layout.LAST_KIND + 1


def test_a_record_is_little_endian_with_the_id_in_front() -> None:
    row = c.command(Kind.DEPOSIT, id=0x0102030405060708_090A0B0C0D0E0F10, actor=3, account=4, amount_e5jpy=-2)
    data = c.to_bytes(row[None, :])
    assert data[:16] == bytes(range(16, 0, -1))
    assert data[16:24] == bytes([17, 0, 0, 0, 3, 0, 0, 0])
    assert data[24:40] == (4).to_bytes(8, "little") + (-2).to_bytes(8, "little", signed=True)
    assert data[40:] == bytes(88)


WRONG = {
    "FIELDS_INVALID (missing)": lambda: c.command(Kind.DEPOSIT, id=1, actor=0, account=1),
    "FIELDS_INVALID (unknown)": lambda: c.command(Kind.DEPOSIT, id=1, actor=0, account=1, amount=1),
    "FIELDS_INVALID (too many)": lambda: c.command(Kind.RELEASE, id=1, actor=0, lot=1, start=1),
    "NOT_INT64 (large)": lambda: c.command(Kind.RELEASE, id=1, actor=0, lot=2**63),
    "NOT_INT64 (small)": lambda: c.command(Kind.RELEASE, id=1, actor=0, lot=-(2**63) - 1),
    "NOT_INT64 (float)": lambda: c.command(Kind.RELEASE, id=1, actor=0, lot=1.0),
    "NOT_INT64 (bool)": lambda: c.command(Kind.RELEASE, id=1, actor=0, lot=True),
    "NOT_INT64 (text)": lambda: c.command(Kind.RELEASE, id=1, actor=0, lot="1"),
    "HASH_INVALID (missing)": lambda: c.command(Kind.STATE_HASH, id=1, actor=0, frame_sequence=1),
    "HASH_INVALID (not wanted)": lambda: c.command(Kind.RELEASE, id=1, actor=0, hash=bytes(32), lot=1),
    "HASH_INVALID (short)": lambda: c.command(Kind.STATE_HASH, id=1, actor=0, hash=bytes(31), frame_sequence=1),
    "HASH_INVALID (root)": lambda: c.command(Kind.RELEASE, id=1, actor=0, root=bytes(32), lot=1),
    "ID_INVALID (zero)": lambda: c.command(Kind.RELEASE, id=0, actor=0, lot=1),
    "ID_INVALID (large)": lambda: c.command(Kind.RELEASE, id=2**128, actor=0, lot=1),
    "RECORD_LENGTH": lambda: c.from_bytes(bytes(129)),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_command_is_refused(case: str) -> None:
    with pytest.raises(MalformedInput) as caught:
        WRONG[case]()
    assert caught.value.code == case.split(maxsplit=1)[0]


def test_time_ordered_and_random_ids_spread() -> None:
    """Ids of one millisecond, of one client, or at random fill a small table evenly."""
    random = Random(2)
    families = {
        "time ordered": [(1_700_000_000_000 + n // 50) << 80 | random.getrandbits(80) for n in range(4_096)],
        "counted": list(range(1, 4_097)),
        "counted, high": [n << 64 for n in range(1, 4_097)],
        "random": [random.getrandbits(128) for _ in range(4_096)],
    }
    for name, ids in families.items():
        slots = {int(id_slot(*id_words(identity))) & 8_191 for identity in ids}
        assert len(slots) > 2_500, name


def test_a_body_is_told_from_every_neighbour() -> None:
    """The fingerprint of words 3 to 15 changes with every bit; id and head are no part of it."""
    row = example(Kind.BULK_ROOT)
    variants = [row]
    for word in range(3, 16):
        for bit in range(64):
            other = row.copy()
            other[word] = np.int64(np.uint64(other[word]) ^ np.uint64(1 << bit))
            variants.append(other)
    prints = {int(body_print(variant)) for variant in variants}
    assert len(prints) == len(variants)
    renamed = row.copy()
    renamed[:3] = 9
    assert body_print(row) == body_print(renamed), "id and head are compared as they are"
    swapped = row.copy()
    swapped[[3, 4]] = swapped[[4, 3]]
    assert body_print(row) != body_print(swapped)


def test_fields_of_an_unknown_kind_have_no_names() -> None:
    for kind in (0, layout.LAST_KIND + 1, 65_535):
        row = example(Kind.RELEASE)
        row[2] = kind
        assert c.fields(row) == {}


def test_stack_of_nothing_is_a_batch_of_nothing() -> None:
    assert c.stack([]).shape == (0, 16)
    assert c.stack([example(Kind.RELEASE)]).shape == (1, 16)
