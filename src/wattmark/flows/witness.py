"""A witness: cosigns a log's checkpoint once it is stored that no earlier one can be cosigned any more.

Life of a request: the log's signature is checked; the latest cosigned checkpoint is loaded, and its own cosignature
checked; the decision is made (``ledger.witness``); the new checkpoint is swapped into the store in place of the one
the decision rests on, durably; only then is the cosignature given away. A process that stops in between has stored
more than it said: the log asks again from the stored size.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from wattmark.core.errors import Broken, MalformedInput, Refused, RuleViolated, Unavailable, UnknownReference
from wattmark.core.text import Text
from wattmark.ledger.checkpoint import Checkpoint
from wattmark.ledger.note import COSIGNATURES, LOG_SIGNATURES, NoteKey, Verifier
from wattmark.ledger.ports import Checkpoints
from wattmark.ledger.witness import cosign, open_cosigned, origin_hash, read_submission

SWAPS: Final = 8
"""How often a decision is made anew because another process swapped the checkpoint meanwhile."""

BUSY: Final = Text(en="another process cosigns for this log; try again", ja="他のプロセスが連署中。再試行してください")
STORED_RULE: Final = "C2SP tlog-witness: the latest checkpoint carries the witness's own cosignature"


class Witness:
    """Keys, known logs, and the latest cosigned checkpoint of each."""

    def __init__(self, keys: Sequence[NoteKey], logs: Iterable[Verifier], store: Callable[[str], Checkpoints]) -> None:
        """Witness for some logs.

        Args:
            keys: cosignature keys (0x04, 0x06); usually one of each.
            logs: keys of the known logs; a log is known by its key's name.
            store: origin hash -> where the latest cosigned checkpoint of that log is kept.

        Raises:
            MalformedInput: a key of the wrong type, or no cosignature key.
        """
        self._keys = tuple(keys)
        self._verifiers = tuple(key.verifier for key in keys)
        self._logs: dict[str, list[Verifier]] = {}
        for log in logs:
            _check_kind(log, LOG_SIGNATURES)
            self._logs.setdefault(log.name, []).append(log)
        for verifier in self._verifiers:
            _check_kind(verifier, COSIGNATURES)
        if not self._keys:
            raise MalformedInput("NO_KEY", "keys", 0, Text(en="a cosignature key", ja="連署鍵"))
        self._origins = {origin_hash(origin): origin for origin in self._logs}
        self._stores = {origin: store(origin_hash(origin)) for origin in self._logs}
        self._locks = {origin: threading.Lock() for origin in self._logs}

    @property
    def vkeys(self) -> tuple[str, ...]:
        """The verifier keys to publish."""
        return tuple(verifier.vkey for verifier in self._verifiers)

    @property
    def origins(self) -> tuple[str, ...]:
        """The logs it knows."""
        return tuple(self._logs)

    def add_checkpoint(self, body: bytes, now_ms: int) -> str:
        """Return the cosignature lines for a request; what they cover is stored durably before.

        Args:
            body: the request (C2SP tlog-witness ``add-checkpoint``).
            now_ms: time of the cosignature [ms].

        Raises:
            CheckpointRefused: not cosigned; ``status`` says how to answer.
            Broken: the stored checkpoint is not one of ours.
            Unavailable: it cannot be stored now; nothing was given away.
        """
        submission = read_submission(body, self._logs)
        store = self._stores[submission.origin]
        for _ in range(SWAPS):
            with self._locks[submission.origin]:
                stored = store.load()
                cosigned = cosign(submission, self._open(stored, submission.origin), self._keys, now_ms)
                try:
                    store.compare_and_swap(stored, cosigned.note)
                except RuleViolated:
                    continue  # another process was faster: decide again
            return cosigned.lines
        raise Unavailable(BUSY)

    def latest(self, hashed_origin: str) -> str:
        """Return the latest cosigned checkpoint of the log with this origin hash (hexadecimal).

        Raises:
            UnknownReference: no such log is known, or nothing of it was cosigned yet.
            Broken: the stored checkpoint is not one of ours.
        """
        origin = self._origins.get(hashed_origin)
        stored = None if origin is None else self._stores[origin].load()
        if origin is None or stored is None:
            rule = Text(en="SHA-256 of the origin of a witnessed log", ja="連署済みログの起点名のSHA-256")
            raise UnknownReference("UNKNOWN_LOG", "origin", hashed_origin, rule)
        self._open(stored, origin)
        return stored

    def _open(self, stored: str | None, origin: str) -> Checkpoint | None:
        if stored is None:
            return None
        try:
            return open_cosigned(stored, origin, self._verifiers)
        except Refused as error:
            raise Broken(f"logs/{origin_hash(origin)}/last", "whole file", STORED_RULE, str(error)) from error


def _check_kind(verifier: Verifier, kinds: tuple[int, ...]) -> None:
    if verifier.kind not in kinds:
        named = ", ".join(f"0x{kind:02x}" for kind in kinds)
        rule = Text(en=f"a key of type {named}", ja=f"種別{named}の鍵")
        raise MalformedInput("BAD_KEY_TYPE", "vkey", verifier.vkey, rule)
