from wattmark.crypto.hashing import crc32c, sha256


def test_published_check_values():
    """FIPS 180-4 "abc"; RFC 3720 B.4: 32 zeros, 32 times 0xFF, and the check value of "123456789"."""
    assert sha256(b"abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(b"123456789") == 0xE3069283


def test_any_buffer_will_do():
    for kind in (bytes, bytearray, memoryview):
        assert crc32c(kind(b"123456789")) == 0xE3069283
        assert sha256(kind(b"abc")) == sha256(b"abc")
