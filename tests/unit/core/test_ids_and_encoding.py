"""128-bit ids and canonical bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmark.core.encoding import cbor_decode_strict, cbor_encode, json_canonical, json_decode_strict
from wattmark.core.errors import MalformedInput
from wattmark.core.ids import MAX_ID, derive_id, fresh_id, id_hex, id_words, parse_id, words_id

ITEMS = st.recursive(
    st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=20,
)


@given(st.integers(1, MAX_ID))
def test_ids_survive_words_and_text(identity: int) -> None:
    low, high = id_words(identity)
    assert -(2**63) <= low < 2**63
    assert -(2**63) <= high < 2**63
    assert words_id(low, high) == identity
    assert parse_id(id_hex(identity)) == identity


@pytest.mark.parametrize("text", ["", "0" * 32, "A" * 32, "1" * 31, "1" * 33, "g" * 32, " " + "1" * 31, "١" * 32])
def test_other_texts_are_no_ids(text: str) -> None:
    with pytest.raises(MalformedInput, match="ID_INVALID"):
        parse_id(text)


@pytest.mark.parametrize("identity", [0, -1, MAX_ID + 1])
def test_other_numbers_are_no_ids(identity: int) -> None:
    with pytest.raises(MalformedInput, match="ID_INVALID"):
        id_words(identity)


def test_derived_ids_are_framed() -> None:
    assert derive_id("ab", "c") != derive_id("a", "bc")
    assert derive_id("1") != derive_id(1) != derive_id(b"1")
    assert derive_id("a", 1) == derive_id("a", 1)


def test_fresh_ids_are_ordered_in_time_and_never_alike() -> None:
    early, late = fresh_id(1_000), fresh_id(2_000)
    assert early < late
    assert len({fresh_id(1_000) for _ in range(1_000)}) == 1_000


@given(ITEMS)
def test_cbor_round_trip(item: object) -> None:
    assert cbor_decode_strict(cbor_encode(item)) == item


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("1801", "NOT_DETERMINISTIC"),  # 1 written in two bytes
        ("a201020102", "NOT_DETERMINISTIC"),  # a key twice
        ("9f01ff", "NOT_DETERMINISTIC"),  # indefinite length
        ("0101", "NOT_DETERMINISTIC"),  # trailing bytes
        ("82", "NOT_CBOR"),  # cut
        ("", "NOT_CBOR"),
    ],
)
def test_other_encodings_are_refused(data: str, code: str) -> None:
    with pytest.raises(MalformedInput) as caught:
        cbor_decode_strict(bytes.fromhex(data))
    assert caught.value.code == code


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    try:
        item = cbor_decode_strict(data)
    except MalformedInput:
        return
    assert cbor_encode(item) == data


def test_a_size_limit_comes_first() -> None:
    with pytest.raises(MalformedInput, match="TOO_LONG"):
        cbor_decode_strict(bytes(11), max_bytes=10)
    with pytest.raises(MalformedInput, match="TOO_LONG"):
        json_decode_strict(b"[" * 11, max_bytes=10)


def test_canonical_json() -> None:
    """RFC 8785: keys sorted, no white space."""
    assert json_canonical({"b": 1, "a": ["x", None]}) == b'{"a":["x",null],"b":1}'


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', "[NaN]", "[Infinity]", "{", "", "[" * 100_000, b"\xff"])
def test_loose_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(MalformedInput, match="NOT_JSON"):
        json_decode_strict(text)


def test_a_refusal_names_the_file_it_is_about() -> None:
    with pytest.raises(MalformedInput) as caught:
        json_decode_strict(b"{", field="wattmark.json")
    assert caught.value.field == "wattmark.json"
