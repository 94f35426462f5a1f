"""One entry for every kind of file a reader may hold: what does it prove?"""

from typing import Final

from wattmark.certificates import bundle, customer, fields
from wattmark.certificates.customer import VerifiedCustomer, verify_customer
from wattmark.certificates.verify import VerifiedCertificate, verify
from wattmark.ledger.note import Verifier, parse_vkey
from wattmark.ledger.policy import Policy, verify_policy

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


def verify_witnessed(data: bytes, vkey: str | Verifier, policy: Policy) -> dict[str, int]:
    """Return who cosigned the one checkpoint a proof file rests on, and when [s since 1970].

    Ask ``verify_file`` first: it checks that all records of the file lie under that checkpoint.

    Args:
        data: the file.
        vkey: public key of the log, pinned by the reader.
        policy: which witnesses the reader believes, and how many it takes.

    Raises:
        Refused: malformed, not signed by the log, or too few cosignatures.
    """
    content = fields.read_object(data, FORMATS, customer.MAX_BYTES)
    name = "retire" if content["format"] == bundle.FORMAT else "record"
    logged = bundle.logged_record(content.get(name), name, payload=False)
    verifier = parse_vkey(vkey) if isinstance(vkey, str) else vkey
    return verify_policy(logged.proof.checkpoint_text, policy, verifier).cosigned_s
