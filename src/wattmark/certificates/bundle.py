"""The proof bundle of one retirement: a file that proves itself to whoever has the log's public key.

::

    {"format": "wattmark-certificate@v1",
     "retire":    {"record": base64, "proof": tlog-proof text},
     "issue":     {"record": base64, "proof": text},
     "device":    {"record": base64, "proof": text, "payload": base64}     optional: names the plant
     "meter_key": {"record": base64, "proof": text, "payload": base64}     optional: lets the reading's signature be checked
     "reading":   {"leaf": base64, "seal": base64, "index"?: n, "path"?: [base64]}   optional
     "facts":     {...}}                                                    for people; re-derived, never trusted

The retire record's verdict names the bundle, the issue record its register bracket and the hash of the
reading, so the chain from a use back to a meter is made of hashes and one signature.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from wattmark.certificates import fields
from wattmark.certificates.reading import Reading
from wattmark.core.encoding import json_canonical
from wattmark.ledger.proof import LogProof

FORMAT: Final = "wattmark-certificate@v1"
MAX_BYTES: Final = 256 * 1_024
"""Longest file read [bytes]; a whole bundle takes about 6 kB."""
MAX_PATH: Final = 16


@dataclass(frozen=True, slots=True)
class LoggedRecord:
    """A record of the log with the proof that it is there.

    Attributes:
        entry: command, verdict and salt, 176 bytes.
        proof: inclusion proof with its checkpoint.
        payload: the text the record names by hash; empty where it has none.
    """

    entry: bytes
    proof: LogProof
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class ProofBundle:
    """One retirement and what leads back from it to the meter; see the module."""

    retire: LoggedRecord
    issue: LoggedRecord
    device: LoggedRecord | None = None
    meter_key: LoggedRecord | None = None
    reading: Reading | None = None
    facts: dict[str, Any] | None = None

    def with_facts(self, facts: dict[str, Any]) -> "ProofBundle":
        """Return the bundle with the facts for people."""
        return replace(self, facts=facts)

    def to_json(self) -> bytes:
        """Return canonical JSON (RFC 8785) with a final newline."""
        content: dict[str, Any] = {"format": FORMAT, "facts": self.facts or {}}
        for name in ("retire", "issue", "device", "meter_key"):
            logged: LoggedRecord | None = getattr(self, name)
            if logged is not None:
                content[name] = _record_dict(logged)
        if self.reading is not None:
            content["reading"] = _reading_dict(self.reading)
        return json_canonical(content) + b"\n"


def parse_bundle(data: bytes) -> ProofBundle:
    """Return the bundle a file holds, unverified.

    Raises:
        MalformedInput: not strict JSON, an unknown version, or a member missing, unknown or malformed.
    """
    content = fields.read_object(data, (FORMAT,), MAX_BYTES)
    optional = frozenset({"device", "meter_key", "reading"})
    found = fields.members(content, "bundle", {"format", "retire", "issue", "facts"}, optional)
    reading = found.get("reading")
    return ProofBundle(
        retire=logged_record(found["retire"], "retire", payload=False),
        issue=logged_record(found["issue"], "issue", payload=False),
        device=logged_record(found["device"], "device", payload=True) if "device" in found else None,
        meter_key=logged_record(found["meter_key"], "meter_key", payload=True) if "meter_key" in found else None,
        reading=None if reading is None else _reading(reading),
        facts=fields.any_object(found["facts"], "facts"),
    )


def logged_record(value: object, field: str, *, payload: bool) -> LoggedRecord:
    """Return a record with its proof from its JSON form.

    Raises:
        MalformedInput: a member missing, unknown or malformed.
    """
    found = fields.members(value, field, {"record", "proof"} | ({"payload"} if payload else set()))
    return LoggedRecord(
        fields.base64_bytes(found["record"], f"{field}.record"),
        fields.log_proof(found["proof"], f"{field}.proof"),
        fields.base64_bytes(found["payload"], f"{field}.payload") if payload else b"",
    )


def _record_dict(logged: LoggedRecord) -> dict[str, str]:
    found = {"record": fields.to_base64(logged.entry), "proof": logged.proof.format()}
    return {**found, "payload": fields.to_base64(logged.payload)} if logged.payload else found


def _reading_dict(reading: Reading) -> dict[str, Any]:
    found: dict[str, Any] = {"leaf": fields.to_base64(reading.leaf), "seal": fields.to_base64(reading.seal)}
    if reading.index is not None:
        found["index"] = reading.index
        found["path"] = [fields.to_base64(digest) for digest in reading.path]
    return found


def _reading(value: object) -> Reading:
    found = fields.members(value, "reading", {"leaf", "seal"}, frozenset({"index", "path"}))
    leaf = fields.base64_bytes(found["leaf"], "reading.leaf")
    seal = fields.base64_bytes(found["seal"], "reading.seal")
    if set(found) == {"leaf", "seal"}:
        return Reading(leaf, seal)
    fields.members(found, "reading", {"leaf", "seal", "index", "path"})
    path = fields.items(found["path"], "reading.path", MAX_PATH)
    digests = tuple(fields.base64_bytes(digest, "reading.path") for digest in path)
    return Reading(leaf, seal, fields.whole(found["index"], "reading.index", 0, 1 << 20), digests)
