"""Cosigning beside a server: the witnesses are asked again and again, and everybody may see how it stands.

One thread collects; the standing is read from any other. What is shown as met is what is stored: the checkpoint in the
witnessed store, verified anew against policy and key.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wattmark.core.errors import Broken, Refused, Unavailable
from wattmark.core.text import Text
from wattmark.flows.cosign import REPLY_TEXT, Collection, Reply
from wattmark.ledger.checkpoint import Checkpoint
from wattmark.ledger.note import Verifier, open_note
from wattmark.ledger.policy import Policy, cosigned_s

POLICY_FILE: Final = "witness.policy"
"""The policy of a home (C2SP tlog-policy), relative to it; without one nobody is asked."""
COSIGN_EVERY_S: Final = 10.0
"""Pause between two collections unless another is given [s]; public witnesses ask for 10 s to 1 min."""


@dataclass(frozen=True, slots=True)
class WitnessStanding:
    """How one witness stands.

    Attributes:
        name: its name in the policy.
        size: of the last checkpoint known to be cosigned by it [entries], 0 for none.
        time_s: when it cosigned that [s since 1970], 0 for never.
        reply: how it took the last one it was asked for, ``None`` before.
    """

    name: str
    size: int
    time_s: int
    reply: Reply | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a log's cosignatures stand.

    Attributes:
        needed: how many witnesses the policy needs at least.
        is_met: whether the checkpoint in the witnessed store has the cosignatures the policy asks for.
        size: of that checkpoint [entries], 0 for none.
        witnesses: in the policy's order.
    """

    needed: int
    is_met: bool
    size: int
    witnesses: tuple[WitnessStanding, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    """Who cosigned a checkpoint when, by name."""

    size: int
    cosigned_s: dict[str, int]


class Cosigning:
    """Collects for one log under one policy."""

    def __init__(
        self,
        policy: Policy,
        verifier: Verifier,
        *,
        signed: Callable[[], str | None],
        witnessed: Callable[[], str | None],
        collect: Callable[[], Collection],
    ) -> None:
        """Ask nobody yet.

        Args:
            policy: whom to ask, and how many are enough.
            verifier: the log's key.
            signed: returns the last signed checkpoint.
            witnessed: returns the last one that met the policy.
            collect: asks every witness once, as ``flows.cosign.collect_cosignatures``.
        """
        self.policy = policy
        self._verifier = verifier
        self._signed, self._witnessed, self._collect = signed, witnessed, collect
        self._complete: str | None = None
        self._last: Collection | None = None
        self._latest: dict[str, tuple[int, int]] = {}

    def is_due(self) -> bool:
        """Return whether a signed checkpoint is there that not every witness has cosigned."""
        signed = self._signed()
        return signed is not None and signed != self._complete

    def collect(self) -> None:
        """Ask every witness once.

        Raises:
            Unavailable: too few cosigned; the reason says how each that did not took it.
            Broken: as ``collect_cosignatures``, or a witness has seen another history.
            Refused: as ``collect_cosignatures``.
        """
        signed = self._signed()
        collection = self._collect()
        self._last = collection
        seen = self._seen(collection.note)
        self._latest |= {name: (seen.size, time_s) for name, time_s in seen.cosigned_s.items()}
        objections = [one for one in collection.outcomes if one.reply is not Reply.COSIGNED]
        self._complete = signed if not objections else None
        if any(one.reply is Reply.AHEAD or one.reply is Reply.REFUSED for one in objections):
            detail = "; ".join(f"{one.witness.name}: {REPLY_TEXT[one.reply].en}" for one in objections)
            raise Broken("log/checkpoint", f"size {collection.checkpoint.size}", "L7", f"a witness objects: {detail}")
        if not collection.is_met:
            raise Unavailable(_too_few(collection))

    def standing(self) -> Standing:
        """Return how it stands; to be called from any thread."""
        stored, last = self._witnessed(), self._last
        seen = _Seen(0, {}) if stored is None else self._seen(stored)
        latest = {name: (seen.size, time_s) for name, time_s in seen.cosigned_s.items()} | dict(self._latest)
        replies = {} if last is None else {one.witness.name: one.reply for one in last.outcomes}
        return Standing(
            self.policy.least,
            stored is not None and seen.size > 0 and self.policy.is_met(seen.cosigned_s),
            seen.size,
            tuple(
                WitnessStanding(one.name, *latest.get(one.name, (0, 0)), replies.get(one.name))
                for one in self.policy.witnesses
            ),
        )

    def _seen(self, note: str) -> _Seen:
        """Return who cosigned a note of this log; nobody, if it is not the log's or a signature fails."""
        try:
            open_note(note, [self._verifier])
            opened = open_note(note, [self._verifier, *(one.verifier for one in self.policy.witnesses)])
            checkpoint = Checkpoint.parse(opened.text)
        except Refused:
            return _Seen(0, {})
        return _Seen(checkpoint.size, cosigned_s(opened, self.policy.witnesses))


def _too_few(collection: Collection) -> Text:
    missing = [one for one in collection.outcomes if one.reply is not Reply.COSIGNED]
    count, known = len(collection.cosigners), len(collection.outcomes)
    return Text(
        en=f"{count} of {known} witnesses cosigned, too few: "
        + ", ".join(f"{one.witness.name} {REPLY_TEXT[one.reply].en}" for one in missing),
        ja=f"立会人{known}者中{count}者のみ連署: "
        + "、".join(f"{one.witness.name} {REPLY_TEXT[one.reply].ja}" for one in missing),
    )
