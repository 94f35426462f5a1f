"""C2SP signed-note: a text with signature lines below it.

::

    text, ends in a newline
                                     <- the last empty line divides
    -- <name> base64(key id || signature)      (an em dash, not two hyphens)

    type                                    covers
    0x01  Ed25519                           the text
    0x04  Ed25519 cosignature/v1            a time and the text
    0x06  ML-DSA-44 (sub)tree cosignature   a time, the key's name, and origin, size and root of a checkpoint
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.crypto.hashing import HASH_BYTES, sha256
from wattmark.crypto.signing import (
    ED25519_PUBLIC_BYTES,
    MLDSA44_PUBLIC_BYTES,
    MLDSA44_SIGNATURE_BYTES,
    SEED_BYTES,
    SIGNATURE_BYTES,
    SignatureInvalid,
    ed25519_public_key,
    ed25519_sign,
    ed25519_verify,
    mldsa44_public_key,
    mldsa44_sign,
    mldsa44_verify,
)
from wattmark.ledger.cosignature import MAX_NAME_BYTES, MAX_TIMESTAMP_S, subtree_message, timed_text

ED25519: Final = 0x01
"""Signature type: Ed25519 over the note text (C2SP signed-note)."""
COSIGNATURE_V1: Final = 0x04
"""Signature type: a time-stamped Ed25519 witness cosignature (C2SP tlog-cosignature)."""
SUBTREE_V1: Final = 0x06
"""Signature type: an ML-DSA-44 cosignature of a checkpoint or another subtree (C2SP tlog-cosignature)."""
COSIGNATURES: Final = (COSIGNATURE_V1, SUBTREE_V1)
"""Types of a witness's key."""
LOG_SIGNATURES: Final = (ED25519, SUBTREE_V1)
"""Types of a log's key."""
KEY_ID_BYTES: Final = 4
"""Length of a key id, which tells keys apart and proves nothing [bytes]."""
MAX_NOTE_BYTES: Final = 1_000_000
"""Longest note read, as Go's sumdb/note has it [bytes]."""
MAX_SIGNATURES: Final = 100
"""Most signature lines read (C2SP asks for at least 16), as Go's sumdb/note has it."""

_DASH: Final = "\u2014"
_SKEY_PREFIX: Final = "PRIVATE+KEY+"
_TIME_BYTES: Final = 8
_MAX_DIGITS: Final = 19
_PUBLIC_BYTES: Final = {
    ED25519: ED25519_PUBLIC_BYTES,
    COSIGNATURE_V1: ED25519_PUBLIC_BYTES,
    SUBTREE_V1: MLDSA44_PUBLIC_BYTES,
}
_FIRST_PRINTABLE: Final = " "
_HEX: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key: name, signature type and key bytes (32, or 1,312 for ML-DSA-44)."""

    name: str
    kind: int
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """Return SHA-256(name || 0x0A || type || key)[:4]."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public_key)[:KEY_ID_BYTES]

    @property
    def vkey(self) -> str:
        """Return ``<name>+<hex key id>+<base64(type || key)>``."""
        return f"{self.name}+{self.key_id.hex()}+{_encode(bytes([self.kind]) + self.public_key)}"

    def verify(self, text: str, signature: bytes) -> int:
        """Check a signature over the note text; return the cosignature's time [s], 0 for a plain signature.

        Raises:
            MalformedInput: an ML-DSA-44 cosignature of what is no checkpoint.
            SignatureInvalid: it does not verify.
        """
        if self.kind == ED25519:
            ed25519_verify(self.public_key, text.encode(), signature)
            return 0
        if self.kind == SUBTREE_V1:
            origin, size, root = checkpoint_lines(text)
            return self.verify_subtree(origin, (0, size), root, signature)
        time_s = self._time_s(signature, SIGNATURE_BYTES)
        ed25519_verify(self.public_key, timed_text(text, time_s), signature[_TIME_BYTES:])
        return time_s

    def verify_subtree(self, origin: str, leaves: tuple[int, int], root: bytes, signature: bytes) -> int:
        """Check an ML-DSA-44 (sub)tree cosignature and return its time, 0 where it states none [s].

        Args:
            origin: the log's origin line.
            leaves: the subtree's leaves ``[start, end)``.
            root: its root [32 bytes].
            signature: time and signature, as behind the key id of a signature line.

        Raises:
            MalformedInput: no such subtree.
            SignatureInvalid: it does not verify, or the key is of another type.
        """
        if self.kind != SUBTREE_V1:
            raise _unverified(self.name)
        time_s = self._time_s(signature, MLDSA44_SIGNATURE_BYTES)
        message = subtree_message(self.name, time_s, origin, leaves, root)
        mldsa44_verify(self.public_key, message, signature[_TIME_BYTES:])
        return time_s

    def _time_s(self, signature: bytes, signature_bytes: int) -> int:
        """Return the time before a signature of this length [s]."""
        time_s = int.from_bytes(signature[:_TIME_BYTES], "big")
        if len(signature) != _TIME_BYTES + signature_bytes or time_s > MAX_TIMESTAMP_S:
            raise _unverified(self.name)
        return time_s


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A secret signing key: name, 32-byte seed and signature type."""

    name: str
    seed: bytes = field(repr=False)
    kind: int = ED25519

    def __post_init__(self) -> None:
        """Refuse a bad name, type or seed.

        Raises:
            MalformedInput: see above.
        """
        _check_name(self.name, self.kind)
        _check_kind(self.kind)
        self._public_key()

    @property
    def verifier(self) -> Verifier:
        """Return the public half."""
        return Verifier(self.name, self.kind, self._public_key())

    @property
    def vkey(self) -> str:
        """Return the public verifier key text."""
        return self.verifier.vkey

    @property
    def skey(self) -> str:
        """Return the secret key text, ``PRIVATE+KEY+<name>+<hex key id>+<base64(type || seed)>``."""
        return f"{_SKEY_PREFIX}{self.name}+{self.verifier.key_id.hex()}+{_encode(bytes([self.kind]) + self.seed)}"

    @classmethod
    def from_skey(cls, skey: str) -> "NoteKey":
        """Return the key a secret key text holds.

        Raises:
            MalformedInput: it is not one; the text is not repeated in the error.
        """
        rule = Text(en="PRIVATE+KEY+<name>+<id>+<base64>", ja="PRIVATE+KEY+<名前>+<ID>+<base64>の形")
        refused = MalformedInput("BAD_SKEY", "skey", "(secret)", rule)
        try:
            if not skey.startswith(_SKEY_PREFIX):
                raise refused
            name, key_id, kind, seed = _parts(skey.removeprefix(_SKEY_PREFIX), dict.fromkeys(_PUBLIC_BYTES, SEED_BYTES))
            key = cls(name, seed, kind)
        except MalformedInput:
            raise refused from None
        if key.verifier.key_id.hex() != key_id:
            raise refused
        return key

    def sign(self, text: str, time_s: int = 0) -> bytes:
        """Return the signature bytes over a note text; ``time_s`` counts for a cosignature only [s]."""
        if self.kind == ED25519:
            return ed25519_sign(self.seed, text.encode())
        if self.kind == SUBTREE_V1:
            origin, size, root = checkpoint_lines(text)
            return self.sign_subtree(origin, (0, size), root, time_s)
        return time_s.to_bytes(_TIME_BYTES, "big") + ed25519_sign(self.seed, timed_text(text, time_s))

    def sign_subtree(self, origin: str, leaves: tuple[int, int], root: bytes, time_s: int = 0) -> bytes:
        """Return time and ML-DSA-44 signature of a subtree of a log, as they stand behind the key id of a line.

        Args:
            origin: the log's origin line.
            leaves: the subtree's leaves ``[start, end)``.
            root: its root [32 bytes].
            time_s: when it was the largest tree seen, 0 for no such statement [s since 1970].

        Raises:
            MalformedInput: no such subtree, or a key of another type.
        """
        if self.kind != SUBTREE_V1:
            raise MalformedInput("BAD_KEY_TYPE", "type", self.kind, _KIND_RULE)
        message = subtree_message(self.name, time_s, origin, leaves, root)
        return time_s.to_bytes(_TIME_BYTES, "big") + mldsa44_sign(self.seed, message)

    def _public_key(self) -> bytes:
        return mldsa44_public_key(self.seed) if self.kind == SUBTREE_V1 else ed25519_public_key(self.seed)


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line; ``time_s`` is the time of a verified cosignature [s], else 0."""

    name: str
    key_id: bytes
    signature: bytes
    time_s: int = 0

    @property
    def line(self) -> str:
        """Return the line with its newline."""
        return f"{_DASH} {self.name} {_encode(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """A note's text, the signatures that verified and those of unknown keys."""

    text: str
    verified: tuple[NoteSignature, ...]
    unknown: tuple[NoteSignature, ...]


def parse_vkey(vkey: str) -> Verifier:
    """Return the public key of a verifier key text.

    Raises:
        MalformedInput: bad form, unknown type, or a key id that does not belong to the key.
    """
    name, key_id, kind, public_key = _parts(vkey, _PUBLIC_BYTES)
    verifier = Verifier(name, kind, public_key)
    if verifier.key_id.hex() != key_id:
        raise MalformedInput("BAD_VKEY", "vkey", vkey, _VKEY_RULE)
    return verifier


def checkpoint_lines(text: str) -> tuple[str, int, bytes]:
    """Return origin, size and root of a checkpoint's text, which is all that an ML-DSA-44 cosignature covers.

    Raises:
        MalformedInput: it has no such lines.
    """
    origin, size, root, *_ = [*text.split("\n"), "", "", ""]
    digest = decode_base64("root", root)
    if not size.isascii() or not size.isdigit() or len(size) > _MAX_DIGITS or str(int(size)) != size:
        raise _malformed("size", size)
    if len(digest) != HASH_BYTES:
        raise _malformed("root", root)
    return origin, int(size), digest


def sign_note(text: str, keys: Sequence[NoteKey], time_s: int = 0) -> str:
    """Return the note: text, empty line, one signature line per key.

    Raises:
        MalformedInput: no key, or a text that is not a note text.
    """
    _check_text(text)
    if not keys:
        raise MalformedInput("NO_KEY", "keys", 0, Text(en="at least one key", ja="鍵が1つ以上必要"))
    lines = [NoteSignature(key.name, key.verifier.key_id, key.sign(text, time_s)).line for key in keys]
    return text + "\n" + "".join(lines)


def add_signatures(note: str, lines: Iterable[str]) -> str:
    """Return the note with further signature lines (cosignatures) below its own.

    Raises:
        MalformedInput: the result is not a note.
    """
    longer = note + "".join(lines)
    split_note(longer)
    return longer


def split_note(note: str | bytes) -> tuple[str, tuple[NoteSignature, ...]]:
    """Return text and signature lines without verifying anything.

    Raises:
        MalformedInput: not UTF-8, control characters, no signature, too long, or a malformed line.
    """
    if len(note) > MAX_NOTE_BYTES:
        raise _malformed("note", len(note))
    try:
        decoded = note.decode() if isinstance(note, bytes) else note
        decoded.encode()
    except UnicodeError as error:
        raise _malformed("note", "not UTF-8") from error
    head, divider, tail = decoded.rpartition("\n\n")
    if not divider or not tail.endswith("\n"):
        raise _malformed("note", "no signature")
    text = head + "\n"
    _check_text(text)
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise _malformed("signatures", len(lines))
    return text, tuple(_parse_line(line) for line in lines)


def open_note(note: str | bytes, vkeys: Sequence[str | Verifier]) -> OpenedNote:
    """Return the note if at least one known key signed it; signatures of unknown keys are ignored.

    Raises:
        MalformedInput: not a note, or a malformed verifier key.
        SignatureInvalid: a known key's signature fails, or no known key signed.
    """
    known: dict[tuple[str, bytes], Verifier] = {}
    for item in vkeys:
        verifier = parse_vkey(item) if isinstance(item, str) else item
        known[verifier.name, verifier.key_id] = verifier
    text, signatures = split_note(note)
    verified: list[NoteSignature] = []
    unknown: list[NoteSignature] = []
    for line in signatures:
        signer = known.get((line.name, line.key_id))
        if signer is None:
            unknown.append(line)
        else:
            time_s = signer.verify(text, line.signature)
            verified.append(NoteSignature(line.name, line.key_id, line.signature, time_s))
    if not verified:
        raise _unverified(", ".join(name for name, _ in known))
    return OpenedNote(text, tuple(verified), tuple(unknown))


def decode_base64(field_name: str, encoded: str) -> bytes:
    """Return the bytes of the one canonical standard base64 form (RFC 4648 4).

    Raises:
        MalformedInput: another form.
    """
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed(field_name, encoded) from error
    if _encode(decoded) != encoded:
        raise _malformed(field_name, encoded)
    return decoded


_KIND_RULE = Text(en="signature type 0x01, 0x04 or 0x06", ja="署名種別は0x01・0x04・0x06のいずれか")
_VKEY_RULE = Text(en="<name>+<hex key id>+<base64(type || key)>", ja="<名前>+<鍵ID>+<base64(種別+鍵)>の形")


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _parts(text: str, key_bytes: dict[int, int]) -> tuple[str, str, int, bytes]:
    """Return name, key id, type and key of a key text whose types have keys of these lengths [bytes]."""
    name, plus, rest = text.partition("+")
    key_id, plus_again, encoded = rest.partition("+")
    if not plus or not plus_again or len(key_id) != 2 * KEY_ID_BYTES or not _HEX.issuperset(key_id):
        raise MalformedInput("BAD_VKEY", "vkey", text, _VKEY_RULE)
    _check_name(name)
    data = decode_base64("vkey", encoded)
    if len(data) <= 1:
        raise MalformedInput("BAD_VKEY", "vkey", text, _VKEY_RULE)
    _check_kind(data[0])
    _check_name(name, data[0])
    if len(data) != 1 + key_bytes[data[0]]:
        raise MalformedInput("BAD_VKEY", "vkey", text, _VKEY_RULE)
    return name, key_id, data[0], data[1:]


def _parse_line(line: str) -> NoteSignature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != _DASH or not encoded:
        raise _malformed("signature", line)
    _check_name(name)
    data = decode_base64("signature", encoded)
    if len(data) <= KEY_ID_BYTES:
        raise _malformed("signature", line)
    return NoteSignature(name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])


def _check_name(name: str, kind: int = ED25519) -> None:
    plain = name and "+" not in name and not any(mark.isspace() or mark < _FIRST_PRINTABLE for mark in name)
    if not plain or any("\ud800" <= mark <= "\udfff" for mark in name):  # half a surrogate pair is no UTF-8
        rule = Text(en="a key name without spaces and plus signs", ja="空白と+を含まない鍵名")
        raise MalformedInput("BAD_KEY_NAME", "name", name, rule)
    if kind == SUBTREE_V1 and len(name.encode()) > MAX_NAME_BYTES:
        rule = Text(
            en=f"a name of at most {MAX_NAME_BYTES} bytes for ML-DSA-44",
            ja=f"ML-DSA-44の鍵名は{MAX_NAME_BYTES}バイト以下",
        )
        raise MalformedInput("BAD_KEY_NAME", "name", name, rule)


def _check_kind(kind: int) -> None:
    if kind not in _PUBLIC_BYTES:
        raise MalformedInput("BAD_KEY_TYPE", "type", kind, _KIND_RULE)


def _check_text(text: str) -> None:
    if not text.endswith("\n") or any(mark < _FIRST_PRINTABLE and mark != "\n" for mark in text):
        raise _malformed("text", text)


def _malformed(field_name: str, value: object) -> MalformedInput:
    rule = Text(en="the form of C2SP signed-note", ja="C2SP signed-noteの形式")
    return MalformedInput("BAD_NOTE", field_name, value, rule)


def _unverified(names: str) -> SignatureInvalid:
    rule = Text(en="signed by a known key", ja="既知の鍵による署名")
    return SignatureInvalid("SIGNATURE_INVALID", "signature", names, rule)
