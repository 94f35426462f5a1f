"""A snapshot whose digest holds and whose content does not is refused in one way (found by fuzzing)."""

import hashlib

import numpy as np
import pytest

from wattmark.core.errors import MalformedInput
from wattmark.engine import layout as e
from wattmark.engine.snapshot import Snapshot, dump, load
from wattmark.engine.state import State


def good() -> bytes:
    return dump(Snapshot(0, bytes(32), np.zeros(1, np.int64), State()))


def resealed(body: bytes) -> bytes:
    return body + hashlib.sha256(body).digest()


def with_header(word: int, value: int) -> bytes:
    body = bytearray(good()[:-32])
    start = body.index(b"}", body.index(b'"sequence"')) + 1 + 8 * word
    body[start : start + 8] = value.to_bytes(8, "little", signed=True)
    return resealed(bytes(body))


BODY = good()[:-32]
BAD = {
    "a byte too many": BODY + b"x",
    "a word too many": BODY + bytes(8),
    "a word too few": BODY[:-8],
    "a head that is no object": b"WMS2" + (4).to_bytes(4, "little") + b"null" + BODY[8:],
    "no rows": BODY.replace(b'"rows"', b'"rose"'),
    "a table missing": BODY.replace(b'"lots"', b'"lost"'),
    "rows that are no number": BODY.replace(b'"lots":0', b'"lots":{'[:8]),
    "negative rows": BODY.replace(b'"lots":0,', b'"lots":-1').replace(b'-1"', b'-1,"'),
    "a hash that is no hexadecimal": BODY.replace(b"0000", b"zzzz", 1),
    "a sequence that is no number": BODY.replace(b'"sequence":0', b'"sequence":[]'[:12]),
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_another_form_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedInput):
        load(resealed(body))


@pytest.mark.parametrize("word", [e.H_N_ACCOUNTS, e.H_N_LOTS, e.H_N_ORDERS, e.H_N_IDS, e.H_OPEN_ORDERS])
@pytest.mark.parametrize("value", [-1, 1, 1 << 40])
def test_counts_that_are_not_those_of_the_tables_are_refused(word: int, value: int) -> None:
    with pytest.raises(MalformedInput):
        load(with_header(word, value))


def test_an_untouched_one_is_read() -> None:
    assert load(good()).state.state_hash() == State().state_hash()
