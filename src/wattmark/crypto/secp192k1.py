"""ECDSA verification on secp192k1 (SEC 2, 2.2.2) in whole numbers, because OpenSSL's Python binding lacks the curve.

Verification only: nothing here is secret, so the time it takes tells nothing. About 10 ms a signature, paid only for a registered key of this curve.
"""

from typing import Final

Point = tuple[int, int] | None
"""Affine coordinates; ``None`` is the point at infinity."""

FIELD: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFEE37
"""The prime of the field."""
ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFE26F2FC170F69466A74DEFD8D
"""The order of the generator; the cofactor is 1."""
GENERATOR: Final = (
    0xDB4FF10EC057E9AE26B07D0280B7F4341DA5D1B1EAE06C7D,
    0x9B2F2F6D9C5628A7844163D015BE86344082AA88D95E2F9D,
)
_B: Final = 3
"""The curve is y^2 = x^3 + 3."""
_BITS: Final = 192


def on_curve(point: tuple[int, int]) -> bool:
    """Return whether the coordinates are in the field and satisfy the curve."""
    x, y = point
    return 0 <= x < FIELD and 0 <= y < FIELD and (y * y - x * x * x - _B) % FIELD == 0


def add(left: Point, right: Point) -> Point:
    """Return the sum of two points of the curve."""
    if left is None or right is None:
        return right if left is None else left
    (x1, y1), (x2, y2) = left, right
    if x1 != x2:
        slope = (y2 - y1) * pow(x2 - x1, -1, FIELD) % FIELD
    elif y1 == y2 and y1:
        slope = 3 * x1 * x1 * pow(2 * y1, -1, FIELD) % FIELD
    else:
        return None
    x3 = (slope * slope - x1 - x2) % FIELD
    return x3, (slope * (x1 - x3) - y1) % FIELD


def verifies(point: tuple[int, int], digest: bytes, r: int, s: int) -> bool:
    """Return whether (r, s) is a signature of a digest under a public point (SEC 1, 4.1.4).

    Args:
        point: the public key; must be on the curve.
        digest: hash of the message; its leftmost 192 bits count.
        r: first half of the signature.
        s: second half.
    """
    if not (0 < r < ORDER and 0 < s < ORDER):
        return False
    e = int.from_bytes(digest, "big") >> max(0, 8 * len(digest) - _BITS)
    w = pow(s, -1, ORDER)
    first, second = e * w % ORDER, r * w % ORDER
    both = add(GENERATOR, point)
    table = (None, GENERATOR, point, both)
    total: Point = None
    for bit in range(_BITS - 1, -1, -1):
        total = add(total, total)
        total = add(total, table[(first >> bit & 1) | (second >> bit & 1) << 1])
    return total is not None and total[0] % ORDER == r
