"""One entry for every kind of file a reader may hold: what does it prove?"""

from typing import Final

from wattmark.certificates import bundle, customer, fields
from wattmark.certificates.customer import VerifiedCustomer, verify_customer
from wattmark.certificates.verify import VerifiedCertificate, verify
from wattmark.ledger.note import Verifier

FORMATS: Final = (bundle.FORMAT, customer.FORMAT)


def verify_file(data: bytes, vkey: str | Verifier, origin: str | None = None) -> VerifiedCertificate | VerifiedCustomer:
    """Return what a certificate or a plan proof proves.

    Args:
        data: the file.
        vkey: public key of the log, pinned by the reader, never taken from the file.
        origin: the log's origin; the key's name when ``None``.

    Raises:
        Refused: an unknown format, or the first step of its verification that does not hold.
    """
    content = fields.read_object(data, FORMATS, customer.MAX_BYTES)
    if content["format"] == bundle.FORMAT:
        return verify(data, vkey, origin)
    return verify_customer(data, vkey, origin)
