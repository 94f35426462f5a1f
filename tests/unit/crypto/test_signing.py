import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmark.core.errors import MalformedInput
from wattmark.crypto import signing
from wattmark.crypto.signing import SignatureInvalid

SCHEMES = {
    "ed25519": (signing.ed25519_public_key, signing.ed25519_sign, signing.ed25519_verify),
    "es256": (signing.es256_public_key, signing.es256_sign, signing.es256_verify),
}
SEED = bytes(range(32))
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture(params=SCHEMES)
def scheme(request):
    return SCHEMES[request.param]


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100))
@pytest.mark.parametrize("name", SCHEMES)
def test_what_is_signed_verifies_and_is_the_same_each_time(name, seed, message):
    public_key, sign, verify = SCHEMES[name]
    signature = sign(seed, message)
    assert len(signature) == 64
    assert signature == sign(seed, message)
    verify(public_key(seed), message, signature)


def test_another_message_key_or_signature_is_refused(scheme):
    public_key, sign, verify = scheme
    key, signature = public_key(SEED), sign(SEED, b"message")
    with pytest.raises(SignatureInvalid):
        verify(key, b"messagf", signature)
    with pytest.raises(SignatureInvalid):
        verify(public_key(bytes(32)), b"message", signature)
    for place in range(64):
        changed = signature[:place] + bytes([signature[place] ^ 1]) + signature[place + 1 :]
        with pytest.raises(SignatureInvalid):
            verify(key, b"message", changed)
    for other in (b"", signature[:63], signature + b"\x00", bytes(64)):
        with pytest.raises(SignatureInvalid):
            verify(key, b"message", other)


def test_keys_and_seeds_of_another_length_are_refused(scheme):
    public_key, sign, verify = scheme
    for seed in (b"", bytes(31), bytes(33)):
        with pytest.raises(MalformedInput):
            public_key(seed)
        with pytest.raises(MalformedInput):
            sign(seed, b"")
    for key in (b"", public_key(SEED)[:-1], public_key(SEED) + b"\x00"):
        with pytest.raises(MalformedInput):
            verify(key, b"", bytes(64))


def test_a_point_off_the_curve_is_no_key():
    for key in (b"\x04" + bytes(64), b"\x02" + bytes(64), b"\x04" + b"\xff" * 64):
        with pytest.raises(MalformedInput):
            signing.es256_verify(key, b"", bytes(64))


def test_scalars_outside_the_group_are_refused():
    key, signature = signing.es256_public_key(SEED), signing.es256_sign(SEED, b"m")
    r, s = signature[:32], int.from_bytes(signature[32:], "big")
    for scalar in (0, P256_ORDER, P256_ORDER + 1, 2**256 - 1):
        with pytest.raises(SignatureInvalid):
            signing.es256_verify(key, b"m", r + scalar.to_bytes(32, "big"))
        with pytest.raises(SignatureInvalid):
            signing.es256_verify(key, b"m", scalar.to_bytes(32, "big") + s.to_bytes(32, "big"))


def test_the_seeds_at_both_ends_give_keys():
    for seed in (bytes(32), b"\xff" * 32):
        signing.es256_verify(signing.es256_public_key(seed), b"m", signing.es256_sign(seed, b"m"))


def test_a_refusal_shows_no_secret():
    with pytest.raises(MalformedInput) as refusal:
        signing.ed25519_sign(b"secret", b"")
    assert "secret" not in str(refusal.value).replace("seed", "")
