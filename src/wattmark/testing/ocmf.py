"""OCMF records of our own making, signed with made-up keys: for tests, and for the vectors in the repository."""

import base64
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from wattmark.crypto.ecdsa import CURVES
from wattmark.metering.formats.ocmf_signature import OcmfKey

FISCAL: Final = (
    '{"FV":"1.4","GI":"WATTMARK","GS":"G1","PG":"F7","MV":"WATTMARK","MS":"M1","RD":['
    '{"TM":"2026-04-01T00:00:00,000+0900 S","RV":123.4567,"RI":"01-00:C0.08.00*FF","RU":"kWh","EF":"","ST":"G"},'
    '{"TM":"2026-04-01T00:30:00,000+0900 S","RV":123.9567}],"WC":"' + "ab" * 32 + '"}'
)
"""A fiscal record of a half-hour's export: 123,456 Wh and 123,956 Wh, and a chain hash in a vendor name."""


class OcmfSigner:
    """A meter on one curve; RFC 6979, so that a record is the same each time it is made."""

    def __init__(self, curve: str = "secp256r1", secret: int = 1_234_567) -> None:
        """Take the secret scalar; the curve is any that OpenSSL has."""
        group = CURVES[curve].group
        assert group is not None
        self.curve = CURVES[curve]
        self._private = ec.derive_private_key(secret, group)

    @property
    def key(self) -> OcmfKey:
        """Return the public key as it is registered."""
        return OcmfKey(self.curve.name, self.point[1:])

    @property
    def point(self) -> bytes:
        """Return ``04 || x || y``."""
        return self._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def info(self) -> bytes:
        """Return the SubjectPublicKeyInfo."""
        return self._private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def halves(self, payload: str) -> tuple[int, int]:
        """Return r and s over a payload."""
        der = self._private.sign(payload.encode(), ec.ECDSA(SHA256(), deterministic_signing=True))
        return decode_dss_signature(der)

    def der(self, payload: str, *, sign_byte: bool = True) -> bytes:
        """Return the DER signature; without ``sign_byte`` its integers may look negative, as some meters write them."""
        parts = []
        for number in self.halves(payload):
            size = (number.bit_length() + 8) // 8 if sign_byte else self.curve.coordinate_bytes
            parts.append(bytes((2, size)) + number.to_bytes(size, "big"))
        body = b"".join(parts)
        return bytes((0x30, len(body))) + body

    def raw(self, payload: str) -> bytes:
        """Return plain ``r || s``."""
        return b"".join(number.to_bytes(self.curve.coordinate_bytes, "big") for number in self.halves(payload))

    def record(self, payload: str = FISCAL, *, form: str = "der", encoding: str = "hex") -> bytes:
        """Return a whole record.

        Args:
            payload: its JSON text.
            form: ``der``, ``unsigned`` (DER without sign bytes) or ``raw``.
            encoding: ``hex`` or ``base64``.
        """
        data = self.raw(payload) if form == "raw" else self.der(payload, sign_byte=form == "der")
        text = data.hex() if encoding == "hex" else base64.b64encode(data).decode()
        said = "" if encoding == "hex" else '"SE":"base64",'
        return f'OCMF|{payload}|{{"SA":"ECDSA-{self.curve.name}-SHA256",{said}"SD":"{text}"}}'.encode()
