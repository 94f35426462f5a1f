"""C2SP tlog-policy: which logs, which witnesses, and how many of them make a checkpoint believable.

::

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <member>...
    quorum <name>|none

Names are defined before they are used, once; a name is a member of at most one group, so that a witness counts
in one way only.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from wattmark.core.errors import MalformedInput, Refused, RuleViolated
from wattmark.core.text import Text
from wattmark.ledger.checkpoint import Checkpoint
from wattmark.ledger.note import (
    COSIGNATURES,
    LOG_SIGNATURES,
    SUBTREE_V1,
    OpenedNote,
    Verifier,
    open_note,
    parse_vkey,
)

MAX_POLICY_BYTES: Final = 256 * 1024
"""Longest policy read; C2SP asks for 32 logs, witnesses and groups at least, an ML-DSA-44 key has 1.8 kB [bytes]."""
NO_QUORUM: Final = "none"
"""Name of the quorum that asks for no cosignature (C2SP tlog-policy)."""

_LINE_RULE: Final = Text(en="a line of C2SP tlog-policy", ja="C2SP tlog-policyの行")


@dataclass(frozen=True, slots=True)
class KnownLog:
    """A log and where it is published; the address is empty where none is given."""

    verifier: Verifier
    url: str = ""


@dataclass(frozen=True, slots=True)
class KnownWitness:
    """A witness: its name in the policy, its key, and its submission prefix, empty where none is given."""

    name: str
    verifier: Verifier
    url: str = ""

    def is_witness_at(self, time_s: int) -> bool:
        """Return whether a cosignature of this time says that the tree is the largest seen: 0x06 does so with a time only."""
        return time_s > 0 or self.verifier.kind != SUBTREE_V1


@dataclass(frozen=True, slots=True)
class Group:
    """At least ``threshold`` of the members, each a witness or an earlier group."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom to believe."""

    logs: tuple[KnownLog, ...]
    witnesses: tuple[KnownWitness, ...]
    groups: tuple[Group, ...]
    quorum: str

    def is_met(self, witnesses: Collection[str]) -> bool:
        """Return whether cosignatures by the witnesses of these names are enough."""
        met = {NO_QUORUM, *witnesses}
        for group in self.groups:  # members are defined before
            if sum(member in met for member in group.members) >= group.threshold:
                met.add(group.name)
        return self.quorum in met

    @property
    def least(self) -> int:
        """How many witnesses the quorum needs at least: every name is a member of one group at most."""
        need = {NO_QUORUM: 0, **{witness.name: 1 for witness in self.witnesses}}
        for group in self.groups:
            need[group.name] = sum(sorted(need[member] for member in group.members)[: group.threshold])
        return need[self.quorum]


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A checkpoint that meets a policy, and who cosigned it when [s since 1970]."""

    checkpoint: Checkpoint
    cosigned_s: dict[str, int]


def quorum_of(witnesses: Sequence[KnownWitness], threshold: int, logs: Sequence[KnownLog] = ()) -> Policy:
    """Return the policy "``threshold`` of these witnesses"; 0 asks for none.

    Raises:
        MalformedInput: a threshold out of range, a key twice, or a key of the wrong type.
    """
    if not 0 <= threshold <= len(witnesses):
        rule = Text(en=f"a quorum of 0 to {len(witnesses)} witnesses", ja=f"定足数は0〜{len(witnesses)}")
        raise MalformedInput("BAD_QUORUM", "quorum", threshold, rule)
    lines = [f"log {log.verifier.vkey} {log.url}" for log in logs]
    lines += [f"witness {witness.name} {witness.verifier.vkey} {witness.url}" for witness in witnesses]
    if threshold:
        lines.append(f"group quorum-of-witnesses {threshold} {' '.join(witness.name for witness in witnesses)}")
    lines.append(f"quorum {'quorum-of-witnesses' if threshold else NO_QUORUM}")
    return parse_policy("\n".join(lines) + "\n")


def parse_policy(text: str | bytes) -> Policy:
    """Return the policy a file holds.

    Raises:
        MalformedInput: it breaks a rule of C2SP tlog-policy; the error names the line.
    """
    if len(text) > MAX_POLICY_BYTES:
        raise MalformedInput("BAD_POLICY", "policy", len(text), _LINE_RULE)
    try:
        decoded = text if isinstance(text, str) else text.decode()
        decoded.encode()
    except UnicodeError as error:
        raise MalformedInput("BAD_POLICY", "policy", "not UTF-8", _LINE_RULE) from error
    reader = _Reader()
    for number, line in enumerate(decoded.split("\n"), 1):
        words = line.replace("\t", " ").strip(" ")
        if words and not words.startswith("#"):
            try:
                reader.take([word for word in words.split(" ") if word])
            except Refused as error:
                raise MalformedInput("BAD_POLICY", f"line {number}", line, error.rule) from error
    return reader.policy()


def verify_policy(note: str, policy: Policy, log: Verifier | None = None) -> Witnessed:
    """Return the checkpoint if a known log signed it and enough witnesses cosigned it.

    1. One of the policy's logs, or ``log``, signed it, and it is a checkpoint of the log of that name.
    2. The cosignatures that verify meet the quorum; one by a known witness that fails spoils the note.

    Raises:
        MalformedInput: not a checkpoint, or of another log than the one that signed.
        SignatureInvalid: not signed by a known log, or a known key's signature fails.
        RuleViolated: too few cosignatures.
    """
    logs = [known.verifier for known in policy.logs if log is None or known.verifier == log]
    logs += [log] if log is not None and log not in logs else []
    by_key = {(known.verifier.name, known.verifier.key_id) for known in policy.witnesses}
    open_note(note, logs)  # 1
    opened = open_note(note, [*logs, *(known.verifier for known in policy.witnesses)])
    checkpoint = Checkpoint.parse(opened.text)
    signers = {signature.name for signature in opened.verified if (signature.name, signature.key_id) not in by_key}
    if checkpoint.origin not in signers:
        rule = Text(en=f"the log {', '.join(sorted(signers))}", ja=f"ログ{', '.join(sorted(signers))}であること")
        raise MalformedInput("OTHER_LOG", "origin", checkpoint.origin, rule)
    cosigned = cosigned_s(opened, policy.witnesses)
    if not policy.is_met(cosigned):  # 2
        rule = Text(en=f"cosigned by the quorum {policy.quorum}", ja=f"定足数 {policy.quorum} の連署")
        raise RuleViolated("TOO_FEW_WITNESSES", "cosignatures", ", ".join(sorted(cosigned)), rule)
    return Witnessed(checkpoint, cosigned)


def cosigned_s(opened: OpenedNote, witnesses: Iterable[KnownWitness]) -> dict[str, int]:
    """Return who of these witnesses cosigned a note, by the names of the policy, and when [s since 1970].

    Args:
        opened: the note, opened with their keys.
        witnesses: those who are asked for.
    """
    times = {(line.name, line.key_id): line.time_s for line in opened.verified}
    found = {known: times.get((known.verifier.name, known.verifier.key_id)) for known in witnesses}
    return {known.name: time_s for known, time_s in found.items() if time_s is not None and known.is_witness_at(time_s)}


class _Reader:
    """Takes the lines of a policy one by one."""

    def __init__(self) -> None:
        self._logs: list[KnownLog] = []
        self._witnesses: list[KnownWitness] = []
        self._groups: list[Group] = []
        self._quorum = ""
        self._members: set[str] = set()

    def take(self, words: list[str]) -> None:
        """Take one line, split into words.

        Raises:
            Refused: it breaks a rule.
        """
        match words:
            case ["log", vkey, *url] if len(url) <= 1:
                self._logs.append(KnownLog(self._key(vkey, LOG_SIGNATURES), *url))
            case ["witness", name, vkey, *url] if len(url) <= 1:
                self._define(name)
                self._witnesses.append(KnownWitness(name, self._key(vkey, COSIGNATURES), *url))
            case ["group", name, threshold, *members] if members:
                self._group(name, threshold, members)
            case ["quorum", name] if not self._quorum and (name == NO_QUORUM or name in self._names()):
                self._quorum = name
            case _:
                raise _bad(words[0])

    def policy(self) -> Policy:
        """Return what was taken.

        Raises:
            MalformedInput: no quorum line.
        """
        if not self._quorum:
            raise _bad("quorum")
        return Policy(tuple(self._logs), tuple(self._witnesses), tuple(self._groups), self._quorum)

    def _names(self) -> set[str]:
        return {known.name for known in self._witnesses} | {group.name for group in self._groups}

    def _define(self, name: str) -> None:
        if name == NO_QUORUM or name in self._names():
            raise _bad(name)

    def _key(self, vkey: str, kinds: tuple[int, ...]) -> Verifier:
        verifier = parse_vkey(vkey)
        owners: list[KnownLog] | list[KnownWitness] = self._logs if kinds == LOG_SIGNATURES else self._witnesses
        known = [owner.verifier for owner in owners]
        if verifier.kind not in kinds or verifier.public_key in {other.public_key for other in known}:
            raise _bad(vkey)
        return verifier

    def _group(self, name: str, threshold: str, members: list[str]) -> None:
        self._define(name)
        fixed = {"all": len(members), "any": 1}.get(threshold)
        if fixed is None:
            plain = threshold.isascii() and threshold.isdigit() and len(threshold) < 6
            fixed = int(threshold) if plain and str(int(threshold)) == threshold else 0
        free = self._names() - self._members
        if not 1 <= fixed <= len(members) or not free.issuperset(members) or len(set(members)) != len(members):
            raise _bad(name)
        self._members.update(members)
        self._groups.append(Group(name, fixed, tuple(members)))


def _bad(value: str) -> MalformedInput:
    return MalformedInput("BAD_POLICY", "policy", value, _LINE_RULE)
