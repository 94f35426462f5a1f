"""The key ring: one id names one key, and time is log time."""

import pytest

from wattmark.core.errors import Refused
from wattmark.metering.cose import EDDSA, ES256
from wattmark.metering.keys import KeyRing, MeterKey, key_id

KEY = MeterKey(b"keyid-01", EDDSA, b"k" * 32, 5, 1_000)


def code_of(call, *arguments):
    with pytest.raises(Refused) as refused:
        call(*arguments)
    return refused.value.code


def test_lookup_by_key_id_and_device():
    ring = KeyRing([KEY, MeterKey(KEY.kid, EDDSA, KEY.public_key, 6, 2_000)])
    assert ring.find(KEY.kid, 5) == KEY
    assert ring.find(KEY.kid, 6).valid_from_ms == 2_000
    assert len(ring) == 2
    assert code_of(ring.find, b"keyid-02", 5) == "KEY_UNKNOWN"
    assert code_of(ring.find, KEY.kid, 7) == "KEY_OF_ANOTHER_METER"


def test_a_key_id_cannot_be_taken_over():
    ring = KeyRing([KEY])
    assert code_of(ring.add, KEY) == "KEY_TAKEN"
    assert code_of(ring.add, MeterKey(KEY.kid, EDDSA, b"x" * 32, 6, 0)) == "KEY_TAKEN"
    assert code_of(ring.add, MeterKey(KEY.kid, ES256, b"\x04" * 65, 6, 0)) == "KEY_TAKEN"
    assert len(ring) == 1


def test_validity_is_half_open():
    ring = KeyRing([KEY])
    ring.revoke(KEY.kid, 5, 3_000)
    key = ring.find(KEY.kid, 5)
    assert code_of(key.check_valid_at, 999) == "KEY_NOT_YET_VALID"
    key.check_valid_at(1_000)
    key.check_valid_at(2_999)
    assert code_of(key.check_valid_at, 3_000) == "KEY_REVOKED"


def test_a_later_revocation_does_not_revive():
    ring = KeyRing([KEY])
    ring.revoke(KEY.kid, 5, 3_000)
    ring.revoke(KEY.kid, 5, 9_000)
    assert ring.find(KEY.kid, 5).revoked_at_ms == 3_000
    assert code_of(ring.revoke, b"keyid-09", 5, 1) == "KEY_UNKNOWN"


def test_a_key_of_another_length_is_no_key():
    assert code_of(MeterKey, b"keyid-01", ES256, b"k" * 32, 5, 0) == "KEY_INVALID"
    assert code_of(MeterKey, b"keyid-01", -9, b"k" * 32, 5, 0) == "OUT_OF_RANGE"
    assert code_of(MeterKey, b"kid", EDDSA, b"k" * 32, 5, 0) == "OUT_OF_RANGE"


def test_our_key_id_is_the_start_of_the_hash():
    assert key_id(b"").hex() == "e3b0c44298fc1c14"
