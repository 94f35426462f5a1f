"""Every kept envelope verified again, and every minted Wh found again in a verified leaf (L4).

The auditor needs no trust in what the platform wrote beside an envelope: it runs the same numbered steps at the
noted log time, from the commissioning record on, and compares. What was refused because its channel or key was
not registered yet is passed over: refusing mints nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from wattmark.core.errors import Refused
from wattmark.core.findings import Finding
from wattmark.metering.channel import ChannelKey, ChannelState
from wattmark.metering.errors import Code, Equivocation
from wattmark.metering.keys import KeyRing
from wattmark.metering.opening import open_day, open_slot
from wattmark.metering.verify import DEFAULT_POLICY, VerifiedSlot, VerifyPolicy, accept_day, accept_slot

_UNREGISTERED: Final = frozenset({Code.CHANNEL_UNKNOWN, Code.KEY_UNKNOWN, Code.KEY_OF_ANOTHER_METER})


class Form(IntEnum):
    """What an envelope holds."""

    SLOT = 1
    DAY = 2


@dataclass(frozen=True, slots=True)
class EnvelopeRecord:
    """One envelope as the platform kept it, with what it said about it.

    Attributes:
        form: a ``Form``.
        received_ms: log time [ms].
        code: outcome of its verification.
        envelope: the bytes as received.
        evidence: leaf hash of its payload where it was accepted, else ``None``.
        wh: energy it proves; of a day, that of all its slots [Wh].
    """

    form: int
    received_ms: int
    code: str
    envelope: bytes
    evidence: bytes | None
    wh: int


@dataclass(frozen=True, slots=True)
class Issued:
    """One ISSUE command.

    Attributes:
        position: where it stands in the journal, for the finding.
        device: device number.
        period_start_s: start of its period, POSIX seconds.
        duration_s: length of its period [s].
        reg_from_wh: first register value [Wh].
        reg_to_wh: last register value [Wh].
        withheld: the register moved and nothing was minted.
        evidence: leaf hash it names.
    """

    position: str
    device: int
    period_start_s: int
    duration_s: int
    reg_from_wh: int
    reg_to_wh: int
    withheld: bool
    evidence: bytes


@dataclass(slots=True)
class EnvelopeAudit:
    """A running audit of envelopes, in the order in which they were received.

    Attributes:
        states: where each channel stands; starts as opened by its commissioning record.
        keys: every key ever registered.
        policy: the operator's decisions about time.
        slots: every verified slot with energy, by device and register at its end.
        findings: what does not hold so far.
    """

    states: dict[ChannelKey, ChannelState]
    keys: KeyRing
    policy: VerifyPolicy = DEFAULT_POLICY
    slots: dict[tuple[int, int], VerifiedSlot] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def add(self, file: str, records: Iterable[EnvelopeRecord], first_row: int = 0) -> None:
        """Verify the envelopes of one file again.

        Args:
            file: its name in the findings.
            records: its rows in order.
            first_row: number of the first row.
        """
        for row, record in enumerate(records, first_row):
            if record.code not in _UNREGISTERED:
                self._add(file, f"row {row}", record)

    def _add(self, file: str, position: str, record: EnvelopeRecord) -> None:
        try:
            code, evidence, slots = self._verify(record)
        except Refused as error:
            code, evidence, slots = error.code, None, ()
        if code != record.code:
            self.findings.append(Finding(file, position, "S1-S4 outcome", f"recorded {record.code}, found {code}"))
            return
        if evidence != record.evidence:
            self.findings.append(Finding(file, position, "evidence hash", f"found {evidence and evidence.hex()}"))
        wh = sum(slot.energy_wh for slot in slots)
        if wh != record.wh:
            self.findings.append(Finding(file, position, "L4 energy", f"recorded {record.wh} Wh, found {wh} Wh"))
        for slot in slots:
            if slot.energy_wh:
                self.slots[slot.device, slot.reg_to_wh] = slot

    def _verify(self, record: EnvelopeRecord) -> tuple[str, bytes | None, tuple[VerifiedSlot, ...]]:
        """Return outcome, leaf hash and slots of an envelope, and move its channel on."""
        now_ms, policy = record.received_ms, self.policy
        if record.form == Form.DAY:
            opened = open_day(record.envelope, self.states, self.keys, now_ms)
            channel = ChannelKey(opened.day.meter_id, opened.day.channel)
            try:
                day, self.states[channel] = accept_day(opened, self.states[channel], now_ms, policy)
            except Equivocation as error:
                self._freeze(channel, error)
                raise
            return Code.OK, day.hash, day.slots
        signed = open_slot(record.envelope, self.states, self.keys, now_ms)
        channel = ChannelKey(signed.leaf.meter_id, signed.leaf.channel)
        try:
            slot, self.states[channel] = accept_slot(signed, self.states[channel], now_ms, policy)
        except Equivocation as error:
            self._freeze(channel, error)
            raise
        return Code.OK, slot.hash, (slot,)

    def _freeze(self, channel: ChannelKey, error: Equivocation) -> None:
        assert isinstance(error.state, ChannelState)
        self.states[channel] = error.state


def audit_issued(
    file: str,
    issued: Iterable[Issued],
    slots: Mapping[tuple[int, int], VerifiedSlot],
    register_open_wh: Mapping[int, int],
) -> list[Finding]:
    """Return where tokens were issued that no verified leaf proves (L4).

    1. A device's issues tile its register line from its opening on: none overlaps, none leaves a hole.
    2. Each ends at the register of a verified leaf with energy, in that leaf's slot, and names that leaf.
    3. One that minted covers exactly the energy of that leaf.

    Args:
        file: its name in the findings.
        issued: ISSUE commands with signed evidence, in order of the journal.
        slots: ``EnvelopeAudit.slots``.
        register_open_wh: register of each device when it was registered [Wh].
    """
    findings: list[Finding] = []
    line: dict[int, int] = {}
    for issue in issued:
        stands_wh = line.get(issue.device, register_open_wh[issue.device])
        line[issue.device] = max(stands_wh, issue.reg_to_wh)
        wrong = _wrong(issue, slots.get((issue.device, issue.reg_to_wh)), stands_wh)
        if wrong:
            findings.append(Finding(file, issue.position, "L4", f"device {issue.device}: {wrong}"))
    return findings


def _wrong(issue: Issued, slot: VerifiedSlot | None, stands_wh: int) -> str:
    """Return what does not hold for an issue, or an empty text."""
    span = f"[{issue.reg_from_wh}, {issue.reg_to_wh}) Wh"
    if issue.reg_from_wh != stands_wh:
        return f"issued {span} where the register stands at {stands_wh} Wh"
    if slot is None:
        return f"issued {span}, and no verified leaf ends there"
    if issue.period_start_s + issue.duration_s != slot.leaf.t_end:
        return f"issued for a period ending {issue.period_start_s + issue.duration_s}, leaf ends {slot.leaf.t_end}"
    if issue.evidence != slot.hash:
        return f"names evidence {issue.evidence.hex()}, leaf is {slot.hash.hex()}"
    if not issue.withheld and issue.reg_from_wh != slot.reg_from_wh:
        return f"minted {span}, leaf proves [{slot.reg_from_wh}, {slot.reg_to_wh}) Wh"
    return ""
