"""General-glo-ciphering of DLMS (DB): AES-GCM under keys that meter and head-end share.

A shared key proves the transport, not the meter: whoever can read can also forge, so what comes through is T1.
The state is the last invocation counter of each (system title, key); the caller keeps it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from wattmark.crypto.hashing import sha256
from wattmark.metering.errors import Code, refusal
from wattmark.metering.formats.dlms_axdr import Reader
from wattmark.metering.formats.record_refusals import RecordCode, record_refused

GLO: Final = 0xDB
REFUSED_TAGS: Final = {
    0xDC: "general-ded-ciphering: a key of one association",
    0xDD: "general-ciphering: an agreed or wrapped key",
    0xDF: "general-signing (suites 1 and 2): no public record of it to check a reader against",
    0xE0: "general-block-transfer: blocks of a larger message",
}
"""Other protections by tag, each refused by its name."""
MAX_BYTES: Final = 65_536
TITLE_BYTES: Final = 8
TAG_BYTES: Final = 12
SUITE_MASK: Final = 0x0F
AUTHENTICATED: Final = 0x10
ENCRYPTED: Final = 0x20
BROADCAST: Final = 0x40
COMPRESSED: Final = 0x80
KEY_BYTES: Final = {0: 16, 1: 16, 2: 32}
"""AES key of each security suite [bytes]; only suite 0 is checked against published examples."""
_COUNTER_BYTES: Final = 4
_KEY_ID_BYTES: Final = 8

Counters = Mapping[tuple[bytes, bytes], int]
"""Last invocation counter taken, by (system title, key id)."""


@dataclass(frozen=True, slots=True, repr=False)
class GloKeys:
    """The keys of one system title.

    Attributes:
        unicast: global unicast encryption key.
        authentication: authentication key.
        broadcast: global broadcast encryption key, where there is one.
    """

    unicast: bytes
    authentication: bytes
    broadcast: bytes | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A message that was authenticated.

    Attributes:
        title: system title of the sender.
        key_id: which key, as kept in ``Counters``: a digest, never the key.
        counter: its invocation counter.
        plaintext: the message.
        offset: where it stands in what was received, as if nothing were enciphered [bytes].
    """

    title: bytes
    key_id: bytes
    counter: int
    plaintext: bytes
    offset: int


def key_id(key: bytes) -> bytes:
    """Return the name of a key: the first bytes of its SHA-256."""
    return sha256(key)[:_KEY_ID_BYTES]


def counters_after(counters: Counters, opened: Iterable[Opened]) -> dict[tuple[bytes, bytes], int]:
    """Return the counters to keep once messages were taken."""
    return dict(counters) | {(item.title, item.key_id): item.counter for item in opened}


def open_glo(data: bytes, keys: Mapping[bytes, GloKeys], counters: Counters) -> Opened:
    """Authenticate one general-glo-ciphering message, and decipher it if it is enciphered.

    Args:
        data: the message from its tag DB on.
        keys: keys by system title.
        counters: the last counters taken; the caller stores ``counters_after`` before the next message.

    Raises:
        ReadingsMalformed: it cannot be read, is not authenticated (``PROTECTION_REFUSED``), or its tag does not fit
            (``TAG_WRONG``).
        SignerUnknown: ``KEY_UNKNOWN``, no keys of this title.
        ReadingRefused: ``REPLAYED``, its counter does not rise.
    """
    if len(data) > MAX_BYTES:
        raise record_refused(RecordCode.RECORD_TOO_LONG, "message", f"{len(data)} bytes", limit=MAX_BYTES)
    reader = Reader(data)
    tag = reader.byte()
    if tag != GLO:
        rule = REFUSED_TAGS.get(tag, "general-glo-ciphering (DB)")
        raise record_refused(RecordCode.PROTECTION_REFUSED, "byte 0", f"{tag:02X}", rule=rule)
    title = reader.take(reader.length())
    if len(title) != TITLE_BYTES:
        raise record_refused(RecordCode.FIELD_INVALID, "byte 1", title.hex(), rule="a system title of 8 bytes")
    length = reader.length()
    start = reader.offset
    body = reader.take(length)
    reader.end()
    inner = Reader(body, start)
    control = inner.byte()
    _check_control(control, start)
    counter_bytes = inner.take(_COUNTER_BYTES)
    offset = inner.offset
    content = inner.rest()
    if len(content) < TAG_BYTES:
        raise record_refused(RecordCode.RECORD_CUT, f"byte {offset}", content, count=TAG_BYTES - len(content))
    key, authentication = _keys(title, control, keys)
    plaintext = _open(content, key, authentication, control, title + counter_bytes, offset)
    counter, name = int.from_bytes(counter_bytes, "big"), key_id(key)
    last = counters.get((title, name), -1)
    if counter <= last:
        raise refusal(Code.REPLAYED, counter, field="invocation counter", next_seq=last + 1)
    return Opened(title, name, counter, plaintext, offset)


def _check_control(control: int, where: int) -> None:
    rule = None
    if control & COMPRESSED:
        rule = "no compression"
    elif control & SUITE_MASK not in KEY_BYTES:
        rule = "security suite 0, 1 or 2"
    elif not control & AUTHENTICATED:
        rule = "authenticated: what is only enciphered, or bare, can be altered"
    if rule is not None:
        raise record_refused(RecordCode.PROTECTION_REFUSED, f"byte {where}", f"{control:02X}", rule=rule)


def _keys(title: bytes, control: int, keys: Mapping[bytes, GloKeys]) -> tuple[bytes, bytes]:
    """Return encryption and authentication key; keys of another length are keys of another suite."""
    found = keys.get(title)
    key = None if found is None else found.broadcast if control & BROADCAST else found.unicast
    size = KEY_BYTES[control & SUITE_MASK]
    if found is None or key is None or (len(key), len(found.authentication)) != (size, size):
        raise refusal(Code.KEY_UNKNOWN, title.hex(), field="system title")
    return key, found.authentication


def _open(content: bytes, key: bytes, authentication: bytes, control: int, iv: bytes, offset: int) -> bytes:
    text, tag = content[:-TAG_BYTES], content[-TAG_BYTES:]
    decryptor = Cipher(AES(key), GCM(iv, tag, min_tag_length=TAG_BYTES)).decryptor()
    associated = bytes((control,)) + authentication
    enciphered = bool(control & ENCRYPTED)
    decryptor.authenticate_additional_data(associated if enciphered else associated + text)
    try:
        deciphered = decryptor.update(text if enciphered else b"") + decryptor.finalize()
    except InvalidTag as error:
        raise record_refused(RecordCode.TAG_WRONG, f"byte {offset + len(text)}", tag.hex()) from error
    return deciphered if enciphered else text
